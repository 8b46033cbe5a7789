// An OpenFlow switch with a controller that learns which address is behind which port.

#include <string>

#include "ns3/network-module.h"
#include "ns3/openflow-module.h"

namespace nepi
{

using namespace ns3;

inline std::string
JoinOpenFlow(Ptr<Node> node, Ptr<OpenFlowSwitchNetDevice> device)
{
    node->AddDevice(device);
    device->SetController(CreateObject<ofi::LearningController>());
    return "";
}

inline std::string
JoinOpenFlowPort(Ptr<OpenFlowSwitchNetDevice> device, Ptr<NetDevice> port)
{
    return device->AddSwitchPort(port) == 0 ? "" : "a " + port->GetInstanceTypeId().GetName() + " cannot be a port of an OpenFlow switch";
}

} // namespace nepi
