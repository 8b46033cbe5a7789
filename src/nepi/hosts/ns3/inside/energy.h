// Batteries of nodes, what draws current from them, and what charges them.

#include <string>

#include "ns3/energy-module.h"
#include "ns3/network-module.h"
#include "ns3/uan-module.h"
#include "ns3/wifi-module.h"

namespace nepi
{

using namespace ns3;

inline std::string
AddSource(Ptr<Node> node, Ptr<energy::EnergySource> source)
{
    source->SetNode(node);
    auto sources = node->GetObject<energy::EnergySourceContainer>();
    if (!sources)
    {
        sources = CreateObject<energy::EnergySourceContainer>();
        node->AggregateObject(sources);
    }
    sources->Add(source);
    return "";
}

/** A device draws from a battery, and is silent when that is empty. */
inline std::string
AddConsumer(Ptr<energy::EnergySource> source, Ptr<energy::DeviceEnergyModel> model, Ptr<NetDevice> device)
{
    if (auto radio = DynamicCast<WifiRadioEnergyModel>(model))
    {
        auto wifi = DynamicCast<WifiNetDevice>(device);
        if (!wifi)
        {
            return "it is for an ns3::WifiNetDevice";
        }
        auto phy = wifi->GetPhy();
        phy->SetWifiRadioEnergyModel(radio);
        radio->SetEnergyDepletionCallback(MakeCallback(&WifiPhy::SetOffMode, phy));
        radio->SetEnergyRechargedCallback(MakeCallback(&WifiPhy::ResumeFromOff, phy));
        source->AppendDeviceEnergyModel(radio);
        radio->SetEnergySource(source);
        phy->RegisterListener(radio->GetPhyListener());
        return "";
    }
    if (auto modem = DynamicCast<AcousticModemEnergyModel>(model))
    {
        auto uan = DynamicCast<UanNetDevice>(device);
        if (!uan)
        {
            return "it is for an ns3::UanNetDevice";
        }
        modem->SetNode(device->GetNode());
        modem->SetEnergySource(source);
        source->AppendDeviceEnergyModel(modem);
        uan->GetPhy()->SetEnergyModelCallback(MakeCallback(&energy::DeviceEnergyModel::ChangeState, model));
        return "";
    }
    auto simple = DynamicCast<energy::SimpleDeviceEnergyModel>(model);
    if (simple)
    {
        simple->SetNode(source->GetNode());
    }
    model->SetEnergySource(source);
    source->AppendDeviceEnergyModel(model);
    return "";
}

inline std::string
AddHarvester(Ptr<energy::EnergySource> source, Ptr<energy::EnergyHarvester> harvester)
{
    source->ConnectEnergyHarvester(harvester);
    harvester->SetNode(source->GetNode());
    harvester->SetEnergySource(source);
    return "";
}

} // namespace nepi
