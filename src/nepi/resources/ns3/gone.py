"""What the original had of ns-3 and the present ns-3 has not, with the reason; docs/howto/ns3.md has the same list for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GONE_TYPES: Final[Mapping[str, str]] = {
    "ns3::BinaryErrorSixlowModel": "it belonged to ns-3's tests of 6LoWPAN: use ns3::BinaryErrorModel or ns3::RateErrorModel",
    "ns3::EmuNetDevice": "ns-3 took it out: use a hybrid::Link, which joins a namespace or a host with a simulated node",
    "ns3::ErrorChannelSixlow": "it belonged to ns-3's tests of 6LoWPAN: use ns3::ErrorChannel",
    "ns3::ErrorNetDevice": "it belonged to ns-3's tests of 6LoWPAN: use ns3::SimpleNetDevice with an ns3::ErrorChannel",
    "ns3::LteSimpleNetDevice": "it belonged to ns-3's tests of LTE: use ns3::LteUeNetDevice and ns3::LteEnbNetDevice",
    "ns3::OcbWifiMac": "ns-3 took its WAVE module out: use ns3::AdhocWifiMac with Standard 802.11p on ns3::YansWifiPhy",
    "ns3::PipeChannel": "it was the original's own, and did not work: connect two devices to an ns3::PointToPointChannel",
    "ns3::PointToPointRemoteChannel": "it is for MPI, which the wheel is built without: use ns3::PointToPointChannel",
    "ns3::PropagationLossModel": "it is abstract: use one of its kinds, such as ns3::LogDistancePropagationLossModel",
    "ns3::RedQueue": "queue management moved out of devices into ns3::RedQueueDisc; a device's queue is ns3::DropTailQueue",
}
"""Types."""

_DCE: Final = "DCE is in no wheel: run real programs on a netns::Node or a linux::Node that a Link joins with the simulation, in real time"
_TUNNEL: Final = "a hybrid::Link does what it did: it joins a simulated node with a namespace or a host"
_OF_DCE: Final = ("Application", "CCNApplication", "CCNCat", "CCND", "CCNPeek", "CCNPoke", "CCNR", "FIBEntry", "Ping")
GONE: Final[Mapping[str, str]] = {
    **{f"linux::ns3::dce::{name}": _DCE for name in _OF_DCE},
    "linux::ns3::FdUdpTunnel": _TUNNEL,
    "linux::ns3::TunTapFdLink": _TUNNEL,
}
"""Types that the original had in its Linux backend; who asks for one is told."""

_TIMING: Final = "ns-3 computes it from the standard now; times of the channel are attributes of ns3::YansWifiPhy (Slot, Sifs, Pifs)"
_STANDARD: Final = "the standard is the attribute Standard of ns3::YansWifiPhy"
GONE_ATTRIBUTES: Final[Mapping[str, str]] = {
    "IsLowLatency": "whether a rate manager is low latency is a property of its class",
    "AckTimeout": _TIMING,
    "BasicBlockAckTimeout": _TIMING,
    "CompressedBlockAckTimeout": _TIMING,
    "CtsTimeout": _TIMING,
    "EifsNoDifs": _TIMING,
    "MaxPropagationDelay": _TIMING,
    "Pifs": _TIMING,
    "Rifs": _TIMING,
    "Sifs": _TIMING,
    "Slot": _TIMING,
    "HtSupported": _STANDARD,
    "Standard": _STANDARD,
    "DefaultTos": "sockets say it themselves: attribute Tos of applications",
    "EtherType": "it follows from the standard",
    "ForceEtherType": "it follows from the standard",
    "CcaMode1Threshold": "it is CcaEdThreshold now",
    "EnergyDetectionThreshold": "it is RxSensitivity now",
    "ChannelBonding": "it is a part of ChannelSettings now",
    "GreenfieldEnabled": "ns-3 took it out",
    "LdpcEnabled": "it is LdpcSupported of the ns3::HtConfiguration now",
    "Recievers": "it is MaxSupportedRxSpatialStreams now",
    "STBCEnabled": "ns-3 took it out",
    "ShortGuardEnabled": "it is ShortGuardIntervalSupported of the ns3::HtConfiguration now",
    "Transmitters": "it is MaxSupportedTxSpatialStreams now",
    "MaxSlrc": "obsolete in ns-3: FrameRetryLimit of the MAC",
    "MaxSsrc": "obsolete in ns-3: FrameRetryLimit of the MAC",
    "MaxBytes": "it is MaxSize now, '64kB'",
    "MaxPackets": "it is MaxSize now, '100p'",
    "Gateway": "obsolete in ns-3",
}
"""Attributes, whatever type had them."""
GONE_PREFIXES: Final = {"ns3::RraaWifiManager": ("ewndFor", "pmtlFor", "poriFor")}
"""Attributes of tables that ns-3 computes now."""
GONE_TRACES: Final = {"TxErrHeader": "use MacTxDrop or the traces of the physical layer", "TxOkHeader": "use AckedMpdu"}
"""Trace sources."""
RENAMED_ATTRIBUTES: Final = {
    "ns3::V4Ping": {"Remote": "Destination", "Verbose": "VerboseMode"},
    "ns3::Ping6": {"MaxPackets": "Count", "PacketSize": "Size", "LocalIpv6": "InterfaceAddress", "RemoteIpv6": "Destination"},
}
"""Attributes of types that are ns3::Ping now."""


def reason_for(rtype: str) -> str:
    """Return why there is no such type any more; "" when there never was one."""
    return GONE_TYPES.get(rtype, "")
