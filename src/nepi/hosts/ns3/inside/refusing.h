// A router that has no route for a packet says so to who has sent it, as Linux does (RFC 1812, RFC 4443); ns-3's own drops it silently.

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

/** Nobody answers an error with an error. */
inline bool
IsIcmpError(uint8_t protocol, Ptr<const Packet> packet)
{
    uint8_t type = 0;
    packet->CopyData(&type, 1);
    return (protocol == 1 && type != Icmpv4Header::ICMPV4_ECHO && type != Icmpv4Header::ICMPV4_ECHO_REPLY) || (protocol == 58 && type < 128);
}

inline void
SendUnreachableFour(Ptr<Node> node, Ipv4Header header, Ptr<Packet> packet)
{
    Icmpv4DestinationUnreachable body;
    body.SetHeader(header);
    body.SetData(packet);
    Ptr<Packet> answer = Create<Packet>();
    answer->AddHeader(body);
    Icmpv4Header icmp;
    icmp.SetType(Icmpv4Header::ICMPV4_DEST_UNREACH);
    icmp.SetCode(Icmpv4DestinationUnreachable::ICMPV4_NET_UNREACHABLE);
    if (Node::ChecksumEnabled())
    {
        icmp.EnableChecksum();
    }
    answer->AddHeader(icmp);
    Ptr<Ipv4> ip = node->GetObject<Ipv4>();
    Ipv4Header back;
    back.SetDestination(header.GetSource());
    Socket::SocketErrno error;
    if (Ptr<Ipv4Route> route = ip->GetRoutingProtocol()->RouteOutput(nullptr, back, nullptr, error))
    {
        ip->Send(answer, route->GetSource(), header.GetSource(), 1, route);
    }
}

inline void
RefuseFour(Ptr<Node> node, const Ipv4Header& header, Ptr<const Packet> packet, Ipv4L3Protocol::DropReason why, Ptr<Ipv4> ip, uint32_t)
{
    bool passing = ip->GetInterfaceForAddress(header.GetSource()) < 0 && !header.GetSource().IsAny() && !header.GetDestination().IsMulticast();
    if (why == Ipv4L3Protocol::DROP_NO_ROUTE && passing && !IsIcmpError(header.GetProtocol(), packet))
    {
        Simulator::ScheduleNow(&SendUnreachableFour, node, header, packet->Copy());
    }
}

inline void
SendUnreachableSix(Ptr<Node> node, Ipv6Header header, Ptr<Packet> packet)
{
    packet->AddHeader(header);
    node->GetObject<Icmpv6L4Protocol>()->SendErrorDestinationUnreachable(packet, header.GetSource(), Icmpv6Header::ICMPV6_NO_ROUTE);
}

/** The last that is asked for a route of IPv6: it has none, and says so. */
class NoRouteSix : public Ipv6RoutingProtocol
{
  public:
    explicit NoRouteSix(Ptr<Node> node)
        : m_node(node)
    {
    }

    Ptr<Ipv6Route> RouteOutput(Ptr<Packet>, const Ipv6Header&, Ptr<NetDevice>, Socket::SocketErrno& error) override
    {
        error = Socket::ERROR_NOROUTETOHOST;
        return nullptr;
    }

    bool RouteInput(Ptr<const Packet> packet, const Ipv6Header& header, Ptr<const NetDevice>, const UnicastForwardCallback&,
                    const MulticastForwardCallback&, const LocalDeliverCallback&, const ErrorCallback&) override
    {
        bool global = !header.GetSource().IsLinkLocal() && !header.GetSource().IsAny() && !header.GetDestination().IsMulticast();
        if (!global || IsIcmpError(header.GetNextHeader(), packet))
        {
            return false;
        }
        Simulator::ScheduleNow(&SendUnreachableSix, m_node, header, packet->Copy());
        return true;
    }

    void NotifyInterfaceUp(uint32_t) override
    {
    }

    void NotifyInterfaceDown(uint32_t) override
    {
    }

    void NotifyAddAddress(uint32_t, Ipv6InterfaceAddress) override
    {
    }

    void NotifyRemoveAddress(uint32_t, Ipv6InterfaceAddress) override
    {
    }

    void NotifyAddRoute(Ipv6Address, Ipv6Prefix, Ipv6Address, uint32_t, Ipv6Address) override
    {
    }

    void NotifyRemoveRoute(Ipv6Address, Ipv6Prefix, Ipv6Address, uint32_t, Ipv6Address) override
    {
    }

    void SetIpv6(Ptr<Ipv6>) override
    {
    }

    void PrintRoutingTable(Ptr<OutputStreamWrapper>, Time::Unit) const override
    {
    }

  private:
    Ptr<Node> m_node;
};

/** Let a node whose stack is new, and has its static routes yet to come, tell senders of packets that it has no route for. */
inline void
RefuseWithoutRoute(Ptr<Node> node)
{
    node->GetObject<Ipv4L3Protocol>()->TraceConnectWithoutContext("Drop", MakeBoundCallback(&RefuseFour, node));
    Ptr<Ipv6> six = node->GetObject<Ipv6>();
    if (six->GetNInterfaces() <= 1 && DynamicCast<Ipv6StaticRouting>(six->GetRoutingProtocol()))
    {
        Ptr<Ipv6ListRouting> list = CreateObject<Ipv6ListRouting>();
        list->AddRoutingProtocol(CreateObject<Ipv6StaticRouting>(), 0);
        list->AddRoutingProtocol(CreateObject<NoRouteSix>(node), -100);
        six->SetRoutingProtocol(list);
    }
}

} // namespace nepi
