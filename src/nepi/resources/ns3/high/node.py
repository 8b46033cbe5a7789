"""ns3::Node: a simulated computer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.programs.commands import CONGESTION
from nepi.hosts.ns3.programs.host import SimulatedHost
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check
from nepi.resources.ns3.attributes import members_of
from nepi.resources.ns3.blueprint import Phase, check
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.high.resource import SimulatedResource
from nepi.resources.ns3.kinds import NodeObject
from nepi.resources.ns3.object import Ns3Object

PLACE: Final = ("x", "y", "z", "speedX", "speedY")
SPEED: Final = ("speedX", "speedY")
MOBILITY: Final = "ns3::MobilityModel"
_OF_COMPUTERS: Final = ("ns3::Ping",)  # ns-3 has a type of this name
STEADY: Final = "ns3::ConstantVelocityMobilityModel"


def check_node(one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what cannot be said of how a node moves, and what it cannot be without an IP stack."""
    moving = [peer for peer in peers if catalogue().is_a(peer.rtype, MOBILITY)]
    if len(moving) > 1:
        yield f"has {len(moving)} mobility models ({', '.join(peer.name for peer in moving)}): it moves by one"
    elif moving and moving[0].rtype != STEADY and any(one.attributes.get(name) for name in SPEED):
        yield f"speedX and speedY are for nodes without a mobility model; here {moving[0].name} says how it moves"
    if one.attributes.get("enableStack") is False:
        yield from (f"enableStack is False, and {peer.name} needs an IP stack" for peer in peers if _is_of_computers(peer.rtype))


def _is_of_computers(rtype: str) -> bool:
    """Whether something is connected with computers only: neither a simulation nor an object of ns-3."""
    return rtype not in ("ns3::Simulation", "Collector") and (rtype in _OF_COMPUTERS or not catalogue().is_a(rtype, "ns3::Object"))


class Node(NodeObject, SimulatedResource, HostNode, rtype="ns3::Node"):
    """A simulated computer with an Internet stack; interfaces come with links and networks. It has a place, which Wi-Fi needs.

    Where all around it are an ns3::Simulation and objects of ns-3, it is a plain node of ns-3.
    """

    typeid = "ns3::Node"
    check: ClassVar[Check | None] = staticmethod(check_node)
    needs: ClassVar = {}
    wants: ClassVar = {"ns3::Simulation": ResourceState.READY}

    forwarding = Attribute.boolean(True, help="Pass on packets for others, as a router does.", flags=Flags.Design)
    routing = Attribute.choice(
        ("static", "none"), help="Whether it gets static routes from the plan; as the experiment says when not set.", flags=Flags.Design
    )
    congestion = Attribute.choice(
        tuple(CONGESTION), "cubic", help="TCP congestion control of connections that do not choose one.", flags=Flags.Design
    )
    x = Attribute.number(0.0, help="Where it is, in metres.")
    y = Attribute.number(0.0, help="Where it is, in metres.")
    z = Attribute.number(0.0, help="Where it is, in metres.")
    speedX = Attribute.number(0.0, help="How it moves from there, in metres a second.")
    speedY = Attribute.number(0.0, help="How it moves from there, in metres a second.")

    @property
    def is_high_level(self) -> bool:
        """Whether it is a computer as elsewhere: it is not, where all around it are an ns3::Simulation and objects of ns-3."""
        peers = self.get_connected()
        is_inside = any(one.is_rm_instance("ns3::Simulation") for one in peers)
        return not is_inside or not all(isinstance(one, Ns3Object) or one.is_rm_instance("ns3::Simulation") for one in peers)

    def has_stack(self) -> bool:
        """Whether it gets an IP stack."""
        return self.is_high_level and super(NodeObject, self).get("enableStack") is None or super().has_stack()

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be a computer, in its place."""
        operations = super().blueprint(phase)
        if phase is (Phase.JOIN if self._moves_by_itself else Phase.PLACE) and self._has_place:
            operations += self._placing()
        if phase is Phase.INTERNET and self.is_high_level and self.has_stack():
            computer = check("BecomeComputer", ref(self.guid), self.get("forwarding"), CONGESTION[self.get("congestion")])
            return [computer, *self.routings()]
        return operations

    @property
    def _moves_by_itself(self) -> bool:
        """Whether a mobility model is connected: it is put where the node was said to be, once it is there."""
        return any(catalogue().is_a(one.typeid, MOBILITY) for one in self.get_connected(Ns3Object) if one.typeid)

    @property
    def _has_place(self) -> bool:
        is_said = bool(self.values_set().keys() & set(PLACE))
        return is_said or (self.is_high_level and not self._moves_by_itself)

    def _placing(self) -> list[Operation]:
        place = [float(self.get(name)) for name in PLACE]
        return [protocol.load("building.h"), protocol.static("nepi::Place", ref(self.guid), *place)]

    async def deploy(self) -> None:
        """Make the node."""
        run = self.run = await self.simulation()
        await run.building.built(self)
        scratch = Path(self.ec.run_dir) / "scratch" / self.name.replace("/", "_")
        self.host = SimulatedHost(run.programs, self.name, self.guid, scratch)
        self.set_ready()

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect; move it, for one."""
        await super().apply(values)
        if self.run is not None and values.keys() & set(PLACE):
            await self.run.ask(*self._placing())

    def invalid_because(self) -> str:
        """Return that the simulation was slower than the real time; "" if it was not."""
        return self.run.invalid_because() if self.run is not None else ""


_ATTRIBUTES, _TRACES = members_of(catalogue(), Node.typeid)
Node._attributes = {**_ATTRIBUTES, **Node._attributes}
Node._traces = {**_TRACES, **Node._traces}
