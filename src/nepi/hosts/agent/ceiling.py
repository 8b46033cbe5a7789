"""How many packets a second the user-space link moves here, measured in a fraction of a second. For `probe.py`.

Frames of 1,514 bytes are sent while nobody moves them, so that they wait in the ring; then the time is taken in which the engine
brings them to the other end. That is what the process can do with a core of its own; what applications take comes on top.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
import time
from types import ModuleType
from typing import Any

from . import namespaces, requests
from .netlink import NetlinkSocket

FRAME_BYTES = 1514
FRAMES = 4000
ROUNDS = 5
ENOUGH_S = 0.3
_NEAR, _FAR = 1101, 1201


def measure() -> dict[str, Any]:
    """Return whether user-space links can be had, with which engine, and how many packets it moves in a second."""
    try:
        return _measure()
    except OSError as error:
        return {"available": False, "why": f"the user-space link could not be tried: {error.strerror or error}"}


def _wire_package() -> ModuleType:
    here = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "wire")
    spec = importlib.util.spec_from_file_location("nepi_wire", os.path.join(here, "__init__.py"), submodule_search_locations=[here])
    if spec is None or spec.loader is None:
        raise OSError("its files are not there")
    package = sys.modules["nepi_wire"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
    return package


def _measure() -> dict[str, Any]:
    _wire_package()
    choosing = importlib.import_module("nepi_wire.choosing")
    parameters = importlib.import_module("nepi_wire.parameters")
    sender, receiver = _links()
    with sender, receiver:
        engine = choosing.open_engine()
        engine.add(_FAR, _FAR + 1, 1, parameters.Parameters())
        speed = max(_speeds(engine, sender))
    return {"available": True, "compiled": engine.name == "compiled", "packets_per_s": round(speed / 100) * 100, "frame_bytes": FRAME_BYTES}


def _links() -> tuple[socket.socket, socket.socket]:
    """Make two veth pairs whose far ends are in the present namespace; return sockets on the near ones."""
    netlink, here = NetlinkSocket(), namespaces.open_netns()
    namespaces.unshare(namespaces.CLONE_NEWNET)
    near = NetlinkSocket()
    there = namespaces.open_netns()
    try:
        pairs = [
            requests.veth(requests.LinkEnd(f"n{n}", _NEAR + n, there), requests.LinkEnd(f"f{n}", _FAR + n, here, mtu=65_535))
            for n in (0, 1)
        ]
        _succeed([*near.transact(pairs), *netlink.transact([requests.set_link(_FAR + n, up=True) for n in (0, 1)])])
        sockets = []
        for n in (0, 1):
            one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
            one.bind((f"n{n}", 0))
            sockets.append(one)
            namespaces.settle_carrier(near.fileno(), f"n{n}")
        namespaces.setns(here)
        for n in (0, 1):
            namespaces.settle_carrier(netlink.fileno(), f"f{n}")
    finally:
        os.close(here)
        os.close(there)
        near.close()
        netlink.close()
    return sockets[0], sockets[1]


def _succeed(errors: list[Any]) -> None:
    for error in errors:
        if error is not None:
            raise error


def _speeds(engine: Any, sender: socket.socket) -> list[float]:
    frame = bytes.fromhex("020000000001 020000000002 88b5").ljust(FRAME_BYTES, b"\0")
    stop, stopped = socket.socketpair()
    stop.send(b"x")  # the engine looks for it now and then, and comes back
    speeds: list[float] = []
    until = time.monotonic() + ENOUGH_S
    with stop, stopped:
        while len(speeds) < ROUNDS and (not speeds or time.monotonic() < until):
            before = engine.counted(_FAR)[0]
            for _ in range(FRAMES):
                sender.send(frame)
            took, moved = _drain(engine, stopped.fileno(), before)
            speeds.append(moved / took)
    return speeds


def _drain(engine: Any, control: int, before: int) -> tuple[float, int]:
    """Let the engine move what waits; return the seconds that it took, and how many frames that were."""
    start = time.perf_counter()
    at, moved = start, 0
    while (now_moved := _run(engine, control) - before) > moved:
        moved, at = now_moved, time.perf_counter()
    if not moved:
        raise OSError("no frame came through")
    return at - start, moved


def _run(engine: Any, control: int) -> int:
    while engine.run(control):
        pass  # news: of course these frames are late
    return int(engine.counted(_FAR)[2])
