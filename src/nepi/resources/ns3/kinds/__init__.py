"""What kinds of types have of their own, by theme; `KINDS` says which TypeId is of which kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nepi.resources.ns3.kinds.cells import LteCell, LteCore, LteDevicePart, LteNetwork, LtePart, LtePhone
from nepi.resources.ns3.kinds.device import Bridge, Device, Link, LinkDevice, Medium, OpenFlowSwitch, SixLowPan
from nepi.resources.ns3.kinds.energy import Battery, Consumer, Harvester
from nepi.resources.ns3.kinds.node import NodeObject, Part, QueueDisc, Routing, SourceRouting
from nepi.resources.ns3.kinds.places import (
    Building,
    BuildingInfo,
    ListedPositions,
    Loss,
    Mobility,
    RadioMedium,
    SpectrumMedium,
    Waypoints,
)
from nepi.resources.ns3.kinds.program import DhcpClient, FlowMonitor, PacketProgram, Program, Radvd
from nepi.resources.ns3.kinds.radio import Aloha, LrWpan, SimpleOfdmWimaxChannel, UanNetDevice, WimaxBase, WimaxSubscriber
from nepi.resources.ns3.kinds.thing import Thing
from nepi.resources.ns3.kinds.wifi import MeshDevice, MeshPart, WifiDevice, WifiPart, WifiPhyPart, WifiSetting
from nepi.resources.ns3.object import Ns3Object

KINDS: Final[Mapping[str, type[Ns3Object]]] = {
    "ns3::Object": Thing,
    "ns3::Node": NodeObject,
    # Devices.
    "ns3::NetDevice": Device,
    "ns3::PointToPointNetDevice": LinkDevice,
    "ns3::CsmaNetDevice": LinkDevice,
    "ns3::SimpleNetDevice": LinkDevice,
    "ns3::BridgeNetDevice": Bridge,
    "ns3::OpenFlowSwitchNetDevice": OpenFlowSwitch,
    "ns3::SixLowPanNetDevice": SixLowPan,
    "ns3::lrwpan::LrWpanNetDevice": LrWpan,
    "ns3::AlohaNoackNetDevice": Aloha,
    "ns3::BaseStationNetDevice": WimaxBase,
    "ns3::SubscriberStationNetDevice": WimaxSubscriber,
    "ns3::WifiNetDevice": WifiDevice,
    "ns3::MeshPointDevice": MeshDevice,
    "ns3::LteEnbNetDevice": LteCell,
    "ns3::LteUeNetDevice": LtePhone,
    # What devices are made of.
    "ns3::WifiPhy": WifiPhyPart,
    "ns3::WifiMac": WifiPart,
    "ns3::WifiRemoteStationManager": WifiPart,
    "ns3::ErrorRateModel": WifiPart,
    "ns3::HtConfiguration": WifiSetting,
    "ns3::VhtConfiguration": WifiSetting,
    "ns3::HeConfiguration": WifiSetting,
    "ns3::EhtConfiguration": WifiSetting,
    "ns3::MeshStack": WifiPart,
    "ns3::MeshL2RoutingProtocol": MeshPart,
    "ns3::dot11s::PeerManagementProtocol": MeshPart,
    "ns3::LteHelper": LteNetwork,
    "ns3::PointToPointEpcHelper": LteCore,
    "ns3::FfMacScheduler": LtePart,
    "ns3::LteFfrAlgorithm": LtePart,
    "ns3::LteHandoverAlgorithm": LtePart,
    "ns3::LteEnbPhy": LteDevicePart,
    "ns3::LteEnbMac": LteDevicePart,
    "ns3::LteEnbRrc": LteDevicePart,
    "ns3::LteUePhy": LteDevicePart,
    "ns3::LteUeMac": LteDevicePart,
    "ns3::LteUeRrc": LteDevicePart,
    "ns3::EpcUeNas": LteDevicePart,
    "ns3::QueueDisc": QueueDisc,
    # Channels.
    "ns3::PointToPointChannel": Link,
    "ns3::CsmaChannel": Medium,
    "ns3::SimpleChannel": Medium,
    "ns3::UanChannel": Medium,
    "ns3::YansWifiChannel": RadioMedium,
    "ns3::SpectrumChannel": SpectrumMedium,
    "ns3::PropagationLossModel": Loss,
    # Places.
    "ns3::MobilityModel": Mobility,
    "ns3::WaypointMobilityModel": Waypoints,
    "ns3::ListPositionAllocator": ListedPositions,
    "ns3::Building": Building,
    "ns3::MobilityBuildingInfo": BuildingInfo,
    # Nodes' stacks.
    "ns3::Ipv4L3Protocol": Part,
    "ns3::Ipv6L3Protocol": Part,
    "ns3::ArpL3Protocol": Part,
    "ns3::IpL4Protocol": Part,
    "ns3::Icmpv6L4Protocol": Part,
    "ns3::TrafficControlLayer": Part,
    "ns3::Ipv4RoutingProtocol": Routing,
    "ns3::Ipv6RoutingProtocol": Routing,
    "ns3::dsr::DsrRouting": SourceRouting,
    # Applications, and who watches.
    "ns3::Application": Program,
    "ns3::PacketSocketClient": PacketProgram,
    "ns3::PacketSocketServer": PacketProgram,
    "ns3::DhcpClient": DhcpClient,
    "ns3::Radvd": Radvd,
    "ns3::FlowMonitor": FlowMonitor,
    # Energy.
    "ns3::energy::EnergySource": Battery,
    "ns3::energy::DeviceEnergyModel": Consumer,
    "ns3::energy::EnergyHarvester": Harvester,
}
"""By TypeId: what it and its heirs have of their own."""

__all__ = ["KINDS", "Device", "NodeObject", "Program", "SimpleOfdmWimaxChannel", "Thing", "UanNetDevice"]
