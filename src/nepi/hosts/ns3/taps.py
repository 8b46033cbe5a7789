"""A tap on another host of this machine, as an open file here."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nepi.errors import ResourceError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.simulator import Simulator
from nepi.hosts.port import Host

OPENER = Path(__file__).parent / "tap_opener.py"
DEADLINE_S = 20.0
TUN = "/dev/net/tun"
REMEDY = (
    "the simulation's end of a namespace is a tap: `modprobe tun` and `mkdir -p /dev/net; mknod /dev/net/tun c 10 200` make the device, "
    "`chmod 666 /dev/net/tun` lets ordinary users open it, and a container gets it with `--device /dev/net/tun`"
)


@asynccontextmanager
async def tap_on(host: Host, ifname: str, *, mac: str, mtu_bytes: int) -> AsyncIterator[int]:
    """Open a tap on a host; its descriptor is open in the block, and the tap there as long as somebody has it.

    Raises:
        ResourceError: the host has no TUN device, or may not open it.
    """
    with tempfile.TemporaryDirectory(prefix="nepi-tap-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path = f"{folder}/s"
        listener.bind(path)
        listener.listen(1)
        listener.setblocking(False)
        argv = [sys.executable, "-I", "-S", str(OPENER), ifname, path, mac, str(mtu_bytes)]
        running = asyncio.ensure_future(host.run(argv, deadline_s=DEADLINE_S))
        taking = asyncio.ensure_future(asyncio.get_running_loop().sock_accept(listener))
        try:
            await asyncio.wait({running, taking}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            for task in (running, taking):
                task.cancel()
            await asyncio.gather(running, taking, return_exceptions=True)  # before the socket is closed under it
            raise
        if not taking.done():
            taking.cancel()
            said = (await running).stderr.decode(errors="replace").strip().splitlines()
            why = said[-1] if said else "nothing was said"
            what_to_do = f": {REMEDY}" if TUN in why else ""
            raise ResourceError(f"no tap could be opened on {host.name}: {why}{what_to_do}", resource=host.name)
        passing = taking.result()[0]
        with passing:
            passing.setblocking(True)
            _, descriptors, _, _ = await asyncio.to_thread(socket.recv_fds, passing, 1, 1)
        await running
        try:
            yield descriptors[0]
        finally:
            os.close(descriptors[0])


async def passed(descriptor: int, simulator: Simulator) -> int:
    """Give an open file of this machine to a simulation on it; return its number there.

    Raises:
        ConnectError: the simulation has ended.
        ResourceError: it could not take it.
    """
    with tempfile.TemporaryDirectory(prefix="nepi-tap-") as folder, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        path = f"{folder}/s"
        listener.bind(path)
        listener.listen(1)
        listener.setblocking(False)
        asked = asyncio.ensure_future(simulator.ask(protocol.descriptor(path)))
        taking = asyncio.ensure_future(asyncio.get_running_loop().sock_accept(listener))
        await asyncio.wait({asked, taking}, return_when=asyncio.FIRST_COMPLETED)
        if taking.done():
            with taking.result()[0] as passing:
                socket.send_fds(passing, [b"."], [descriptor])
        taking.cancel()
        (number,) = await asked
    return int(number)
