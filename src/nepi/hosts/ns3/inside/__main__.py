"""Start of the process that holds a simulation: `python3 -I .../hosts/ns3/inside/__main__.py`.

Standard input and output are the conversation; what ns-3 writes there goes to standard error. The first line out is
`{"event": "hello", "version": ...}`, after the import, or `{"event": "failed", "error": ...}`.

With `--nursery FD` it forks a process for each simulation that is asked for over the socket FD, as `forking.py` says.
"""

from __future__ import annotations

import os
import sys

if not __package__:
    # Started by path: let the sibling modules find each other, under a name that clashes with nothing.
    import importlib.util
    from pathlib import Path

    _here = Path(__file__).resolve().parent
    _spec = importlib.util.spec_from_file_location("nepi_simulation", _here / "__init__.py", submodule_search_locations=[str(_here)])
    assert _spec is not None
    assert _spec.loader is not None
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["nepi_simulation"] = _package
    _spec.loader.exec_module(_package)
    __package__ = "nepi_simulation"

import contextlib
import signal
import socket
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from .conversation import Conversation
from .forking import Nursery
from .rehearsing import rehearse
from .world import World


def load() -> tuple[World | None, dict[str, Any]]:
    """Import ns-3; return the world, or None, and the greeting."""
    began = time.monotonic()
    try:
        import cppyy
        from ns import ns

        version = metadata.version("ns3")
        world = World(ns, cppyy, version)
    except BaseException as error:
        return None, {"event": "failed", "missing": isinstance(error, ModuleNotFoundError), "error": f"{type(error).__name__}: {error}"}
    return world, {"event": "hello", "version": version, "import_s": round(time.monotonic() - began, 3)}


def simulate(world: World | None, greeting: dict[str, Any], in_fd: int, out_fd: int) -> None:
    """Greet, and answer requests until the other side has gone."""
    conversation = Conversation(in_fd, out_fd)
    conversation.say({**greeting, "pid": os.getpid()})
    if world is not None:
        conversation.hold(world)


def main() -> None:
    """Import ns-3, and hold a simulation, or fork those that do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    in_fd, out_fd = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.argv[1:2] == ["--nursery"]:
        os.close(in_fd)
        os.close(out_fd)
        requests = socket.socket(fileno=int(sys.argv[2]))
        world, greeting = load()
        failure = greeting if world is None else None
        forking = Nursery(requests, lambda told, says: simulate(world, greeting, told, says), lambda asked: rehearse(world, asked), failure)
        forking.serve()
        with contextlib.suppress(OSError):
            Path.cwd().rmdir()  # an empty one that was made for it
    else:
        simulate(*load(), in_fd, out_fd)
    os._exit(0)  # at its regular end C++ takes itself apart in an order that has been seen to crash


main()
