// LTE devices of the low level: base stations and phones, made by ns-3's helper with what the resources around them say. After shared_lte.h.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ns3/internet-module.h"
#include "ns3/lte-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"

namespace nepi
{

using namespace ns3;

/** A core network; each has the same addresses on its own wires, which nobody sees. */
inline Ptr<Object>
MakeCore(const Recipe& recipe)
{
    g_problem.clear();
    auto factory = recipe.Factory();
    if (!g_problem.empty())
    {
        return nullptr;
    }
    Ipv4AddressGenerator::Reset();
    Ipv6AddressGenerator::Reset();
    return factory.Create();
}

/** Base stations by the number of the network that they belong to. */
inline std::map<int, std::vector<Ptr<NetDevice>>> g_cells;

/** What the next devices are made of: `role` is a part of LteHelper's methods' names. */
inline std::string
UsePart(const std::string& role, const Recipe& part)
{
    auto helper = SharedLte();
    std::function<void(const std::string&, const AttributeValue&)> set;
    if (role == "Scheduler")
    {
        helper->SetSchedulerType(part.type);
        set = [helper](const std::string& name, const AttributeValue& value) { helper->SetSchedulerAttribute(name, value); };
    }
    else if (role == "FfrAlgorithm")
    {
        helper->SetFfrAlgorithmType(part.type);
        set = [helper](const std::string& name, const AttributeValue& value) { helper->SetFfrAlgorithmAttribute(name, value); };
    }
    else if (role == "HandoverAlgorithm")
    {
        helper->SetHandoverAlgorithmType(part.type);
        set = [helper](const std::string& name, const AttributeValue& value) { helper->SetHandoverAlgorithmAttribute(name, value); };
    }
    else if (role == "PathlossModel")
    {
        helper->SetPathlossModelType(TypeId::LookupByName(part.type));
        set = [helper](const std::string& name, const AttributeValue& value) { helper->SetPathlossModelAttribute(name, value); };
    }
    else if (role == "EnbAntennaModel")
    {
        helper->SetEnbAntennaModelType(part.type);
        set = [helper](const std::string& name, const AttributeValue& value) { helper->SetEnbAntennaModelAttribute(name, value); };
    }
    else
    {
        helper->SetUeAntennaModelType(part.type);
        set = [helper](const std::string& name, const AttributeValue& value) { helper->SetUeAntennaModelAttribute(name, value); };
    }
    g_problem.clear();
    TypeId type = TypeId::LookupByName(part.type);
    for (size_t i = 0; i < part.names.size(); i++)
    {
        if (auto value = ValueFrom(type, part.names[i], part.values[i]))
        {
            set(part.names[i], *value);
        }
    }
    return g_problem;
}

/** `core` is null for a radio network alone. Frequencies and bandwidths are those of `recipe`, or ns-3's. */
inline Ptr<NetDevice>
MakeCell(Ptr<Node> node, int network, Ptr<EpcHelper> core, const Recipe& recipe)
{
    auto helper = SharedLte();
    helper->SetEpcHelper(core);
    g_problem.clear();
    TypeId type = LteEnbNetDevice::GetTypeId();
    for (std::string name : {"DlBandwidth", "UlBandwidth", "DlEarfcn", "UlEarfcn"})
    {
        TypeId::AttributeInformation info;
        type.LookupAttributeByName(name, &info);
        helper->SetEnbDeviceAttribute(name, *info.initialValue);
    }
    for (size_t i = 0; i < recipe.names.size(); i++)
    {
        auto value = ValueFrom(type, recipe.names[i], recipe.values[i]);
        if (value)
        {
            helper->SetEnbDeviceAttribute(recipe.names[i], *value);
        }
    }
    Stand(node);
    if (!g_problem.empty())
    {
        return nullptr;
    }
    auto device = helper->InstallEnbDevice(NodeContainer(node)).Get(0);
    g_cells[network].push_back(device);
    return device;
}

inline Ptr<NetDevice>
MakePhone(Ptr<Node> node, Ptr<EpcHelper> core)
{
    Stand(node);
    SharedLte()->SetEpcHelper(core);
    return SharedLte()->InstallUeDevice(NodeContainer(node)).Get(0);
}

/** Two base stations that can hand phones over to each other. */
inline std::string
JoinCells(Ptr<NetDevice> one, Ptr<NetDevice> other, Ptr<EpcHelper> core)
{
    SharedLte()->SetEpcHelper(core);
    SharedLte()->AddX2Interface(one->GetNode(), other->GetNode());
    return "";
}

/** The core gives a phone an address, when it has none by now, and is its way to everywhere. */
inline std::string
GiveAddress(Ptr<NetDevice> phone, Ptr<PointToPointEpcHelper> core)
{
    auto ip = phone->GetNode()->GetObject<Ipv4>();
    if (!ip)
    {
        return "its node has no IP stack: set enableStack=True on it";
    }
    int32_t interface = ip->GetInterfaceForDevice(phone);
    if (interface < 0 || ip->GetNAddresses(interface) == 0)
    {
        core->AssignUeIpv4Address(NetDeviceContainer(phone));
        interface = ip->GetInterfaceForDevice(phone);
    }
    Ipv4StaticRoutingHelper().GetStaticRouting(ip)->SetDefaultRoute(core->GetUeDefaultGatewayAddress(), interface);
    return "";
}

/** Attach a phone to a cell, or with null to the nearest one of its network; it may have a bearer of its own beside the default one. */
inline std::string
AttachPhoneTo(Ptr<NetDevice> phone, Ptr<NetDevice> cell, int network, Ptr<EpcHelper> core, int bearer)
{
    auto helper = SharedLte();
    helper->SetEpcHelper(core);
    if (!cell)
    {
        auto here = phone->GetNode()->GetObject<MobilityModel>();
        for (auto& one : g_cells[network])
        {
            auto there = one->GetNode()->GetObject<MobilityModel>();
            if (!cell || here->GetDistanceFrom(there) < here->GetDistanceFrom(cell->GetNode()->GetObject<MobilityModel>()))
            {
                cell = one;
            }
        }
    }
    if (!cell)
    {
        return "there is no ns3::LteEnbNetDevice on its ns3::LteHelper";
    }
    helper->Attach(phone, cell);
    if (!core)
    {
        helper->ActivateDataRadioBearer(phone, EpsBearer(EpsBearer::Qci(bearer ? bearer : EpsBearer::NGBR_VIDEO_TCP_DEFAULT)));
    }
    else if (bearer)
    {
        helper->ActivateDedicatedEpsBearer(phone, EpsBearer(EpsBearer::Qci(bearer)), EpcTft::Default());
    }
    return "";
}

/** The core's gateway as the node of an ordinary device: how the rest of the network is joined. */
inline std::string
JoinGateway(Ptr<EpcHelper> core, Ptr<NetDevice> device, Ptr<Channel> channel, const std::string& mac)
{
    return JoinDevice(core->GetPgwNode(), device, channel, mac);
}

inline std::string
AddGatewayRoute(Ptr<EpcHelper> core, const std::string& network, int prefix, const std::string& nexthop)
{
    return AddRoute(core->GetPgwNode(), network, prefix, nexthop);
}

} // namespace nepi
