"""ns3::Link: a simulated cable between nodes and switches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.impairments import BACKWARD, DIRECTIONAL, Impairments, value_mistakes
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.cables import CableSocket, cable, shaped
from nepi.hosts.ns3.protocol import ref
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.resources.ns3.high.node import Node
from nepi.resources.ns3.high.resource import SimulatedResource
from nepi.resources.ns3.high.switch import Switch
from nepi.resources.ns3.simulation_run import SimulationRun
from nepi.util.timefuncs import tnow

_READY = ResourceState.READY
DEFAULT_MTU: Final = 1500


def check_link(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find values that do not go together."""
    return value_mistakes(one.attributes)


def require_sense(link: Impairments) -> None:
    """Check that what is set of a link now goes together.

    Raises:
        ResourceError: it does not.
    """
    mistakes = list(value_mistakes({name: link.get(name) for name in (*DIRECTIONAL, *BACKWARD)}))
    if mistakes:
        raise ResourceError(f"link {link.name}: {'; '.join(mistakes)}")


class Cabled(Impairments):
    """What links that are a simulated cable have in common, whatever their ends are. The first end is the one that was connected first.

    Attributes:
        changed_at: when it was last changed while it was up.
    """

    role: ClassVar[Role] = "link"

    up = Attribute.boolean(True, help="Whether the cable is plugged in.")
    addressing = Attribute.boolean(True, help="Give addresses to its ends if they have none.", flags=Flags.Design)
    networks = Attribute.string(
        help="Networks for their addresses, '10.1.0.0/16 fd01::/48'; the experiment's when not set.", flags=Flags.Design
    )
    weight = Attribute.number(
        help="What it costs to send over it, for static routes; 1 when not set.", range=(1e-9, 1e9), flags=Flags.Design
    )

    changed_at: datetime | None = None
    _ends: tuple[int, ...] = ()

    def connect(self, guid: int) -> None:
        """Remember which end came first."""
        self._ends = (*self._ends, guid)

    def disconnect(self, guid: int) -> None:
        """Forget an end."""
        self._ends = tuple(end for end in self._ends if end != guid)

    def connections_in_order(self) -> tuple[int, ...]:
        """Return the ends in the order in which they were connected."""
        return self._ends


class Link(SimulatedResource, Cabled, rtype="ns3::Link"):
    """A full-duplex cable that does to packets what links in user space do, settable while it is up.

    The first end is the one that was connected first.
    """

    service = True
    across: ClassVar = {"netns": "hybrid::Link", "linux": "hybrid::Link"}
    wants: ClassVar = {Node: _READY, Switch: _READY}
    check: ClassVar[Check | None] = staticmethod(check_link)

    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; 1500 when not set.", range=(68, 65_535), flags=Flags.Design)
    pcap = Trace("pcap", "IP packets at its first end that is a node's, as pcap.")

    _devices: tuple[int, ...] = ()

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
        self._devices = tuple(run.new_ref() for _ in ends)
        sockets = [
            CableSocket(end.node, end.mac, device, SimulationRun.stream_of(self.guid, number))
            for number, (end, device) in enumerate(zip(ends, self._devices, strict=True))
        ]
        await run.ask(*cable(run.new_ref(), sockets, mtu_bytes=self._mtu))
        await self._shape(run)
        for end, device in zip(ends, self._devices, strict=True):
            await run.furnishing.furnish(end, device)
        await self._capture(run)
        self.set_ready()

    @property
    def _mtu(self) -> int:
        return int(self.get("mtu") or DEFAULT_MTU)

    async def _shape(self, run: SimulationRun) -> None:
        pairs = zip(self._devices, self.shapes(), strict=True)
        # A cable that is not plugged in leaves the interfaces, and routes over them, as they are.
        await run.ask(*(shaped(device, shape, mtu_bytes=self._mtu, up=bool(self.get("up"))) for device, shape in pairs))

    async def _capture(self, run: SimulationRun) -> None:
        nodes = [device for device, end in zip(self._devices, self._ends, strict=True) if isinstance(self.ec.get_resource(end), Node)]
        if self.trace_enabled("pcap") and nodes:
            path = self.trace_path("pcap")
            path.parent.mkdir(parents=True, exist_ok=True)
            await run.ask(protocol.static("nepi::Capture", ref(nodes[0]), str(path.absolute())))

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect, as one change, at this instant of simulated time.

        Raises:
            ResourceError: they do not go together.
        """
        require_sense(self)
        if self.run is None:
            return
        await self._shape(self.run)
        self.changed_at = tnow()
