// WiMAX: base and subscriber stations on a channel, and the flows that their traffic belongs to.

#include <map>
#include <string>

#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/wimax-module.h"

namespace nepi
{

using namespace ns3;

inline Ptr<Channel>
MakeWimaxChannel(const std::string& loss)
{
    static const std::map<std::string, SimpleOfdmWimaxChannel::PropModel> known = {
        {"random", SimpleOfdmWimaxChannel::RANDOM_PROPAGATION},
        {"friis", SimpleOfdmWimaxChannel::FRIIS_PROPAGATION},
        {"logDistance", SimpleOfdmWimaxChannel::LOG_DISTANCE_PROPAGATION},
        {"cost231", SimpleOfdmWimaxChannel::COST231_PROPAGATION}};
    return CreateObject<SimpleOfdmWimaxChannel>(known.at(loss));
}

inline Ptr<NetDevice>
MakeWimax(Ptr<Node> node, Ptr<SimpleOfdmWimaxChannel> channel, bool base, const std::string& scheduler)
{
    static const std::map<std::string, WimaxHelper::SchedulerType> known = {
        {"simple", WimaxHelper::SCHED_TYPE_SIMPLE}, {"rtps", WimaxHelper::SCHED_TYPE_RTPS}, {"mbqos", WimaxHelper::SCHED_TYPE_MBQOS}};
    Stand(node);
    WimaxHelper wimax;
    auto type = base ? WimaxHelper::DEVICE_TYPE_BASE_STATION : WimaxHelper::DEVICE_TYPE_SUBSCRIBER_STATION;
    return wimax.Install(NodeContainer(node), type, WimaxHelper::SIMPLE_PHY_TYPE_OFDM, channel, known.at(scheduler)).Get(0);
}

/** One flow each way, of all TCP and UDP that goes to or comes from the station. */
inline std::string
AddFlows(Ptr<SubscriberStationNetDevice> station, const std::string& kind, const std::string& modulation, const std::string& address)
{
    static const std::map<std::string, ServiceFlow::SchedulingType> kinds = {{"BE", ServiceFlow::SF_TYPE_BE},
                                                                             {"UGS", ServiceFlow::SF_TYPE_UGS},
                                                                             {"RTPS", ServiceFlow::SF_TYPE_RTPS},
                                                                             {"NRTPS", ServiceFlow::SF_TYPE_NRTPS}};
    static const std::map<std::string, WimaxPhy::ModulationType> modulations = {
        {"BPSK-1/2", WimaxPhy::MODULATION_TYPE_BPSK_12},   {"QPSK-1/2", WimaxPhy::MODULATION_TYPE_QPSK_12},
        {"QPSK-3/4", WimaxPhy::MODULATION_TYPE_QPSK_34},   {"16QAM-1/2", WimaxPhy::MODULATION_TYPE_QAM16_12},
        {"16QAM-3/4", WimaxPhy::MODULATION_TYPE_QAM16_34}, {"64QAM-2/3", WimaxPhy::MODULATION_TYPE_QAM64_23},
        {"64QAM-3/4", WimaxPhy::MODULATION_TYPE_QAM64_34}};
    station->SetModulationType(modulations.at(modulation));
    Ipv4Address own(address.substr(0, address.find('/')).c_str());
    Ipv4Mask one("255.255.255.255");
    for (bool up : {false, true}) // one flow a direction: with more, ns-3 reads beyond the end of a message
    {
        auto from = up ? own : Ipv4Address::GetAny();
        auto to = up ? Ipv4Address::GetAny() : own;
        IpcsClassifierRecord which(from, up ? one : Ipv4Mask::GetZero(), to, up ? Ipv4Mask::GetZero() : one, 0, 65535, 0, 65535, 17, 1);
        which.AddProtocol(6);
        auto direction = up ? ServiceFlow::SF_DIRECTION_UP : ServiceFlow::SF_DIRECTION_DOWN;
        station->AddServiceFlow(WimaxHelper().CreateServiceFlow(direction, kinds.at(kind), which));
    }
    return "";
}

} // namespace nepi
