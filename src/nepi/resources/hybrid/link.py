"""hybrid::Link: a simulated cable from a simulated node or switch to a namespace or a host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.ns3.cables import CableSocket, cable, shaped
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check
from nepi.plan.result import InterfacePlan
from nepi.resources.hybrid.base import Joined
from nepi.resources.hybrid.checks import check_ends, check_place
from nepi.resources.linux.node import Node as HostMachine
from nepi.resources.netns.node import Node as NamespaceNode
from nepi.resources.ns3.high.link import DEFAULT_MTU, Cabled, check_link, require_sense
from nepi.resources.ns3.high.node import Node as SimulatedNode
from nepi.resources.ns3.high.switch import Switch as SimulatedSwitch
from nepi.resources.ns3.simulation_run import SimulationRun
from nepi.util.timefuncs import tnow

_READY = ResourceState.READY


def check_hybrid(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what a hybrid link cannot be."""
    yield from check_link(one, peers, facts)
    yield from check_ends(peers)
    yield from check_place(peers, facts)


class Link(Joined, Cabled, rtype="hybrid::Link"):
    """A cable from a simulated node or switch to a namespace or a host: what it does to packets is simulated, in real time.

    The simulation follows the real time then; when it lags by more than 100 ms, the run is invalid. To a host frames travel over UDP,
    not encrypted.
    """

    wants: ClassVar = {NamespaceNode: _READY, HostMachine: _READY, SimulatedNode: _READY, SimulatedSwitch: _READY}
    check: ClassVar[Check | None] = staticmethod(check_hybrid)

    mtu = Attribute.integer(
        help="Bytes of an IP packet that fit into a frame; 1500, or what fits through the tunnel to a host, when not set.",
        range=(68, 65_535),
        flags=Flags.Design,
    )

    stdout = Trace("stdout", "What the program complains of that passes frames on at a host.", enabled=True)

    _mtu: int = DEFAULT_MTU
    _devices: tuple[int, int] = (0, 0)

    # Making it.

    async def deploy(self) -> None:
        """Make the tap outside, the simulated cable, and the ghost between them.

        Raises:
            ResourceError: there is no TUN device, or the host and the simulation do not hear each other.
        """
        first, second = self.ec.plan.interfaces[self.guid]
        inside, outside = (second, first) if self.is_outside(first) else (first, second)
        run = await self.joined(self.ec.resource(inside.node))
        await self.make(self._make(run, inside, outside))
        await self.ready(run)

    async def _make(self, run: SimulationRun, inside: InterfacePlan, outside: InterfacePlan) -> None:
        far = self.outside(outside)
        self._mtu = await far.reach(run, self.get("mtu"))
        ghost = await self.appeared(run)
        await self._make_cable(run, (inside.node, inside.mac), (ghost.node, outside.mac))
        descriptor = await far.open(run, self._mtu)
        await ghost.haunt(self._devices[1], descriptor, is_tunnel=far.is_tunnel)
        await run.furnishing.furnish(inside, self._devices[0])
        await far.furnish()

    async def _make_cable(self, run: SimulationRun, *ends: tuple[int, str]) -> None:
        """Make the cable between two nodes, each given with the MAC address that it has there."""
        near, far = self._devices = (run.new_ref(), run.new_ref())
        sockets = [
            CableSocket(node, mac, device, SimulationRun.stream_of(self.guid, number))
            for number, ((node, mac), device) in enumerate(zip(ends, (near, far), strict=True))
        ]
        await run.ask(*cable(run.new_ref(), sockets, mtu_bytes=self._mtu))
        await self._shape(run)

    # Shape.

    async def _shape(self, run: SimulationRun) -> None:
        first, second = self.shapes()
        starts_outside = isinstance(self.ec.resource(self._ends[0]), NamespaceNode | HostMachine)
        pairs = zip(self._devices, (second, first) if starts_outside else (first, second), strict=True)
        await run.ask(*(shaped(device, shape, mtu_bytes=self._mtu, up=bool(self.get("up"))) for device, shape in pairs))

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect, as one change.

        Raises:
            ResourceError: what is set now does not go together.
        """
        require_sense(self)
        if self.run is not None and self._devices[0]:
            await self._shape(self.run)
            self.changed_at = tnow()
