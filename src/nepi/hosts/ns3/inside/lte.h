// LTE for the high level: cells, a core network, phones. Addresses are the plan's: the core learns them, and gives none of its own.
// Goes with building.h, media.h and shared_lte.h; loaded only where there is an LTE network.

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "ns3/internet-module.h"
#include "ns3/lte-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/virtual-net-device-module.h"

namespace nepi
{

using namespace ns3;

/** Source of what the core's gateway has to say about packets (RFC 7600): it has no address in any of the experiment's networks. */
inline const char* const DUMMY_ADDRESS = "192.0.0.8";
inline const char* const DUMMY_SIX = "100::8"; // of the prefix for what is to be discarded (RFC 6666)
inline const uint32_t TUNNEL = 1; // the interface of the core's gateway that leads to phones

/** A network of cells with its core. Everything beyond it is behind one node of the experiment, its gateway. */
struct Lte : public SimpleRefCount<Lte>
{
    Ptr<PointToPointEpcHelper> core;
    NetDeviceContainer cells;
    Ptr<NetDevice> wan; // of the core's gateway, towards the experiment's
    std::string scheduler, handover;
    uint16_t blocks{25}, srsPeriod{40};
    uint32_t frequency{100};
    double power{30};
    std::shared_ptr<std::ofstream> rows;

    /** What base stations that are added from now on send with, in dBm. */
    void SetPower(double dbm)
    {
        power = dbm;
    }

    /** The core's own end of the network, which has the planned subnet behind its tunnel. */
    Ptr<Node> Edge() const
    {
        return core->GetPgwNode();
    }
};

/** The core's gateway gives up ns-3's own addresses for phones. */
inline void
ForgetAddresses(Ptr<Node> edge)
{
    auto four = edge->GetObject<Ipv4>();
    while (four->GetNAddresses(TUNNEL) > 0)
    {
        four->RemoveAddress(TUNNEL, 0);
    }
    four->AddAddress(TUNNEL, Ipv4InterfaceAddress(Ipv4Address(DUMMY_ADDRESS), Ipv4Mask::GetOnes()));
    auto six = edge->GetObject<Ipv6>();
    while (six->GetNAddresses(TUNNEL) > 1) // the first is the link's own
    {
        six->RemoveAddress(TUNNEL, 1);
    }
    six->AddAddress(TUNNEL, Ipv6InterfaceAddress(Ipv6Address(DUMMY_SIX), Ipv6Prefix(128)));
}

inline void
PutAt(Ptr<Node> node, double x, double y, double z)
{
    auto place = CreateObject<ConstantPositionMobilityModel>();
    place->SetPosition(Vector(x, y, z));
    node->AggregateObject(place);
}

/**
 * How radio waves fade, for all networks of the simulation. "" or why it cannot be so.
 *
 * `exponent` > 0 is that of LogDistancePropagationLossModel, whose loss at 1 m is then that of free space at 2.12 GHz.
 */
inline std::string
ChoosePathloss(const std::string& model, double exponent)
{
    static std::string chosen;
    std::string wanted = model + " " + std::to_string(exponent);
    if (!chosen.empty() && chosen != wanted)
    {
        return "another LTE network of this simulation has another pathloss or exponent";
    }
    if (chosen.empty())
    {
        SharedLte()->SetPathlossModelType(TypeId::LookupByName(model));
        if (exponent > 0)
        {
            SharedLte()->SetPathlossModelAttribute("Exponent", DoubleValue(exponent));
            SharedLte()->SetPathlossModelAttribute("ReferenceLoss", DoubleValue(38.97));
        }
    }
    chosen = wanted;
    return "";
}

/** First frequencies (EARFCN) of bands in which networks have each its own; none is wider than 200. */
inline uint32_t
NextFrequency()
{
    static size_t next = 0;
    static const std::vector<uint32_t> free{100, 350, 1300, 1550, 1800, 2850, 3100, 700, 950, 2000};
    return free[std::min(next++, free.size() - 1)];
}

/**
 * A network without cells and phones.
 *
 * `queue` is how many bytes wait for the air for each phone and direction. `phones` is how many there may be in one cell.
 */
inline Ptr<Lte>
MakeLte(const std::string& scheduler, uint16_t blocks, const std::string& handover, uint32_t queue, uint32_t phones)
{
    static uint32_t longest = 0;
    longest = std::max(longest, queue);
    Config::SetDefault("ns3::LteRlcUm::MaxTxBufferSize", UintegerValue(longest));
    Config::SetDefault("ns3::LteRlcAm::MaxTxBufferSize", UintegerValue(longest));
    // Each core has the same addresses on its own wires, which nobody sees.
    Ipv4AddressGenerator::Reset();
    Ipv6AddressGenerator::Reset();
    uint32_t before = NodeList::GetNNodes();
    auto lte = Create<Lte>();
    lte->core = CreateObject<PointToPointEpcHelper>();
    ForgetAddresses(lte->Edge());
    for (uint32_t number = before; number < NodeList::GetNNodes(); number++)
    {
        PutAt(NodeList::GetNode(number), 0, 0, 0);
        g_unseen.push_back({NodeList::GetNode(number), "LTE core"});
    }
    lte->scheduler = scheduler;
    lte->handover = handover;
    lte->blocks = blocks;
    lte->frequency = NextFrequency();
    for (uint16_t period : {40, 80, 160, 320})
    {
        lte->srsPeriod = period;
        if (period > phones + phones / 8) // a phone that comes back may be counted twice for a while
        {
            break;
        }
    }
    return lte;
}

/** A base station; it can hand phones over to all others. */
inline void
AddCell(Ptr<Lte> lte, double x, double y, double z, int64_t stream)
{
    auto node = CreateObject<Node>();
    PutAt(node, x, y, z);
    auto helper = SharedLte();
    helper->SetEpcHelper(lte->core);
    helper->SetSchedulerType(lte->scheduler);
    helper->SetHandoverAlgorithmType(lte->handover);
    helper->SetEnbDeviceAttribute("DlBandwidth", UintegerValue(lte->blocks));
    helper->SetEnbDeviceAttribute("UlBandwidth", UintegerValue(lte->blocks));
    helper->SetEnbDeviceAttribute("DlEarfcn", UintegerValue(lte->frequency));
    helper->SetEnbDeviceAttribute("UlEarfcn", UintegerValue(lte->frequency + 18000));
    auto device = DynamicCast<LteEnbNetDevice>(helper->InstallEnbDevice(NodeContainer(node)).Get(0));
    device->GetRrc()->SetSrsPeriodicity(lte->srsPeriod);
    device->GetPhy()->SetTxPower(lte->power);
    device->GetPhy()->GetDownlinkSpectrumPhy()->AssignStreams(stream);
    device->GetPhy()->GetUplinkSpectrumPhy()->AssignStreams(stream + 1);
    if (lte->handover != "ns3::NoOpHandoverAlgorithm")
    {
        for (uint32_t other = 0; other < lte->cells.GetN(); other++)
        {
            helper->AddX2Interface(lte->cells.Get(other)->GetNode(), node);
        }
    }
    lte->cells.Add(device);
    g_unseen.push_back({node, "cell " + std::to_string(device->GetCellId())});
}

/** The number of the first cell: those of a network follow each other. */
inline int
FirstCell(Ptr<Lte> lte)
{
    return DynamicCast<LteEnbNetDevice>(lte->cells.Get(0))->GetCellId();
}

/** Write a row for each change of a phone's cell; "" or why it cannot. */
inline std::string
RecordCells(Ptr<Lte> lte, const std::string& path)
{
    lte->rows = std::make_shared<std::ofstream>(path);
    *lte->rows << "time_ns\tcontext\tevent\tcell\n" << std::flush;
    return *lte->rows ? "" : path + " cannot be written";
}

inline void
WriteCell(Ptr<Lte> lte, const std::string& name, const std::string& event, uint16_t cell)
{
    if (lte->rows)
    {
        *lte->rows << Simulator::Now().GetNanoSeconds() << '\t' << name << '\t' << event << '\t' << cell << '\n' << std::flush;
    }
}

/** A phone's interface on a node that has a place. */
inline Ptr<NetDevice>
AddPhone(Ptr<Lte> lte, Ptr<Node> node, const std::string& name, uint16_t mtu, int64_t stream)
{
    auto helper = SharedLte();
    helper->SetEpcHelper(lte->core);
    helper->SetUeDeviceAttribute("DlEarfcn", UintegerValue(lte->frequency));
    auto device = DynamicCast<LteUeNetDevice>(helper->InstallUeDevice(NodeContainer(node)).Get(0));
    device->SetMtu(mtu);
    InterfaceOf<Ipv6>(device); // its link-local address comes first: the core takes the second one for the phone's
    device->GetPhy()->GetDownlinkSpectrumPhy()->AssignStreams(stream);
    device->GetPhy()->GetUplinkSpectrumPhy()->AssignStreams(stream + 1);
    device->GetMac()->AssignStreams(stream + 2);
    for (auto& [source, event] : std::vector<std::pair<std::string, std::string>>{{"ConnectionEstablished", "connected"},
                                                                                  {"HandoverEndOk", "handover"},
                                                                                  {"HandoverEndError", "handover failed"},
                                                                                  {"RadioLinkFailure", "lost"}})
    {
        std::string what = event;
        device->GetRrc()->TraceConnectWithoutContext(
            source, Callback<void, uint64_t, uint16_t, uint16_t>([lte, name, what](uint64_t, uint16_t cell, uint16_t) {
                WriteCell(lte, name, what, cell);
            }));
    }
    return device;
}

/** Let a phone, which has its addresses by now, search for the nearest cell. */
inline void
AttachPhone(Ptr<Lte> lte, Ptr<NetDevice> phone)
{
    SharedLte()->SetEpcHelper(lte->core);
    SharedLte()->AttachToClosestEnb(phone, lte->cells);
}

/** The wire between the core's gateway and the experiment's; returns the end of the latter. */
inline Ptr<NetDevice>
AddGateway(Ptr<Lte> lte, Ptr<Node> node, const std::string& mac, const std::string& edgeMac, uint16_t mtu)
{
    auto channel = CreateObject<SimpleChannel>();
    auto end = [&](Ptr<Node> on, const std::string& address) {
        auto device = CreateObject<SimpleNetDevice>();
        device->SetAddress(Mac48Address(address.c_str()));
        device->SetMtu(mtu);
        on->AddDevice(device);
        device->SetChannel(channel);
        return device;
    };
    lte->wan = end(lte->Edge(), edgeMac);
    auto four = lte->Edge()->GetObject<Ipv4>();
    uint32_t index = four->AddInterface(lte->wan);
    four->AddAddress(index, Ipv4InterfaceAddress(Ipv4Address(DUMMY_ADDRESS), Ipv4Mask::GetOnes()));
    four->SetUp(index);
    return end(node, mac);
}

/** What the core's gateway knows of IPv4: phones have addresses in `network`/`prefix`, all others are behind `gateway`. */
inline void
RouteFour(Ptr<Lte> lte, const std::string& network, int prefix, const std::string& gateway, const std::string& mac)
{
    auto four = lte->Edge()->GetObject<Ipv4>();
    uint32_t index = four->GetInterfaceForDevice(lte->wan);
    Ipv4Address out(gateway.c_str());
    auto routes = Ipv4StaticRoutingHelper().GetStaticRouting(four);
    routes->AddNetworkRouteTo(Ipv4Address(network.c_str()), Ipv4Mask(prefix == 0 ? 0u : ~0u << (32 - prefix)), TUNNEL);
    routes->AddHostRouteTo(out, index);
    routes->SetDefaultRoute(out, index);
    auto cache = DynamicCast<Ipv4L3Protocol>(four)->GetInterface(index)->GetArpCache();
    auto entry = cache->Add(out);
    entry->SetMacAddress(Mac48Address(mac.c_str()));
    entry->MarkPermanent();
}

/** The same of IPv6. */
inline void
RouteSix(Ptr<Lte> lte, const std::string& network, int prefix, const std::string& gateway, const std::string& mac)
{
    auto six = lte->Edge()->GetObject<Ipv6>();
    int32_t index = six->GetInterfaceForDevice(lte->wan);
    if (index < 0)
    {
        index = six->AddInterface(lte->wan);
        six->AddAddress(index, Ipv6InterfaceAddress(Ipv6Address(DUMMY_SIX), Ipv6Prefix(128)));
        six->SetUp(index);
        six->SetForwarding(index, true);
    }
    Ipv6Address out(gateway.c_str());
    auto routes = Ipv6StaticRoutingHelper().GetStaticRouting(six);
    routes->AddNetworkRouteTo(Ipv6Address(network.c_str()), Ipv6Prefix(prefix), TUNNEL);
    routes->AddHostRouteTo(out, index);
    routes->SetDefaultRoute(out, index);
    auto cache = DynamicCast<Ipv6L3Protocol>(six)->GetInterface(index)->GetNdiscCache();
    auto entry = cache->Add(out);
    entry->SetMacAddress(Mac48Address(mac.c_str()));
    entry->MarkPermanent();
}

} // namespace nepi
