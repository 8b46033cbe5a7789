"""Types of the catalogue that are of no use as resources, with the reason and what to use instead; by TypeId, their heirs included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_STACK: Final = "every node that has an IP stack has one; connect the protocol that it belongs to for attributes, or enable its traces"
_SOCKET: Final = "sockets make their own; set attributes of ns3::TcpL4Protocol and ns3::UdpL4Protocol, connected to the node"
_WIFI: Final = "every Wi-Fi device makes its own; set attributes of its ns3::WifiPhy, ns3::WifiMac and rate manager"
_DSR: Final = "an ns3::dsr::DsrRouting makes its own, and has attributes for it"
_MESH: Final = "an ns3::MeshPointDevice makes its own; connect an ns3::dot11s::HwmpProtocol or PeerManagementProtocol to it for attributes"
_WIMAX: Final = "base and subscriber stations make their own; the base station's attribute `scheduler` chooses"
_LTE: Final = "LTE devices make their own: set attributes of the ns3::LteHelper that they are connected to"
_PROBE: Final = "traces do what probes do: enable the trace of the resource itself"
_SIMULATION: Final = "it is chosen by an attribute of ns3::Simulation"
_SPECTRUM: Final = "its spectrum can be told in C++ only; let other devices on the same channel interfere"
_QUEUE: Final = "devices and queue disciplines make their own; connect an ns3::QueueDisc to the device, or set its attributes"
_ROUTING: Final = "every node that has an IP stack has one; connect an ns3::Route, or another routing protocol, to the node"
_READER: Final = "a description in Python can read any file; ns-3 only makes nodes of it"

USELESS: Final[Mapping[str, str]] = {
    # Devices and channels.
    "ns3::BridgeChannel": "a bridge has its own: connect the bridge to the devices that are its ports",
    "ns3::LoopbackNetDevice": "every node that has an IP stack has one",
    "ns3::VirtualNetDevice": "it passes packets to C++ code of its user, and there is none: use ns3::PointToPointNetDevice",
    "ns3::TapBridge": "what opens its tap is not in the wheel: use a hybrid::Link, which joins a namespace or a host with a simulated node",
    "ns3::FdNetDevice": "nobody opens a tap for it here: use a hybrid::Link, which joins a namespace or a host with a simulated node",
    "ns3::NonCommunicatingNetDevice": _SPECTRUM,
    "ns3::WaveformGenerator": _SPECTRUM,
    "ns3::TvSpectrumTransmitter": _SPECTRUM,
    "ns3::SpectrumAnalyzer": _SPECTRUM,
    "ns3::RemSpectrumPhy": _SPECTRUM,
    "ns3::UniformPlanarArray": "arrays of antennas can be told in C++ only: use a kind of ns3::AntennaModel",
    "ns3::ThreeGppChannelModel": "arrays of antennas can be told in C++ only: use a kind of ns3::PropagationLossModel",
    "ns3::GridBuildingAllocator": "connect one ns3::Building for each",
    "ns3::ShannonSpectrumErrorModel": "ns3::HalfDuplexIdealPhy makes its own",
    "ns3::lrwpan::LrWpanErrorModel": "ns3::lrwpan::LrWpanNetDevice makes its own",
    "ns3::zigbee::ZigbeeNwk": "no application of ns-3's uses ZigBee: use ns3::SixLowPanNetDevice on the LR-WPAN device",
    "ns3::zigbee::ZigbeeStack": "no application of ns-3's uses ZigBee: use ns3::SixLowPanNetDevice on the LR-WPAN device",
    # The stack.
    "ns3::Ipv4ListRouting": _ROUTING,
    "ns3::Ipv6ListRouting": _ROUTING,
    "ns3::Ipv4StaticRouting": _ROUTING,
    "ns3::Ipv6StaticRouting": _ROUTING,
    "ns3::Ipv4ClickRouting": "its graph of Click elements can be told in C++ only: use ns3::Route or another routing protocol",
    "ns3::Ipv4L3ClickProtocol": "its graph of Click elements can be told in C++ only: use ns3::Ipv4L3Protocol",
    "ns3::TcpCongestionOps": "sockets make their own: name it as SocketType of an ns3::TcpL4Protocol that is connected to the node",
    "ns3::TcpRecoveryOps": "sockets make their own: name it as RecoveryType of an ns3::TcpL4Protocol that is connected to the node",
    "ns3::RttEstimator": "sockets make their own: name it as RttEstimatorType of an ns3::TcpL4Protocol that is connected to the node",
    "ns3::Socket": _SOCKET,
    "ns3::TcpSocketState": _SOCKET,
    "ns3::TcpRxBuffer": _SOCKET,
    "ns3::TcpTxBuffer": _SOCKET,
    "ns3::TcpOption": _SOCKET,
    "ns3::Ipv6Extension": _STACK,
    "ns3::Ipv6Option": _STACK,
    "ns3::NetDeviceQueue": _QUEUE,
    "ns3::NetDeviceQueueInterface": _QUEUE,
    "ns3::QueueLimits": _QUEUE,
    "ns3::QueueDiscClass": "connect a queue discipline to another one, and it is its class",
    # Parts that others make.
    "ns3::BlockAckManager": _WIFI,
    "ns3::ChannelAccessManager": _WIFI,
    "ns3::EmlsrManager": _WIFI,
    "ns3::ApEmlsrManager": _WIFI,
    "ns3::WifiMacQueueScheduler": _WIFI,
    "ns3::FrameExchangeManager": _WIFI,
    "ns3::InterferenceHelper": _WIFI,
    "ns3::MpduAggregator": _WIFI,
    "ns3::MsduAggregator": _WIFI,
    "ns3::Txop": _WIFI,
    "ns3::MultiUserScheduler": _WIFI,
    "ns3::WifiBandwidthFilter": _WIFI,
    "ns3::WifiAckManager": _WIFI,
    "ns3::WifiAssocManager": _WIFI,
    "ns3::WifiProtectionManager": _WIFI,
    "ns3::GcrManager": _WIFI,
    "ns3::WifiMacQueue": _WIFI,
    "ns3::WifiPhyStateHelper": _WIFI,
    "ns3::WifiPhyRxTraceSink": _PROBE,
    "ns3::AthstatsWifiTraceSink": _PROBE,
    "ns3::dsr::DsrOptions": _DSR,
    "ns3::dsr::DsrNetworkQueue": _DSR,
    "ns3::dsr::DsrGraReply": _DSR,
    "ns3::dot11s::HwmpRtable": _MESH,
    "ns3::dot11s::PeerLink": _MESH,
    "ns3::dot11s::AirtimeLinkMetricCalculator": _MESH,
    "ns3::flame::FlameRtable": _MESH,
    "ns3::WimaxPhy": _WIMAX,
    "ns3::BSScheduler": _WIMAX,
    "ns3::UplinkScheduler": _WIMAX,
    "ns3::JakesProcess": "ns3::JakesPropagationLossModel makes its own",
    "ns3::energy::EnergySourceContainer": "a node makes its own when an energy source is connected to it",
    "ns3::energy::EnergyHarvesterContainer": "an energy source makes its own when a harvester is connected to it",
    # LTE.
    "ns3::EmuEpcHelper": "it needs two devices of this machine: use ns3::PointToPointEpcHelper",
    "ns3::CcHelper": _LTE,
    "ns3::ComponentCarrier": _LTE,
    "ns3::EpcMmeApplication": _LTE,
    "ns3::LteAmc": _LTE,
    "ns3::LteRadioBearerInfo": _LTE,
    "ns3::LteEnbRrcProtocolIdeal": _LTE,
    "ns3::LteEnbRrcProtocolReal": _LTE,
    "ns3::LteUePowerControl": _LTE,
    "ns3::LteUeRrcProtocolIdeal": _LTE,
    "ns3::LteUeRrcProtocolReal": _LTE,
    "ns3::UeManager": _LTE,
    "ns3::LteRlc": _LTE,
    "ns3::LteEnbComponentCarrierManager": _LTE,
    "ns3::LteUeComponentCarrierManager": _LTE,
    "ns3::LteHexGridEnbTopologyHelper": _LTE,
    "ns3::LteStatsCalculator": _PROBE,
    "ns3::RadioEnvironmentMapHelper": _PROBE,
    # What the simulation is, and what looks at it.
    "ns3::SimulatorImpl": _SIMULATION,
    "ns3::Scheduler": _SIMULATION,
    "ns3::DataCollectionObject": _PROBE,
    "ns3::TopologyReader": _READER,
    "ns3::CounterCalculator<uint32_t>": _PROBE,
    "ns3::PcapFileWrapper": "enable the trace pcap of a device",
    "ns3::PacketBurst": "it is what radios send, and they make it",
}

ABSTRACT: Final[Mapping[str, str]] = {
    "ns3::Ipv4GlobalRouting": "every node that has an IP stack has one: set populateRoutingTables of the ns3::Simulation",
    "ns3::WimaxChannel": "use ns3::SimpleOfdmWimaxChannel",
}
"""Types that cannot be made, where another way than one of their heirs leads to what is wanted; their heirs included."""
