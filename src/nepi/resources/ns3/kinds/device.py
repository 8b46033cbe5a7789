"""Network devices with cables, bridges of them, and what is on top of other devices."""

from __future__ import annotations

from typing import ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.states import ResourceState
from nepi.model.typespec import Role
from nepi.resources.ns3.blueprint import Phase, check
from nepi.resources.ns3.kinds.node import NodeObject, QueueDisc
from nepi.resources.ns3.kinds.thing import Thing, is_a


class Device(Thing):
    """A network device: into its node, onto its channel.

    Attributes:
        families: of the addresses that it takes from the plan.
    """

    uses_stack = True
    families: ClassVar[tuple[int, ...]] = (4, 6)
    ip = Attribute.string(help="Its address; the plan gives one when it is not set and it is on a link.", flags=Flags.Design)
    prefix = Attribute.string(help="Length of the prefix of `ip`; 24, or 64 with IPv6, when not set.", flags=Flags.Design)
    mac = Attribute.string(help="Its MAC address; the next one of ns-3 when not set.", flags=Flags.Design)
    pcap = Trace("pcap", "The packets of the device, for tcpdump and Wireshark.")
    promiscPcap = Trace("promiscPcap", "The packets that the device sees, those for others included.")
    ascii = Trace("ascii", "What happens to packets, in ns-3's text format.")
    needs: ClassVar = {"ns3::Node": ResourceState.READY}

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Be joined with node, channel, queue and error model; get addresses."""
        match phase:
            case Phase.JOIN:
                node = self.node()
                return [*super().blueprint(phase), *(self.join(node) if node is not None else ())]
            case Phase.ADDRESS:
                discs = [check("UseQueueDisc", ref(self.guid), ref(one.guid)) for one in self.get_connected(QueueDisc)[:1]]
                return [*discs, *(check("AddAddress", ref(self.guid), address) for address in self.addresses())]
        return super().blueprint(phase)

    def node(self) -> int | None:
        """Return the number of its node."""
        return next((one.guid for one in self.get_connected(NodeObject)), None)

    def join(self, node: int) -> list[Operation]:
        """Return how it comes into its node and onto its channel."""
        channel, mac = self.guid_of("ns3::Channel"), self.get("mac") or ""
        return [one.takes(self.guid, channel, mac) for one in self.get_connected(NodeObject) if one.guid == node]

    def _pointers(self) -> dict[str, str]:
        """Leave the channel to `join`."""
        return {name: target for name, target in super()._pointers().items() if not is_a(target, "ns3::Channel")}

    def addresses(self) -> list[str]:
        """Return its addresses with prefixes: as planned, or as set."""
        if self.first("ns3::DhcpClient") is not None:
            return []
        ends = self.ec.plan.interfaces.get(self.guid, ())
        own = [address for end in ends if end.owner == self.guid for address in (*end.addresses, *end.given)]
        if own:
            has_stack = any(node.has_stack() for node in self.get_connected(NodeObject))
            return [one for one in own if (6 if ":" in one else 4) in self.families] if has_stack else []
        ip, prefix = super().get("ip"), super().get("prefix")
        return [f"{ip}/{prefix}" if prefix else str(ip)] if ip else []

    def own_addresses(self) -> dict[str, int]:
        """Return its IP addresses, each with the number of its node."""
        node = self.node()
        return {} if node is None else {address.partition("/")[0]: node for address in self.addresses()}


class LinkDevice(Device):
    """A device that has one channel, so that the plan knows who reaches whom."""

    role: ClassVar[Role] = "interface"


class Bridge(Device):
    """A bridge: the other devices that it is connected to are its ports, so that the plan knows it as a switch within its node."""

    role: ClassVar[Role] = "switch"

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Take its ports when these are in the node."""
        ports = self.ports() if phase is Phase.OVERLAY else []
        return [*super().blueprint(phase), *(self.add(port) for port in ports)]

    def ports(self) -> list[int]:
        """Return the numbers of its ports."""
        return [one.guid for one in self.around("ns3::NetDevice")]

    def add(self, port: int) -> Operation:
        """Return how a device becomes a port."""
        return check("JoinBridge", ref(self.guid), ref(port))


class OpenFlowSwitch(Bridge):
    """A bridge that does what its controller says, which here learns addresses."""

    header = "openflow.h"

    def join(self, node: int) -> list[Operation]:
        """Return how it gets its controller."""
        return [check("JoinOpenFlow", ref(node), ref(self.guid))]

    def add(self, port: int) -> Operation:
        """Return how a device becomes a port."""
        return check("JoinOpenFlowPort", ref(self.guid), ref(port))


class SixLowPan(Device):
    """IPv6 over a device of small frames: connected to its node and to that device. Addresses are given to this one."""

    header = "spectrum.h"
    families = (6,)

    def join(self, node: int) -> list[Operation]:
        """Wait for the device below."""
        return []

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Come on top of the device that it is connected to."""
        lower = list(self.around("ns3::NetDevice"))[:1] if phase is Phase.OVERLAY else []
        return [*super().blueprint(phase), *(check("JoinSixLowPan", ref(self.guid), ref(one.guid)) for one in lower)]


class Link(Thing):
    """A channel with two ends."""

    role: ClassVar[Role] = "link"


class Medium(Thing):
    """A channel that many devices share."""

    role: ClassVar[Role] = "switch"
