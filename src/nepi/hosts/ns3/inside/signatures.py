"""What trace sources call, where ns-3's documentation of a source names a type that does not exist, is private, or is another one.

ns-3 compares types when a source is connected, and ends the process when they differ, so these are as its headers have them.
"""

from __future__ import annotations

_PACKET = "ns3::Ptr<const ns3::Packet>"
_PPDU = "ns3::Ptr<const ns3::WifiPpdu>"
_MAC = "ns3::Mac48Address"
_SEQUENCE = "ns3::SequenceNumber32"

ARGUMENTS = {
    "ns3::ApInfo::TracedCallback": "ns3::StaWifiMac::ApInfo",
    "ns3::ApWifiMac::AssociationCallback": f"uint16_t, {_MAC}",
    "ns3::ChannelAccessManager::NSlotsLeftCallback": "uint8_t, ns3::AcIndex, const ns3::Time&",
    "ns3::EmlsrManager::MainPhySwitchCallback": "const ns3::EmlsrMainPhySwitchTrace&",
    "ns3::HttpServer::ConnectionEstablishedCallback": "ns3::Ptr<const ns3::ThreeGppHttpServer>, ns3::Ptr<ns3::Socket>",
    "ns3::HttpServer::HttpObjectCallback": "uint32_t",
    "ns3::HwmpProtocol::RouteChangeTracedCallback": "ns3::dot11s::RouteChange",
    "ns3::Ipv4Address::TracedCallback": "const ns3::Ipv4Address&",
    "ns3::Ipv6Address::TracedCallback": "const ns3::Ipv6Address&",
    "ns3::LteUeRrc::ImsiCidRntiLcIdTracedCallback": "uint64_t, uint16_t, uint16_t, uint8_t",
    "ns3::UeManager::ImsiCidRntiLcIdTracedCallback": "uint64_t, uint16_t, uint16_t, uint8_t",
    "ns3::Packet::PacketAddressTracedCallback": f"{_PACKET}, const ns3::Address&",
    "ns3::PeerManagementProtocol::LinkOpenCloseTracedCallback": f"{_MAC}, {_MAC}",
    "ns3::PointToPointChannel::TxRxAnimationCallback": (
        f"{_PACKET}, ns3::Ptr<ns3::NetDevice>, ns3::Ptr<ns3::NetDevice>, ns3::Time, ns3::Time"
    ),
    "ns3::QosTxop::BaEstablishedCallback": f"{_MAC}, uint8_t, std::optional<{_MAC}>",
    "ns3::QosTxop::TxopTracedCallback": "ns3::Time, ns3::Time, uint8_t",
    "ns3::Txop::BackoffValueTracedCallback": "uint32_t, uint8_t",
    "ns3::Txop::CwValueTracedCallback": "uint32_t, uint8_t",
    "ns3::QueueDiscItem::TracedCallback": "ns3::Ptr<const ns3::QueueDiscItem>",
    "ns3::SequenceNumber32TracedValueCallback": f"{_SEQUENCE}, {_SEQUENCE}",
    "ns3::StaWifiMac::EmlsrLinkSwitchCallback": "uint8_t, ns3::Ptr<ns3::WifiPhy>",
    "ns3::StaWifiMac::LinkSetupCallback": f"uint8_t, {_MAC}",
    "ns3::TcpSocketState::EcnStatesTracedValueCallback": "ns3::TcpSocketState::EcnState_t, ns3::TcpSocketState::EcnState_t",
    "ns3::TcpSocketState::TcpCongStatesTracedValueCallback": "ns3::TcpSocketState::TcpCongState_t, ns3::TcpSocketState::TcpCongState_t",
    "ns3::TracedValueCallback::LrWpanMacState": "ns3::lrwpan::MacState, ns3::lrwpan::MacState",
    "ns3::TracedValueCallback::LrWpanPhyEnumeration": "ns3::lrwpan::PhyEnumeration, ns3::lrwpan::PhyEnumeration",
    "ns3::TracedValueCallback::SuperframeState": "ns3::lrwpan::SuperframeStatus, ns3::lrwpan::SuperframeStatus",
    "ns3::WifiMac::DroppedMpduCallback": "ns3::WifiMacDropReason, ns3::Ptr<const ns3::WifiMpdu>",
    "ns3::WifiMac::IcfDropCallback": "ns3::WifiIcfDrop, uint8_t",
    "ns3::WifiMac::MpduResponseTimeoutCallback": "uint8_t, ns3::Ptr<const ns3::WifiMpdu>, const ns3::WifiTxVector&",
    "ns3::WifiMac::PsduResponseTimeoutCallback": "uint8_t, ns3::Ptr<const ns3::WifiPsdu>, const ns3::WifiTxVector&",
    "ns3::WifiMac::PsduMapResponseTimeoutCallback": f"uint8_t, ns3::WifiPsduMap*, const std::set<{_MAC}>*, std::size_t",
    "ns3::WifiMpdu::TracedCallback": "ns3::Ptr<const ns3::WifiMpdu>",
    "ns3::WifiPhy::MonitorSnifferRxTracedCallback": (
        f"{_PACKET}, uint16_t, ns3::WifiTxVector, ns3::MpduInfo, ns3::SignalNoiseDbm, uint16_t"
    ),
    "ns3::WifiPhy::MonitorSnifferTxTracedCallback": f"{_PACKET}, uint16_t, ns3::WifiTxVector, ns3::MpduInfo, uint16_t",
    "ns3::SpectrumWifiPhy::SignalTransmissionCallback": f"{_PPDU}, const ns3::WifiTxVector&",
}
_DROPPED = "ns3::Ptr<const ns3::QueueDiscItem>, const char*"
OF_SOURCE = {
    ("ns3::QueueDisc", "DropBeforeEnqueue"): _DROPPED,
    ("ns3::QueueDisc", "DropAfterDequeue"): _DROPPED,
    ("ns3::QueueDisc", "Mark"): _DROPPED,
    ("ns3::lrwpan::LrWpanMac", "IfsEnd"): "ns3::Time",
    ("ns3::CobaltQueueDisc", "DropNext"): "int64_t, int64_t",
    ("ns3::BlockAckManager", "AgreementState"): f"ns3::Time, {_MAC}, uint8_t, ns3::OriginatorBlockAckAgreement::State",
    ("ns3::LteEnbMac", "DlScheduling"): "ns3::DlSchedulingCallbackInfo",
    ("ns3::LteEnbMac", "UlScheduling"): "uint32_t, uint32_t, uint16_t, uint8_t, uint16_t, uint8_t",
    ("ns3::LteUeRrc", "PhySyncDetection"): "uint64_t, uint16_t, uint16_t, std::string, uint8_t",
    ("ns3::Ping", "Tx"): "uint16_t, ns3::Ptr<ns3::Packet>",
    ("ns3::SpectrumAnalyzer", "AveragePowerSpectralDensityReport"): "ns3::Ptr<const ns3::SpectrumValue>",
    **{
        ("ns3::SimpleOfdmWimaxPhy", source): "ns3::Ptr<ns3::PacketBurst>"
        for source in ("PhyTxBegin", "PhyTxEnd", "PhyTxDrop", "PhyRxBegin", "PhyRxEnd", "PhyRxDrop")
    },
}
"""Where the documented type is that of other sources."""


def function_type(typeid: str, source: str, documented: str) -> str:
    """Return the C++ type of a function that a trace source can call.

    Args:
        typeid: of what has the source.
        source: its name.
        documented: the type that the source names.
    """
    arguments = OF_SOURCE.get((typeid, source)) or ARGUMENTS.get(documented)
    return f"void (*)({arguments})" if arguments else documented
