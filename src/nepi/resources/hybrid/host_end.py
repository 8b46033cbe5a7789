"""A host as an end of what is simulated: a tap there, whose frames travel as UDP datagrams."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.devices import ip_lines
from nepi.hosts.devices.commands import BatchError, Commands
from nepi.hosts.devices.endpoint_program import EndpointProgram
from nepi.hosts.devices.words import Line
from nepi.hosts.ns3 import protocol
from nepi.hosts.roles import HostNode
from nepi.plan.result import InterfacePlan, RoutePlan
from nepi.resources.hybrid.simulated import GHOST
from nepi.resources.linux.device import HostDevice
from nepi.resources.linux.tunnel import underlay
from nepi.resources.ns3.simulation_run import SimulationRun

DEFAULT_MTU = 1500
ANY_PORT = "9"


class HostEnd:
    """A tap on a host, and the tunnel from there.

    Args:
        owner: the link; what is made on the host is its own.
        node: the host.
        end: what the plan has for it.
        log: local file for what the program there complains of.
    """

    is_tunnel = True

    def __init__(self, owner: HostDevice, node: HostNode, end: InterfacePlan, log: Path) -> None:
        self._owner, self._node, self._end, self._log = owner, node, end, log
        self.ifname = owner.name_on("sim", owner.guid)
        self._there = self._here = ""
        self._socket = -1
        self.program: EndpointProgram | None = None

    # The way.

    async def reach(self, simulation: SimulationRun, mtu_bytes: int | None) -> int:
        """Open the simulation's socket, find out how host and simulation reach each other, and return how long packets are.

        Raises:
            ResourceError: they do not.
        """
        self._there = await _resolved(await underlay(self._node))
        six = ":" in self._there
        _, self._socket = await simulation.ask(protocol.load(GHOST), protocol.static("nepi::OpenDatagrams", six))
        if self._socket < 0:
            raise ResourceError("the simulation could not open a UDP socket", resource=self._owner.name)
        self._here, _ = await self._join(simulation, ANY_PORT)  # nothing is sent: the kernel chooses the address of this side
        _, outer = await Commands(self._node.host).way_to(self._here)
        return mtu_bytes or min(ip_lines.inner_mtu(outer, kind="udp", version=6 if six else 4, frames=True), DEFAULT_MTU)

    async def _join(self, simulation: SimulationRun, port: str) -> tuple[str, int]:
        """Let the simulation's socket have its partner; return the address and port of this side."""
        joining = protocol.check("nepi::JoinDatagrams", self._socket, self._there, port)
        _, name = await simulation.ask(joining, protocol.static("nepi::NameOfDatagrams", self._socket))
        address, _, own = str(name).rpartition(" ")
        return address, int(own)

    # Making it.

    async def open(self, simulation: SimulationRun, mtu_bytes: int) -> int:
        """Make the tap and start the program that passes its frames on; return the simulation's socket.

        Raises:
            ResourceError: the host lacks something: a TUN device, python3, the right to change interfaces.
        """
        try:
            await self._owner.make_interface(self._node, self.ifname, self._lines(mtu_bytes))
        except BatchError as error:
            if error.line == 1:
                raise ResourceError(f"{error}. Is there a /dev/net/tun (`modprobe tun`)?", resource=self._owner.name) from None
            raise
        prefix = await Commands(self._node.host).prefix()
        self.program = await EndpointProgram.start(self._owner.name, self._node.host, prefix, self._log, owner=self._owner.guid, side=0)
        version = 6 if ":" in self._there else 4
        await self.program.open({"device": self.ifname, "mode": "tap", "pi": False, "port": 0, "version": version, "cipher": "PLAIN"})
        _, port = await self._join(simulation, str(self.program.port))
        await self.program.tell({"address": self._here, "port": port, "session": "", "key": ""})
        return self._socket

    def _lines(self, mtu_bytes: int) -> list[Line]:
        end = self._end
        wanted = ip_lines.Settings(up=True, mtu=mtu_bytes, mac=end.mac, addresses=(*end.addresses, *end.given))
        neighbours = [("neigh", "replace", ip, "lladdr", mac, "dev", self.ifname, "nud", "permanent") for ip, mac in end.neighbours]
        return [ip_lines.add_tuntap(self.ifname, mode="tap"), *ip_lines.settings(self.ifname, wanted), *neighbours]

    async def furnish(self) -> None:
        """Wait until the tunnel carries frames, and give the host its routes. They go with the tap.

        Raises:
            ResourceError: nothing arrives, or the host has a route of its own to one of the networks.
        """
        assert self.program is not None
        await self.program.hears(self._here)
        plan, own = self._owner.ec.plan, {*self._end.addresses, *self._end.given}
        rows = [row for row in plan.routes.get(self._end.node, ()) if row.over in own]
        lines = [
            ip_lines.route(network, via=row.via, ifname=self.ifname)
            for row, networks in without_default(rows, plan.interfaces, self._end.node)
            for network in networks
        ]
        await Commands(self._node.host).ip(lines)

    async def close(self) -> None:
        """End the program; the tap is its owner's to take away."""
        program, self.program = self.program, None
        if program is not None:
            try:
                await program.end()
            except ConnectError as error:
                self._owner.debug(f"nothing to give back: {error}")


def without_default(
    rows: Sequence[RoutePlan], interfaces: Mapping[int, Sequence[InterfacePlan]], node: int
) -> Iterator[tuple[RoutePlan, list[str]]]:
    """Yield a host's routes, with networks of the experiment instead of the default ones: by those it is reached itself."""
    ends = [end for several in interfaces.values() for end in several]
    own = {_network(one) for end in ends if end.node == node for one in (*end.addresses, *end.given)}
    everything = dict.fromkeys(_network(one) for end in ends for one in (*end.addresses, *end.given))
    said = {network for row in rows for network in row.to}
    for row in rows:
        networks = [one for one in row.to if not one.endswith("/0")]
        for default in (one for one in row.to if one.endswith("/0")):
            networks += [one for one in everything if one not in own | said and (":" in one) == (":" in default)]
        yield row, networks


def _network(address: str) -> str:
    return str(ipaddress.ip_interface(address).network)


async def _resolved(name: str) -> str:
    """Return the address of a host as the simulation reaches it.

    Raises:
        ResourceError: this machine does not know the name.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, 0, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise ResourceError(f"this machine does not know {name!r} ({error.strerror}): set the attribute ip of that host") from None
    return str(found[0][4][0])
