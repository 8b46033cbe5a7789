// One direction of one stream of a throughput measurement, TCP or UDP, counted at both ends.

#include <algorithm>
#include <cmath>
#include <string>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

/** Data bytes of a full TCP segment with time stamps, as two Linux hosts agree on: from the MTU of both interfaces. */
inline uint32_t
SegmentBetween(Ptr<Node> from, Ptr<Node> to, const std::string& near, const std::string& far)
{
    uint32_t headers = IsSix(far) ? 72 : 52;
    uint32_t out = MtuTowards(from, far);
    uint32_t back = MtuTowards(to, near);
    uint32_t mtu = std::min(out ? out : 1500, back ? back : 1500);
    return mtu > headers + 36 ? mtu - headers : 36;
}

/**
 * Let a TCP socket go. One that has not got its connection must not be closed: ns-3 would send a reset, and a listening socket that gets
 * one ends the whole simulation. Without tries left, it closes by itself when its time-out has come.
 */
inline void
LetGo(Ptr<Socket> socket, bool isConnected)
{
    isConnected ? socket->Close() : (socket->SetAttribute("ConnCount", UintegerValue(0)), 0);
}

class Stream : public SimpleRefCount<Stream>
{
  public:
    /**
     * @param from who sends
     * @param near its address
     * @param to who listens, on `port`
     * @param target its address
     */
    Stream(Ptr<Node> from, std::string near, Ptr<Node> to, std::string target, uint16_t port, const Words& asked)
        : udp(asked.Whole("udp") != 0), atServer(asked.Whole("from_server") != 0), m_target(target), m_port(port),
          m_rate(asked.Whole("rate")), m_length(uint32_t(asked.Whole("length"))), m_bytes(uint64_t(asked.Whole("bytes"))),
          m_window(uint32_t(asked.Whole("window"))), m_offset(asked.Whole("offset"))
    {
        m_segment = SegmentBetween(from, to, near, target);
        if (asked.Whole("mss") > 0)
        {
            m_segment = std::min<uint32_t>(m_segment, std::max<int64_t>(asked.Whole("mss") - 12, 36)); // the time stamps are taken from it
        }
        m_length = m_length ? m_length : udp ? m_segment : 131072;
        std::string congestion = asked.Text("congestion");
        m_listener = New(to, "");
        m_sender = New(from, congestion == "-" ? "" : congestion);
        while (m_listener->Bind(SocketTo(IsSix(target) ? "::" : "0.0.0.0", m_port)) < 0) // a server of the experiment may have it
        {
            m_port = m_port < 65535 ? m_port + 1 : 1024;
        }
        udp ? m_listener->SetRecvCallback(MakeCallback(&Stream::Read, this)) : Listen();
        IsSix(target) ? BindSix(int(asked.Whole("tos")), uint16_t(asked.Whole("cport")))
                                               : BindFour(int(asked.Whole("tos")), uint16_t(asked.Whole("cport")));
        m_sender->SetConnectCallback(MakeCallback(&Stream::Connected, this), MakeCallback(&Stream::Refused, this));
        m_sender->SetSendCallback(MakeCallback(&Stream::More, this));
        if (!udp)
        {
            m_sender->SetAttribute("TcpNoDelay", BooleanValue(asked.Whole("no_delay") != 0));
            m_sender->TraceConnectWithoutContext("RTT", MakeCallback(&Stream::NoteRtt, this));
            m_sender->TraceConnectWithoutContext("CongestionWindow", MakeCallback(&Stream::NoteWindow, this));
            m_sender->TraceConnectWithoutContext("Retransmission", MakeCallback(&Stream::NoteRetransmission, this));
        }
    }

    void Connect()
    {
        m_sender->Connect(SocketTo(m_target, m_port));
    }

    /** What is sent from now on does not count towards the amount that is to be sent. */
    void Hold()
    {
        std::swap(m_bytes, m_held);
    }

    /** From now on it counts again. */
    void Omit()
    {
        std::swap(m_bytes, m_held);
        m_bytes += m_bytes > 0 ? sent : 0;
    }

    void Go()
    {
        m_began = Simulator::Now().GetNanoSeconds() + m_offset;
        if (m_rate > 0)
        {
            Simulator::Schedule(NanoSeconds(m_offset), &Stream::Pace, this);
        }
        else
        {
            More(m_sender, 0);
        }
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
        LetGo(m_sender, udp || isConnected);
        m_listener->Close();
    }

    bool Done() const
    {
        return m_bytes > 0 && sent >= m_bytes;
    }

    Callback<void> connected, refused, done;
    bool udp;
    bool atServer; //!< the server sends
    bool isConnected{false};
    uint64_t sent{0}, received{0}, sentPackets{0}, receivedPackets{0}, highest{0}, retransmits{0}, outOfOrder{0};
    int64_t rtt{0};
    uint32_t window{0};
    double jitter{0};

    uint32_t Length() const
    {
        return m_length;
    }

  private:
    Ptr<Socket> New(Ptr<Node> node, const std::string& congestion)
    {
        if (udp)
        {
            return Socket::CreateSocket(node, UdpSocketFactory::GetTypeId());
        }
        Ptr<TcpL4Protocol> tcp = node->GetObject<TcpL4Protocol>();
        Ptr<Socket> socket = congestion.empty() ? tcp->CreateSocket() : tcp->CreateSocket(TypeId::LookupByName(congestion));
        socket->SetAttribute("SegmentSize", UintegerValue(m_segment));
        if (m_window > 0)
        {
            socket->SetAttribute("SndBufSize", UintegerValue(std::max(m_window, 2 * m_segment)));
            socket->SetAttribute("RcvBufSize", UintegerValue(std::max(m_window, 2 * m_segment)));
        }
        return socket;
    }

    void Listen()
    {
        m_listener->Listen();
        m_listener->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Stream::Accept, this));
    }

    void BindFour(int tos, uint16_t port)
    {
        m_sender->SetIpTos(tos);
        port ? m_sender->Bind(InetSocketAddress(Ipv4Address::GetAny(), port)) : m_sender->Bind();
    }

    void BindSix(int tos, uint16_t port)
    {
        if (tos > 0)
        {
            m_sender->SetIpv6Tclass(tos);
        }
        port ? m_sender->Bind(Inet6SocketAddress(Ipv6Address::GetAny(), port)) : m_sender->Bind6();
    }

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
        outOfOrder += number <= highest ? 1 : 0;
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
        if (m_rate > 0 && !udp)
        {
            size = static_cast<uint32_t>(std::min<uint64_t>(size, m_owed));
        }
        return udp ? SendPacket(size) : SendData(size);
    }

    bool SendPacket(uint32_t size)
    {
        SeqTsHeader header;
        header.SetSeq(static_cast<uint32_t>(sentPackets));
        auto packet = Create<Packet>(size > header.GetSerializedSize() ? size - header.GetSerializedSize() : 0);
        packet->AddHeader(header);
        sentPackets++;
        sent += packet->GetSize();
        return m_sender->Send(packet) >= 0; // a full queue loses it, as a kernel's does
    }

    bool SendData(uint32_t size)
    {
        size = std::min(size, Room());
        if (size == 0)
        {
            return false;
        }
        int taken = std::max(m_sender->Send(Create<Packet>(size)), 0);
        sent += taken;
        m_owed -= std::min<uint64_t>(m_owed, taken);
        return taken > 0;
    }

    /** What the sender's buffer takes now: where nobody has set its size, Linux lets it hold two congestion windows. */
    uint32_t Room() const
    {
        uint32_t free = m_sender->GetTxAvailable();
        if (m_window > 0)
        {
            return free;
        }
        UintegerValue size;
        m_sender->GetAttribute("SndBufSize", size);
        uint32_t held = uint32_t(size.Get()) - free;
        uint32_t most = std::max<uint32_t>(2 * window, 87380);
        return held < most ? std::min(free, most - held) : 0;
    }

    void More(Ptr<Socket>, uint32_t)
    {
        if (udp)
        {
            return;
        }
        while (isConnected && !m_stopped && !Done() && SendOne())
        {
        }
        Look();
    }

    /** Send at a rate. As iperf3, TCP catches up on what its buffer has not taken in time: the rate is that from the beginning on. */

    void Pace()
    {
        if (m_stopped || Done())
        {
            Look();
            return;
        }
        if (udp)
        {
            SendOne();
        }
        else
        {
            m_owed += m_length;
            More(m_sender, 0);
        }
        m_turns++;
        int64_t next = m_began + std::llround(double(m_turns) * m_length * 8e9 / double(m_rate)); // so that no rounding adds up
        Simulator::Schedule(NanoSeconds(std::max<int64_t>(next - Simulator::Now().GetNanoSeconds(), 0)), &Stream::Pace, this);
    }

    void Look()
    {
        if (Done() && !m_stopped && !done.IsNull())
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

    std::string m_target;
    uint16_t m_port;
    uint64_t m_rate;
    uint32_t m_length;
    uint64_t m_bytes, m_held{0};
    uint64_t m_turns{0}, m_owed{0}; //!< of sending at a rate: how often it was due, and bytes of TCP that are due
    int64_t m_began{0};
    uint32_t m_window, m_segment{0};
    int64_t m_offset; //!< streams side by side send in turn: at the same instant, one of them would always find the queue full
    Ptr<Socket> m_listener, m_sender, m_accepted;
    double m_transit{0};
    bool m_stopped{false}, m_closed{false}, m_reset{false};
};

} // namespace nepi
