// Media that several nodes share: Wi-Fi and CSMA; what is recorded of all of it. Goes with building.h.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ns3/csma-module.h"
#include "ns3/flow-monitor-module.h"
#include "ns3/netanim-module.h"
#include "ns3/wifi-module.h"

namespace nepi
{

using namespace ns3;

/** A Wi-Fi network: its channel, and how stations are made for it. */
struct Air : SimpleRefCount<Air>
{
    Ptr<YansWifiChannel> channel;
    std::string standard, mode, ssid, settings;
    bool adhoc;
    double power{16.0206};
};

inline Ptr<Air>
AddAir(bool adhoc, const std::string& standard, const std::string& mode, const std::string& ssid, double exponent, double range)
{
    auto air = Create<Air>();
    air->channel = CreateObject<YansWifiChannel>();
    air->channel->SetPropagationDelayModel(CreateObject<ConstantSpeedPropagationDelayModel>());
    if (range > 0)
    {
        auto loss = CreateObject<RangePropagationLossModel>();
        loss->SetAttribute("MaxRange", DoubleValue(range));
        air->channel->SetPropagationLossModel(loss);
    }
    else
    {
        auto loss = CreateObject<LogDistancePropagationLossModel>();
        loss->SetAttribute("Exponent", DoubleValue(exponent));
        air->channel->SetPropagationLossModel(loss);
    }
    air->adhoc = adhoc;
    air->standard = standard;
    air->mode = mode;
    air->ssid = ssid;
    return air;
}

/** The channel of what stations will be made, as ns-3's attribute ChannelSettings has it, and their power in dBm. */
inline void
Tune(Ptr<Air> air, const std::string& settings, double power)
{
    air->settings = settings;
    air->power = power;
}

inline WifiStandard
StandardOf(const std::string& name)
{
    static const std::map<std::string, WifiStandard> known = {{"a", WIFI_STANDARD_80211a},   {"b", WIFI_STANDARD_80211b},
                                                              {"g", WIFI_STANDARD_80211g},   {"n", WIFI_STANDARD_80211n},
                                                              {"ac", WIFI_STANDARD_80211ac}, {"ax", WIFI_STANDARD_80211ax}};
    return known.at(name);
}

inline Ptr<NetDevice>
AddStation(Ptr<Node> node, Ptr<Air> air, bool isAccessPoint, const std::string& mac, uint16_t mtu, int rtsThreshold, int64_t stream)
{
    YansWifiPhyHelper phy;
    phy.SetChannel(air->channel);
    phy.Set("TxPowerStart", DoubleValue(air->power));
    phy.Set("TxPowerEnd", DoubleValue(air->power));
    if (!air->settings.empty())
    {
        phy.Set("ChannelSettings", StringValue(air->settings));
    }
    WifiHelper wifi;
    wifi.SetStandard(StandardOf(air->standard));
    if (air->mode.empty())
    {
        wifi.SetRemoteStationManager("ns3::MinstrelHtWifiManager", "RtsCtsThreshold", UintegerValue(rtsThreshold));
    }
    else
    {
        wifi.SetRemoteStationManager("ns3::ConstantRateWifiManager", "DataMode", StringValue(air->mode), "ControlMode", StringValue(air->mode),
                                     "RtsCtsThreshold", UintegerValue(rtsThreshold));
    }
    WifiMacHelper mac_;
    if (air->adhoc)
    {
        mac_.SetType("ns3::AdhocWifiMac");
    }
    else if (isAccessPoint)
    {
        mac_.SetType("ns3::ApWifiMac", "Ssid", SsidValue(Ssid(air->ssid)));
    }
    else
    {
        mac_.SetType("ns3::StaWifiMac", "Ssid", SsidValue(Ssid(air->ssid)), "ActiveProbing", BooleanValue(false));
    }
    Ptr<NetDevice> device = wifi.Install(phy, mac_, node).Get(0);
    device->SetMtu(mtu);
    Ptr<WifiMac> layer = DynamicCast<WifiNetDevice>(device)->GetMac();
    layer->SetAddress(Mac48Address(mac.c_str()));
    layer->GetFrameExchangeManager()->SetAddress(Mac48Address(mac.c_str()));
    WifiHelper::AssignStreams(NetDeviceContainer(device), stream);
    return PluggedIn(node, device);
}

inline Ptr<CsmaChannel>
AddWire(uint64_t rate, int64_t delay)
{
    Ptr<CsmaChannel> channel = CreateObject<CsmaChannel>();
    channel->SetAttribute("DataRate", DataRateValue(DataRate(rate)));
    channel->SetAttribute("Delay", TimeValue(NanoSeconds(delay)));
    return channel;
}

inline Ptr<NetDevice>
AddTapOfWire(Ptr<Node> node, Ptr<CsmaChannel> wire, const std::string& mac, uint16_t mtu, int64_t stream)
{
    Ptr<CsmaNetDevice> device = CreateObject<CsmaNetDevice>();
    device->SetAddress(Mac48Address(mac.c_str()));
    device->SetQueue(CreateObject<DropTailQueue<Packet>>());
    node->AddDevice(device);
    device->SetMtu(mtu);
    device->Attach(wire);
    device->AssignStreams(stream);
    return PluggedIn(node, device);
}

/** Nodes that a technology needs for itself and nobody described, with what an animation calls them: no flows of theirs are recorded. */
inline std::vector<std::pair<Ptr<Node>, std::string>> g_unseen;

inline Ptr<FlowMonitor> g_monitor;
inline FlowMonitorHelper* g_monitorHelper{nullptr};
inline AnimationInterface* g_animation{nullptr};

/** From now on, flows between all nodes that have a stack are recorded; once, however often it is asked for. */
inline void
MonitorFlows()
{
    if (g_monitor)
    {
        return;
    }
    g_monitorHelper = new FlowMonitorHelper();
    NodeContainer nodes;
    for (auto node = NodeList::Begin(); node != NodeList::End(); node++)
    {
        auto is = [&node](const auto& unseen) { return unseen.first == *node; };
        if ((*node)->GetObject<Ipv4>() && std::none_of(g_unseen.begin(), g_unseen.end(), is))
        {
            nodes.Add(*node);
        }
    }
    g_monitor = g_monitorHelper->Install(nodes);
}

inline void
WriteFlows(const std::string& path)
{
    g_monitor->CheckForLostPackets();
    g_monitor->SerializeToXmlFile(path, true, true);
}

/** Record how nodes move and what they send. Nodes without a place get one. "" or why it cannot: ns-3 has one animation at a time. */
inline std::string
Animate(const std::string& path)
{
    if (g_animation)
    {
        return "the animation of this simulation is recorded by another Recording already";
    }
    for (uint32_t number = 0; number < NodeList::GetNNodes(); number++)
    {
        if (!NodeList::GetNode(number)->GetObject<MobilityModel>())
        {
            Place(NodeList::GetNode(number), 20.0 * number, 0, 0, 0, 0);
        }
    }
    g_animation = new AnimationInterface(path);
    for (const auto& [node, name] : g_unseen)
    {
        g_animation->UpdateNodeDescription(node, name);
    }
    return "";
}

inline void
NameInAnimation(Ptr<Node> node, const std::string& name)
{
    g_animation->UpdateNodeDescription(node, name);
}

/** Close what is written while the simulation runs. */
inline void
EndAnimation()
{
    delete g_animation;
    g_animation = nullptr;
}

} // namespace nepi
