// Where things are: waypoints, positions that allocators give, buildings; and what is lost on the way between two places.

#include <sstream>
#include <string>
#include <vector>

#include "ns3/buildings-module.h"
#include "ns3/mobility-module.h"
#include "ns3/network-module.h"
#include "ns3/propagation-module.h"
#include "ns3/spectrum-module.h"
#include "ns3/wifi-module.h"

namespace nepi
{

using namespace ns3;

/** "x:y:z" as a place; g_problem says when it is none. */
inline Vector
PlaceFrom(const std::string& text)
{
    Vector place;
    std::istringstream in(text);
    in >> place;
    if (in.fail())
    {
        g_problem = "'" + text + "' is no place: write x:y:z in metres";
    }
    return place;
}

/** Each waypoint is "seconds x:y:z". */
inline std::string
AddWaypoints(Ptr<WaypointMobilityModel> model, const std::vector<std::string>& waypoints)
{
    g_problem.clear();
    for (auto& one : waypoints)
    {
        auto space = one.find(' ');
        model->AddWaypoint(Waypoint(Seconds(std::stod(one.substr(0, space))), PlaceFrom(one.substr(space + 1))));
    }
    return g_problem;
}

inline std::string
AddPlaces(Ptr<ListPositionAllocator> allocator, const std::vector<std::string>& places)
{
    g_problem.clear();
    for (auto& one : places)
    {
        allocator->Add(PlaceFrom(one));
    }
    return g_problem;
}

inline std::string
PlaceBy(Ptr<PositionAllocator> allocator, Ptr<MobilityModel> model)
{
    model->SetPosition(allocator->GetNext());
    return "";
}

/** Whether a node is in a building, which models of propagation ask; its mobility comes first. */
inline std::string
KnowBuildings(Ptr<Node> node, Ptr<MobilityBuildingInfo> info)
{
    auto model = node->GetObject<MobilityModel>();
    if (!model)
    {
        return "its node has no mobility model";
    }
    if (!model->GetObject<MobilityBuildingInfo>())
    {
        model->AggregateObject(info);
    }
    return "";
}

/** Every node that has a place and is not told yet. */
inline std::string
KnowBuildingsEverywhere()
{
    for (uint32_t i = 0; i < NodeList::GetNNodes(); i++)
    {
        auto node = NodeList::GetNode(i);
        if (node->GetObject<MobilityModel>() && !node->GetObject<MobilityBuildingInfo>())
        {
            node->GetObject<MobilityModel>()->AggregateObject(CreateObject<MobilityBuildingInfo>());
        }
    }
    return "";
}

/** One model of loss after another: their losses add up. */
inline std::string
ChainLoss(Ptr<PropagationLossModel> first, Ptr<PropagationLossModel> next)
{
    while (first->GetNext())
    {
        first = first->GetNext();
    }
    first->SetNext(next);
    return "";
}

inline std::string
UseLoss(Ptr<Channel> channel, Ptr<PropagationLossModel> loss)
{
    PointerValue present;
    if (!channel->GetAttributeFailSafe("PropagationLossModel", present))
    {
        return "a " + channel->GetInstanceTypeId().GetName() + " has no propagation loss";
    }
    if (auto first = present.Get<PropagationLossModel>())
    {
        return ChainLoss(first, loss);
    }
    channel->SetAttribute("PropagationLossModel", PointerValue(loss));
    return "";
}

inline std::string
UseDelay(Ptr<SpectrumChannel> channel, Ptr<PropagationDelayModel> delay)
{
    channel->SetPropagationDelayModel(delay);
    return "";
}

inline std::string
UseSpectrumLoss(Ptr<SpectrumChannel> channel, Ptr<Object> loss)
{
    if (auto plain = DynamicCast<SpectrumPropagationLossModel>(loss))
    {
        channel->AddSpectrumPropagationLossModel(plain);
    }
    else
    {
        channel->AddPhasedArraySpectrumPropagationLossModel(DynamicCast<PhasedArraySpectrumPropagationLossModel>(loss));
    }
    return "";
}

} // namespace nepi
