"""Where nodes are and how they move; buildings; and what channels do to signals on their way."""

from __future__ import annotations

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.resources.ns3.blueprint import Phase, check
from nepi.resources.ns3.kinds.device import Medium
from nepi.resources.ns3.kinds.node import NodeObject
from nepi.resources.ns3.kinds.thing import Thing


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


class Mobility(Thing):
    """Where a node is, and how it moves."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Become a part of its node, before radios ask where that is."""
        wanted = super().blueprint(phase)
        if phase is Phase.PLACE:
            wanted += super().pointers()
            wanted += [protocol.aggregate(node.guid, self.guid) for node in self.get_connected(NodeObject)[:1]]
            wanted += self.placed()
        return wanted

    def pointers(self) -> list[Operation]:
        """Nothing: they were set before."""
        return []

    def placed(self) -> list[Operation]:
        """Return how an allocator of positions says where it begins; one that it has an attribute for is asked by itself."""
        if "ns3::PositionAllocator" in self.pointing().values():
            return []
        allocators = list(self.around("ns3::PositionAllocator"))[:1]
        load = [protocol.load("placing.h")] if allocators else []
        return [*load, *(check("PlaceBy", ref(one.guid), ref(self.guid)) for one in allocators)]


class Waypoints(Mobility):
    """Mobility along given points."""

    header = "placing.h"
    waypoints = Attribute.string(help="Where it is when: '0 0:0:0, 10 100:0:0', seconds and metres.", flags=Flags.Design)

    def placed(self) -> list[Operation]:
        """Return how it gets its points."""
        points = self.get("waypoints")
        return [check("AddWaypoints", ref(self.guid), {"list": _listed(points)})] if points else super().placed()


class ListedPositions(Thing):
    """Positions that are given out one after the other."""

    header = "placing.h"
    positions = Attribute.string(help="'0:0:0, 5:0:0', metres.", flags=Flags.Design)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Know them from the beginning."""
        wanted = super().blueprint(phase)
        if phase is Phase.CREATE and self.get("positions"):
            wanted.append(check("AddPlaces", ref(self.guid), {"list": _listed(self.get("positions"))}))
        return wanted


class Building(Thing):
    """A building: nodes with a place are told that there are some."""

    header = "placing.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Let nodes know, once they have their places and before radios join."""
        return [*super().blueprint(phase), *([check("KnowBuildingsEverywhere")] if phase is Phase.JOIN else [])]


class BuildingInfo(Thing):
    """Whether a node is in a building."""

    header = "placing.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Become a part of the node's mobility, which is there now."""
        nodes = self.get_connected(NodeObject)[:1] if phase is Phase.JOIN else []
        return [*super().blueprint(phase), *(check("KnowBuildings", ref(node.guid), ref(self.guid)) for node in nodes)]


class Loss(Thing):
    """A model of propagation loss: of a channel, or after another one."""

    header = "placing.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Have those after it that were described later; all of them add up."""
        wanted = super().blueprint(phase)
        if phase is Phase.PLACE:
            wanted += [check("ChainLoss", ref(self.guid), ref(one.guid)) for one in self.get_connected(Loss) if one.guid > self.guid]
        return wanted


class RadioMedium(Medium):
    """A channel of radios, with what happens to signals on their way."""

    header = "placing.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Get its models: delay, and losses that add up."""
        wanted = super().blueprint(phase)
        if phase is Phase.PLACE:
            wanted += [check("UseLoss", ref(self.guid), ref(one.guid)) for one in self.around("ns3::PropagationLossModel")]
            wanted += self.models()
        return wanted

    def models(self) -> list[Operation]:
        """Return how it gets its other models."""
        return []

    def _pointers(self) -> dict[str, str]:
        return {name: target for name, target in super()._pointers().items() if target != "ns3::PropagationLossModel"}


class SpectrumMedium(RadioMedium):
    """A channel of signals with a spectrum."""

    def models(self) -> list[Operation]:
        """Return how it gets its delay, and losses that depend on frequency."""
        delays = [check("UseDelay", ref(self.guid), ref(one.guid)) for one in self.around("ns3::PropagationDelayModel")]
        kinds = ("ns3::SpectrumPropagationLossModel", "ns3::PhasedArraySpectrumPropagationLossModel")
        return [*delays[:1], *(check("UseSpectrumLoss", ref(self.guid), ref(one.guid)) for one in self.around(*kinds))]
