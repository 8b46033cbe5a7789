// Nodes, switches, links, addresses and routes, made from plain values: numbers stand for nodes, devices and links.

#include <string>
#include <vector>

#include "ns3/bridge-module.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

inline std::vector<Ptr<Node>> g_nodes;
inline std::vector<Ptr<NetDevice>> g_devices;
inline std::vector<Ptr<SimpleChannel>> g_channels;
inline std::vector<std::string> g_failures;

inline bool
IsSix(const std::string& text)
{
    return text.find(':') != std::string::npos;
}

/** "10.0.0.1/24" in two. */
inline std::pair<std::string, int>
Split(const std::string& text)
{
    auto slash = text.find('/');
    return {text.substr(0, slash), std::stoi(text.substr(slash + 1))};
}

inline Ipv4Mask
Mask(int prefix)
{
    return Ipv4Mask(prefix == 0 ? 0u : ~0u << (32 - prefix));
}

/** A computer with a stack, static routes only. */
inline int
AddNode(bool forward, std::string congestion)
{
    Ptr<Node> node = CreateObject<Node>();
    InternetStackHelper stack;
    Ipv4ListRoutingHelper four;
    four.Add(Ipv4StaticRoutingHelper(), 0);
    stack.SetRoutingHelper(four);
    stack.SetRoutingHelper(Ipv6StaticRoutingHelper());
    stack.SetIpv4StackInstall(true);
    stack.Install(node);
    node->GetObject<Ipv4>()->SetAttribute("IpForward", BooleanValue(forward));
    node->GetObject<Ipv6>()->SetAttribute("IpForward", BooleanValue(forward));
    node->GetObject<Icmpv6L4Protocol>()->SetAttribute("DAD", BooleanValue(false));
    if (!congestion.empty())
    {
        node->GetObject<TcpL4Protocol>()->SetAttribute("SocketType", TypeIdValue(TypeId::LookupByName(congestion)));
    }
    g_nodes.push_back(node);
    return int(g_nodes.size()) - 1;
}

/** An Ethernet switch: a node with a bridge, to which the ports of links are added. */
inline int
AddSwitch()
{
    Ptr<Node> node = CreateObject<Node>();
    Ptr<BridgeNetDevice> bridge = CreateObject<BridgeNetDevice>();
    node->AddDevice(bridge);
    bridge->SetAddress(Mac48Address::Allocate());
    g_nodes.push_back(node);
    return int(g_nodes.size()) - 1;
}

inline bool
IsSwitch(int node)
{
    return g_nodes[node]->GetNDevices() > 0 && DynamicCast<BridgeNetDevice>(g_nodes[node]->GetDevice(0));
}

inline int
Keep(int node, Ptr<NetDevice> device)
{
    if (IsSwitch(node))
    {
        DynamicCast<BridgeNetDevice>(g_nodes[node]->GetDevice(0))->AddBridgePort(device);
    }
    g_devices.push_back(device);
    return int(g_devices.size()) - 1;
}

/** A cable; its two ends are added by AddEnd. */
inline int
AddChannel(int64_t delay)
{
    Ptr<SimpleChannel> channel = CreateObject<SimpleChannel>();
    channel->SetAttribute("Delay", TimeValue(NanoSeconds(delay)));
    g_channels.push_back(channel);
    return int(g_channels.size()) - 1;
}

/** Shape what leaves by a device and what arrives at it, whose loss is drawn from a stream of random numbers of its own. */
inline void
Shape(int device, uint64_t rate, uint32_t queue, double loss, int64_t stream)
{
    Ptr<SimpleNetDevice> one = DynamicCast<SimpleNetDevice>(g_devices[device]);
    one->SetAttribute("DataRate", DataRateValue(DataRate(rate)));
    while (one->GetQueue()->GetNPackets() > queue)
    {
        one->GetQueue()->Remove(); // what has no place any more is lost; ns-3 itself would give up
    }
    one->GetQueue()->SetMaxSize(QueueSize(QueueSizeUnit::PACKETS, queue));
    PointerValue present;
    one->GetAttribute("ReceiveErrorModel", present);
    Ptr<RateErrorModel> errors = present.Get<RateErrorModel>();
    if (!errors && loss > 0)
    {
        errors = CreateObject<RateErrorModel>();
        errors->SetUnit(RateErrorModel::ERROR_UNIT_PACKET);
        errors->AssignStreams(stream); // once: with each change its numbers would begin again
        one->SetReceiveErrorModel(errors);
    }
    if (errors)
    {
        errors->SetRate(loss);
        loss > 0 ? errors->Enable() : errors->Disable();
    }
}

inline int
AddEnd(int node, int channel, std::string mac, uint16_t mtu)
{
    Ptr<SimpleNetDevice> device = CreateObject<SimpleNetDevice>();
    device->SetAddress(Mac48Address(mac.c_str()));
    device->SetMtu(mtu);
    g_nodes[node]->AddDevice(device);
    device->SetChannel(g_channels[channel]);
    return Keep(node, device);
}

inline void
SetDelay(int channel, int64_t delay)
{
    g_channels[channel]->SetAttribute("Delay", TimeValue(NanoSeconds(delay)));
}

inline uint32_t
InterfaceOf(Ptr<Node> node, Ptr<NetDevice> device)
{
    Ptr<Ipv4> four = node->GetObject<Ipv4>();
    int32_t index = four->GetInterfaceForDevice(device);
    if (index < 0)
    {
        index = four->AddInterface(device);
        four->SetMetric(index, 1);
        four->SetUp(index);
    }
    return index;
}

inline uint32_t
SixInterfaceOf(Ptr<Node> node, Ptr<NetDevice> device)
{
    Ptr<Ipv6> six = node->GetObject<Ipv6>();
    int32_t index = six->GetInterfaceForDevice(device);
    if (index < 0)
    {
        index = six->AddInterface(device);
        six->SetMetric(index, 1);
        six->SetUp(index);
    }
    return index;
}

inline void
AddAddress(int device, std::string address)
{
    Ptr<NetDevice> one = g_devices[device];
    Ptr<Node> node = one->GetNode();
    auto [ip, prefix] = Split(address);
    if (IsSix(address))
    {
        node->GetObject<Ipv6>()->AddAddress(SixInterfaceOf(node, one), Ipv6InterfaceAddress(Ipv6Address(ip.c_str()), Ipv6Prefix(prefix)));
    }
    else
    {
        node->GetObject<Ipv4>()->AddAddress(InterfaceOf(node, one), Ipv4InterfaceAddress(Ipv4Address(ip.c_str()), Mask(prefix)));
    }
}

/** A permanent entry, as the kernel's: no ARP request is sent for it. */
inline void
AddNeighbour(int device, std::string ip, std::string mac)
{
    Ptr<NetDevice> one = g_devices[device];
    Ptr<Node> node = one->GetNode();
    if (IsSix(ip))
    {
        Ptr<NdiscCache> cache = DynamicCast<Ipv6L3Protocol>(node->GetObject<Ipv6>())->GetInterface(SixInterfaceOf(node, one))->GetNdiscCache();
        if (cache)
        {
            NdiscCache::Entry* entry = cache->Lookup(Ipv6Address(ip.c_str()));
            entry = entry ? entry : cache->Add(Ipv6Address(ip.c_str()));
            entry->SetMacAddress(Mac48Address(mac.c_str()));
            entry->MarkPermanent();
        }
        return;
    }
    Ptr<ArpCache> cache = DynamicCast<Ipv4L3Protocol>(node->GetObject<Ipv4>())->GetInterface(InterfaceOf(node, one))->GetArpCache();
    if (cache)
    {
        ArpCache::Entry* entry = cache->Lookup(Ipv4Address(ip.c_str()));
        entry = entry ? entry : cache->Add(Ipv4Address(ip.c_str()));
        entry->SetMacAddress(Mac48Address(mac.c_str()));
        entry->MarkPermanent();
    }
}

/** A static route over the interface that has `over`. */
inline void
AddRoute(int node, std::string network, std::string via, std::string over)
{
    auto [ip, prefix] = Split(network);
    std::string own = over.substr(0, over.find('/'));
    if (IsSix(network))
    {
        Ptr<Ipv6> six = g_nodes[node]->GetObject<Ipv6>();
        int32_t index = six->GetInterfaceForAddress(Ipv6Address(own.c_str()));
        Ipv6StaticRoutingHelper().GetStaticRouting(six)->AddNetworkRouteTo(Ipv6Address(ip.c_str()), Ipv6Prefix(prefix),
                                                                           Ipv6Address(via.c_str()), index);
        return;
    }
    Ptr<Ipv4> four = g_nodes[node]->GetObject<Ipv4>();
    int32_t index = four->GetInterfaceForAddress(Ipv4Address(own.c_str()));
    Ipv4StaticRoutingHelper().GetStaticRouting(four)->AddNetworkRouteTo(Ipv4Address(ip.c_str()), Mask(prefix), Ipv4Address(via.c_str()), index);
}

/** Everything that the IPv4 layer of a node sends and gets, as raw IP. */
inline void
Capture(int device, std::string prefix)
{
    Ptr<Node> node = g_devices[device]->GetNode();
    InternetStackHelper().EnablePcapIpv4(prefix, node->GetObject<Ipv4>(), InterfaceOf(node, g_devices[device]), true);
}

inline void
Place(int node, double x, double y, double z, double vx, double vy)
{
    Ptr<MobilityModel> model = g_nodes[node]->GetObject<MobilityModel>();
    if (!model)
    {
        model = CreateObject<ConstantVelocityMobilityModel>();
        g_nodes[node]->AggregateObject(model);
    }
    model->SetPosition(Vector(x, y, z));
    if (auto moving = DynamicCast<ConstantVelocityMobilityModel>(model))
    {
        moving->SetVelocity(Vector(vx, vy, 0));
    }
}

} // namespace nepi
