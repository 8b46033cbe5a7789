"""Simulated media that many nodes share, Wi-Fi and CSMA, and the stations by which nodes are on them. LTE is in `lte.py`.

In the topology a medium is a switch, and a station an interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.plan.result import InterfacePlan
from nepi.resources.ns3.high.node import Node
from nepi.resources.ns3.high.resource import SimulatedResource
from nepi.resources.ns3.high.wifi_modes import STANDARDS, channel_settings, wifi_mistakes
from nepi.resources.ns3.simulation_run import SimulationRun

_READY = ResourceState.READY
NO_RTS = 4_692_480  # ns-3's own default: longer than any frame
DEFAULT_MTU = 1500


class OnMedium(Protocol):
    """A station: of a simulated node, or of a computer outside of the simulation."""

    @property
    def guid(self) -> int:
        """Its number in the simulation."""

    @property
    def mtu_bytes(self) -> int:
        """Bytes of an IP packet that fit into a frame."""

    def get(self, name: str) -> Any:
        """Return an attribute: accessPoint."""


class Medium(SimulatedResource):
    """What all media have in common."""

    service = True
    role: ClassVar[Role] = "switch"

    addressing = Attribute.boolean(True, help="Give addresses to stations that have none.", flags=Flags.Design)
    networks = Attribute.string(
        help="Networks for their addresses, '10.1.0.0/16 fd01::/48'; the experiment's when not set.", flags=Flags.Design
    )

    async def deploy(self) -> None:
        """Make the medium; stations come after it."""
        run = await self.joined()
        await run.ask(*self.making())
        self.set_ready()

    def making(self) -> list[Operation]:
        """Return the operations that make it, under its guid."""
        raise NotImplementedError

    async def add(self, station: Station, end: InterfacePlan) -> None:
        """Make a station on it, with what the plan has for it."""
        assert self.run is not None
        await self.run.ask(self.joining(end.node, station, end.mac))
        await self.run.furnishing.furnish(end, station.guid)

    def joining(self, node: int, station: OnMedium, mac: str) -> Operation:
        """Return the operation that makes a station on it, under the station's guid."""
        raise NotImplementedError


def check_wifi(one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what a Wi-Fi network cannot be."""
    values = one.attributes
    yield from wifi_mistakes(
        values.get("standard") or "g", mode=values.get("dataMode"), width=values.get("channelWidth"), channel=values.get("channel")
    )
    if values.get("range") and values.get("exponent"):
        yield "exponent cannot be combined with range: within the range there is no loss, and beyond it nothing is heard"
    stations = [peer for peer in peers if peer.rtype in ("ns3::Station", "hybrid::Station")]
    if stations and not values.get("adhoc") and not any(peer.attributes.get("accessPoint") for peer in stations):
        yield "none of its stations is an accessPoint, so that nobody would hear anybody: give it one, or adhoc"


class WifiNetwork(Medium, rtype="ns3::WifiNetwork"):
    """A Wi-Fi channel with one network on it, ad hoc or with access points (stations with `accessPoint`)."""

    check: ClassVar[Check | None] = staticmethod(check_wifi)

    adhoc = Attribute.boolean(False, help="Stations talk to each other; else through an access point.", flags=Flags.Design)
    standard = Attribute.choice(tuple(STANDARDS), "g", help="802.11a, b, g, ...", flags=Flags.Design)
    dataMode = Attribute.string(help="Constant mode, like ErpOfdmRate54Mbps; chosen by Minstrel when not set.", flags=Flags.Design)
    channelWidth = Attribute.integer(help="MHz; the usual one of the standard when not set.", range=(20, 160), flags=Flags.Design)
    channel = Attribute.integer(help="Its number; the first of its width when not set.", range=(1, 200), flags=Flags.Design)
    txPower = Attribute.number(16.0206, help="dBm with which stations send.", range=(-50, 60), flags=Flags.Design)
    ssid = Attribute.string("nepi", help="Name of the network.", flags=Flags.Design)
    exponent = Attribute.number(3.0, help="Of the loss with distance, which is 46.7 dB at 1 m.", range=(1, 10), flags=Flags.Design)
    range = Attribute.number(help="Metres within which all is heard, and beyond which nothing is.", range=(0.1, 1e6), flags=Flags.Design)
    rtsThreshold = Attribute.integer(NO_RTS, help="Bytes from which on a frame is announced by RTS.", range=(0, NO_RTS), flags=Flags.Design)

    def making(self) -> list[Operation]:
        """Return the operations that make it, under its guid."""
        words = (self.get("standard"), self.get("dataMode") or "", self.get("ssid"))
        loss = (float(self.get("exponent")), float(self.get("range") or 0.0))
        settings = channel_settings(self.get("standard"), width=self.get("channelWidth"), channel=self.get("channel"))
        return [
            protocol.static("nepi::AddAir", self.get("adhoc"), *words, *loss, store=self.guid),
            protocol.static("nepi::Tune", ref(self.guid), settings, float(self.get("txPower"))),
        ]

    def joining(self, node: int, station: OnMedium, mac: str) -> Operation:
        """Return the operation that makes a station on it, under the station's guid."""
        stream = SimulationRun.stream_of(station.guid)
        how = (station.get("accessPoint"), mac, station.mtu_bytes, self.get("rtsThreshold"), stream)
        return protocol.static("nepi::AddStation", ref(node), ref(self.guid), *how, store=station.guid)


class CsmaNetwork(Medium, rtype="ns3::CsmaNetwork"):
    """A shared Ethernet wire, as of old: one sends at a time. With a delay it is half duplex; links are for delays."""

    rate = Attribute.rate(100_000_000, help="Bit/s.", range=(8, 10**13), flags=Flags.Design)
    delay = Attribute.duration(6.56e-6, help="From one end of the wire to the other.", range=(0, 3600), flags=Flags.Design)

    def making(self) -> list[Operation]:
        """Return the operations that make it, under its guid."""
        return [protocol.static("nepi::AddWire", int(self.get("rate")), round(self.get("delay") * 1e9), store=self.guid)]

    def joining(self, node: int, station: OnMedium, mac: str) -> Operation:
        """Return the operation that makes a station on it, under the station's guid."""
        how = (mac, station.mtu_bytes, SimulationRun.stream_of(station.guid))
        return protocol.static("nepi::AddTapOfWire", ref(node), ref(self.guid), *how, store=station.guid)


class Station(SimulatedResource, rtype="ns3::Station"):
    """An interface of a node on a WifiNetwork, an LteNetwork or a CsmaNetwork."""

    service = True
    role: ClassVar[Role] = "interface"
    across: ClassVar = {"netns": "hybrid::Station", "linux": "hybrid::Station"}
    needs: ClassVar = {Node: _READY, Medium: _READY}

    accessPoint = Attribute.boolean(
        False, help="Whether it is the access point of its Wi-Fi network, or the gateway of its LTE network.", flags=Flags.Design
    )
    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; 1500 when not set.", range=(68, 65_535), flags=Flags.Design)
    mac = Attribute.string(help="MAC address; chosen when not set.", flags=Flags.ExecReadOnly)
    deviceName = Attribute.string(help="Its name in the node; eth0, eth1, ... when not set.", flags=Flags.ExecReadOnly)
    ip = Attribute.string(help="Its address; chosen when not set.", flags=Flags.ExecReadOnly)
    prefix = Attribute.string(help="Length of the prefix of `ip`.", flags=Flags.ExecReadOnly)

    @property
    def mtu_bytes(self) -> int:
        """Bytes of an IP packet that fit into a frame."""
        return int(self.get("mtu") or DEFAULT_MTU)

    async def deploy(self) -> None:
        """Make the interface, with its address and routes."""
        await self.joined()
        await self.peer(Medium).add(self, self.ec.plan.interfaces[self.guid][0])
        self.set_ready()
