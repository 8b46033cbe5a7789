// How objects become a network, as ns-3's helpers do it. Each function returns "" or why it cannot.

#include <string>
#include <vector>

#include "ns3/bridge-module.h"
#include "ns3/csma-module.h"
#include "ns3/dsr-module.h"
#include "ns3/internet-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/nix-vector-routing-module.h"
#include "ns3/point-to-point-module.h"
#include "ns3/traffic-control-module.h"

namespace nepi
{

using namespace ns3;

/** A queue, where it has none, and what lets queue discs see how full that is. */
template <typename Device>
void
GiveQueue(Ptr<Device> device)
{
    if (!device->GetQueue())
    {
        device->SetQueue(CreateObject<DropTailQueue<Packet>>());
    }
    auto interface = CreateObject<NetDeviceQueueInterface>();
    interface->GetTxQueue(0)->ConnectQueueTraces(device->GetQueue());
    device->AggregateObject(interface);
}

/** A radio's node is somewhere: at the origin, when nothing says where. */
inline void
Stand(Ptr<Node> node)
{
    if (!node->GetObject<MobilityModel>())
    {
        node->AggregateObject(CreateObject<ConstantPositionMobilityModel>());
    }
}

inline std::string
CannotBeOn(Ptr<NetDevice> device, Ptr<Channel> channel)
{
    return "a " + device->GetInstanceTypeId().GetName() + " cannot be put onto a " + channel->GetInstanceTypeId().GetName() + " here";
}

/** A device with a cable, or with none, into its node and onto its channel; `mac` is "" for the next one. */
inline std::string
JoinDevice(Ptr<Node> node, Ptr<NetDevice> device, Ptr<Channel> channel, const std::string& mac)
{
    device->SetAddress(mac.empty() ? Mac48Address::Allocate() : Mac48Address(mac.c_str()));
    node->AddDevice(device);
    if (auto point = DynamicCast<PointToPointNetDevice>(device))
    {
        GiveQueue(point);
        auto cable = DynamicCast<PointToPointChannel>(channel);
        return !channel || (cable && point->Attach(cable)) ? "" : CannotBeOn(device, channel);
    }
    if (auto csma = DynamicCast<CsmaNetDevice>(device))
    {
        GiveQueue(csma);
        auto bus = DynamicCast<CsmaChannel>(channel);
        return !channel || (bus && csma->Attach(bus)) ? "" : CannotBeOn(device, channel);
    }
    if (auto simple = DynamicCast<SimpleNetDevice>(device))
    {
        GiveQueue(simple);
        auto plain = DynamicCast<SimpleChannel>(channel);
        if (plain)
        {
            simple->SetChannel(plain);
        }
        return !channel || plain ? "" : CannotBeOn(device, channel);
    }
    return channel ? CannotBeOn(device, channel) : "";
}

inline std::string
JoinBridge(Ptr<NetDevice> bridge, Ptr<NetDevice> port)
{
    auto device = DynamicCast<BridgeNetDevice>(bridge);
    if (!device || !port->SupportsSendFrom())
    {
        return "a " + port->GetInstanceTypeId().GetName() + " cannot be a port of a bridge";
    }
    device->AddBridgePort(port);
    return "";
}

/** The part of an object that is of a type, such as the protocols of a node. */
inline Ptr<Object>
PartOf(Ptr<Object> whole, const std::string& name)
{
    TypeId type;
    return TypeId::LookupByNameFailSafe(name, &type) ? whole->GetObject<Object>(type) : nullptr;
}

inline std::string
InstallStack(Ptr<Node> node)
{
    if (!node->GetObject<Ipv4>())
    {
        InternetStackHelper().Install(node);
    }
    return "";
}

/** How a device's packets wait: a queue discipline in place of the default one. Before the device has an address. */
inline std::string
UseQueueDisc(Ptr<NetDevice> device, Ptr<QueueDisc> disc)
{
    auto control = device->GetNode() ? device->GetNode()->GetObject<TrafficControlLayer>() : nullptr;
    if (!control)
    {
        return "its node has no IP stack: set enableStack=True on it";
    }
    if (!device->GetObject<NetDeviceQueueInterface>())
    {
        return "a " + device->GetInstanceTypeId().GetName() + " takes every packet at once, so that none ever waits in a queue discipline";
    }
    if (control->GetRootQueueDiscOnDevice(device))
    {
        control->DeleteRootQueueDiscOnDevice(device);
    }
    control->SetRootQueueDiscOnDevice(device, disc);
    return "";
}

inline std::string
AddQueue(Ptr<QueueDisc> disc, Ptr<Queue<QueueDiscItem>> queue)
{
    disc->AddInternalQueue(queue);
    return "";
}

/** A queue discipline within another one, as its next class. */
inline std::string
AddClass(Ptr<QueueDisc> whole, Ptr<QueueDisc> part)
{
    auto one = CreateObject<QueueDiscClass>();
    one->SetQueueDisc(part);
    whole->AddQueueDiscClass(one);
    return "";
}

template <typename List, typename Protocol, typename Ip>
bool
AddTo(Ptr<Node> node, Ptr<Object> object, int priority)
{
    auto protocol = DynamicCast<Protocol>(object);
    auto ip = node->GetObject<Ip>();
    auto list = ip && protocol ? DynamicCast<List>(ip->GetRoutingProtocol()) : nullptr;
    if (list)
    {
        list->AddRoutingProtocol(protocol, priority);
        node->AggregateObject(protocol);
    }
    return bool(list);
}

/** A routing protocol into the node's list of them: the greater its priority, the earlier it is asked. Static routes have 0. */
inline std::string
AddRouting(Ptr<Node> node, Ptr<Object> protocol, int priority)
{
    if (auto nix = DynamicCast<Ipv4NixVectorRouting>(protocol))
    {
        nix->SetNode(node);
    }
    if (auto nix = DynamicCast<Ipv6NixVectorRouting>(protocol))
    {
        nix->SetNode(node);
    }
    return AddTo<Ipv4ListRouting, Ipv4RoutingProtocol, Ipv4>(node, protocol, priority) ||
                   AddTo<Ipv6ListRouting, Ipv6RoutingProtocol, Ipv6>(node, protocol, priority)
               ? ""
               : "its node has no IP stack that it fits";
}

/** Dynamic source routing, which is a protocol between IP and TCP, UDP and ICMP: they send by it. */
inline std::string
AddSourceRouting(Ptr<Node> node, Ptr<dsr::DsrRouting> routing)
{
    auto udp = node->GetObject<UdpL4Protocol>();
    auto send = MakeCallback(&dsr::DsrRouting::Send, routing);
    routing->SetDownTarget(udp->GetDownTarget());
    udp->SetDownTarget(send);
    node->GetObject<TcpL4Protocol>()->SetDownTarget(send);
    node->GetObject<Icmpv4L4Protocol>()->SetDownTarget(send);
    node->AggregateObject(routing);
    routing->SetNode(node);
    return "";
}

inline std::string
AddAddress(Ptr<NetDevice> device, const std::string& text)
{
    auto slash = text.find('/');
    std::string address = text.substr(0, slash);
    int prefix = slash == std::string::npos ? -1 : std::stoi(text.substr(slash + 1));
    Ptr<Node> node = device->GetNode();
    if (!node || !node->GetObject<Ipv4>())
    {
        return "its node has no IP stack: set enableStack=True on it";
    }
    if (address.find(':') == std::string::npos)
    {
        auto ip = node->GetObject<Ipv4>();
        int32_t interface = ip->GetInterfaceForDevice(device);
        interface = interface < 0 ? ip->AddInterface(device) : interface;
        uint32_t bits = prefix < 0 ? 24 : prefix;
        ip->AddAddress(interface, Ipv4InterfaceAddress(Ipv4Address(address.c_str()), Ipv4Mask(bits ? ~0u << (32 - bits) : 0u)));
        ip->SetMetric(interface, 1);
        ip->SetUp(interface);
    }
    else
    {
        auto ip = node->GetObject<Ipv6>();
        int32_t interface = ip->GetInterfaceForDevice(device);
        interface = interface < 0 ? ip->AddInterface(device) : interface;
        ip->AddAddress(interface, Ipv6InterfaceAddress(Ipv6Address(address.c_str()), Ipv6Prefix(prefix < 0 ? 64 : prefix)));
        ip->SetMetric(interface, 1);
        ip->SetUp(interface);
    }
    auto control = node->GetObject<TrafficControlLayer>();
    if (control && !DynamicCast<LoopbackNetDevice>(device) && !control->GetRootQueueDiscOnDevice(device) &&
        device->GetObject<NetDeviceQueueInterface>())
    {
        TrafficControlHelper::Default(device->GetObject<NetDeviceQueueInterface>()->GetNTxQueues()).Install(device);
    }
    return "";
}

inline std::string
AddRoute(Ptr<Node> node, const std::string& network, int prefix, const std::string& nexthop)
{
    auto four = node->GetObject<Ipv4>();
    if (!four)
    {
        return "its node has no IP stack: set enableStack=True on it";
    }
    if (network.find(':') == std::string::npos)
    {
        Ipv4Address gateway(nexthop.c_str());
        for (uint32_t i = 0; i < four->GetNInterfaces(); i++)
        {
            for (uint32_t j = 0; j < four->GetNAddresses(i); j++)
            {
                auto own = four->GetAddress(i, j);
                if (own.GetLocal().CombineMask(own.GetMask()) == gateway.CombineMask(own.GetMask()) && own.GetLocal() != Ipv4Address::GetLoopback())
                {
                    Ipv4StaticRoutingHelper().GetStaticRouting(four)->AddNetworkRouteTo(
                        Ipv4Address(network.c_str()), Ipv4Mask(prefix ? ~0u << (32 - prefix) : 0u), gateway, i);
                    return "";
                }
            }
        }
        return "none of its node's interfaces reaches " + nexthop;
    }
    auto six = node->GetObject<Ipv6>();
    Ipv6Address gateway(nexthop.c_str());
    for (uint32_t i = 0; i < six->GetNInterfaces(); i++)
    {
        for (uint32_t j = 0; j < six->GetNAddresses(i); j++)
        {
            auto own = six->GetAddress(i, j);
            if (own.GetAddress().CombinePrefix(own.GetPrefix()) == gateway.CombinePrefix(own.GetPrefix()))
            {
                Ipv6StaticRoutingHelper().GetStaticRouting(six)->AddNetworkRouteTo(Ipv6Address(network.c_str()), Ipv6Prefix(prefix), gateway, i);
                return "";
            }
        }
    }
    return "none of its node's interfaces reaches " + nexthop;
}

// What ns-3's helpers make themselves, they are told of as recipes.

struct Recipe
{
    std::string type;
    std::vector<std::string> names;
    std::vector<std::string> values;

    /** The factory that makes it; what is wrong is in g_problem. */
    ObjectFactory Factory() const
    {
        ObjectFactory factory(type);
        TypeId id = TypeId::LookupByName(type);
        for (size_t i = 0; i < names.size(); i++)
        {
            auto value = ValueFrom(id, names[i], values[i]);
            if (value)
            {
                factory.Set(names[i], *value);
            }
        }
        return factory;
    }
};

inline Recipe
MakeRecipe(const std::string& type, const std::vector<std::string>& names, const std::vector<std::string>& values)
{
    return {type, names, values};
}

} // namespace nepi
