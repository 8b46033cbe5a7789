"""Radios that are not Wi-Fi: LR-WPAN, underwater modems, WiMAX, and ns-3's ideal ALOHA radio."""

from __future__ import annotations

from typing import ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.typespec import Role
from nepi.resources.ns3.attributes import members_of
from nepi.resources.ns3.blueprint import Phase, check, ref_or_none
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.kinds.device import Device, LinkDevice, Medium
from nepi.resources.ns3.kinds.thing import Thing


class LrWpan(Device):
    """A device of IEEE 802.15.4. For IP, an ns3::SixLowPanNetDevice is connected to it."""

    header = "spectrum.h"
    panId = Attribute.integer(1, help="Number of the network that it is a member of.", range=(0, 0xFFFE), flags=Flags.Design)

    def join(self, node: int) -> list[Operation]:
        """Return how it joins channel and PAN; the parts that it is connected to take the place of its own before."""
        parts = (("ns3::lrwpan::LrWpanCsmaCa", "SetCsmaCa"),)
        own = [protocol.invoke(self.guid, setter, ref(one.guid)) for kind, setter in parts for one in self.around(kind)]
        channel = ref_or_none(self.guid_of("ns3::SpectrumChannel"))
        return [*own, check("JoinLrWpan", ref(node), ref(self.guid), channel, self.get("mac") or "", self.get("panId"))]

    def recordings(self) -> list[Operation]:
        """Let its MAC write its frames."""
        kinds = [kind for kind in ("pcap", "promiscPcap") if (trace := (self._own_trcs or {}).get(kind)) is not None and trace.enabled]
        for kind in kinds:
            self.trace_path(kind).parent.mkdir(parents=True, exist_ok=True)
        frames = [check("WriteLrWpan", ref(self.guid), str(self.trace_path(kind)), kind != "pcap") for kind in kinds]
        return [*(one for one in super().recordings() if one[0] != "packets"), *frames]


class Aloha(Device):
    """ns-3's ideal radio that sends when it has something to send. It cannot answer while it hears: packet sockets only, no IP."""

    header = "spectrum.h"
    uses_stack = False
    txPower = Attribute.number(0.1, help="What it sends with, in watts.", range=(0, 1e6), flags=Flags.Design)
    wifiChannel = Attribute.integer(1, help="Which of Wi-Fi's 2.4 GHz channels it is on.", range=(1, 13), flags=Flags.Design)

    def pointers(self) -> list[Operation]:
        """Nothing: it is given its physical layer with everything else."""
        return []

    def join(self, node: int) -> list[Operation]:
        """Return how it is put together with its physical layer."""
        phy, channel = self.first("ns3::HalfDuplexIdealPhy"), self.guid_of("ns3::SpectrumChannel")
        antenna = phy.guid_of("ns3::AntennaModel") if isinstance(phy, Thing) else None
        antenna = antenna or self.guid_of("ns3::AntennaModel")
        parts = [ref_or_none(one) for one in (phy.guid if phy is not None else None, channel, antenna)]
        return [
            check("JoinAloha", ref(node), ref(self.guid), *parts, self.get("mac") or "", self.get("txPower"), self.get("wifiChannel")),
        ]


class UanNetDevice(LinkDevice, rtype="ns3::UanNetDevice"):
    """An underwater modem, made of the MAC, physical layer and transducer that it is connected to; what is missing is chosen."""

    typeid = "ns3::UanNetDevice"
    header = "uan.h"
    families = (4,)

    def pointers(self) -> list[Operation]:
        """Nothing: it is made of its parts."""
        return []

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be made when node and channel are there; sound takes its time, so that neighbours are waited for longer."""
        if phase is Phase.CREATE:
            return [protocol.load(self.header)]
        wanted = super().blueprint(phase)
        return [*wanted, check("BePatient", ref(self.guid))] if phase is Phase.ADDRESS and self.addresses() else wanted

    def join(self, node: int) -> list[Operation]:
        """Return how it is made."""
        parts = [ref_or_none(self.guid_of(kind)) for kind in ("ns3::UanChannel", "ns3::UanMac", "ns3::UanPhy", "ns3::UanTransducer")]
        return [protocol.static("nepi::MakeUan", ref(node), *parts, store=self.guid)]


class SimpleOfdmWimaxChannel(Medium, rtype="ns3::SimpleOfdmWimaxChannel"):
    """What base and subscriber stations of WiMAX share."""

    typeid = "ns3::WimaxChannel"
    header = "wimax.h"
    propagation = Attribute.choice(("cost231", "friis", "logDistance", "random"), "cost231", help="How signals fade.", flags=Flags.Design)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be made."""
        if phase is not Phase.CREATE:
            return []
        return [protocol.load(self.header), protocol.static("nepi::MakeWimaxChannel", self.get("propagation"), store=self.guid)]


class WimaxStation(LinkDevice):
    """A device of WiMAX."""

    header = "wimax.h"
    families = (4,)
    role: ClassVar[Role] = "interface"
    is_base: ClassVar[bool] = False

    def pointers(self) -> list[Operation]:
        """Nothing: its parts come with it."""
        return []

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be made when node and channel are there."""
        return [protocol.load(self.header)] if phase is Phase.CREATE else super().blueprint(phase)

    def join(self, node: int) -> list[Operation]:
        """Return how it is made."""
        channel = ref_or_none(self.guid_of("ns3::WimaxChannel"))
        made = protocol.static("nepi::MakeWimax", ref(node), channel, self.is_base, self.scheduler_name(), store=self.guid)
        return [made, *(protocol.set_(self.guid, name, text) for name, text in self.ns3_values().items())]

    def scheduler_name(self) -> str:
        """Return how it shares its time."""
        return "simple"


class WimaxBase(WimaxStation):
    """A base station of WiMAX."""

    is_base = True
    scheduler = Attribute.choice(("simple", "rtps", "mbqos"), "simple", help="How it shares its time among stations.", flags=Flags.Design)

    def scheduler_name(self) -> str:
        """Return what was chosen."""
        return str(self.get("scheduler"))


class WimaxSubscriber(WimaxStation):
    """A subscriber station of WiMAX, with one service flow each way for its TCP and UDP."""

    serviceFlow = Attribute.choice(("BE", "UGS", "RTPS", "NRTPS"), "BE", help="How its flows are scheduled.", flags=Flags.Design)
    modulation = Attribute.choice(
        ("BPSK-1/2", "QPSK-1/2", "QPSK-3/4", "16QAM-1/2", "16QAM-3/4", "64QAM-2/3", "64QAM-3/4"),
        "16QAM-1/2",
        help="How it modulates.",
        flags=Flags.Design,
    )

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Get its flows when it has an address."""
        addresses = [one for one in self.addresses() if ":" not in one] if phase is Phase.ROUTE else []
        flows = [check("AddFlows", ref(self.guid), self.get("serviceFlow"), self.get("modulation"), one) for one in addresses[:1]]
        return [*super().blueprint(phase), *flows]


_ATTRIBUTES, _TRACES = members_of(catalogue(), UanNetDevice.typeid)
UanNetDevice._attributes = {**_ATTRIBUTES, **UanNetDevice._attributes}
UanNetDevice._traces = {**_TRACES, **UanNetDevice._traces}
