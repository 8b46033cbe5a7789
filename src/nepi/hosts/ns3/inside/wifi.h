// Wi-Fi and mesh: a device and its parts are made by ns-3's helpers, which know what depends on what; the parts' resources are recipes.

#include <string>
#include <vector>

#include "ns3/mesh-module.h"
#include "ns3/network-module.h"
#include "ns3/spectrum-module.h"
#include "ns3/wifi-module.h"

namespace nepi
{

using namespace ns3;

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

template <typename Helper>
struct OpenPhy : Helper
{
    void Use(const ObjectFactory& factory, const Recipe& rates)
    {
        this->m_phys = {factory};
        this->m_errorRateModel = {rates.Factory()};
    }
};

// What MeshHelper is given by name and value it is given here as factories.
template <typename Tag, typename Tag::type Member>
struct OpenedMesh
{
    friend typename Tag::type Reach(Tag)
    {
        return Member;
    }
};

struct MeshMacTag
{
    using type = ObjectFactory MeshHelper::*;
    friend type Reach(MeshMacTag);
};

struct MeshManagerTag
{
    using type = ObjectFactory MeshHelper::*;
    friend type Reach(MeshManagerTag);
};

struct MeshStackTag
{
    using type = Ptr<MeshStack> MeshHelper::*;
    friend type Reach(MeshStackTag);
};

template struct OpenedMesh<MeshMacTag, &MeshHelper::m_mac>;
template struct OpenedMesh<MeshManagerTag, &MeshHelper::m_stationManager>;
template struct OpenedMesh<MeshStackTag, &MeshHelper::m_stack>;

/** A channel with ns-3's usual models of delay and loss where it has none, without which it cannot carry anything. */
inline Ptr<YansWifiChannel>
Whole(Ptr<YansWifiChannel> channel)
{
    PointerValue delay;
    PointerValue loss;
    if (channel)
    {
        channel->GetAttribute("PropagationDelayModel", delay);
        channel->GetAttribute("PropagationLossModel", loss);
        if (!delay.GetObject())
        {
            channel->SetPropagationDelayModel(CreateObject<ConstantSpeedPropagationDelayModel>());
        }
        if (!loss.GetObject())
        {
            channel->SetPropagationLossModel(CreateObject<LogDistancePropagationLossModel>());
        }
    }
    return channel;
}

/** Do something with a helper of physical layers that fits the channel. */
template <typename Work>
Ptr<NetDevice>
WithPhy(Ptr<Channel> channel, const Recipe& phy, const Recipe& rates, Work work)
{
    if (auto spectrum = DynamicCast<SpectrumChannel>(channel))
    {
        OpenPhy<SpectrumWifiPhyHelper> phys;
        phys.SetChannel(spectrum);
        phys.Use(phy.Factory(), rates);
        return work(phys);
    }
    OpenPhy<YansWifiPhyHelper> phys;
    phys.SetChannel(Whole(DynamicCast<YansWifiChannel>(channel)));
    phys.Use(phy.Factory(), rates);
    return work(phys);
}

inline Ptr<NetDevice>
MakeWifi(Ptr<Node> node, Ptr<Channel> channel, const std::string& standard, const Recipe& phy, const Recipe& mac, const Recipe& manager,
         const Recipe& rates)
{
    g_problem.clear();
    Stand(node);
    OpenMac macs;
    macs.Use(mac.Factory());
    OpenWifi wifi;
    wifi.SetStandard(standard);
    wifi.Use(manager.Factory());
    return WithPhy(channel, phy, rates, [&](const WifiPhyHelper& phys) -> Ptr<NetDevice> {
        return g_problem.empty() ? wifi.Install(phys, macs, node).Get(0) : nullptr;
    });
}

/** A mesh point with one Wi-Fi interface or more, each on a channel of its own when `spread` says so. */
inline Ptr<NetDevice>
MakeMesh(Ptr<Node> node, Ptr<Channel> channel, const std::string& standard, const Recipe& phy, const Recipe& mac, const Recipe& manager,
         const Recipe& rates, const Recipe& stack, int interfaces, bool spread)
{
    static const std::map<std::string, WifiStandard> standards = {
        {"802.11a", WIFI_STANDARD_80211a}, {"802.11b", WIFI_STANDARD_80211b}, {"802.11g", WIFI_STANDARD_80211g},
        {"802.11n", WIFI_STANDARD_80211n}, {"802.11ac", WIFI_STANDARD_80211ac}, {"802.11ax", WIFI_STANDARD_80211ax}};
    g_problem.clear();
    Stand(node);
    MeshHelper mesh;
    mesh.*Reach(MeshMacTag()) = mac.Factory();
    mesh.*Reach(MeshManagerTag()) = manager.Factory();
    mesh.*Reach(MeshStackTag()) = stack.Factory().Create<MeshStack>();
    mesh.SetNumberOfInterfaces(interfaces);
    mesh.SetSpreadInterfaceChannels(spread ? MeshHelper::SPREAD_CHANNELS : MeshHelper::ZERO_CHANNEL);
    auto known = standards.find(standard);
    if (known == standards.end())
    {
        g_problem = "a mesh cannot be of standard " + standard;
        return nullptr;
    }
    mesh.SetStandard(known->second);
    return WithPhy(channel, phy, rates, [&](const WifiPhyHelper& phys) -> Ptr<NetDevice> {
        return g_problem.empty() ? mesh.Install(phys, node).Get(0) : nullptr;
    });
}

/** What the device was made without: spatial reuse. */
inline std::string
JoinObssPd(Ptr<WifiNetDevice> device, Ptr<ObssPdAlgorithm> algorithm)
{
    device->AggregateObject(algorithm);
    algorithm->ConnectWifiNetDevice(device);
    return "";
}

} // namespace nepi
