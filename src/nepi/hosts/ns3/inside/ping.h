// ping(8) in a simulation, over IPv4 and IPv6: what it sends, when it ends, and what it tells. Times are nanoseconds.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

/**
 * Rows: 1 it sends, 2 reply (seq, ttl, rtt, bytes; less than 0 for one that came again), 3 refusal (seq, type, code, mtu), 4 totals (sent,
 * received, errors, when it sent last), 5 there is no route, so nothing is sent, 6 no answer yet (seq).
 */
class Ping : public SimpleRefCount<Ping>
{
  public:
    Ping(int program, Ptr<Node> node, std::string target, const Words& asked)
        : m_program(program), m_node(node), m_target(target), m_six(IsSix(target)),
          m_count(uint32_t(asked.Whole("count"))), m_interval(asked.Whole("interval")), m_size(uint32_t(asked.Whole("size"))),
          m_timeout(asked.Whole("timeout")), m_deadline(asked.Whole("deadline")), m_preload(uint32_t(asked.Whole("preload"))),
          m_flood(asked.Whole("flood") != 0), m_adaptive(asked.Whole("adaptive") != 0), m_outstanding(asked.Whole("outstanding") != 0)
    {
        std::string pattern = asked.Text("pattern");
        m_data.assign(m_size, 0);
        for (size_t at = 0; !pattern.empty() && at < m_size; at++)
        {
            size_t byte = 2 * at % pattern.size();
            m_data[at] = uint8_t(std::stoi(pattern.substr(byte, 2), nullptr, 16));
        }
        m_socket = Socket::CreateSocket(node, TypeId::LookupByName(m_six ? "ns3::Ipv6RawSocketFactory" : "ns3::Ipv4RawSocketFactory"));
        m_socket->SetAttribute("Protocol", UintegerValue(m_six ? 58 : 1));
        m_socket->SetRecvCallback(MakeCallback(&Ping::Receive, this));
        Mark(int(asked.Whole("ttl")), int(asked.Whole("tos")));
        m_six ? m_socket->Bind6() : m_socket->Bind();
        Simulator::ScheduleWithContext(node->GetId(), Seconds(0), &Ping::Begin, this);
    }

    void Interrupt()
    {
        End();
    }

  private:
    void Mark(int ttl, int tos)
    {
        if (ttl > 0)
        {
            m_six ? m_socket->SetIpv6HopLimit(ttl) : m_socket->SetIpTtl(ttl);
        }
        if (tos > 0)
        {
            m_six ? m_socket->SetIpv6Tclass(tos) : m_socket->SetIpTos(tos);
        }
    }

    void Begin()
    {
        if (m_over)
        {
            return;
        }
        if (MtuTowards(m_node, m_target) == 0)
        {
            m_over = true;
            Simulator::ScheduleNow(&Socket::Close, m_socket);
            Tell(m_program, 5);
            TellEnd(m_program, 2);
            return;
        }
        Tell(m_program, 1);
        if (m_deadline > 0)
        {
            m_end = Simulator::Schedule(NanoSeconds(m_deadline), &Ping::End, this);
        }
        for (uint32_t ahead = 1; ahead < m_preload && (m_count == 0 || ahead < m_count); ahead++)
        {
            Send();
        }
        Next();
    }

    void Next()
    {
        if (m_over)
        {
            return;
        }
        Send();
        if (m_count == 0 || m_sent < m_count || m_deadline > 0)
        {
            m_next = Simulator::Schedule(NanoSeconds(m_interval), &Ping::Next, this);
        }
        else
        {
            // ping(8): it waits for two round trips, or, when nothing has come back, for the time-out.
            int64_t patience = m_received > 0 ? std::max(2 * m_longest, m_interval) : m_timeout;
            m_end = Simulator::Schedule(NanoSeconds(patience), &Ping::End, this);
        }
    }

    void Send()
    {
        if (m_outstanding && m_sent > 0 && !m_answered.count(m_sent))
        {
            Tell(m_program, 6, uint16_t(m_sent));
        }
        m_sent++;
        m_times[m_sent] = Simulator::Now();
        auto packet = Create<Packet>(m_data.data(), m_size);
        m_six ? RequestSix(packet) : RequestFour(packet);
        m_errors += m_socket->SendTo(packet, 0, SocketTo(m_target, 0)) < 0 ? 1 : 0;
    }

    void RequestFour(Ptr<Packet>& packet)
    {
        Icmpv4Echo echo;
        echo.SetSequenceNumber(uint16_t(m_sent));
        echo.SetIdentifier(uint16_t(m_program));
        echo.SetData(packet);
        packet = Create<Packet>();
        packet->AddHeader(echo);
        Icmpv4Header header;
        header.SetType(Icmpv4Header::ICMPV4_ECHO);
        header.SetCode(0);
        if (Node::ChecksumEnabled())
        {
            header.EnableChecksum();
        }
        packet->AddHeader(header);
    }

    void RequestSix(Ptr<Packet> packet)
    {
        Icmpv6Echo echo(true);
        echo.SetSeq(uint16_t(m_sent));
        echo.SetId(uint16_t(m_program));
        packet->AddHeader(echo);
    }

    void Receive(Ptr<Socket> socket)
    {
        Address from;
        while (Ptr<Packet> packet = socket->RecvFrom(from))
        {
            if (!m_over)
            {
                m_six ? TakeSix(packet, Inet6SocketAddress::ConvertFrom(from).GetIpv6())
                      : TakeFour(packet, InetSocketAddress::ConvertFrom(from).GetIpv4());
            }
        }
    }

    void TakeFour(Ptr<Packet> packet, Ipv4Address from)
    {
        Ipv4Header ip;
        Icmpv4Header icmp;
        packet->RemoveHeader(ip);
        packet->RemoveHeader(icmp);
        if (icmp.GetType() == Icmpv4Header::ICMPV4_ECHO_REPLY)
        {
            Icmpv4Echo echo;
            uint32_t bytes = packet->GetSize();
            packet->RemoveHeader(echo);
            if (echo.GetIdentifier() == uint16_t(m_program))
            {
                Reply(echo.GetSequenceNumber(), ip.GetTtl(), bytes + 4, TextOf(from));
            }
        }
        else if (icmp.GetType() == Icmpv4Header::ICMPV4_DEST_UNREACH)
        {
            Icmpv4DestinationUnreachable body;
            packet->RemoveHeader(body);
            RefusedFour(body, icmp, from);
        }
        else if (icmp.GetType() == Icmpv4Header::ICMPV4_TIME_EXCEEDED)
        {
            Icmpv4TimeExceeded body;
            packet->RemoveHeader(body);
            RefusedFour(body, icmp, from);
        }
    }

    template <class Body>
    void RefusedFour(const Body& body, const Icmpv4Header& icmp, Ipv4Address from)
    {
        uint8_t data[8] = {0};
        body.GetData(data);
        if (body.GetHeader().GetDestination() == Ipv4Address(m_target.c_str()) && ((data[4] << 8) | data[5]) == (m_program & 0xffff))
        {
            Refused((data[6] << 8) | data[7], icmp.GetType(), icmp.GetCode(), 0, TextOf(from));
        }
    }

    void TakeSix(Ptr<Packet> packet, Ipv6Address from)
    {
        Ipv6Header ip;
        packet->RemoveHeader(ip);
        uint8_t head[8] = {0}; // type, code, checksum, and what of an error is its MTU
        uint32_t bytes = packet->GetSize();
        packet->CopyData(head, sizeof(head));
        switch (head[0])
        {
        case Icmpv6Header::ICMPV6_ECHO_REPLY: {
            Icmpv6Echo echo(false);
            packet->RemoveHeader(echo);
            if (echo.GetId() == uint16_t(m_program))
            {
                Reply(echo.GetSeq(), ip.GetHopLimit(), bytes, TextOf(from));
            }
            break;
        }
        case Icmpv6Header::ICMPV6_ERROR_DESTINATION_UNREACHABLE:
        case Icmpv6Header::ICMPV6_ERROR_PACKET_TOO_BIG:
        case Icmpv6Header::ICMPV6_ERROR_TIME_EXCEEDED:
            if (bytes > sizeof(head))
            {
                packet->RemoveAtStart(sizeof(head)); // what follows is the packet that it is about
                RefusedSix(packet, head[0], head[1], (head[4] << 24) | (head[5] << 16) | (head[6] << 8) | head[7], from);
            }
            break;
        default:
            break;
        }
    }

    void RefusedSix(Ptr<Packet> sent, uint8_t type, uint8_t code, uint32_t mtu, Ipv6Address from)
    {
        Ipv6Header ip;
        Icmpv6Echo echo(true);
        if (sent->GetSize() >= ip.GetSerializedSize() + echo.GetSerializedSize())
        {
            sent->RemoveHeader(ip);
            sent->RemoveHeader(echo);
            if (ip.GetDestination() == Ipv6Address(m_target.c_str()) && echo.GetId() == uint16_t(m_program))
            {
                Refused(echo.GetSeq(), type, code, mtu, TextOf(from));
            }
        }
    }

    void Refused(uint16_t seq, uint8_t type, uint8_t code, uint32_t mtu, std::string from)
    {
        m_errors++;
        Tell(m_program, 3, seq, type, code, mtu, from);
        if (m_deadline > 0 || (m_count > 0 && m_received + m_errors >= m_count))
        {
            End();
        }
    }

    void Reply(uint16_t seq, int ttl, uint32_t bytes, std::string from)
    {
        uint32_t sent = seq;
        while (sent + 65536 <= m_sent)
        {
            sent += 65536;
        }
        auto when = m_times.find(sent);
        if (when == m_times.end())
        {
            return;
        }
        bool again = m_answered[sent]++ > 0;
        m_received += again ? 0 : 1;
        int64_t rtt = (Simulator::Now() - when->second).GetNanoSeconds();
        m_longest = std::max(m_longest, rtt);
        Tell(m_program, 2, seq, ttl, rtt, again ? -int64_t(bytes) : int64_t(bytes), from);
        if (m_count > 0 && m_received + m_errors >= m_count)
        {
            End();
            return;
        }
        m_smooth = m_smooth > 0 ? m_smooth + (rtt - m_smooth) / 8 : rtt;
        if (m_adaptive)
        {
            m_interval = std::max<int64_t>(m_smooth, 1000);
        }
        if ((m_flood || m_adaptive) && m_next.IsPending() && sent == m_sent)
        {
            m_next.Cancel(); // a flood goes on at once; not at the same instant, in which it would never end where nothing takes time
            m_next = Simulator::Schedule(NanoSeconds(1000), &Ping::Next, this);
        }
    }

    void End()
    {
        if (m_over)
        {
            return;
        }
        m_over = true;
        m_next.Cancel();
        m_end.Cancel();
        Simulator::ScheduleNow(&Socket::Close, m_socket); // not while the stack goes through its sockets
        Tell(m_program, 4, m_sent, m_received, m_errors, m_sent > 0 ? m_times[m_sent].GetNanoSeconds() : 0);
        bool few = m_deadline > 0 && m_received < m_count;
        TellEnd(m_program, m_received > 0 && !few ? 0 : 1);
    }

    int m_program;
    Ptr<Node> m_node;
    std::string m_target;
    bool m_six;
    uint32_t m_count;
    int64_t m_interval;
    uint32_t m_size;
    int64_t m_timeout, m_deadline;
    uint32_t m_preload;
    bool m_flood, m_adaptive, m_outstanding;
    std::vector<uint8_t> m_data;
    Ptr<Socket> m_socket;
    EventId m_next, m_end;
    std::map<uint32_t, Time> m_times;
    std::map<uint32_t, int> m_answered;
    uint32_t m_sent{0}, m_received{0}, m_errors{0};
    int64_t m_longest{0}, m_smooth{0};
    bool m_over{false};
};

inline std::map<int, Ptr<Ping>> g_pings;

inline void
StartPing(int program, Ptr<Node> node, const std::string& target, const std::string& asked)
{
    g_pings[program] = Create<Ping>(program, node, target, Words(asked));
}

} // namespace nepi
