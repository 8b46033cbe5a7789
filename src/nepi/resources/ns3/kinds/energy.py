"""Batteries of nodes, what draws from them, what charges them."""

from __future__ import annotations

from nepi.hosts.ns3.protocol import Operation, ref
from nepi.resources.ns3.blueprint import Phase, check, ref_or_none
from nepi.resources.ns3.kinds.node import NodeObject
from nepi.resources.ns3.kinds.thing import Thing


class Battery(Thing):
    """The energy source of the node that it is connected to."""

    header = "energy.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Become its node's."""
        nodes = self.get_connected(NodeObject)[:1] if phase is Phase.JOIN else []
        return [*super().blueprint(phase), *(check("AddSource", ref(node.guid), ref(self.guid)) for node in nodes)]


class Consumer(Thing):
    """What the device that it is connected to draws from the battery that it is connected to."""

    header = "energy.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Watch the device, once that is in its node."""
        sources = self.get_connected(Battery)[:1] if phase is Phase.OVERLAY else []
        device = ref_or_none(self.guid_of("ns3::NetDevice"))
        return [*super().blueprint(phase), *(check("AddConsumer", ref(one.guid), ref(self.guid), device) for one in sources)]


class Harvester(Thing):
    """What charges the battery that it is connected to."""

    header = "energy.h"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Charge it."""
        sources = self.get_connected(Battery)[:1] if phase is Phase.OVERLAY else []
        return [*super().blueprint(phase), *(check("AddHarvester", ref(one.guid), ref(self.guid)) for one in sources)]
