// How objects become a network, as ns-3's helpers do it. Each function returns "" or why it cannot.

#include <string>
#include <vector>

#include "ns3/bridge-module.h"
#include "ns3/csma-module.h"
#include "ns3/fd-net-device-module.h"
#include "ns3/internet-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include "ns3/traffic-control-module.h"
#include "ns3/wifi-module.h"

namespace nepi
{

using namespace ns3;

/** A device into its node, onto its channel, with an address; `mac` is "" for the next one. */
inline std::string
JoinDevice(Ptr<Node> node, Ptr<NetDevice> device, Ptr<Channel> channel, const std::string& mac)
{
    device->SetAddress(mac.empty() ? Mac48Address::Allocate() : Mac48Address(mac.c_str()));
    node->AddDevice(device);
    if (auto point = DynamicCast<PointToPointNetDevice>(device))
    {
        if (!point->GetQueue())
        {
            point->SetQueue(CreateObject<DropTailQueue<Packet>>());
        }
        auto interface = CreateObject<NetDeviceQueueInterface>();
        interface->GetTxQueue(0)->ConnectQueueTraces(point->GetQueue());
        device->AggregateObject(interface);
        if (channel)
        {
            point->Attach(DynamicCast<PointToPointChannel>(channel));
        }
    }
    else if (auto csma = DynamicCast<CsmaNetDevice>(device))
    {
        if (!csma->GetQueue())
        {
            csma->SetQueue(CreateObject<DropTailQueue<Packet>>());
        }
        auto interface = CreateObject<NetDeviceQueueInterface>();
        interface->GetTxQueue(0)->ConnectQueueTraces(csma->GetQueue());
        device->AggregateObject(interface);
        if (channel)
        {
            csma->Attach(DynamicCast<CsmaChannel>(channel));
        }
    }
    else if (auto simple = DynamicCast<SimpleNetDevice>(device))
    {
        if (!simple->GetQueue())
        {
            simple->SetQueue(CreateObject<DropTailQueue<Packet>>());
        }
        auto interface = CreateObject<NetDeviceQueueInterface>();
        interface->GetTxQueue(0)->ConnectQueueTraces(simple->GetQueue());
        device->AggregateObject(interface);
        if (channel)
        {
            simple->SetChannel(DynamicCast<SimpleChannel>(channel));
        }
    }
    else if (channel)
    {
        return "a " + device->GetInstanceTypeId().GetName() + " cannot be put onto a " + channel->GetInstanceTypeId().GetName() + " here";
    }
    return "";
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

// Wi-Fi: a device and its parts are made by ns-3's helpers, which know what depends on what; the parts' resources are recipes.

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

struct OpenMac : WifiMacHelper
{
    void Use(const ObjectFactory& factory)
    {
        m_mac = factory;
    }
};

struct OpenWifi : WifiHelper
{
    void Use(const ObjectFactory& factory)
    {
        m_stationManager = {factory};
    }
};

struct OpenPhy : YansWifiPhyHelper
{
    void Use(const ObjectFactory& factory, const Recipe& rates)
    {
        m_phys = {factory};
        m_errorRateModel = {rates.Factory()};
    }
};

inline Ptr<NetDevice>
MakeWifi(Ptr<Node> node, Ptr<YansWifiChannel> channel, const std::string& standard, const Recipe& phy, const Recipe& mac,
         const Recipe& manager, const Recipe& rates)
{
    g_problem.clear();
    OpenPhy phys;
    phys.SetChannel(channel);
    phys.Use(phy.Factory(), rates);
    OpenMac macs;
    macs.Use(mac.Factory());
    OpenWifi wifi;
    wifi.SetStandard(standard);
    wifi.Use(manager.Factory());
    if (!g_problem.empty())
    {
        return nullptr;
    }
    return wifi.Install(phys, macs, node).Get(0);
}

} // namespace nepi
