"""Nodes, and what they are made of: the protocols of their stack, routing, congestion of their devices' queues."""

from __future__ import annotations

from typing import ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.states import ResourceState
from nepi.model.typespec import Role
from nepi.resources.ns3.blueprint import Phase, check, ref_or_none
from nepi.resources.ns3.kinds.thing import Thing


class NodeObject(Thing):
    """A node of a simulation."""

    _rtype = "ns3::Node"  # what needs a node is content with any heir of this, such as LTE's core
    needs: ClassVar = {"ns3::Simulation": ResourceState.READY}
    role: ClassVar[Role] = "node"
    enableStack = Attribute.boolean(
        help="Whether it has an IP stack; when not set, it has one if it has devices or applications.", flags=Flags.Design
    )

    def has_stack(self) -> bool:
        """Whether it gets an IP stack."""
        wanted = super().get("enableStack")
        return any(one.uses_stack for one in self.get_connected(Thing)) if wanted is None else bool(wanted)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Get a stack, routing protocols, and the routes of the plan."""
        match phase:
            case Phase.INTERNET if self.has_stack():
                return [check("InstallStack", ref(self.guid)), *self.routings()]
            case Phase.ROUTE if self.has_stack():
                return self.planned_routes("AddRoute")
        return super().blueprint(phase)

    def routings(self) -> list[Operation]:
        """Return how its routing protocols become parts of its stack."""
        return [one.join(self.guid) for one in self.get_connected(Routing)]

    def planned_routes(self, function: str) -> list[Operation]:
        """Return how it gets the routes of the plan that lead over its own devices."""
        planned = self.ec.plan.routes.get(self.guid, ())
        own = {address for one in self.get_connected(Thing) for address in one.addresses()} if planned else set()
        return [
            check(function, ref(self.guid), network.partition("/")[0], int(network.partition("/")[2]), route.via)
            for route in planned
            if route.over in own
            for network in route.to
        ]

    def takes(self, device: int, channel: int | None, mac: str) -> Operation:
        """Return how a device with a cable, or with none, becomes its own."""
        return check("JoinDevice", ref(self.guid), ref(device), ref_or_none(channel), mac)


class Part(Thing):
    """A protocol of a node's stack: what the stack has of its type, with the attributes that were set here."""

    uses_stack = True

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be found in the node once that has its stack."""
        if phase is Phase.TRACE:
            return super().blueprint(phase)
        nodes = self.get_connected(NodeObject)[:1]
        if phase is not Phase.ADDRESS or not nodes:
            return []
        found = protocol.static("nepi::PartOf", ref(nodes[0].guid), self.typeid, store=self.guid)
        return [found, *(protocol.set_(self.guid, name, text) for name, text in self.ns3_values().items())]


class Routing(Thing):
    """A routing protocol of the node that it is connected to, asked in the order of priorities; static routes have 0."""

    uses_stack = True
    needs: ClassVar = {"ns3::Node": ResourceState.READY}
    priority = Attribute.integer(10, help="The greater, the earlier it is asked for a route; static routes have 0.", flags=Flags.Design)

    def join(self, node: int) -> Operation:
        """Return how it becomes a part of the routing of a node, which has its stack."""
        return check("AddRouting", ref(node), ref(self.guid), int(self.get("priority")))


class SourceRouting(Routing):
    """Dynamic source routing, a layer above IP."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be created: no stack has it, though it is a protocol above IP."""
        return Thing.blueprint(self, phase)

    def join(self, node: int) -> Operation:
        """Return how it comes between IP and what is above it."""
        return check("AddSourceRouting", ref(node), ref(self.guid))


class QueueDisc(Thing):
    """A queue discipline: of the device that it is connected to, or within another queue discipline."""

    uses_stack = False

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Get its inner queues and disciplines."""
        wanted = super().blueprint(phase)
        if phase is Phase.JOIN:
            wanted += [check("AddQueue", ref(self.guid), ref(one.guid)) for one in self.around("ns3::Queue<QueueDiscItem>")]
            wanted += [check("AddClass", ref(self.guid), ref(one.guid)) for one in self.get_connected(QueueDisc) if self.holds(one)]
        return wanted

    @property
    def is_of_device(self) -> bool:
        """Whether a device has it."""
        return self.first("ns3::NetDevice") is not None

    def holds(self, other: QueueDisc) -> bool:
        """Whether another one is within this one: that which a device has is outermost, then that which was described first."""
        return self.is_of_device or (not other.is_of_device and self.guid < other.guid)
