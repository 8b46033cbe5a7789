"""Wi-Fi and mesh devices, made of their parts by ns-3's own helpers, which know what depends on what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, new_value, ref
from nepi.resources.ns3.attributes import Ns3Attribute
from nepi.resources.ns3.blueprint import Phase, check, ref_or_none
from nepi.resources.ns3.catalogue import ATTR_CONSTRUCT
from nepi.resources.ns3.kinds.device import Device
from nepi.resources.ns3.kinds.thing import Thing, is_a
from nepi.resources.ns3.object import Ns3Object

STANDARD = "802.11a"


def recipe(typeid: str, values: Mapping[str, str]) -> Any:
    """Return a value that stands for an object to be made later."""
    return new_value("nepi::MakeRecipe", typeid, {"list": list(values)}, {"list": list(values.values())})


class WifiPart(Thing):
    """What a Wi-Fi device is made of: made with the device."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Leave creating and joining to the device."""
        return super().blueprint(phase) if phase is Phase.TRACE else []

    def recipe(self) -> Any:
        """Return the value that the device is made with."""
        return recipe(self.typeid, self._values(late=False))

    def later(self) -> list[Operation]:
        """Return how what cannot be said before it is there is set."""
        return [protocol.set_(self.guid, name, text) for name, text in self._values(late=True).items()]

    def _values(self, *, late: bool) -> dict[str, str]:
        attributes, values = self._attributes, self.ns3_values()
        known = {name: one.info.flags & ATTR_CONSTRUCT for name, one in attributes.items() if isinstance(one, Ns3Attribute)}
        return {name: text for name, text in values.items() if bool(known[name]) != late}


class WifiPhyPart(WifiPart):
    """The physical layer of a Wi-Fi device."""

    Standard = Attribute.string(STANDARD, help="The standard, such as 802.11a, 802.11n or 802.11ax.", flags=Flags.Design)


class WifiSetting(WifiPart):
    """What a Wi-Fi device has of its own since it was made: found in it, and given the attributes that were set here."""

    def later(self) -> list[Operation]:
        """Return how all of its attributes are set."""
        return [protocol.set_(self.guid, name, text) for name, text in self.ns3_values().items()]


class WifiDevice(Device):
    """A Wi-Fi device, made of the physical layer, MAC and rate manager that it is connected to."""

    header = "wifi.h"
    _GETTERS: ClassVar[tuple[tuple[str, str, tuple[Any, ...]], ...]] = (
        ("ns3::WifiPhy", "GetPhy", (0,)),
        ("ns3::WifiMac", "GetMac", ()),
        ("ns3::WifiRemoteStationManager", "GetRemoteStationManager", (0,)),
        ("ns3::HtConfiguration", "GetHtConfiguration", ()),
        ("ns3::VhtConfiguration", "GetVhtConfiguration", ()),
        ("ns3::HeConfiguration", "GetHeConfiguration", ()),
        ("ns3::EhtConfiguration", "GetEhtConfiguration", ()),
    )

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be made when node and channel are there."""
        return [protocol.load(self.header)] if phase is Phase.CREATE else super().blueprint(phase)

    def join(self, node: int) -> list[Operation]:
        """Return how it is made, and how its parts are found."""
        made = protocol.static("nepi::MakeWifi", ref(node), *self.ingredients(), store=self.guid)
        return [made, *self.own_values(), *self._found_parts(), *self._spatial_reuse()]

    def own_values(self) -> list[Operation]:
        """Return how its attributes are set once it is there."""
        return [protocol.set_(self.guid, name, text) for name, text in self.ns3_values().items()]

    def ingredients(self, mac: str = "ns3::AdhocWifiMac", manager: str = "ns3::IdealWifiManager") -> list[Any]:
        """Return channel, standard, and recipes of the physical layer, MAC, rate manager and error rates; what is missing is chosen."""
        phy = self.first("ns3::WifiPhy")
        near = [*(phy.get_connected(Ns3Object) if phy is not None else ()), *self.get_connected(Ns3Object)]
        channel = next((one for one in near if is_a(one.typeid, "ns3::Channel")), None)
        rates = next((one for one in near if is_a(one.typeid, "ns3::ErrorRateModel")), None)
        has_spectrum = channel is not None and is_a(channel.typeid, "ns3::SpectrumChannel")
        return [
            ref_or_none(channel.guid if channel is not None else None),
            phy.get("Standard") if isinstance(phy, WifiPhyPart) else STANDARD,
            _recipe(phy, "ns3::SpectrumWifiPhy" if has_spectrum else "ns3::YansWifiPhy"),
            _recipe(self.first("ns3::WifiMac"), mac),
            _recipe(self.first("ns3::WifiRemoteStationManager"), manager),
            _recipe(rates, "ns3::TableBasedErrorRateModel"),
        ]

    def _found_parts(self) -> list[Operation]:
        operations = []
        for kind, getter, args in self._GETTERS:
            part = self.first(kind)
            if part is not None:
                operations.append(protocol.invoke(self.guid, getter, *args, store=part.guid))
                operations += [*(part.later() if isinstance(part, WifiPart) else ()), *part.pointers()]
        return operations

    def _spatial_reuse(self) -> list[Operation]:
        return [check("JoinObssPd", ref(self.guid), ref(one.guid)) for one in self.around("ns3::ObssPdAlgorithm")]

    def pointers(self) -> list[Operation]:
        """Nothing: its parts come with it."""
        return []


def _recipe(part: Ns3Object | None, fallback: str) -> Any:
    return part.recipe() if isinstance(part, WifiPart) else recipe(fallback, {})


class MeshDevice(WifiDevice):
    """A mesh point, made of the physical layer, rate manager and mesh stack that it is connected to; it finds its way by itself."""

    interfaces = Attribute.integer(1, help="How many radios it has.", range=(1, 16), flags=Flags.Design)
    spreadChannels = Attribute.boolean(False, help="Whether each of its radios is on a Wi-Fi channel of its own.", flags=Flags.Design)

    def join(self, node: int) -> list[Operation]:
        """Return how it is made, with its radios, and how the protocols of its stack are found."""
        stack = self.first("ns3::MeshStack")
        made = protocol.static(
            "nepi::MakeMesh",
            ref(node),
            *self.ingredients("ns3::MeshWifiInterfaceMac", "ns3::ArfWifiManager"),
            _recipe(stack, "ns3::Dot11sStack"),
            self.get("interfaces"),
            self.get("spreadChannels"),
            store=self.guid,
        )
        found = []
        for part in self.get_connected(MeshPart):
            found.append(protocol.static("nepi::PartOf", ref(self.guid), part.typeid, store=part.guid))
            found += [protocol.set_(part.guid, name, text) for name, text in part.ns3_values().items()]
        return [made, *self.own_values(), *found]


class MeshPart(WifiPart):
    """A protocol of a mesh point: found in it."""
