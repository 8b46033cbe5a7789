"""What kinds of types have of their own: nodes, devices, channels, applications, mobility, protocols, the parts of Wi-Fi."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, new_value, ref
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.resources.ns3.blueprint import Phase, check, ref_or_none
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.entering import Entering
from nepi.resources.ns3.object import Ns3Object

_CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "ns3::PointToPointNetDevice": ("ns3::PointToPointChannel",),
    "ns3::CsmaNetDevice": ("ns3::CsmaChannel",),
    "ns3::SimpleNetDevice": ("ns3::SimpleChannel",),
    "ns3::YansWifiPhy": ("ns3::YansWifiChannel",),
}
"""What can be put onto which channel here."""


def _is_a(typeid: str, ancestor: str) -> bool:
    return catalogue().is_a(typeid, ancestor)


def fitting_channels(one: ResourceDescription, peers: Sequence[ResourceDescription], _: Mapping[str, Any]) -> Iterable[str]:
    """Find channels that a device (or the physical layer of one) cannot be on."""
    fits = next((channels for device, channels in _CHANNELS.items() if _is_a(one.rtype, device)), ())
    for peer in peers:
        if _is_a(peer.rtype, "ns3::Channel") and not any(_is_a(peer.rtype, channel) for channel in fits):
            wanted = f"it takes a {' or a '.join(fits)}" if fits else "it takes no channel"
            yield f"is a {one.rtype} and cannot be on {peer.name}, a {peer.rtype}: {wanted}"


class NodeObject(Ns3Object):
    """A node of a simulation."""

    needs: ClassVar = {"ns3::Simulation": ResourceState.READY}
    role: ClassVar[Role] = "node"
    enableStack = Attribute.boolean(
        help="Whether it has an IP stack; when not set, it has one if it has devices or applications.", flags=Flags.Design
    )

    def has_stack(self) -> bool:
        """Whether it gets an IP stack."""
        wanted = super().get("enableStack")
        return any(isinstance(one, Device | Program | Part) for one in self.get_connected(Ns3Object)) if wanted is None else bool(wanted)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Get a stack, and the routes of the plan."""
        match phase:
            case Phase.INTERNET if self.has_stack():
                return [check("InstallStack", ref(self.guid))]
            case Phase.ROUTE if self.has_stack():
                own = {address for device in self.get_connected(Device) for address in device.addresses()}
                return [
                    check("AddRoute", ref(self.guid), network.partition("/")[0], int(network.partition("/")[2]), route.via)
                    for route in self.ec.plan.routes.get(self.guid, ())
                    if route.over in own
                    for network in route.to
                ]
        return super().blueprint(phase)


class Device(Ns3Object):
    """A network device: into its node, onto its channel."""

    ip = Attribute.string(help="Its address; the plan gives one when it is not set and it is on a link.", flags=Flags.Design)
    prefix = Attribute.string(help="Length of the prefix of `ip`; 24, or 64 with IPv6, when not set.", flags=Flags.Design)
    mac = Attribute.string(help="Its MAC address; the next one of ns-3 when not set.", flags=Flags.Design)
    pcap = Trace("pcap", "The packets of the device, for tcpdump and Wireshark.")
    promiscPcap = Trace("promiscPcap", "The packets that the device sees, those for others included.")
    ascii = Trace("ascii", "What happens to packets, in ns-3's text format.")
    check: ClassVar[Check | None] = staticmethod(fitting_channels)
    needs: ClassVar = {NodeObject: ResourceState.READY}

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be joined with node, channel, queue and error model; get addresses."""
        match phase:
            case Phase.JOIN:
                return [*super().blueprint(phase), *self.join()]
            case Phase.ADDRESS:
                return [check("AddAddress", ref(self.guid), address) for address in self.addresses()]
        return super().blueprint(phase)

    def join(self) -> list[Operation]:
        """Return how it comes into its node."""
        operations = []
        for node in self._of_type("ns3::Node")[:1]:
            channel = next(iter(self._of_type("ns3::Channel")), None)
            operations.append(check("JoinDevice", ref(node), ref(self.guid), ref_or_none(channel), self.get("mac") or ""))
        if _is_a(self.typeid, "ns3::BridgeNetDevice"):
            operations += [check("JoinBridge", ref(self.guid), ref(port)) for port in self._of_type("ns3::NetDevice")]
        return operations

    def _of_type(self, ancestor: str) -> list[int]:
        return [one.guid for one in self.get_connected(Ns3Object) if one.typeid and _is_a(one.typeid, ancestor)]

    def addresses(self) -> list[str]:
        """Return its addresses with prefixes: as planned, or as set."""
        ends = self.ec.plan.interfaces.get(self.guid, ())
        own = [address for end in ends if end.owner == self.guid for address in (*end.addresses, *end.given)]
        if own:
            return own if any(node.has_stack() for node in self.get_connected(NodeObject)) else []
        ip, prefix = super().get("ip"), super().get("prefix")
        return [f"{ip}/{prefix}" if prefix else str(ip)] if ip else []


class LinkDevice(Device):
    """A device that has one channel, so that the plan knows who reaches whom."""

    role: ClassVar[Role] = "interface"


class Link(Ns3Object):
    """A channel with two ends."""

    role: ClassVar[Role] = "link"


class Medium(Ns3Object):
    """A channel that many devices share."""

    role: ClassVar[Role] = "switch"


class Mobility(Ns3Object):
    """Where a node is, and how it moves."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Become a part of its node."""
        joined = [protocol.aggregate(node.guid, self.guid) for node in self.get_connected(NodeObject)] if phase is Phase.JOIN else []
        return [*super().blueprint(phase), *joined]


class Part(Ns3Object):
    """A protocol of a node's stack: what the stack has of its type, with the attributes that were set here."""

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be found in the node once that has its stack."""
        if phase is Phase.CREATE or phase is Phase.JOIN:
            return []
        if phase is Phase.ADDRESS:
            found = [
                protocol.static("nepi::PartOf", ref(node.guid), self.typeid, store=self.guid) for node in self.get_connected(NodeObject)[:1]
            ]
            return [*found, *(protocol.set_(self.guid, name, text) for name, text in self.ns3_values().items())]
        return super().blueprint(phase)


class Program(Entering, Ns3Object):
    """An application of a simulated node."""

    service = False
    lasts_in_simulation = True
    needs: ClassVar = {NodeObject: ResourceState.READY}

    async def start(self) -> None:
        """Join its node: `StartTime` counts from now."""
        simulation = await self.simulation()
        await simulation.enter(self, self.get_connected(NodeObject)[0].guid)
        self.set_started()

    def stops_after_ns(self) -> int:
        """Return its StopTime in nanoseconds; 0 for none."""
        return round((super().get("StopTime") or 0.0) * 10**9)

    async def stop(self) -> None:
        """End it now."""
        simulation = await self.simulation()
        if simulation.is_running:
            await simulation.ask(protocol.stop_application(self.guid))
        if self.state == ResourceState.STARTED:
            self.set_stopped()


class WifiPart(Ns3Object):
    """What a Wi-Fi device is made of. Made with the device, by ns-3's own helper, which knows what depends on what."""

    check: ClassVar[Check | None] = staticmethod(fitting_channels)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Leave creating and joining to the device."""
        return super().blueprint(phase) if phase is Phase.TRACE else []

    def recipe(self) -> Any:
        """Return the value that the device is made with."""
        values = self.ns3_values()
        return recipe(self.typeid, values)


class WifiPhyPart(WifiPart):
    """The physical layer of a Wi-Fi device."""

    Standard = Attribute.string("802.11a", help="The standard, such as 802.11a, 802.11n or 802.11ax.", flags=Flags.Design)


def recipe(typeid: str, values: Mapping[str, str]) -> Any:
    """Return a value that stands for an object to be made later."""
    return new_value("nepi::MakeRecipe", typeid, {"list": list(values)}, {"list": list(values.values())})


class WifiDevice(Device):
    """A Wi-Fi device, made of the physical layer, MAC and rate manager that it is connected to."""

    _PARTS: ClassVar[tuple[tuple[str, str, str, tuple[Any, ...]], ...]] = (
        ("ns3::WifiPhy", "ns3::YansWifiPhy", "GetPhy", (0,)),
        ("ns3::WifiMac", "ns3::AdhocWifiMac", "GetMac", ()),
        ("ns3::WifiRemoteStationManager", "ns3::IdealWifiManager", "GetRemoteStationManager", (0,)),
    )

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be made when node and channel are there."""
        return [] if phase is Phase.CREATE else super().blueprint(phase)

    def join(self) -> list[Operation]:
        """Return how it is made, and how its parts are found."""
        parts = [(self._part(kind), fallback, getter, args) for kind, fallback, getter, args in self._PARTS]
        phy, node = parts[0][0], next(iter(self._of_type("ns3::Node")), None)
        if node is None:
            return []
        around = phy.get_connected(Ns3Object) if phy is not None else []
        channel = next((one.guid for one in [*around, *self.get_connected(Ns3Object)] if _is_a(one.typeid, "ns3::YansWifiChannel")), None)
        rates = next((one for one in around if _is_a(one.typeid, "ns3::ErrorRateModel")), None)
        recipes = [part.recipe() if part is not None else recipe(fallback, {}) for part, fallback, _, _ in parts]
        last = rates.recipe() if isinstance(rates, WifiPart) else recipe("ns3::TableBasedErrorRateModel", {})
        standard = phy.get("Standard") if isinstance(phy, WifiPhyPart) else "802.11a"
        made = protocol.static("nepi::MakeWifi", ref(node), ref_or_none(channel), standard, *recipes, last, store=self.guid)
        set_ = [protocol.set_(self.guid, name, text) for name, text in self.ns3_values().items()]
        found = [protocol.invoke(self.guid, getter, *args, store=part.guid) for part, _, getter, args in parts if part is not None]
        return [made, *set_, *found]

    def pointers(self) -> list[Operation]:
        """Nothing: its parts come with it."""
        return []

    def _part(self, kind: str) -> Any:
        return next((one for one in self.get_connected(Ns3Object) if _is_a(one.typeid, kind)), None)


KINDS: Final[Mapping[str, type[Ns3Object]]] = {
    "ns3::Node": NodeObject,
    "ns3::NetDevice": Device,
    "ns3::PointToPointNetDevice": LinkDevice,
    "ns3::CsmaNetDevice": LinkDevice,
    "ns3::SimpleNetDevice": LinkDevice,
    "ns3::WifiNetDevice": WifiDevice,
    "ns3::PointToPointChannel": Link,
    "ns3::CsmaChannel": Medium,
    "ns3::SimpleChannel": Medium,
    "ns3::Application": Program,
    "ns3::MobilityModel": Mobility,
    "ns3::WifiPhy": WifiPhyPart,
    "ns3::WifiMac": WifiPart,
    "ns3::WifiRemoteStationManager": WifiPart,
    "ns3::ErrorRateModel": WifiPart,
    "ns3::Ipv4L3Protocol": Part,
    "ns3::ArpL3Protocol": Part,
    "ns3::IpL4Protocol": Part,
    "ns3::Icmpv6L4Protocol": Part,
    "ns3::Ipv6L3Protocol": Part,
}
"""By TypeId: what it and its heirs have of their own."""
