"""What fits what, as the plan checks it: devices and channels, connections that would do nothing, and types that are of no use here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from nepi.model.experiment import ResourceDescription
from nepi.resources.ns3.attributes import pointee
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.kinds.useless import USELESS

_SPECTRUM: Final = ("ns3::SpectrumChannel",)
CHANNELS: Final[Mapping[str, tuple[str, ...]]] = {
    "ns3::PointToPointNetDevice": ("ns3::PointToPointChannel",),
    "ns3::CsmaNetDevice": ("ns3::CsmaChannel",),
    "ns3::SimpleNetDevice": ("ns3::SimpleChannel",),
    "ns3::WifiNetDevice": ("ns3::YansWifiChannel", *_SPECTRUM),
    "ns3::YansWifiPhy": ("ns3::YansWifiChannel",),
    "ns3::SpectrumWifiPhy": _SPECTRUM,
    "ns3::MeshPointDevice": ("ns3::YansWifiChannel", *_SPECTRUM),
    "ns3::lrwpan::LrWpanNetDevice": _SPECTRUM,
    "ns3::AlohaNoackNetDevice": _SPECTRUM,
    "ns3::UanNetDevice": ("ns3::UanChannel",),
    "ns3::WimaxNetDevice": ("ns3::WimaxChannel",),
}
"""What can be put onto which channel here."""
WITHOUT_CHANNEL: Final[Mapping[str, str]] = {
    "ns3::BridgeNetDevice": "connect it to a node and to the devices of that node that are its ports",
    "ns3::OpenFlowSwitchNetDevice": "connect it to a node and to the devices of that node that are its ports",
    "ns3::SixLowPanNetDevice": "connect it to a node and to a device of that node",
    "ns3::LteNetDevice": "connect it to a node and to an ns3::LteHelper",
}
"""Devices that have no channel, and what they have instead."""

_NODE, _DEVICE, _PHY = "ns3::Node", "ns3::NetDevice", "ns3::WifiPhy"
_LOSS = "ns3::PropagationLossModel"
PAIRS: Final[tuple[tuple[str, str], ...]] = (
    *(
        (_NODE, part)
        for part in (
            _DEVICE,
            "ns3::Application",
            "ns3::MobilityModel",
            "ns3::Ipv4",
            "ns3::Ipv6",
            "ns3::ArpL3Protocol",
            "ns3::IpL4Protocol",
            "ns3::TrafficControlLayer",
            "ns3::Ipv4RoutingProtocol",
            "ns3::Ipv6RoutingProtocol",
            "ns3::energy::EnergySource",
            "ns3::FlowMonitor",
            "ns3::MobilityBuildingInfo",
        )
    ),
    *(
        ("ns3::WifiNetDevice", part)
        for part in (
            _PHY,
            "ns3::WifiMac",
            "ns3::WifiRemoteStationManager",
            "ns3::ErrorRateModel",
            "ns3::ObssPdAlgorithm",
            "ns3::HtConfiguration",
            "ns3::VhtConfiguration",
            "ns3::HeConfiguration",
            "ns3::EhtConfiguration",
        )
    ),
    *(
        ("ns3::MeshPointDevice", part)
        for part in (
            _PHY,
            "ns3::MeshWifiInterfaceMac",
            "ns3::WifiRemoteStationManager",
            "ns3::ErrorRateModel",
            "ns3::MeshStack",
            "ns3::MeshL2RoutingProtocol",
            "ns3::dot11s::PeerManagementProtocol",
        )
    ),
    *(
        ("ns3::LteHelper", part)
        for part in (
            "ns3::LteNetDevice",
            "ns3::EpcHelper",
            "ns3::FfMacScheduler",
            "ns3::LteFfrAlgorithm",
            "ns3::LteHandoverAlgorithm",
            _LOSS,
        )
    ),
    *(("ns3::LteEnbNetDevice", part) for part in ("ns3::LteUeNetDevice", "ns3::LteEnbPhy", "ns3::LteEnbMac", "ns3::LteEnbRrc")),
    *(("ns3::LteUeNetDevice", part) for part in ("ns3::LteUePhy", "ns3::LteUeMac", "ns3::LteUeRrc", "ns3::EpcUeNas")),
    ("ns3::LteNetDevice", "ns3::AntennaModel"),
    ("ns3::EpcHelper", _DEVICE),
    (_PHY, "ns3::ErrorRateModel"),
    ("ns3::BridgeNetDevice", _DEVICE),
    ("ns3::OpenFlowSwitchNetDevice", _DEVICE),
    ("ns3::SixLowPanNetDevice", _DEVICE),
    ("ns3::lrwpan::LrWpanNetDevice", "ns3::lrwpan::LrWpanCsmaCa"),
    ("ns3::AlohaNoackNetDevice", "ns3::HalfDuplexIdealPhy"),
    ("ns3::AlohaNoackNetDevice", "ns3::AntennaModel"),
    ("ns3::HalfDuplexIdealPhy", "ns3::AntennaModel"),
    (_DEVICE, "ns3::QueueDisc"),
    ("ns3::QueueDisc", "ns3::QueueDisc"),
    ("ns3::QueueDisc", "ns3::Queue<QueueDiscItem>"),
    (_DEVICE, "ns3::PacketSocketClient"),
    (_DEVICE, "ns3::PacketSocketServer"),
    (_DEVICE, "ns3::DhcpClient"),
    (_DEVICE, "ns3::Radvd"),
    (_DEVICE, "ns3::energy::DeviceEnergyModel"),
    ("ns3::energy::EnergySource", "ns3::energy::DeviceEnergyModel"),
    ("ns3::energy::EnergySource", "ns3::energy::EnergyHarvester"),
    (_LOSS, _LOSS),
    *(("ns3::SpectrumChannel", part) for part in (_LOSS, "ns3::PropagationDelayModel", "ns3::SpectrumPropagationLossModel")),
    ("ns3::SpectrumChannel", "ns3::PhasedArraySpectrumPropagationLossModel"),
    ("ns3::MobilityModel", "ns3::PositionAllocator"),
)
"""Connections that do something beyond setting an attribute that points to what is connected."""


@cache
def why_useless(typeid: str) -> str:
    """Return why a type is of no use as a resource, and what to use instead; "" when it is of use."""
    return next((USELESS[one] for one in catalogue().lineage(typeid) if one in USELESS), "")


@cache
def has_effect(one: str, other: str) -> bool:
    """Whether a connection between resources of two types does anything."""
    known = catalogue()
    return (
        any(
            (known.is_a(one, left) and known.is_a(other, right)) or (known.is_a(other, left) and known.is_a(one, right))
            for left, right in PAIRS
        )
        or _points(one, other)
        or _points(other, one)
    )


def _points(one: str, other: str) -> bool:
    targets = {pointee(info).replace(" >", ">") for info in catalogue().attributes(one).values() if info.flags & 2}
    return any(ancestor in targets for ancestor in catalogue().lineage(other) if ancestor != "ns3::Object")


def fitting(one: ResourceDescription, peers: Sequence[ResourceDescription], _: Mapping[str, Any]) -> Iterable[str]:
    """Find what cannot be, or would be of no use."""
    known, typeid = catalogue(), typeid_of(one.rtype)
    reason = why_useless(typeid)
    if reason:
        yield f"is a {one.rtype}, which is of no use here: {reason}"
        return
    yield from _unwritable(one, typeid)
    yield from _without_port(one, typeid)
    if one.attributes.get("Protocol") == "ns3::PacketSocketFactory":
        yield "cannot say to which device packets without IP go: use ns3::PacketSocketClient and ns3::PacketSocketServer"
    if _has_no_ip(typeid) and one.attributes.get("ip"):
        yield _NO_IP[typeid]
    for peer in peers:
        other = typeid_of(peer.rtype)
        if other not in known or typeid not in known or why_useless(other):
            continue
        if known.is_a(other, "ns3::Channel") and (known.is_a(typeid, _DEVICE) or known.is_a(typeid, _PHY)):
            yield from _misfits(one, peer)
        elif one.guid > peer.guid and not _is_on_channel(typeid, other) and not has_effect(typeid, other):
            yield f"is a {one.rtype}, and its connection to {peer.name}, a {peer.rtype}, would do nothing"


_NO_IP: Final[Mapping[str, str]] = {
    "ns3::lrwpan::LrWpanNetDevice": "has no IP of its own: connect an ns3::SixLowPanNetDevice to it and to its node, and give `ip` to that",
    "ns3::AlohaNoackNetDevice": "has no IP, as it cannot answer while it hears: use ns3::PacketSocketClient and ns3::PacketSocketServer",
}


_FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "pcap": ("ns3::WifiNetDevice", "ns3::lrwpan::LrWpanNetDevice"),
    "promiscPcap": ("ns3::WifiNetDevice", "ns3::lrwpan::LrWpanNetDevice"),
    "ascii": ("ns3::PointToPointNetDevice", "ns3::CsmaNetDevice", "ns3::WifiNetDevice"),
}
"""Devices whose packets can be written, beside those that have a source for it."""


def _unwritable(one: ResourceDescription, typeid: str) -> Iterable[str]:
    known = catalogue()
    if not one.traces or not known.is_a(typeid, _DEVICE):
        return
    sources = {source.name for ancestor in known.lineage(typeid) for source in known[ancestor].traces}
    for trace in one.traces:
        can = trace not in _FILES or any(known.is_a(typeid, kind) for kind in _FILES[trace])
        if not can and (trace == "ascii" or "Sniffer" not in sources):
            others = ", ".join(sorted(sources)) or "none"
            yield f"is a {one.rtype}, whose packets ns-3 cannot write as {trace}; its other traces: {others}"


_PORT_ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {"Remote": ("RemotePort",), "Local": ("Port", "LocalPort")}
"""Addresses that have a port, and the attributes that some types have for that alone."""
_WITH_PORT: Final = re.compile(r"(\[.*\]|[^:]*):[0-9]+")


def _without_port(one: ResourceDescription, typeid: str) -> Iterable[str]:
    """Find addresses without a port: to some ns-3 sends without a word, for others it ends the process."""
    if not catalogue().is_a(typeid, "ns3::Application") or one.attributes.get("Protocol") == "ns3::PacketSocketFactory":
        return
    known = catalogue().attributes(typeid)
    for name, alone in _PORT_ATTRIBUTES.items():
        value = one.attributes.get(name)
        there = [port for port in alone if port in known]
        if value is None or name not in known or known[name].kind != "ns3::AddressValue" or (name == "Local" and not there):
            continue
        if not _WITH_PORT.fullmatch(str(value)) and not any(port in one.attributes for port in there):
            what = repr(value) if isinstance(value, str) else "a node"
            yield f"attribute {name!r} is {what}, without a port: write it like '10.0.0.2:9'{f', or set {there[0]}' if there else ''}"


def _has_no_ip(typeid: str) -> bool:
    return typeid in _NO_IP


def typeid_of(rtype: str) -> str:
    """Return the TypeId of a resource type that goes by another name."""
    return {"ns3::V4Ping": "ns3::Ping", "ns3::SimpleOfdmWimaxChannel": "ns3::WimaxChannel"}.get(rtype, rtype)


def _is_on_channel(one: str, other: str) -> bool:
    """Whether one of them is a channel and the other what could be on one: that is told from the other side."""
    known = catalogue()
    channels = [typeid for typeid in (one, other) if known.is_a(typeid, "ns3::Channel")]
    return len(channels) == 1 and any(known.is_a(typeid, kind) for typeid in (one, other) for kind in (_DEVICE, _PHY))


def _misfits(one: ResourceDescription, channel: ResourceDescription) -> Iterable[str]:
    known, typeid = catalogue(), typeid_of(one.rtype)
    fits = next((CHANNELS[ancestor] for ancestor in known.lineage(typeid) if ancestor in CHANNELS), ())
    if any(known.is_a(typeid_of(channel.rtype), wanted) for wanted in fits):
        return
    instead = next((WITHOUT_CHANNEL[ancestor] for ancestor in known.lineage(typeid) if ancestor in WITHOUT_CHANNEL), "")
    wanted = " or a ".join(kind for fit in fits for kind in _concrete(fit))
    why = f"it takes a {wanted}" if fits else f"it takes no channel{': ' if instead else ''}{instead}"
    yield f"is a {one.rtype} and cannot be on {channel.name}, a {channel.rtype}: {why}"


def _concrete(typeid: str) -> list[str]:
    known = catalogue()
    if typeid == "ns3::WimaxChannel":
        return ["ns3::SimpleOfdmWimaxChannel"]
    return [typeid] if known[typeid].is_concrete else [one for one in known.resource_types() if known.is_a(one, typeid)]
