"""hybrid::Station: a namespace or a host as a computer on a simulated Wi-Fi network or wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import ref
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.resources.hybrid.base import Joined
from nepi.resources.hybrid.checks import check_station
from nepi.resources.linux.node import Node as HostMachine
from nepi.resources.netns.node import Node as NamespaceNode
from nepi.resources.ns3.high.network import DEFAULT_MTU, Medium
from nepi.resources.ns3.high.node import PLACE
from nepi.resources.ns3.simulation_run import SimulationRun

_READY = ResourceState.READY


class Station(Joined, rtype="hybrid::Station"):
    """An interface of a namespace or a host on a simulated WifiNetwork or CsmaNetwork, and where that computer is.

    The simulation follows the real time then; when it lags by more than 100 ms, the run is invalid. To a host frames travel over UDP,
    not encrypted.
    """

    role: ClassVar[Role] = "interface"
    needs: ClassVar = {Medium: _READY}
    wants: ClassVar = {NamespaceNode: _READY, HostMachine: _READY}
    check: ClassVar[Check | None] = staticmethod(check_station)

    accessPoint = Attribute.boolean(False, help="Whether it is the access point of its Wi-Fi network.", flags=Flags.Design)
    x = Attribute.number(0.0, help="Where it is, in metres.")
    y = Attribute.number(0.0, help="Where it is, in metres.")
    z = Attribute.number(0.0, help="Where it is, in metres.")
    speedX = Attribute.number(0.0, help="How it moves from there, in metres a second.")
    speedY = Attribute.number(0.0, help="How it moves from there, in metres a second.")
    mtu = Attribute.integer(
        help="Bytes of an IP packet that fit into a frame; 1500, or what fits through the tunnel to a host, when not set.",
        range=(68, 65_535),
        flags=Flags.Design,
    )
    mac = Attribute.string(help="MAC address; chosen when not set.", flags=Flags.ExecReadOnly)
    deviceName = Attribute.string(help="Its name in a namespace; eth0, eth1, ... when not set.", flags=Flags.ExecReadOnly)
    ip = Attribute.string(help="Its address; chosen when not set.", flags=Flags.ExecReadOnly)
    prefix = Attribute.string(help="Length of the prefix of `ip`.", flags=Flags.ExecReadOnly)

    stdout = Trace("stdout", "What the program complains of that passes frames on at a host.", enabled=True)

    mtu_bytes: int = DEFAULT_MTU
    _node: int = 0

    async def deploy(self) -> None:
        """Make the tap outside, the simulated device, and the ghost between them.

        Raises:
            ResourceError: there is no TUN device, or the host and the simulation do not hear each other.
        """
        run = await self.joined(self.peer(Medium))
        await self.make(self._make(run))
        await self.ready(run)

    async def _make(self, run: SimulationRun) -> None:
        end = self.ec.plan.interfaces[self.guid][0]
        far = self.outside(end)
        self.mtu_bytes = await far.reach(run, self.get("mtu"))
        ghost = await self.appeared(run)
        self._node = ghost.node
        await self._move(run)
        await run.ask(self.peer(Medium).joining(ghost.node, self, end.mac))
        descriptor = await far.open(run, self.mtu_bytes)
        await ghost.haunt(self.guid, descriptor, is_tunnel=far.is_tunnel)
        await far.furnish()

    async def _move(self, run: SimulationRun) -> None:
        place = [float(self.get(name)) for name in PLACE]
        await run.ask(protocol.static("nepi::Place", ref(self._node), *place))

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Move it."""
        if self.run is not None and self._node and values.keys() & set(PLACE):
            await self._move(self.run)
