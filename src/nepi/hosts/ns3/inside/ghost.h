// Ghosts: computers outside of the simulation that have a device in it. The frames of one come and go by a descriptor: a tap in its
// namespace, or a UDP socket of which each datagram is a frame (behind a counter, as `hosts/devices/udp_endpoint.py` has it).
//
// ns-3's FdNetDevice would need a bridge beside it, wakes the simulation for each frame, drops what is more than it can take, and ends
// when a datagram found nobody. Here a thread reads as many frames as have come, and one event passes them on; while the simulation
// is behind, nothing is read, so that the sender's kernel sees a queue that is full.

#include <arpa/inet.h>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "ns3/core-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

/** The two ends of what a ghost's computer has: a device of the simulation, and a descriptor. */
class Ghost : public Object
{
  public:
    ~Ghost() override
    {
        Detach();
    }

    /** Pass frames on from now on. The descriptor belongs to this object. */
    void Attach(Ptr<NetDevice> device, int fd, bool tunnel)
    {
        m_device = device;
        m_fd = fd;
        m_head = tunnel ? COUNTER_BYTES : 0;
        m_context = device->GetNode()->GetId();
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        if (pipe(m_wake))
        {
            NS_FATAL_ERROR("no pipe could be opened");
        }
        // Device and ghost hold each other: `Detach` comes with the end of the simulation at the latest.
        device->SetPromiscReceiveCallback(MakeCallback(&Ghost::Leave, Ptr<Ghost>(this)));
        Simulator::ScheduleDestroy(&Ghost::Detach, Ptr<Ghost>(this));
        if (tunnel)
        {
            Greet(false);
        }
        m_thread = std::thread([this] { Read(); });
    }

    /** Let go of the descriptor: a tap ends with that. */
    void Detach()
    {
        if (!m_thread.joinable())
        {
            return;
        }
        {
            std::lock_guard<std::mutex> lock(m_mutex);
            m_over = true;
        }
        m_room.notify_all();
        if (write(m_wake[1], "x", 1) < 0)
        {
            NS_FATAL_ERROR("a thread cannot be woken");
        }
        m_thread.join();
        close(m_wake[0]);
        close(m_wake[1]);
        // The kernel takes tens of milliseconds to take a tap away; the simulation, and others who are measured in it, do not wait for that.
        std::thread([fd = m_fd] { close(fd); }).detach();
        if (m_device->GetNode()) // else it has been taken apart
        {
            m_device->SetPromiscReceiveCallback(NetDevice::PromiscReceiveCallback());
        }
        m_device = nullptr;
    }

  private:
    static constexpr size_t COUNTER_BYTES = 8;
    static constexpr size_t HEADER_BYTES = 14;
    static constexpr size_t LONGEST = 65536 + 64;
    static constexpr size_t BURST = 64;
    static constexpr size_t MOST_WAITING = 512;

    /** Frames, one behind the other. */
    struct Batch
    {
        std::vector<uint8_t> data;
        std::vector<uint32_t> sizes;
    };

    // Out of the simulation.

    bool Leave(Ptr<NetDevice>, Ptr<const Packet> packet, uint16_t protocol, const Address& from, const Address& to, NetDevice::PacketType)
    {
        uint32_t size = packet->GetSize();
        if (!m_device || size + HEADER_BYTES + COUNTER_BYTES > LONGEST)
        {
            return true;
        }
        uint8_t* frame = m_out.data() + COUNTER_BYTES;
        Mac48Address::ConvertFrom(to).CopyTo(frame);
        Mac48Address::ConvertFrom(from).CopyTo(frame + 6);
        frame[12] = protocol >> 8;
        frame[13] = protocol & 0xff;
        packet->CopyData(frame + HEADER_BYTES, size);
        Write(frame, HEADER_BYTES + size);
        return true;
    }

    /** Write a frame, which has room for a counter before it. What cannot be taken at once is lost, as on any link. */
    void Write(uint8_t* frame, size_t size)
    {
        if (m_head)
        {
            uint64_t counter = m_sent++;
            for (size_t at = 0; at < COUNTER_BYTES; at++)
            {
                frame[-1 - int(at)] = counter >> (8 * at);
            }
        }
        [[maybe_unused]] ssize_t taken = write(m_fd, frame - m_head, size + m_head);
    }

    void Greet(bool heard)
    {
        uint8_t greeting[COUNTER_BYTES + 1];
        greeting[COUNTER_BYTES] = heard ? 1 : 0;
        Write(greeting + COUNTER_BYTES, 1);
    }

    // Into the simulation.

    void Enter()
    {
        Batch batch;
        {
            std::lock_guard<std::mutex> lock(m_mutex);
            std::swap(batch, m_waiting);
            m_scheduled = false;
        }
        m_room.notify_all();
        const uint8_t* frame = batch.data.data();
        for (uint32_t size : batch.sizes)
        {
            if (m_device)
            {
                Pass(frame, size);
            }
            frame += size;
        }
    }

    void Pass(const uint8_t* frame, uint32_t size)
    {
        frame += m_head;
        size -= m_head;
        uint16_t protocol = size < HEADER_BYTES ? 0 : frame[12] << 8 | frame[13];
        if (protocol < 1536) // a length: frames of LLC (spanning tree and the like) have no place on these media
        {
            return;
        }
        Mac48Address to;
        Mac48Address from;
        to.CopyFrom(frame);
        from.CopyFrom(frame + 6);
        Ptr<Packet> packet = Create<Packet>(frame + HEADER_BYTES, size - HEADER_BYTES);
        if (from == Mac48Address::ConvertFrom(m_device->GetAddress()))
        {
            m_device->Send(packet, to, protocol);
        }
        else if (m_device->SupportsSendFrom())
        {
            m_device->SendFrom(packet, from, to, protocol);
        }
    }

    /** On a thread of its own. Never touches Python, nor anything of the simulation but its list of events. */
    void Read()
    {
        std::vector<uint8_t> frame(LONGEST);
        for (;;)
        {
            pollfd watched[2] = {{m_fd, POLLIN, 0}, {m_wake[0], POLLIN, 0}};
            if (poll(watched, 2, -1) < 0)
            {
                continue;
            }
            if (watched[1].revents)
            {
                return;
            }
            Batch batch;
            bool gone = false;
            while (batch.sizes.size() < BURST)
            {
                ssize_t size = read(m_fd, frame.data(), frame.size());
                if (size < 0)
                {
                    gone = errno == EBADFD || errno == EBADF;
                    break;
                }
                if (m_head && size_t(size) == m_head + 1) // a greeting, which is answered whether or not time goes on
                {
                    Greet(true);
                }
                else if (size_t(size) > m_head)
                {
                    batch.data.insert(batch.data.end(), frame.begin(), frame.begin() + size);
                    batch.sizes.push_back(size);
                }
            }
            if (gone)
            {
                return;
            }
            if (batch.sizes.empty())
            {
                poll(watched + 1, 1, 10); // the interface is down, perhaps, or what was sent found nobody
                continue;
            }
            if (!Offer(batch))
            {
                return;
            }
        }
    }

    /** Let an event take frames, and wait while many are waiting for it; false at the end. */
    bool Offer(Batch& batch)
    {
        std::unique_lock<std::mutex> lock(m_mutex);
        m_waiting.data.insert(m_waiting.data.end(), batch.data.begin(), batch.data.end());
        m_waiting.sizes.insert(m_waiting.sizes.end(), batch.sizes.begin(), batch.sizes.end());
        if (!m_scheduled)
        {
            m_scheduled = true;
            lock.unlock();
            // Not a Ptr: its count may be touched by one thread only. `Attach` has seen to it that this outlives all events.
            Simulator::ScheduleWithContext(m_context, Time(0), &Ghost::Enter, this);
            lock.lock();
        }
        m_room.wait(lock, [this] { return m_over || m_waiting.sizes.size() < MOST_WAITING; });
        return !m_over;
    }

    Ptr<NetDevice> m_device;
    uint32_t m_context = 0;
    int m_fd = -1;
    int m_wake[2] = {-1, -1};
    size_t m_head = 0;
    std::atomic<uint64_t> m_sent{0};
    std::vector<uint8_t> m_out = std::vector<uint8_t>(LONGEST);
    std::thread m_thread;
    std::mutex m_mutex;
    std::condition_variable m_room;
    Batch m_waiting;
    bool m_scheduled = false;
    bool m_over = false;
};

/** The node of a computer outside, without a stack: what comes to it goes out. */
inline Ptr<Node>
AddGhostNode()
{
    return CreateObject<Node>();
}

/** Join a device with a tap, or with a tunnel's socket. */
inline Ptr<Ghost>
Haunt(Ptr<NetDevice> device, int fd, bool tunnel)
{
    Ptr<Ghost> ghost = CreateObject<Ghost>();
    ghost->Attach(device, fd, tunnel);
    return ghost;
}

/** Take a ghost away. None at all: so it is compiled before time goes on, and not when it is asked for, which would hold up the time. */
inline void
Detach(Ptr<Ghost> ghost)
{
    if (ghost)
    {
        ghost->Detach();
    }
}

/** A UDP socket for a tunnel, bound to any free port. */
inline int
OpenDatagrams(bool six)
{
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int bytes = 4 << 20;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    sockaddr_storage own = {};
    own.ss_family = six ? AF_INET6 : AF_INET;
    if (fd >= 0 && bind(fd, reinterpret_cast<sockaddr*>(&own), six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in)))
    {
        close(fd);
        return -1;
    }
    return fd;
}

/** Who a socket is: "address port"; its address is known once it is joined. */
inline std::string
NameOfDatagrams(int fd)
{
    sockaddr_storage own = {};
    socklen_t size = sizeof(own);
    getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
    char host[64];
    char port[8];
    getnameinfo(reinterpret_cast<sockaddr*>(&own), size, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
    return std::string(host) + " " + port;
}

/** Let a socket have one partner; "" or why it cannot. */
inline std::string
JoinDatagrams(int fd, std::string address, std::string port)
{
    addrinfo wanted = {};
    wanted.ai_family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
    wanted.ai_socktype = SOCK_DGRAM;
    wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    int problem = getaddrinfo(address.c_str(), port.c_str(), &wanted, &found);
    if (problem)
    {
        return address + ": " + gai_strerror(problem);
    }
    problem = connect(fd, found->ai_addr, found->ai_addrlen) ? errno : 0;
    freeaddrinfo(found);
    return problem ? address + " port " + port + ": " + strerror(problem) : "";
}

} // namespace nepi
