"""LTE: a radio network, the core network behind it, base stations and phones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.resources.ns3.blueprint import Phase, check, ref_or_none
from nepi.resources.ns3.kinds.device import Device
from nepi.resources.ns3.kinds.node import NodeObject
from nepi.resources.ns3.kinds.thing import Thing
from nepi.resources.ns3.kinds.wifi import recipe

BEARERS: Final[Mapping[str, int]] = {
    "GBR_CONV_VOICE": 1,
    "GBR_CONV_VIDEO": 2,
    "GBR_GAMING": 3,
    "GBR_NON_CONV_VIDEO": 4,
    "NGBR_IMS": 5,
    "NGBR_VIDEO_TCP_OPERATOR": 6,
    "NGBR_VOICE_VIDEO_GAMING": 7,
    "NGBR_VIDEO_TCP_PREMIUM": 8,
    "NGBR_VIDEO_TCP_DEFAULT": 9,
}
"""Classes of service of 3GPP TS 23.203, by ns-3's names."""
_LOAD: Final = tuple(protocol.load(header) for header in ("shared_lte.h", "cells.h"))


class LtePart(Thing):
    """What base stations are made with: a scheduler, or an algorithm of handover or of reusing frequencies; made by ns-3's helper."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Leave it to the helper."""
        return []

    def recipe(self) -> Any:
        """Return the value that they are made with."""
        return recipe(self.typeid, self.ns3_values())


class LteNetwork(Thing):
    """A radio network: what base stations and phones that are connected to it have in common."""

    _ROLES: ClassVar[tuple[tuple[str, str], ...]] = (
        ("ns3::FfMacScheduler", "Scheduler"),
        ("ns3::LteFfrAlgorithm", "FfrAlgorithm"),
        ("ns3::LteHandoverAlgorithm", "HandoverAlgorithm"),
        ("ns3::PropagationLossModel", "PathlossModel"),
    )

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Stand for ns-3's helper, which all of a simulation share; base stations that can hand over are joined."""
        match phase:
            case Phase.CREATE:
                return [*_LOAD, protocol.static("nepi::SharedLte", store=self.guid)]
            case Phase.OVERLAY if self.core() is not None and self.hands_over():
                cells = [one.guid for one in self.get_connected(LteCell)]
                return [
                    check("JoinCells", ref(one), ref(other), ref_or_none(self.core()))
                    for index, one in enumerate(cells)
                    for other in cells[index + 1 :]
                ]
        return []

    def core(self) -> int | None:
        """Return the number of its core network."""
        return self.guid_of("ns3::EpcHelper")

    def hands_over(self) -> bool:
        """Whether phones may be handed over."""
        chosen = self.first("ns3::LteHandoverAlgorithm")
        return str(chosen.typeid if chosen is not None else self.ns3_values().get("HandoverAlgorithm", "")) not in (
            "",
            "ns3::NoOpHandoverAlgorithm",
        )

    def prepare(self) -> list[Operation]:
        """Return how the helper is told what the next device of this network is made with: what it was told before holds on."""
        known = {name: attribute.default for name, attribute in self._attributes.items() if name in _TOLD}
        told = [protocol.set_(self.guid, name, str(value)) for name, value in {**known, **self.ns3_values()}.items()]
        parts = [(role, part) for kind, role in self._ROLES for part in self.around(kind)]
        return [*told, *(check("UsePart", role, recipe(part.typeid, part.ns3_values())) for role, part in parts)]


_TOLD: Final = ("Scheduler", "FfrAlgorithm", "HandoverAlgorithm", "PathlossModel")


class LteCore(NodeObject):
    """The core network behind base stations. Devices that are connected to it are its gateway's: they lead to everywhere else."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be made before devices are; learn the routes of the plan."""
        match phase:
            case Phase.CREATE:
                return [*_LOAD, protocol.static("nepi::MakeCore", recipe(self.typeid, self.ns3_values()), store=self.guid)]
            case Phase.ROUTE:
                return self.planned_routes("AddGatewayRoute")
        return []

    def has_stack(self) -> bool:
        """Return that its gateway has one."""
        return True

    def takes(self, device: int, channel: int | None, mac: str) -> Operation:
        """Return how a device becomes its gateway's."""
        return check("JoinGateway", ref(self.guid), ref(device), ref_or_none(channel), mac)


class LteDevice(Device):
    """A device of LTE: connected to its node, to an ns3::LteHelper, and to the parts whose attributes are set."""

    families = ()
    getters: ClassVar[tuple[tuple[str, str], ...]] = ()
    antenna: ClassVar[str] = ""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be made when node and network are there."""
        return list(_LOAD) if phase is Phase.CREATE else super().blueprint(phase)

    def pointers(self) -> list[Operation]:
        """Nothing: its parts come with it."""
        return []

    def network(self) -> LteNetwork | None:
        """Return the network that it belongs to."""
        return next(iter(self.get_connected(LteNetwork)), None)

    def join(self, node: int) -> list[Operation]:
        """Return how it is made, with its antenna, and how its parts are found and set."""
        network = self.network()
        if network is None:
            return []
        antenna = self.first("ns3::AntennaModel")
        chosen = recipe(antenna.typeid, antenna.ns3_values()) if antenna is not None else recipe("ns3::IsotropicAntennaModel", {})
        operations = [*network.prepare(), check("UsePart", self.antenna, chosen), self.made(node, network)]
        for kind, getter in self.getters:
            for part in list(self.around(kind))[:1]:
                operations.append(protocol.invoke(self.guid, getter, store=part.guid))
                operations += [protocol.set_(part.guid, name, text) for name, text in part.ns3_values().items()]
        return operations

    def made(self, node: int, network: LteNetwork) -> Operation:
        """Return how it is made."""
        raise NotImplementedError


class LteDevicePart(Thing):
    """A layer of an LTE device: found in it."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be found by the device."""
        return super().blueprint(phase) if phase is Phase.TRACE else []


class LteCell(LteDevice):
    """A base station."""

    uses_stack = False
    antenna = "EnbAntennaModel"
    getters = (("ns3::LteEnbPhy", "GetPhy"), ("ns3::LteEnbMac", "GetMac"), ("ns3::LteEnbRrc", "GetRrc"))

    def made(self, node: int, network: LteNetwork) -> Operation:
        """Return how it is made."""
        values = recipe(self.typeid, self.ns3_values())
        return protocol.static("nepi::MakeCell", ref(node), network.guid, ref_or_none(network.core()), values, store=self.guid)


class LtePhone(LteDevice):
    """A phone. The core network gives it an address, 7.0.0.2 to the first, unless it has an `ip`."""

    antenna = "UeAntennaModel"
    getters = (("ns3::LteUePhy", "GetPhy"), ("ns3::LteUeMac", "GetMac"), ("ns3::LteUeRrc", "GetRrc"), ("ns3::EpcUeNas", "GetNas"))
    bearer = Attribute.choice(tuple(BEARERS), help="Class of a bearer of its own, beside the default one.", flags=Flags.Design)

    def made(self, node: int, network: LteNetwork) -> Operation:
        """Return how it is made."""
        return protocol.static("nepi::MakePhone", ref(node), ref_or_none(network.core()), store=self.guid)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Get an address, and be attached: to the cell that it is connected to, or to the nearest."""
        wanted, network = super().blueprint(phase), self.network()
        if phase is not Phase.ROUTE or network is None:
            return wanted
        core, cell = network.core(), next((one.guid for one in self.get_connected(LteCell)), None)
        if core is not None:
            wanted.append(check("GiveAddress", ref(self.guid), ref(core)))
        bearer = BEARERS.get(str(self.get("bearer")), 0)
        wanted += [protocol.set_(self.guid, name, text) for name, text in self.ns3_values().items()]
        return [*wanted, check("AttachPhoneTo", ref(self.guid), ref_or_none(cell), network.guid, ref_or_none(core), bearer)]
