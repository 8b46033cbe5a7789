// Applications that are told more than attributes say: packets without IP, DHCP, router advertisements; and who watches flows.

#include <map>
#include <string>

#include "ns3/applications-module.h"
#include "ns3/flow-monitor-module.h"
#include "ns3/internet-apps-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

/** Packets on a device without IP: to another device, or to all when that is null. */
inline std::string
UsePacketSocket(Ptr<Application> application, Ptr<NetDevice> device, Ptr<NetDevice> other, int protocol)
{
    auto node = device->GetNode();
    if (!node)
    {
        return "the device that it is connected to is in no node";
    }
    PacketSocketHelper().Install(node);
    PacketSocketAddress address;
    address.SetSingleDevice(device->GetIfIndex());
    address.SetPhysicalAddress(other ? other->GetAddress() : device->GetBroadcast());
    address.SetProtocol(protocol);
    if (auto client = DynamicCast<PacketSocketClient>(application))
    {
        client->SetRemote(address);
    }
    else
    {
        DynamicCast<PacketSocketServer>(application)->SetLocal(address);
    }
    return "";
}

/** An interface that has no address yet. */
inline std::string
UseDhcp(Ptr<DhcpClient> client, Ptr<NetDevice> device)
{
    auto ip = device->GetNode() ? device->GetNode()->GetObject<Ipv4>() : nullptr;
    if (!ip)
    {
        return "its node has no IP stack: set enableStack=True on it";
    }
    int32_t interface = ip->GetInterfaceForDevice(device);
    interface = interface < 0 ? ip->AddInterface(device) : interface;
    ip->SetMetric(interface, 1);
    ip->SetUp(interface);
    client->SetDhcpClientNetDevice(device);
    return "";
}

inline std::string
UseRadvd(Ptr<Radvd> radvd, Ptr<NetDevice> device, const std::string& network, int prefix)
{
    auto ip = device->GetNode() ? device->GetNode()->GetObject<Ipv6>() : nullptr;
    int32_t interface = ip ? ip->GetInterfaceForDevice(device) : -1;
    if (interface < 0)
    {
        return "the device that it is connected to has no IPv6 address";
    }
    auto configuration = Create<RadvdInterface>(interface);
    configuration->AddPrefix(Create<RadvdPrefix>(Ipv6Address(network.c_str()), prefix));
    radvd->AddConfiguration(configuration);
    return "";
}

inline std::map<FlowMonitor*, std::pair<Ptr<Ipv4FlowClassifier>, Ptr<Ipv6FlowClassifier>>> g_classifiers;

/** Let a monitor watch what a node sends, passes on and gets. */
inline std::string
WatchFlows(Ptr<FlowMonitor> monitor, Ptr<Node> node)
{
    auto& [four, six] = g_classifiers[PeekPointer(monitor)];
    if (!four)
    {
        four = Create<Ipv4FlowClassifier>();
        six = Create<Ipv6FlowClassifier>();
        monitor->AddFlowClassifier(four);
        monitor->AddFlowClassifier(six);
    }
    if (node->GetObject<Ipv4L3Protocol>())
    {
        Create<Ipv4FlowProbe>(monitor, four, node);
    }
    if (node->GetObject<Ipv6L3Protocol>())
    {
        Create<Ipv6FlowProbe>(monitor, six, node);
    }
    return "";
}

inline std::string
WatchAllFlows(Ptr<FlowMonitor> monitor)
{
    for (uint32_t i = 0; i < NodeList::GetNNodes(); i++)
    {
        WatchFlows(monitor, NodeList::GetNode(i));
    }
    return "";
}

/** Write what a monitor has seen when the files of traces are closed. */
inline std::string
WriteFlowsAtEnd(Ptr<FlowMonitor> monitor, const std::string& path)
{
    g_at_close.push_back([monitor, path] {
        monitor->CheckForLostPackets();
        monitor->SerializeToXmlFile(path, true, true);
    });
    return "";
}

} // namespace nepi
