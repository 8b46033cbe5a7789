// What simulated programs do in the simulation: echo requests, streams of data, and the clock that stops when something has to be told.
// Times are nanoseconds of simulated time.

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

/** Text of JSON. */
inline std::string
Quoted(const std::string& text)
{
    std::string quoted = "\"";
    for (char one : text)
    {
        if (one == '"' || one == '\\')
        {
            quoted += '\\';
        }
        quoted += static_cast<unsigned char>(one) < ' ' ? ' ' : one;
    }
    return quoted + '"';
}

/** A program tells something: an event with one row. */
inline void
Tell(int program, int kind, int64_t a = 0, int64_t b = 0, int64_t c = 0, int64_t d = 0, const std::string& text = "")
{
    std::string now = std::to_string(Simulator::Now().GetNanoSeconds());
    std::string row = std::to_string(program) + "," + std::to_string(kind) + "," + now;
    for (int64_t one : {a, b, c, d})
    {
        row += "," + std::to_string(one);
    }
    Say("{\"event\":\"row\",\"now_ns\":" + now + ",\"row\":[" + row + "," + Quoted(text) + "]}");
}

/** A program has ended: what waits for that is asked before time goes on. */
inline void
TellEnd(int program, int status, const std::string& text = "")
{
    Tell(program, 0, status, 0, 0, 0, text);
    Pause();
}

/** ping(8) over IPv4. Rows: 1 header, 2 reply (seq, ttl, rtt, bytes), 3 refusal (seq, type, code), 4 totals (sent, received, errors). */
class Ping : public SimpleRefCount<Ping>
{
  public:
    Ping(int program, Ptr<Node> node, std::string target, uint32_t count, int64_t interval, uint32_t size, int64_t timeout,
         int64_t deadline, int ttl, int tos)
        : m_program(program), m_node(node), m_target(target.c_str()), m_count(count), m_interval(NanoSeconds(interval)), m_size(size),
          m_timeout(NanoSeconds(timeout)), m_deadline(deadline)
    {
        m_socket = Socket::CreateSocket(node, TypeId::LookupByName("ns3::Ipv4RawSocketFactory"));
        m_socket->SetAttribute("Protocol", UintegerValue(1));
        m_socket->SetRecvCallback(MakeCallback(&Ping::Receive, this));
        if (ttl > 0)
        {
            m_socket->SetIpTtl(ttl);
        }
        if (tos > 0)
        {
            m_socket->SetIpTos(tos);
        }
        m_socket->Bind();
        Simulator::ScheduleWithContext(node->GetId(), Seconds(0), &Ping::Begin, this);
    }

    void Interrupt()
    {
        if (!m_over)
        {
            End();
        }
    }

  private:
    void Begin()
    {
        if (m_over)
        {
            return;
        }
        if (m_deadline > 0)
        {
            m_end = Simulator::Schedule(NanoSeconds(m_deadline), &Ping::End, this);
        }
        Send();
    }

    void Send()
    {
        if (m_over)
        {
            return;
        }
        std::vector<uint8_t> zeros(m_size, 0);
        Icmpv4Echo echo;
        echo.SetSequenceNumber(static_cast<uint16_t>(m_sent + 1));
        echo.SetIdentifier(static_cast<uint16_t>(m_program));
        echo.SetData(Create<Packet>(zeros.data(), m_size));
        auto packet = Create<Packet>();
        packet->AddHeader(echo);
        Icmpv4Header header;
        header.SetType(Icmpv4Header::ICMPV4_ECHO);
        header.SetCode(0);
        if (Node::ChecksumEnabled())
        {
            header.EnableChecksum();
        }
        packet->AddHeader(header);
        m_sent++;
        m_times[m_sent] = Simulator::Now();
        if (m_socket->SendTo(packet, 0, InetSocketAddress(m_target, 0)) < 0)
        {
            m_errors++;
            Tell(m_program, 5, m_sent, m_socket->GetErrno());
        }
        if (m_count == 0 || m_sent < m_count || m_deadline > 0)
        {
            Simulator::Schedule(m_interval, &Ping::Send, this);
        }
        else
        {
            Simulator::Schedule(m_timeout, &Ping::End, this);
        }
    }

    void Receive(Ptr<Socket> socket)
    {
        Address from;
        while (Ptr<Packet> packet = socket->RecvFrom(from))
        {
            Take(packet, InetSocketAddress::ConvertFrom(from).GetIpv4());
        }
    }

    void Take(Ptr<Packet> packet, Ipv4Address from)
    {
        Ipv4Header ip;
        Icmpv4Header icmp;
        packet->RemoveHeader(ip);
        packet->RemoveHeader(icmp);
        if (m_over)
        {
            return;
        }
        if (icmp.GetType() == Icmpv4Header::ICMPV4_ECHO_REPLY)
        {
            Icmpv4Echo echo;
            uint32_t bytes = packet->GetSize();
            packet->RemoveHeader(echo);
            if (echo.GetIdentifier() == static_cast<uint16_t>(m_program))
            {
                Reply(echo.GetSequenceNumber(), ip.GetTtl(), bytes + 4, from);
            }
        }
        else if (icmp.GetType() == Icmpv4Header::ICMPV4_DEST_UNREACH || icmp.GetType() == Icmpv4Header::ICMPV4_TIME_EXCEEDED)
        {
            uint8_t data[8] = {0};
            Ipv4Header inner;
            if (icmp.GetType() == Icmpv4Header::ICMPV4_DEST_UNREACH)
            {
                Icmpv4DestinationUnreachable body;
                packet->RemoveHeader(body);
                body.GetData(data);
                inner = body.GetHeader();
            }
            else
            {
                Icmpv4TimeExceeded body;
                packet->RemoveHeader(body);
                body.GetData(data);
                inner = body.GetHeader();
            }
            if (inner.GetDestination() == m_target && ((data[4] << 8) | data[5]) == (m_program & 0xffff))
            {
                m_errors++;
                Tell(m_program, 3, (data[6] << 8) | data[7], icmp.GetType(), icmp.GetCode(), 0, Text(from));
            }
        }
    }

    void Reply(uint16_t seq, int ttl, uint32_t bytes, Ipv4Address from)
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
        Tell(m_program, 2, seq, ttl, (Simulator::Now() - when->second).GetNanoSeconds(), again ? -int64_t(bytes) : int64_t(bytes), Text(from));
        if (m_count > 0 && m_received >= m_count)
        {
            End();
        }
    }

    void End()
    {
        if (m_over)
        {
            return;
        }
        m_over = true;
        Simulator::ScheduleNow(&Socket::Close, m_socket); // not while the stack goes through its sockets
        Tell(m_program, 4, m_sent, m_received, m_errors);
        TellEnd(m_program, m_received > 0 ? 0 : 1);
    }

    int m_program;
    Ptr<Node> m_node;
    Ipv4Address m_target;
    uint32_t m_count;
    Time m_interval;
    uint32_t m_size;
    Time m_timeout;
    int64_t m_deadline;
    Ptr<Socket> m_socket;
    EventId m_end;
    std::map<uint32_t, Time> m_times;
    std::map<uint32_t, int> m_answered;
    uint32_t m_sent{0}, m_received{0}, m_errors{0};
    bool m_over{false};
};

/** One direction of one stream, TCP or UDP: counted at both ends. */
class Stream : public SimpleRefCount<Stream>
{
  public:
    Stream(Ptr<Node> from, Ptr<Node> to, std::string target, uint16_t port, std::string congestion, bool udp, uint64_t rate,
           uint32_t length, uint64_t bytes, bool nodelay)
        : udp(udp), m_from(from), m_to(to), m_target(target.c_str()), m_port(port), m_rate(rate), m_length(length), m_bytes(bytes)
    {
        auto kind = udp ? UdpSocketFactory::GetTypeId() : TcpSocketFactory::GetTypeId();
        m_listener = Socket::CreateSocket(to, kind);
        m_listener->Bind(InetSocketAddress(Ipv4Address::GetAny(), port));
        if (udp)
        {
            m_listener->SetRecvCallback(MakeCallback(&Stream::Read, this));
            m_sender = Socket::CreateSocket(from, kind);
        }
        else
        {
            m_listener->Listen();
            m_listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Stream::Accept, this));
            m_sender = congestion.empty() ? from->GetObject<TcpL4Protocol>()->CreateSocket()
                                          : from->GetObject<TcpL4Protocol>()->CreateSocket(TypeId::LookupByName(congestion));
            m_sender->SetAttribute("TcpNoDelay", BooleanValue(nodelay));
            m_sender->TraceConnectWithoutContext("RTT", MakeCallback(&Stream::NoteRtt, this));
            m_sender->TraceConnectWithoutContext("CongestionWindow", MakeCallback(&Stream::NoteWindow, this));
            m_sender->TraceConnectWithoutContext("Retransmission", MakeCallback(&Stream::NoteRetransmission, this));
        }
        m_sender->Bind();
        m_sender->SetConnectCallback(MakeCallback(&Stream::Connected, this), MakeCallback(&Stream::Refused, this));
        m_sender->SetSendCallback(MakeCallback(&Stream::More, this));
    }

    void Connect()
    {
        m_sender->Connect(InetSocketAddress(m_target, m_port));
    }

    void Stop()
    {
        m_stopped = true;
    }

    void Close()
    {
        m_stopped = true;
        m_closed = true;
        m_sender->SetSendCallback(MakeNullCallback<void, Ptr<Socket>, uint32_t>());
        m_sender->Close();
        m_listener->Close();
    }

    bool Done() const
    {
        return m_bytes > 0 && sent >= m_bytes;
    }

    Callback<void> connected, refused, done;
    bool udp;
    bool isConnected{false};
    uint64_t sent{0}, received{0}, sentPackets{0}, receivedPackets{0}, highest{0}, retransmits{0}, outOfOrder{0};
    int64_t rtt{0};
    uint32_t window{0};
    double jitter{0};

  private:
    void Accept(Ptr<Socket> socket, const Address&)
    {
        m_accepted = socket;
        socket->SetRecvCallback(MakeCallback(&Stream::Read, this));
    }

    void Read(Ptr<Socket> socket)
    {
        if (m_closed && !udp)
        {
            // As a kernel does whose program has closed its socket: what arrives is answered by a reset, and the sender drops what it
            // still has. Else megabytes in its buffer would compete with whatever is measured next. ns-3 resets when something is unread.
            if (!m_reset)
            {
                m_reset = true;
                Simulator::ScheduleNow(&Socket::Close, socket);
            }
            return;
        }
        while (Ptr<Packet> packet = socket->Recv())
        {
            if (packet->GetSize() == 0)
            {
                break;
            }
            if (m_closed)
            {
                continue;
            }
            received += packet->GetSize();
            if (udp)
            {
                Count(packet);
            }
        }
    }

    void Count(Ptr<Packet> packet)
    {
        SeqTsHeader header;
        packet->RemoveHeader(header);
        receivedPackets++;
        uint64_t number = uint64_t(header.GetSeq()) + 1;
        outOfOrder += number < highest ? 1 : 0;
        highest = std::max(highest, number);
        double transit = (Simulator::Now() - header.GetTs()).GetSeconds();
        if (receivedPackets > 1)
        {
            jitter += (std::abs(transit - m_transit) - jitter) / 16; // RFC 1889
        }
        m_transit = transit;
    }

    void Connected(Ptr<Socket>)
    {
        isConnected = true;
        if (!connected.IsNull())
        {
            connected();
        }
        if (m_rate > 0)
        {
            Pace();
        }
        else
        {
            More(m_sender, 0);
        }
    }

    void Refused(Ptr<Socket>)
    {
        if (!refused.IsNull())
        {
            refused();
        }
    }

    bool SendOne()
    {
        uint32_t size = m_length;
        if (m_bytes > 0)
        {
            size = static_cast<uint32_t>(std::min<uint64_t>(size, m_bytes - sent));
        }
        if (udp)
        {
            SeqTsHeader header;
            header.SetSeq(static_cast<uint32_t>(sentPackets));
            auto packet = Create<Packet>(size > header.GetSerializedSize() ? size - header.GetSerializedSize() : 0);
            packet->AddHeader(header);
            sentPackets++;
            sent += packet->GetSize();
            return m_sender->Send(packet) >= 0; // a full queue loses it, as a kernel's does
        }
        size = std::min(size, m_sender->GetTxAvailable());
        if (size == 0)
        {
            return false;
        }
        int taken = m_sender->Send(Create<Packet>(size));
        sent += std::max(taken, 0);
        return taken > 0;
    }

    void More(Ptr<Socket>, uint32_t)
    {
        if (m_rate > 0 || udp)
        {
            return;
        }
        while (isConnected && !m_stopped && !Done() && SendOne())
        {
        }
        Look();
    }

    void Pace()
    {
        if (m_stopped || Done())
        {
            Look();
            return;
        }
        SendOne();
        Simulator::Schedule(Seconds(m_length * 8.0 / double(m_rate)), &Stream::Pace, this);
    }

    void Look()
    {
        if (Done() && !done.IsNull())
        {
            done();
        }
    }

    void NoteRtt(Time, Time now)
    {
        rtt = now.GetNanoSeconds();
    }

    void NoteWindow(uint32_t, uint32_t now)
    {
        window = now;
    }

    void NoteRetransmission(Ptr<const Packet>, const TcpHeader&, const Address&, const Address&, Ptr<const TcpSocketBase>)
    {
        retransmits++;
    }

    Ptr<Node> m_from, m_to;
    Ipv4Address m_target;
    uint16_t m_port;
    uint64_t m_rate;
    uint32_t m_length;
    uint64_t m_bytes;
    Ptr<Socket> m_listener, m_sender, m_accepted;
    double m_transit{0};
    bool m_stopped{false}, m_closed{false}, m_reset{false};
};

/** A measurement of throughput: streams, reports at intervals. Rows of kind 1: one for each stream and report. */
class Flow : public SimpleRefCount<Flow>
{
  public:
    Flow(int program, Ptr<Node> client, int64_t duration, int64_t interval, int64_t connectTimeout)
        : m_program(program), m_client(client), m_duration(NanoSeconds(duration)), m_interval(NanoSeconds(interval)),
          m_timeout(NanoSeconds(connectTimeout))
    {
    }

    void Add(Ptr<Stream> stream)
    {
        stream->connected = MakeCallback(&Flow::Connected, this);
        stream->refused = MakeCallback(&Flow::Refused, this);
        stream->done = MakeCallback(&Flow::Finished, this);
        m_streams.push_back(stream);
    }

    void Start()
    {
        Simulator::ScheduleWithContext(m_client->GetId(), Seconds(0), &Flow::Begin, this);
    }

    void Interrupt()
    {
        if (!m_over)
        {
            End(0, m_began ? "interrupt - the client has terminated" : "interrupt - the client has terminated before the test began");
        }
    }

  private:
    void Begin()
    {
        if (m_over)
        {
            return;
        }
        m_patience = Simulator::Schedule(m_timeout, &Flow::GiveUp, this);
        for (auto& stream : m_streams)
        {
            stream->Connect();
        }
    }

    void Connected()
    {
        for (auto& stream : m_streams)
        {
            if (!stream->isConnected)
            {
                return;
            }
        }
        m_patience.Cancel();
        m_began = true;
        Tell(m_program, 2);
        if (m_interval.IsStrictlyPositive())
        {
            m_next = Simulator::Schedule(m_interval, &Flow::Report, this);
        }
        if (m_duration.IsStrictlyPositive())
        {
            Simulator::Schedule(m_duration, &Flow::Elapsed, this);
        }
    }

    void GiveUp()
    {
        End(1, "unable to connect to server: Connection timed out");
    }

    void Refused()
    {
        if (!m_over)
        {
            End(1, "unable to connect to server: Connection refused");
        }
    }

    void Finished()
    {
        for (auto& stream : m_streams)
        {
            if (!stream->Done())
            {
                return;
            }
        }
        if (!m_over)
        {
            Simulator::ScheduleNow(&Flow::Elapsed, this);
        }
    }

    void Elapsed()
    {
        if (!m_over)
        {
            End(0, "");
        }
    }

    void Report()
    {
        if (m_over)
        {
            return;
        }
        Count();
        m_next = Simulator::Schedule(m_interval, &Flow::Report, this);
    }

    void Count()
    {
        int number = 0;
        for (auto& s : m_streams)
        {
            std::ostringstream out;
            out << s->sentPackets << " " << s->receivedPackets << " " << s->highest << " " << s->outOfOrder << " "
                << int64_t(s->jitter * 1e9) << " " << s->window << " " << s->rtt;
            Tell(m_program, 1, number++, s->sent, s->received, s->retransmits, out.str());
        }
    }

    void End(int status, std::string why)
    {
        m_over = true;
        m_patience.Cancel();
        m_next.Cancel();
        if (m_began)
        {
            Count();
        }
        for (auto& stream : m_streams)
        {
            stream->Close();
        }
        TellEnd(m_program, status, why);
    }

    int m_program;
    Ptr<Node> m_client;
    Time m_duration, m_interval, m_timeout;
    std::vector<Ptr<Stream>> m_streams;
    EventId m_patience, m_next;
    bool m_began{false}, m_over{false};
};

inline std::map<int, Ptr<Ping>> g_pings;
inline std::map<int, Ptr<Flow>> g_flows;

inline void
StartPing(int program, Ptr<Node> node, std::string target, uint32_t count, int64_t interval, uint32_t size, int64_t timeout,
          int64_t deadline, int ttl, int tos)
{
    g_pings[program] = Create<Ping>(program, node, target, count, interval, size, timeout, deadline, ttl, tos);
}

inline void
PrepareFlow(int program, Ptr<Node> client, int64_t duration, int64_t interval, int64_t connectTimeout)
{
    g_flows[program] = Create<Flow>(program, client, duration, interval, connectTimeout);
}

inline void
AddStream(int program, Ptr<Node> from, Ptr<Node> to, std::string target, uint16_t port, std::string congestion, bool udp, uint64_t rate,
          uint32_t length, uint64_t bytes, bool nodelay)
{
    g_flows[program]->Add(Create<Stream>(from, to, target, port, congestion, udp, rate, length, bytes, nodelay));
}

inline void
StartFlow(int program)
{
    g_flows[program]->Start();
}

inline void
Interrupt(int program)
{
    if (g_pings.count(program))
    {
        g_pings[program]->Interrupt();
    }
    if (g_flows.count(program))
    {
        g_flows[program]->Interrupt();
    }
}

} // namespace nepi
