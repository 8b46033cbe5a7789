// Media that several nodes share: Wi-Fi and CSMA; and the way out of the simulation, a tap. What is made counts as devices of building.h.

#include <map>
#include <string>
#include <vector>

#include "ns3/csma-module.h"
#include "ns3/fd-net-device-module.h"
#include "ns3/flow-monitor-module.h"
#include "ns3/netanim-module.h"
#include "ns3/wifi-module.h"

namespace nepi
{

using namespace ns3;

/** A Wi-Fi network: its channel, and how stations are made for it. */
struct Air
{
    Ptr<YansWifiChannel> channel;
    std::string standard, rateManager, mode, ssid;
    bool adhoc;
    double range;
};

inline std::vector<Air> g_airs;

inline int
AddAir(bool adhoc, std::string standard, std::string mode, std::string ssid, double exponent, double range)
{
    Air air;
    air.channel = CreateObject<YansWifiChannel>();
    air.channel->SetPropagationDelayModel(CreateObject<ConstantSpeedPropagationDelayModel>());
    if (range > 0)
    {
        auto loss = CreateObject<RangePropagationLossModel>();
        loss->SetAttribute("MaxRange", DoubleValue(range));
        air.channel->SetPropagationLossModel(loss);
    }
    else
    {
        auto loss = CreateObject<LogDistancePropagationLossModel>();
        loss->SetAttribute("Exponent", DoubleValue(exponent));
        air.channel->SetPropagationLossModel(loss);
    }
    air.adhoc = adhoc;
    air.standard = standard;
    air.mode = mode;
    air.ssid = ssid;
    air.range = range;
    g_airs.push_back(air);
    return int(g_airs.size()) - 1;
}

inline WifiStandard
StandardOf(const std::string& name)
{
    static const std::map<std::string, WifiStandard> known = {{"a", WIFI_STANDARD_80211a},   {"b", WIFI_STANDARD_80211b},
                                                              {"g", WIFI_STANDARD_80211g},   {"n", WIFI_STANDARD_80211n},
                                                              {"ac", WIFI_STANDARD_80211ac}, {"ax", WIFI_STANDARD_80211ax}};
    return known.at(name);
}

inline int
AddStation(int node, int air, bool isAccessPoint, std::string mac, uint16_t mtu, int rtsThreshold, int64_t stream)
{
    Air& on = g_airs[air];
    YansWifiPhyHelper phy;
    phy.SetChannel(on.channel);
    WifiHelper wifi;
    wifi.SetStandard(StandardOf(on.standard));
    if (on.mode.empty())
    {
        wifi.SetRemoteStationManager("ns3::MinstrelHtWifiManager", "RtsCtsThreshold", UintegerValue(rtsThreshold));
    }
    else
    {
        wifi.SetRemoteStationManager("ns3::ConstantRateWifiManager", "DataMode", StringValue(on.mode), "ControlMode", StringValue(on.mode),
                                     "RtsCtsThreshold", UintegerValue(rtsThreshold));
    }
    WifiMacHelper mac_;
    if (on.adhoc)
    {
        mac_.SetType("ns3::AdhocWifiMac");
    }
    else if (isAccessPoint)
    {
        mac_.SetType("ns3::ApWifiMac", "Ssid", SsidValue(Ssid(on.ssid)));
    }
    else
    {
        mac_.SetType("ns3::StaWifiMac", "Ssid", SsidValue(Ssid(on.ssid)), "ActiveProbing", BooleanValue(false));
    }
    Ptr<Node> one = g_nodes[node];
    Ptr<NetDevice> device = wifi.Install(phy, mac_, one).Get(0);
    device->SetMtu(mtu);
    Ptr<WifiMac> layer = DynamicCast<WifiNetDevice>(device)->GetMac();
    layer->SetAddress(Mac48Address(mac.c_str()));
    layer->GetFrameExchangeManager()->SetAddress(Mac48Address(mac.c_str()));
    WifiHelper::AssignStreams(NetDeviceContainer(device), stream);
    return Keep(node, device);
}

inline std::vector<Ptr<CsmaChannel>> g_wires;

inline int
AddWire(uint64_t rate, int64_t delay)
{
    Ptr<CsmaChannel> channel = CreateObject<CsmaChannel>();
    channel->SetAttribute("DataRate", DataRateValue(DataRate(rate)));
    channel->SetAttribute("Delay", TimeValue(NanoSeconds(delay)));
    g_wires.push_back(channel);
    return int(g_wires.size()) - 1;
}

inline int
AddTapOfWire(int node, int wire, std::string mac, uint16_t mtu, int64_t stream)
{
    Ptr<CsmaNetDevice> device = CreateObject<CsmaNetDevice>();
    device->SetAddress(Mac48Address(mac.c_str()));
    device->SetQueue(CreateObject<DropTailQueue<Packet>>());
    g_nodes[node]->AddDevice(device);
    device->SetMtu(mtu);
    device->Attach(g_wires[wire]);
    device->AssignStreams(stream);
    return Keep(node, device);
}

/** The simulation's end of a tap, whose descriptor was opened outside. On a switch it is a port, on a node an interface. */
inline int
AddTap(int node, int fd, std::string mac, uint16_t mtu)
{
    Ptr<FdNetDevice> device = CreateObject<FdNetDevice>();
    device->SetAddress(Mac48Address(mac.c_str()));
    device->SetMtu(mtu);
    g_nodes[node]->AddDevice(device);
    int number = Keep(node, device);
    device->SetFileDescriptor(fd);
    device->Start(Seconds(0));
    return number;
}

/** Let go of the taps of a switch, which ends them. */
inline void
Unplug(int node)
{
    for (uint32_t number = 0; number < g_nodes[node]->GetNDevices(); number++)
    {
        if (auto device = DynamicCast<FdNetDevice>(g_nodes[node]->GetDevice(number)))
        {
            device->Stop(Seconds(0));
        }
    }
}

inline Ptr<FlowMonitor> g_monitor;
inline FlowMonitorHelper* g_monitorHelper{nullptr};
inline AnimationInterface* g_animation{nullptr};

inline void
MonitorFlows()
{
    g_monitorHelper = new FlowMonitorHelper();
    NodeContainer nodes;
    for (auto& node : g_nodes)
    {
        if (node->GetObject<Ipv4>())
        {
            nodes.Add(node);
        }
    }
    g_monitor = g_monitorHelper->Install(nodes);
}

inline void
WriteFlows(std::string path)
{
    g_monitor->CheckForLostPackets();
    g_monitor->SerializeToXmlFile(path, true, true);
}

inline void
Animate(std::string path, std::string names)
{
    std::istringstream list(names);
    std::string name;
    for (size_t number = 0; number < g_nodes.size(); number++)
    {
        if (!g_nodes[number]->GetObject<MobilityModel>())
        {
            Place(int(number), 20.0 * double(number), 0, 0, 0, 0);
        }
    }
    g_animation = new AnimationInterface(path);
    for (size_t number = 0; number < g_nodes.size() && std::getline(list, name); number++)
    {
        g_animation->UpdateNodeDescription(g_nodes[number], name);
    }
}

/** Close what is written while the simulation runs. */
inline void
CloseFiles()
{
    delete g_animation;
    g_animation = nullptr;
}

} // namespace nepi
