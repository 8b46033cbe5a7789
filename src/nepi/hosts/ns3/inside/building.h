// Computers, switches, cables, neighbours and routes, as the high level makes them. Goes with joining.h.

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

/** "10.0.0.1/24" in two. */
inline std::pair<std::string, int>
Split(const std::string& text)
{
    auto slash = text.find('/');
    return {text.substr(0, slash), std::stoi(text.substr(slash + 1))};
}

/** As Linux has it where ns-3 differs, for a node that has a stack; `congestion` is a TypeId, or "". */
inline std::string
BecomeComputer(Ptr<Node> node, bool forward, const std::string& congestion)
{
    InstallStack(node);
    node->GetObject<Ipv4>()->SetAttribute("IpForward", BooleanValue(forward));
    node->GetObject<Ipv6>()->SetAttribute("IpForward", BooleanValue(forward));
    RefuseWithoutRoute(node);
    node->GetObject<Icmpv6L4Protocol>()->SetAttribute("DAD", BooleanValue(false));
    if (!congestion.empty())
    {
        node->GetObject<TcpL4Protocol>()->SetAttribute("SocketType", TypeIdValue(TypeId::LookupByName(congestion)));
    }
    return "";
}

/** An Ethernet switch: a node with a bridge, to which the ports of links are added. */
inline Ptr<Node>
AddSwitch()
{
    Ptr<Node> node = CreateObject<Node>();
    Ptr<BridgeNetDevice> bridge = CreateObject<BridgeNetDevice>();
    node->AddDevice(bridge);
    bridge->SetAddress(Mac48Address::Allocate());
    return node;
}

/** The bridge of a switch; null for a computer. */
inline Ptr<BridgeNetDevice>
BridgeOf(Ptr<Node> node)
{
    return node->GetNDevices() > 0 ? DynamicCast<BridgeNetDevice>(node->GetDevice(0)) : nullptr;
}

/** On a switch, a device that was just added is a port. */
inline Ptr<NetDevice>
PluggedIn(Ptr<Node> node, Ptr<NetDevice> device)
{
    if (auto bridge = BridgeOf(node))
    {
        bridge->AddBridgePort(device);
    }
    return device;
}

/** Plug an end of a cable in. The channel is a plain one: what becomes of frames is decided at the ends, each for its direction. */
inline Ptr<NetDevice>
AddEnd(Ptr<Node> node, Ptr<SimpleChannel> channel, const std::string& mac, uint16_t mtu, int64_t stream)
{
    Ptr<CableEnd> end = CreateObject<CableEnd>();
    end->SetAddress(Mac48Address(mac.c_str()));
    end->SetMtu(mtu);
    end->Begin(stream);
    node->AddDevice(end);
    end->SetChannel(channel);
    return PluggedIn(node, end);
}

/** The number of a device's interface in an IP layer of its node, Ipv4 or Ipv6, which gets one if it has none. */
template <typename Ip>
uint32_t
InterfaceOf(Ptr<NetDevice> device)
{
    Ptr<Ip> layer = device->GetNode()->GetObject<Ip>();
    int32_t index = layer->GetInterfaceForDevice(device);
    if (index < 0)
    {
        index = layer->AddInterface(device);
        layer->SetMetric(index, 1);
        layer->SetUp(index);
    }
    return index;
}

/** A permanent entry of a cache, of which there is none where a device resolves no addresses. */
template <typename Cache, typename Ip>
void
KeepForGood(Ptr<Cache> cache, Ip ip, const std::string& mac)
{
    if (cache)
    {
        auto entry = cache->Lookup(ip);
        entry = entry ? entry : cache->Add(ip);
        entry->SetMacAddress(Mac48Address(mac.c_str()));
        entry->MarkPermanent();
    }
}

/** A permanent neighbour, as the kernel's: no ARP request is sent for it. */
inline void
AddNeighbour(Ptr<NetDevice> device, const std::string& ip, const std::string& mac)
{
    Ptr<Node> node = device->GetNode();
    if (IsSix(ip))
    {
        auto layer = DynamicCast<Ipv6L3Protocol>(node->GetObject<Ipv6>());
        KeepForGood(layer->GetInterface(InterfaceOf<Ipv6>(device))->GetNdiscCache(), Ipv6Address(ip.c_str()), mac);
        return;
    }
    auto layer = DynamicCast<Ipv4L3Protocol>(node->GetObject<Ipv4>());
    KeepForGood(layer->GetInterface(InterfaceOf<Ipv4>(device))->GetArpCache(), Ipv4Address(ip.c_str()), mac);
}

/** A static route over the interface that has `over`. */
inline void
AddRouteOver(Ptr<Node> node, const std::string& network, const std::string& via, const std::string& over)
{
    auto [ip, prefix] = Split(network);
    std::string own = over.substr(0, over.find('/'));
    if (IsSix(network))
    {
        Ptr<Ipv6> six = node->GetObject<Ipv6>();
        int32_t index = six->GetInterfaceForAddress(Ipv6Address(own.c_str()));
        Ipv6StaticRoutingHelper().GetStaticRouting(six)->AddNetworkRouteTo(Ipv6Address(ip.c_str()), Ipv6Prefix(prefix),
                                                                           Ipv6Address(via.c_str()), index);
        return;
    }
    Ptr<Ipv4> four = node->GetObject<Ipv4>();
    int32_t index = four->GetInterfaceForAddress(Ipv4Address(own.c_str()));
    Ipv4Mask mask(prefix == 0 ? 0u : ~0u << (32 - prefix));
    Ipv4StaticRoutingHelper().GetStaticRouting(four)->AddNetworkRouteTo(Ipv4Address(ip.c_str()), mask, Ipv4Address(via.c_str()), index);
}

/** Everything that the IP layers of a node send and get by a device, as raw IP. */
inline void
Capture(Ptr<NetDevice> device, const std::string& path)
{
    Ptr<Node> node = device->GetNode();
    auto file = PcapHelper().CreateFile(path, std::ios::out, PcapHelper::DLT_RAW);
    g_packet_files.push_back(file);
    uint32_t four = InterfaceOf<Ipv4>(device);
    uint32_t six = InterfaceOf<Ipv6>(device);
    for (auto source : {"Tx", "Rx"})
    {
        node->GetObject<Ipv4>()->TraceConnectWithoutContext(
            source, Callback<void, Ptr<const Packet>, Ptr<Ipv4>, uint32_t>([file, four](Ptr<const Packet> packet, Ptr<Ipv4>, uint32_t on) {
                if (on == four)
                {
                    file->Write(Simulator::Now(), packet);
                }
            }));
        node->GetObject<Ipv6>()->TraceConnectWithoutContext(
            source, Callback<void, Ptr<const Packet>, Ptr<Ipv6>, uint32_t>([file, six](Ptr<const Packet> packet, Ptr<Ipv6>, uint32_t on) {
                if (on == six)
                {
                    file->Write(Simulator::Now(), packet);
                }
            }));
    }
}

/** Where a node is and how it moves; one that has a mobility model of its own is only put there. */
inline void
Place(Ptr<Node> node, double x, double y, double z, double vx, double vy)
{
    Ptr<MobilityModel> model = node->GetObject<MobilityModel>();
    if (!model)
    {
        model = CreateObject<ConstantVelocityMobilityModel>();
        node->AggregateObject(model);
    }
    model->SetPosition(Vector(x, y, z));
    if (auto moving = DynamicCast<ConstantVelocityMobilityModel>(model))
    {
        moving->SetVelocity(Vector(vx, vy, 0));
    }
}

} // namespace nepi
