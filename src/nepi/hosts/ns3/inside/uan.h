// Underwater acoustic networks: a modem of MAC, physical layer and transducer in its node and on its channel.

#include <string>

#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/uan-module.h"

namespace nepi
{

using namespace ns3;

/** What is null is ns-3's usual part. */
inline Ptr<NetDevice>
MakeUan(Ptr<Node> node, Ptr<UanChannel> channel, Ptr<UanMac> mac, Ptr<UanPhy> phy, Ptr<UanTransducer> transducer)
{
    Stand(node);
    auto device = CreateObject<UanNetDevice>();
    if (!mac)
    {
        mac = CreateObject<UanMacAloha>();
    }
    if (!phy)
    {
        phy = CreateObject<UanPhyGen>();
    }
    if (!transducer)
    {
        transducer = CreateObject<UanTransducerHd>();
    }
    mac->SetAddress(Mac8Address::Allocate());
    device->SetMac(mac);
    device->SetPhy(phy);
    device->SetTransducer(transducer);
    device->SetChannel(channel);
    node->AddDevice(device);
    return device;
}

/** Sound takes its time: wait longer for answers to ARP than ns-3's second. */
inline std::string
BePatient(Ptr<NetDevice> device)
{
    auto ip = device->GetNode()->GetObject<Ipv4L3Protocol>();
    int32_t interface = ip ? ip->GetInterfaceForDevice(device) : -1;
    if (interface >= 0)
    {
        ip->GetInterface(interface)->GetArpCache()->SetWaitReplyTimeout(Seconds(10));
    }
    return "";
}

} // namespace nepi
