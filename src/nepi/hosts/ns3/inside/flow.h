// A measurement of throughput: a server that waits, a client that knocks, streams between them, and reports at intervals.

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

/**
 * What listens for measurements: as iperf3's server, over one TCP connection for each, beside those of the streams. A byte that comes over
 * it says that the client has ended its test; a byte back, that this end has heard it.
 */
class Server : public SimpleRefCount<Server>
{
  public:
    Server(Ptr<Node> node, uint16_t port, bool once)
        : m_once(once)
    {
        m_four = Listen(node, SocketTo("0.0.0.0", port));
        m_six = Listen(node, SocketTo("::", port));
    }

    /** Whether the port was free. */
    bool Listens() const
    {
        return m_four && m_six;
    }

    void Close()
    {
        for (const auto& each : {m_four, m_six})
        {
            if (each)
            {
                Simulator::ScheduleNow(&Socket::Close, each);
            }
        }
        m_four = m_six = nullptr;
    }

  private:
    Ptr<Socket> Listen(Ptr<Node> node, const Address& address)
    {
        Ptr<Socket> socket = Socket::CreateSocket(node, TcpSocketFactory::GetTypeId());
        if (socket->Bind(address) < 0)
        {
            return nullptr;
        }
        socket->Listen();
        socket->SetAcceptCallback(MakeNullCallback<bool, Ptr<Socket>, const Address&>(), MakeCallback(&Server::Accept, this));
        return socket;
    }

    void Accept(Ptr<Socket> socket, const Address& from)
    {
        socket->SetRecvCallback(MakeCallback(&Server::Hear, this));
        socket->SetCloseCallbacks(MakeCallback(&Server::Leave, this), MakeCallback(&Server::Leave, this));
    }

    void Hear(Ptr<Socket> socket);

    void Leave(Ptr<Socket> socket)
    {
        Simulator::ScheduleNow(&Socket::Close, socket);
        if (m_once)
        {
            Close();
        }
    }

    bool m_once;
    Ptr<Socket> m_four, m_six;
};

/**
 * The client's test. Rows: 1 counts, one for each stream; 2 it has begun (length of a write, port); 3 what came before does not count; 4 the client has
 * ended it, and the counts before are the last of its end; 5 the server has heard that, and the counts before are the last of its end.
 */
class Flow : public SimpleRefCount<Flow>
{
  public:
    Flow(int program, Ptr<Node> client, std::string server, uint16_t port, const Words& asked)
        : m_program(program), m_client(client), m_server(server), m_port(port), m_duration(asked.Whole("duration")),
          m_interval(asked.Whole("interval")), m_omit(asked.Whole("omit")), m_timeout(asked.Whole("connect_timeout"))
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

    /** End it now; the reason is told by the client. */
    void Interrupt(std::string why)
    {
        if (m_over)
        {
            return;
        }
        if (m_began && !m_elapsed)
        {
            Count();
            Tell(m_program, 4);
        }
        if (m_began)
        {
            Count();
            Tell(m_program, 5);
        }
        End(1, m_began ? why : why + " before the test began");
    }

    /** The server has heard that the client has ended the test: what it has received by now, and sent, is what it reports. */
    void Heard()
    {
        if (!m_over && m_elapsed && !m_heard)
        {
            m_heard = true;
            Count();
            Tell(m_program, 5);
        }
    }

    static Flow* OfControl(const Address& local)
    {
        auto found = s_controls.find(TextOf(local));
        return found == s_controls.end() ? nullptr : found->second;
    }

  private:
    void Begin()
    {
        if (m_over)
        {
            return;
        }
        if (MtuTowards(m_client, m_server) == 0)
        {
            End(1, "unable to connect to server: Network is unreachable");
            return;
        }
        m_patience = Simulator::Schedule(NanoSeconds(m_timeout), &Flow::GiveUp, this);
        m_control = Socket::CreateSocket(m_client, TcpSocketFactory::GetTypeId());
        IsSix(m_server) ? m_control->Bind6() : m_control->Bind();
        m_control->SetConnectCallback(MakeCallback(&Flow::Answered, this), MakeCallback(&Flow::NotAnswered, this));
        m_control->TraceConnectWithoutContext("Rx", MakeCallback(&Flow::LookForReset, this));
        m_control->SetRecvCallback(MakeCallback(&Flow::Acknowledged, this));
        m_control->SetAttribute("TcpNoDelay", BooleanValue(true));
        m_control->Connect(SocketTo(m_server, m_port));
    }

    void Answered(Ptr<Socket>)
    {
        if (m_over)
        {
            return;
        }
        if (m_streams.empty())
        {
            End(1, "what listens there is no iperf3 of this simulation");
            return;
        }
        Address local;
        m_control->GetSockName(local);
        m_name = TextOf(local);
        m_controlPort = IsSix(m_server) ? Inet6SocketAddress::ConvertFrom(local).GetPort() : InetSocketAddress::ConvertFrom(local).GetPort();
        s_controls[m_name] = this;
        for (auto& stream : m_streams)
        {
            stream->Connect();
        }
    }

    void NotAnswered(Ptr<Socket>)
    {
        Refused();
    }

    /** ns-3's sockets ignore a reset that answers their first packet: nothing listens there. */
    void LookForReset(Ptr<const Packet>, const TcpHeader& header, Ptr<const TcpSocketBase>)
    {
        if (m_name.empty() && header.GetFlags() & TcpHeader::RST)
        {
            Simulator::ScheduleNow(&Flow::Refused, this);
        }
    }

    void Connected()
    {
        for (auto& stream : m_streams)
        {
            if (!stream->isConnected || m_over || m_began)
            {
                return;
            }
        }
        m_patience.Cancel();
        m_began = true;
        Tell(m_program, 2, m_streams.front()->Length(), m_controlPort);
        if (m_omit > 0)
        {
            Simulator::Schedule(NanoSeconds(m_omit), &Flow::Omitted, this);
        }
        else
        {
            Measure();
        }
        if (m_interval > 0)
        {
            m_next = Simulator::Schedule(NanoSeconds(m_interval), &Flow::Report, this);
        }
        for (auto& stream : m_streams)
        {
            if (m_omit > 0)
            {
                stream->Hold();
            }
            stream->Go();
        }
    }

    void Measure()
    {
        if (m_duration > 0)
        {
            m_end = Simulator::Schedule(NanoSeconds(m_duration), &Flow::Elapsed, this);
        }
    }

    void Omitted()
    {
        if (m_over)
        {
            return;
        }
        m_next.Cancel();
        Count();
        Tell(m_program, 3);
        for (auto& stream : m_streams)
        {
            stream->Omit();
        }
        Measure(); // before the next report, which the end replaces when both are due at once
        if (m_interval > 0)
        {
            m_next = Simulator::Schedule(NanoSeconds(m_interval), &Flow::Report, this);
        }
    }

    void GiveUp()
    {
        End(1, "unable to connect to server: Connection timed out");
    }

    void Refused()
    {
        End(1, "unable to connect to server: Connection refused");
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
        if (!m_end.IsPending() && !m_over && !m_elapsed)
        {
            m_end = Simulator::ScheduleNow(&Flow::Elapsed, this);
        }
    }

    void Elapsed()
    {
        if (m_over || m_elapsed)
        {
            return;
        }
        m_elapsed = true;
        m_next.Cancel();
        Count();
        Tell(m_program, 4);
        for (auto& stream : m_streams)
        {
            if (!stream->atServer)
            {
                stream->Stop();
            }
        }
        m_control->Send(Create<Packet>(1));
        m_patience = Simulator::Schedule(NanoSeconds(std::max(m_timeout, PATIENCE)), &Flow::Missed, this);
    }

    /** The server's answer. */
    void Acknowledged(Ptr<Socket> socket)
    {
        while (Ptr<Packet> packet = socket->Recv())
        {
            if (packet->GetSize() == 0)
            {
                break;
            }
        }
        if (m_heard)
        {
            End(0, "");
        }
    }

    void Missed()
    {
        End(1, "control socket has closed unexpectedly");
    }

    void Report()
    {
        if (m_over)
        {
            return;
        }
        Count();
        m_next = Simulator::Schedule(NanoSeconds(m_interval), &Flow::Report, this);
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
        if (m_over)
        {
            return;
        }
        m_over = true;
        m_patience.Cancel();
        m_next.Cancel();
        m_end.Cancel();
        s_controls.erase(m_name);
        for (auto& stream : m_streams)
        {
            stream->Close();
        }
        if (m_control)
        {
            Simulator::ScheduleNow(&LetGo, m_control, !m_name.empty());
        }
        TellEnd(m_program, status, why);
    }

    int m_program;
    Ptr<Node> m_client;
    std::string m_server;
    uint16_t m_port;
    int64_t m_duration, m_interval, m_omit, m_timeout;
    std::vector<Ptr<Stream>> m_streams;
    Ptr<Socket> m_control;
    std::string m_name;
    uint16_t m_controlPort{0};
    EventId m_patience, m_next, m_end;
    bool m_began{false}, m_elapsed{false}, m_heard{false}, m_over{false};

    static constexpr int64_t PATIENCE = 127'000'000'000; //!< with a server that has answered once: the time to connect says nothing of it
    inline static std::map<std::string, Flow*> s_controls; //!< by the client's end of their connections
};

inline void
Server::Hear(Ptr<Socket> socket)
{
    bool heard = false;
    while (Ptr<Packet> packet = socket->Recv())
    {
        if (packet->GetSize() == 0)
        {
            break;
        }
        heard = true;
    }
    Address from;
    socket->GetPeerName(from);
    Flow* flow = Flow::OfControl(from);
    if (heard && flow)
    {
        flow->Heard();
        socket->Send(Create<Packet>(1));
    }
}

inline std::map<int, Ptr<Flow>> g_flows;
inline std::map<int, Ptr<Server>> g_servers;

/** Listen for clients, or for one alone; return "" or why that cannot be. */
inline std::string
StartServer(int program, Ptr<Node> node, uint16_t port, bool once)
{
    auto server = g_servers[program] = Create<Server>(node, port, once); // it stays: its sockets call it
    if (!server->Listens())
    {
        server->Close();
        return "unable to start listener for connections: Address already in use";
    }
    return "";
}

inline void
PrepareFlow(int program, Ptr<Node> client, const std::string& server, uint16_t port, const std::string& asked)
{
    g_flows[program] = Create<Flow>(program, client, server, port, Words(asked));
}

inline void
AddStream(int program, Ptr<Node> from, const std::string& near, Ptr<Node> to, const std::string& target, uint16_t port,
          const std::string& asked)
{
    g_flows[program]->Add(Create<Stream>(from, near, to, target, port, Words(asked)));
}

inline void
StartFlow(int program)
{
    g_flows[program]->Start();
}

/** End a program at this instant, for a reason that it tells. */
inline void
Interrupt(int program, const std::string& why)
{
    if (g_pings.count(program))
    {
        g_pings[program]->Interrupt();
    }
    if (g_flows.count(program))
    {
        g_flows[program]->Interrupt(why);
    }
    if (g_servers.count(program))
    {
        g_servers[program]->Close(); // it stays: its connections still call it
    }
}

} // namespace nepi
