// Devices whose signals have a spectrum: LR-WPAN, with 6LoWPAN on top, and ns-3's ideal ALOHA radio; and what disturbs them.

#include <string>

#include "ns3/antenna-module.h"
#include "ns3/lr-wpan-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/sixlowpan-module.h"
#include "ns3/spectrum-module.h"

namespace nepi
{

using namespace ns3;

/** A device of IEEE 802.15.4 into its node and onto its channel, as a member of a PAN; `mac` is a short address, or "" for the next one. */
inline std::string
JoinLrWpan(Ptr<Node> node, Ptr<lrwpan::LrWpanNetDevice> device, Ptr<SpectrumChannel> channel, const std::string& mac, int pan)
{
    Stand(node);
    device->SetChannel(channel);
    node->AddDevice(device);
    device->SetNode(node);
    device->GetMac()->SetPanId(pan);
    auto address = mac.empty() ? Mac16Address::Allocate() : Mac16Address(mac.c_str());
    device->GetMac()->SetShortAddress(address);
    uint8_t two[2];
    address.CopyTo(two);
    uint8_t eight[8] = {0, 0, 0, 0xff, 0xfe, 0, two[0], two[1]};
    Mac64Address extended;
    extended.CopyFrom(eight);
    device->GetMac()->SetExtendedAddress(extended);
    return "";
}

/** 6LoWPAN over a device that is in its node. */
inline std::string
JoinSixLowPan(Ptr<SixLowPanNetDevice> device, Ptr<NetDevice> lower)
{
    if (!lower->GetNode())
    {
        return "the device that it is on is in no node";
    }
    lower->GetNode()->AddDevice(device);
    device->SetNetDevice(lower);
    return "";
}

/** White noise and a flat signal over the channels of Wi-Fi's 2.4 GHz, which is the spectrum that ns-3's examples use. */
inline std::string
JoinAloha(Ptr<Node> node, Ptr<AlohaNoackNetDevice> device, Ptr<HalfDuplexIdealPhy> phy, Ptr<SpectrumChannel> channel, Ptr<AntennaModel> antenna,
          const std::string& mac, double power_w, int number)
{
    Stand(node);
    phy = phy ? phy : CreateObject<HalfDuplexIdealPhy>();
    SpectrumValue5MhzFactory spectrum;
    device->SetAddress(mac.empty() ? Mac48Address::Allocate() : Mac48Address(mac.c_str()));
    device->SetQueue(CreateObject<DropTailQueue<Packet>>());
    device->SetPhy(phy);
    phy->SetMobility(node->GetObject<MobilityModel>());
    phy->SetDevice(device);
    phy->SetTxPowerSpectralDensity(spectrum.CreateTxPowerSpectralDensity(power_w, number));
    phy->SetNoisePowerSpectralDensity(spectrum.CreateConstant(1.38e-23 * 290)); // thermal noise, W/Hz
    phy->SetChannel(channel);
    if (!antenna)
    {
        antenna = CreateObject<IsotropicAntennaModel>();
    }
    phy->SetAntenna(antenna);
    device->SetChannel(channel);
    channel->AddRx(phy);
    phy->SetGenericPhyTxEndCallback(MakeCallback(&AlohaNoackNetDevice::NotifyTransmissionEnd, device));
    phy->SetGenericPhyRxStartCallback(MakeCallback(&AlohaNoackNetDevice::NotifyReceptionStart, device));
    phy->SetGenericPhyRxEndOkCallback(MakeCallback(&AlohaNoackNetDevice::NotifyReceptionEndOk, device));
    device->SetGenericPhyTxStartCallback(MakeCallback(&HalfDuplexIdealPhy::StartTx, phy));
    node->AddDevice(device);
    return "";
}

/** The frames that the MAC sends and gets; with `promiscuous`, all that it hears. */
inline std::string
WriteLrWpan(Ptr<lrwpan::LrWpanNetDevice> device, const std::string& path, bool promiscuous)
{
    auto file = PcapHelper().CreateFile(path, std::ios::out, PcapHelper::DLT_IEEE802_15_4);
    g_packet_files.push_back(file);
    Callback<void, Ptr<const Packet>> write([file](Ptr<const Packet> packet) { file->Write(Simulator::Now(), packet); });
    return device->GetMac()->TraceConnectWithoutContext(promiscuous ? "PromiscSniffer" : "Sniffer", write) ? "" : "its MAC cannot be listened to";
}

} // namespace nepi
