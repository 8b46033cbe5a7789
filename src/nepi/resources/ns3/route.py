"""ns3::Route: a static route of a simulated node."""

from __future__ import annotations

from typing import ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.states import ResourceState
from nepi.resources.ns3.blueprint import Phase, check
from nepi.resources.ns3.kinds import NodeObject
from nepi.resources.ns3.object import Ns3Object


class Route(Ns3Object, rtype="ns3::Route"):
    """A static route of the node that it is connected to."""

    needs: ClassVar = {"ns3::Node": ResourceState.READY}
    network = Attribute.string(help="Where to: '10.1.0.0', or 0.0.0.0 for everywhere.", flags=Flags.Design)
    prefix = Attribute.string("24", help="Length of its prefix.", flags=Flags.Design)
    nexthop = Attribute.string(help="The neighbour that packets go to.", flags=Flags.Design)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be a row of the node's table."""
        if phase is not Phase.ROUTE:
            return []
        nodes = self.get_connected(NodeObject)[:1]
        length = int(self.get("prefix"))
        return [check("AddRoute", ref(node.guid), self.get("network"), length, self.resolved("nexthop")) for node in nodes]
