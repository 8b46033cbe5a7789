// Where the frames of a cable wait for their turn: first in first out, or in one of ns-3's queue disciplines.
//
// The discipline is within the cable, as it is in namespaces, so that a port of a switch has it like an interface of a node; ns-3's own
// place for it, the traffic control layer, is above the interfaces of nodes only.

#include <deque>

#include "ns3/internet-module.h"
#include "ns3/network-module.h"
#include "ns3/traffic-control-module.h"

namespace nepi
{

using namespace ns3;

/** A packet on its way over a cable. A corrupt one is carried, and then refused by the checksum at the other end. */
struct Frame
{
    Ptr<Packet> packet;
    Mac48Address to;
    Mac48Address from;
    uint16_t protocol{0};
    bool corrupt{false};
};

class Waiting : public SimpleRefCount<Waiting>
{
  public:
    virtual ~Waiting() = default;
    virtual void Put(const Frame& frame) = 0; //!< may drop it, or another one
    virtual bool Get(Frame& frame) = 0;       //!< the one whose turn it is; false when none waits
    virtual bool Limit(uint32_t frames) = 0;  //!< so many may wait from now on; false when that takes a new one
};

/** First in first out. The packets are in the device's own queue, whose traces tell of drops. */
class WaitingInOrder : public Waiting
{
  public:
    WaitingInOrder(Ptr<Queue<Packet>> queue, uint32_t frames)
        : m_queue(queue)
    {
        Limit(frames);
    }

    void Put(const Frame& frame) override
    {
        if (m_queue->Enqueue(frame.packet)) // asked even when it is full: it tells of drops, to FlowMonitor for one
        {
            m_frames.push_back(frame);
        }
    }

    bool Get(Frame& frame) override
    {
        if (m_frames.empty())
        {
            return false;
        }
        frame = m_frames.front();
        m_frames.pop_front();
        m_queue->Dequeue();
        if (m_frames.size() >= m_limit) // there were more when it was set
        {
            Limit(m_limit);
        }
        return true;
    }

    bool Limit(uint32_t frames) override
    {
        m_limit = frames;
        // What waits already stays, and ns-3 gives up when a queue holds more than its limit.
        m_queue->SetMaxSize(QueueSize(QueueSizeUnit::PACKETS, std::max<uint32_t>(frames, m_queue->GetNPackets())));
        return true;
    }

  private:
    Ptr<Queue<Packet>> m_queue;
    std::deque<Frame> m_frames;
    uint32_t m_limit{0};
};

/** What ns-3's disciplines hold: a packet without its IP header, which they look at, and mark. */
struct Carried
{
    virtual ~Carried() = default;
    Mac48Address from;
    bool corrupt{false};
};

struct CarriedFour : public Ipv4QueueDiscItem, public Carried
{
    using Ipv4QueueDiscItem::Ipv4QueueDiscItem;
};

struct CarriedSix : public Ipv6QueueDiscItem, public Carried
{
    using Ipv6QueueDiscItem::Ipv6QueueDiscItem;
};

/** ARP, for one: one flow together, not marked. */
struct CarriedOther : public QueueDiscItem, public Carried
{
    using QueueDiscItem::QueueDiscItem;

    void AddHeader() override
    {
    }

    bool Mark() override
    {
        return false;
    }

    uint32_t Hash(uint32_t) const override
    {
        return 0;
    }
};

class WaitingInDiscipline : public Waiting
{
  public:
    explicit WaitingInDiscipline(Ptr<QueueDisc> discipline)
        : m_discipline(discipline)
    {
        m_discipline->Initialize();
    }

    ~WaitingInDiscipline() override
    {
        m_discipline->Dispose();
    }

    void Put(const Frame& frame) override
    {
        uint8_t first = 0;
        frame.packet->CopyData(&first, 1);
        uint32_t size = frame.packet->GetSize();
        if (frame.protocol == Ipv4L3Protocol::PROT_NUMBER && size >= 20 && first == 0x45) // ns-3 would lose the options of a longer header
        {
            Ipv4Header header;
            if (Node::ChecksumEnabled()) // else it is written without, and computers outside of the simulation refuse the packet
            {
                header.EnableChecksum();
            }
            frame.packet->RemoveHeader(header);
            Put(frame, Create<CarriedFour>(frame.packet, frame.to, frame.protocol, header));
        }
        else if (frame.protocol == Ipv6L3Protocol::PROT_NUMBER && size >= 40)
        {
            Ipv6Header header;
            frame.packet->RemoveHeader(header);
            Put(frame, Create<CarriedSix>(frame.packet, frame.to, frame.protocol, header));
        }
        else
        {
            Put(frame, Create<CarriedOther>(frame.packet, frame.to, frame.protocol));
        }
    }

    bool Get(Frame& frame) override
    {
        Ptr<QueueDiscItem> item = m_discipline->Dequeue();
        if (!item)
        {
            return false;
        }
        item->AddHeader();
        auto carried = dynamic_cast<Carried*>(PeekPointer(item));
        frame = Frame{item->GetPacket(), Mac48Address::ConvertFrom(item->GetAddress()), carried->from, item->GetProtocol(), carried->corrupt};
        return true;
    }

    bool Limit(uint32_t) override
    {
        return false;
    }

  private:
    template <class Item>
    void Put(const Frame& frame, Ptr<Item> item)
    {
        item->from = frame.from;
        item->corrupt = frame.corrupt;
        item->SetTimeStamp(Simulator::Now());
        m_discipline->Enqueue(item);
    }

    Ptr<QueueDisc> m_discipline;
};

} // namespace nepi
