"""ns3::Link: a simulated cable between nodes and switches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.agent.queues import Shape, queue_packets
from nepi.hosts.impairments import BACK, DIRECTIONAL, Impairments
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.resources.ns3.high_node import Node
from nepi.resources.ns3.high_resource import SimulatedResource
from nepi.resources.ns3.high_switch import Switch
from nepi.resources.ns3.simulation_run import SimulationRun
from nepi.util.timefuncs import tnow

_READY = ResourceState.READY
_CAN: Final = ("rate", "queue", "delay", "loss")
ETHERNET_BYTES: Final = 14
DEFAULT_MTU: Final = 1500
UNLIMITED_QUEUE: Final = 1000  # what Linux has on an interface that nobody has shaped


def check_link(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what a simulated link cannot do."""
    for name in DIRECTIONAL:
        for each in (name, name + BACK):
            value = one.attributes.get(each)
            if value and (name not in _CAN or each == f"delay{BACK}") and value != "fifo":
                yield f"{each} is not simulated yet: there are rate, queue, delay and loss, and one delay for both ways"


def simulated_rate(rate_bps: float | None, mtu_bytes: int) -> int:
    """Return the rate of a device that counts IP packets: full frames take as long as where Ethernet's header counts, too."""
    return round((rate_bps or 0) * mtu_bytes / (mtu_bytes + ETHERNET_BYTES))


class Link(SimulatedResource, Impairments, rtype="ns3::Link"):
    """A full-duplex cable with a rate, a queue, a delay and loss, settable while it is up.

    The first end is the one that was connected first. `rate` counts Ethernet frames, as it does elsewhere.
    """

    service = True
    role: ClassVar[Role] = "link"
    across: ClassVar = {"netns": "hybrid::Link", "linux": "hybrid::Link"}
    wants: ClassVar = {Node: _READY, Switch: _READY}
    check: ClassVar[Check | None] = staticmethod(check_link)

    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; 1500 when not set.", range=(68, 65_535), flags=Flags.Design)
    up = Attribute.boolean(True, help="Whether the cable is plugged in.")
    addressing = Attribute.boolean(True, help="Give addresses to its ends if they have none.", flags=Flags.Design)
    networks = Attribute.string(
        help="Networks for their addresses, '10.1.0.0/16 fd01::/48'; the experiment's when not set.", flags=Flags.Design
    )
    weight = Attribute.number(
        help="What it costs to send over it, for static routes; 1 when not set.", range=(1e-9, 1e9), flags=Flags.Design
    )
    pcap = Trace("pcap", "IP packets at its first end that is a node's, as pcap.")

    changed_at: datetime | None = None
    _ends: tuple[int, ...] = ()
    _devices: tuple[int, ...] = ()
    _channel: int = 0

    def connect(self, guid: int) -> None:
        """Remember which end came first."""
        self._ends = (*self._ends, guid)

    def disconnect(self, guid: int) -> None:
        """Forget an end."""
        self._ends = tuple(end for end in self._ends if end != guid)

    def connections_in_order(self) -> tuple[int, ...]:
        """Return the ends in the order in which they were connected."""
        return self._ends

    async def deploy(self) -> None:
        """Make the cable with its addresses, neighbours, routes and shape.

        Raises:
            ResourceError: an end of it is no simulated one.
        """
        run = await self.joined()
        ends = self.ec.plan.interfaces[self.guid]
        strangers = [self.ec.resource(end.node).name for end in ends if not isinstance(self.ec.resource(end.node), Node | Switch)]
        if strangers:
            raise ResourceError(f"link {self.name}: {strangers[0]} is not simulated: join it with a hybrid::Link", backend="ns3")
        self._channel, self._devices = run.new_ref(), tuple(run.new_ref() for _ in ends)
        added = [
            protocol.static("nepi::AddEnd", ref(end.node), ref(self._channel), end.mac, self._mtu, store=device)
            for end, device in zip(ends, self._devices, strict=True)
        ]
        await run.ask(protocol.static("nepi::AddChannel", self._delay_ns(), store=self._channel), *added)
        await self._shape(run)
        for end, device in zip(ends, self._devices, strict=True):
            await run.furnish(end, device)
        await self._capture(run)
        self.set_ready()

    @property
    def _mtu(self) -> int:
        return int(self.get("mtu") or DEFAULT_MTU)

    def _delay_ns(self) -> int:
        return round((self.get("delay") or 0.0) * 1e9)

    async def _shape(self, run: SimulationRun) -> None:
        first, second = self.shapes()
        # What leaves by one end is lost at the other.
        delay = protocol.static("nepi::SetDelay", ref(self._channel), self._delay_ns())
        await run.ask(self._shaping(0, first, second), self._shaping(1, second, first), delay)

    def _shaping(self, end: int, own: Shape, other: Shape) -> Operation:
        waiting = queue_packets(own, self._mtu + ETHERNET_BYTES) if own.rate_bps else UNLIMITED_QUEUE
        # Nothing gets through a cable that is not plugged in; the interfaces stay, and so do routes over them.
        loss = float(other.loss or 0.0) if self.get("up") else 1.0
        stream = SimulationRun.stream_of(self.guid, end)
        rate = simulated_rate(own.rate_bps, self._mtu)
        return protocol.static("nepi::Shape", ref(self._devices[end]), rate, waiting, loss, stream)

    async def _capture(self, run: SimulationRun) -> None:
        nodes = [device for device, end in zip(self._devices, self._ends, strict=True) if isinstance(self.ec.get_resource(end), Node)]
        if self.trace_enabled("pcap") and nodes:
            path = self.trace_path("pcap")
            path.parent.mkdir(parents=True, exist_ok=True)
            await run.ask(protocol.static("nepi::Capture", ref(nodes[0]), str(path.absolute())))

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect, as one change, at this instant of simulated time.

        Raises:
            ResourceError: a simulated link cannot do that.
        """
        mistakes = list(check_link(ResourceDescription(self.guid, self.rtype(), self.name, dict(values)), (), {}))
        if mistakes:
            raise ResourceError(f"link {self.name}: {'; '.join(mistakes)}")
        if self.run is None:
            return
        await self._shape(self.run)
        self.changed_at = tnow()
