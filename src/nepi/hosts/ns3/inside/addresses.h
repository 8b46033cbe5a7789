// Addresses as text, IPv4 and IPv6 alike.

#include <sstream>
#include <string>

#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

inline bool
IsSix(const std::string& ip)
{
    return ip.find(':') != std::string::npos;
}

/** "10.0.0.1" or "fd00::1", with a port, as sockets want it. */
inline Address
SocketTo(const std::string& ip, uint16_t port)
{
    if (IsSix(ip))
    {
        return Inet6SocketAddress(Ipv6Address(ip.c_str()), port);
    }
    return InetSocketAddress(Ipv4Address(ip.c_str()), port);
}

template <class Printed>
inline std::string
TextOf(const Printed& address)
{
    std::ostringstream out;
    out << address;
    return out.str();
}

inline Ptr<Ipv6Route>
RouteSixTowards(Ptr<Node> node, const std::string& target)
{
    Socket::SocketErrno error;
    Ipv6Header header;
    header.SetDestination(Ipv6Address(target.c_str()));
    return node->GetObject<Ipv6>()->GetRoutingProtocol()->RouteOutput(nullptr, header, nullptr, error);
}

inline Ptr<Ipv4Route>
RouteFourTowards(Ptr<Node> node, const std::string& target)
{
    Socket::SocketErrno error;
    Ipv4Header header;
    header.SetDestination(Ipv4Address(target.c_str()));
    return node->GetObject<Ipv4>()->GetRoutingProtocol()->RouteOutput(nullptr, header, nullptr, error);
}

/** Bytes of an IP packet that a node can send towards an address; 0 when it has no route. */
inline uint32_t
MtuTowards(Ptr<Node> node, const std::string& target)
{
    Ptr<NetDevice> out;
    if (IsSix(target))
    {
        Ptr<Ipv6Route> route = RouteSixTowards(node, target);
        out = route ? route->GetOutputDevice() : nullptr;
    }
    else
    {
        Ptr<Ipv4Route> route = RouteFourTowards(node, target);
        out = route ? route->GetOutputDevice() : nullptr;
    }
    return out ? out->GetMtu() : 0;
}

/** The address that a node has towards another one; "" when it has no route. */
inline std::string
SourceTowards(Ptr<Node> node, const std::string& target)
{
    if (IsSix(target))
    {
        Ptr<Ipv6Route> route = RouteSixTowards(node, target);
        return route ? TextOf(route->GetSource()) : "";
    }
    Ptr<Ipv4Route> route = RouteFourTowards(node, target);
    return route ? TextOf(route->GetSource()) : "";
}

} // namespace nepi
