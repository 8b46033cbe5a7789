// The end of a cable: what it does to the frames that leave by it. The model is that of links in user space (hosts/wire/direction.py), with
// the same numbers (hosts/wire/parameters.py): chance, then the queue and the rate, then the way. Times are nanoseconds, probabilities of 2**32.

#include <algorithm>
#include <array>
#include <cmath>

#include "ns3/core-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

constexpr double CERTAIN = 4294967296.0;
constexpr uint32_t ETHERNET_HEADER = 14;
constexpr uint32_t FULL_FRAME = 1514;

/** What varies a delay: values at equal steps of probability, in units of the jitter, from the formulas that tc-netem(8) names. */
class Variation
{
  public:
    static double Of(int64_t distribution, double chance)
    {
        static const std::array<std::vector<double>, 4> tables{Table(0), Table(1), Table(2), Table(3)};
        const auto& table = tables[distribution];
        return table[std::min(size_t(chance * table.size()), table.size() - 1)];
    }

  private:
    static std::vector<double> Table(int distribution)
    {
        constexpr double largest = 32767 / 8192.0; // netem cuts off there
        std::vector<double> values;
        for (int step = 0; step < 4096; step++)
        {
            double chance = (step + 0.5) / 4096;
            double pareto = std::min((std::pow(1 - chance, -1.0 / 3) - 1.5) * 4 / 3, largest);
            double normal = distribution % 2 == 1 ? Normal(chance) : 0;
            const double each[] = {2 * chance - 1, normal, pareto, normal / 4 + pareto * 3 / 4};
            values.push_back(std::clamp(each[distribution], -largest, largest));
        }
        return values;
    }

    /** The quantile of the normal distribution, by halving. */
    static double Normal(double chance)
    {
        double low = -8;
        double high = 8;
        while (high - low > 1e-9)
        {
            double middle = (low + high) / 2;
            (std::erfc(-middle / std::sqrt(2.0)) / 2 < chance ? low : high) = middle;
        }
        return low;
    }
};

class CableEnd : public SimpleNetDevice
{
  public:
    CableEnd()
    {
        for (auto& each : m_chance)
        {
            each = CreateObject<UniformRandomVariable>();
        }
    }

    /** Begin as a cable that does nothing to frames, with streams of random numbers of its own from this one on. */
    void Begin(int64_t stream)
    {
        for (auto& each : m_chance)
        {
            each->SetStream(stream++);
        }
        m_disciplineStream = stream;
        Replace();
    }

    /** Let other values hold from now on. Frames on their way are not touched; those that wait or are being sent go at the new rate. */
    void Shape(const Words& asked)
    {
        Asked before = m_asked;
        m_asked = Asked(asked);
        bool same = m_asked.discipline == before.discipline && m_asked.ecn == before.ecn;
        if (!same || (m_asked.limit != before.limit && !m_waiting->Limit(m_asked.limit)))
        {
            Replace();
        }
        if (m_asked.rate != before.rate)
        {
            ChangeRate(before.rate);
        }
    }

    bool Send(Ptr<Packet> packet, const Address& to, uint16_t protocol) override
    {
        return SendFrom(packet, GetAddress(), to, protocol);
    }

    bool SendFrom(Ptr<Packet> packet, const Address& from, const Address& to, uint16_t protocol) override
    {
        if (packet->GetSize() > GetMtu())
        {
            return false;
        }
        if (!m_asked.up)
        {
            return true;
        }
        Frame frame{packet, Mac48Address::ConvertFrom(to), Mac48Address::ConvertFrom(from), protocol, false};
        int copies = 1 + Hit(DUPLICATE, m_asked.duplicate);
        copies -= IsLost();
        for (int number = 0; number < copies; number++)
        {
            frame.packet = packet->Copy();
            frame.corrupt = Hit(CORRUPT, m_asked.corrupt);
            m_asked.rate > 0 ? LineUp(frame) : Launch(frame, 0);
        }
        return true;
    }

  protected:
    void DoDispose() override
    {
        m_leaving.Cancel();
        m_waiting = nullptr;
        m_served = Frame{};
        SimpleNetDevice::DoDispose();
    }

  private:
    enum Chance
    {
        LOSS,
        DUPLICATE,
        CORRUPT,
        REORDER,
        JITTER,
        DISCIPLINE,
        CHANCES
    };

    struct Asked
    {
        Asked() = default;

        explicit Asked(const Words& asked)
            : up(asked.Whole("up") != 0), rate(asked.Whole("rate")), burst(asked.Whole("burst_bytes")), delay(asked.Whole("delay_ns")),
              jitter(asked.Whole("jitter_ns")), distribution(asked.Whole("distribution")), limit(uint32_t(asked.Whole("limit"))),
              loss(asked.Whole("loss")), duplicate(asked.Whole("duplicate")), reorder(asked.Whole("reorder")),
              corrupt(asked.Whole("corrupt")), bursty(asked.Whole("bursty") != 0), toBad(asked.Whole("to_bad")),
              toGood(asked.Whole("to_good")), lossBad(asked.Whole("loss_bad")), lossGood(asked.Whole("loss_good")),
              discipline(int(asked.Whole("discipline"))), ecn(asked.Whole("ecn") != 0), redLeast(asked.Whole("red_least")),
              redMost(asked.Whole("red_most")), redWeight(asked.Whole("red_weight")), redProbability(asked.Whole("red_probability"))
        {
        }

        bool up{true};
        int64_t rate{0}, burst{0}, delay{0}, jitter{0}, distribution{0};
        uint32_t limit{1000};
        int64_t loss{0}, duplicate{0}, reorder{0}, corrupt{0};
        bool bursty{false};
        int64_t toBad{0}, toGood{0}, lossBad{0}, lossGood{0};
        int discipline{0};
        bool ecn{false};
        int64_t redLeast{0}, redMost{0}, redWeight{1}, redProbability{0};
    };

    static int64_t Now()
    {
        return Simulator::Now().GetNanoSeconds();
    }

    // Chance.

    bool Hit(Chance which, int64_t threshold)
    {
        return threshold > 0 && m_chance[which]->GetValue() * CERTAIN < double(threshold);
    }

    bool IsLost()
    {
        if (!m_asked.bursty)
        {
            return Hit(LOSS, m_asked.loss);
        }
        // As netem: the state moves first, and the loss is drawn for the state before.
        bool bad = m_bad;
        m_bad = bad ? !Hit(LOSS, m_asked.toGood) : Hit(LOSS, m_asked.toBad);
        return Hit(LOSS, bad ? m_asked.lossBad : m_asked.lossGood);
    }

    // Waiting and being sent.

    void Replace()
    {
        std::vector<Frame> waiting;
        Frame frame;
        while (m_waiting && m_waiting->Get(frame))
        {
            waiting.push_back(frame);
        }
        m_waiting = NewWaiting();
        for (const auto& each : waiting)
        {
            m_waiting->Put(each);
        }
    }

    Ptr<Waiting> NewWaiting()
    {
        if (m_asked.discipline == 1)
        {
            Ptr<FqCoDelQueueDisc> fair = CreateObject<FqCoDelQueueDisc>();
            fair->SetAttribute("MaxSize", QueueSizeValue(QueueSize(QueueSizeUnit::PACKETS, m_asked.limit)));
            fair->SetAttribute("UseEcn", BooleanValue(m_asked.ecn));
            fair->SetAttribute("Perturbation", UintegerValue(m_chance[DISCIPLINE]->GetInteger(0, 1u << 31)));
            fair->SetQuantum(FULL_FRAME);
            return Create<WaitingInDiscipline>(fair);
        }
        if (m_asked.discipline == 2)
        {
            return Create<WaitingInDiscipline>(NewRed());
        }
        return Create<WaitingInOrder>(GetQueue(), m_asked.limit);
    }

    /** ns-3's RED counts either frames or bytes, for thresholds and limit alike: here full frames. */
    Ptr<QueueDisc> NewRed()
    {
        Ptr<RedQueueDisc> red = CreateObject<RedQueueDisc>();
        red->SetAttribute("MaxSize", QueueSizeValue(QueueSize(QueueSizeUnit::PACKETS, m_asked.limit)));
        red->SetAttribute("MinTh", DoubleValue(double(m_asked.redLeast) / FULL_FRAME));
        red->SetAttribute("MaxTh", DoubleValue(double(m_asked.redMost) / FULL_FRAME));
        red->SetAttribute("QW", DoubleValue(std::pow(2.0, -double(m_asked.redWeight))));
        red->SetAttribute("LInterm", DoubleValue(CERTAIN / double(std::max<int64_t>(m_asked.redProbability, 1))));
        red->SetAttribute("MeanPktSize", UintegerValue(1000));
        red->SetAttribute("LinkBandwidth", DataRateValue(DataRate(std::max<int64_t>(m_asked.rate, 1))));
        red->SetAttribute("Gentle", BooleanValue(false));
        red->SetAttribute("Wait", BooleanValue(false));
        red->SetAttribute("UseEcn", BooleanValue(m_asked.ecn));
        red->SetAttribute("UseHardDrop", BooleanValue(false));
        red->AssignStreams(m_disciplineStream);
        return red;
    }

    void LineUp(const Frame& frame)
    {
        m_waiting->Put(frame);
        if (!m_served.packet)
        {
            Serve();
        }
    }

    void Serve()
    {
        Frame frame;
        if (!m_waiting->Get(frame))
        {
            return;
        }
        int64_t takes = Takes((frame.packet->GetSize() + ETHERNET_HEADER) * 8.0, m_asked.rate);
        m_virtual = std::max(m_virtual, Now()) + takes;
        m_served = frame;
        m_since = Now();
        m_leftAt = std::max(Now(), m_virtual - Takes(m_asked.burst * 8.0, m_asked.rate));
        m_leaving = Simulator::Schedule(NanoSeconds(m_leftAt - Now()), &CableEnd::Leave, this);
    }

    static int64_t Takes(double bits, int64_t rate)
    {
        return std::llround(bits * 1e9 / double(rate));
    }

    void Leave()
    {
        Frame frame = m_served;
        m_served = Frame{};
        Launch(frame, Now() - m_since);
        Serve();
    }

    void ChangeRate(int64_t before)
    {
        if (m_asked.rate == 0)
        {
            m_leaving.Cancel();
            m_virtual = Now();
            Frame frame = m_served;
            m_served = Frame{};
            for (bool there = bool(frame.packet); there || m_waiting->Get(frame); there = false)
            {
                Launch(frame, 0);
            }
        }
        else if (before > 0)
        {
            double ratio = double(before) / double(m_asked.rate);
            m_virtual = Now() + std::llround(double(std::max<int64_t>(m_virtual - Now(), 0)) * ratio);
            if (!m_served.packet)
            {
                return;
            }
            // What is left of the frame that is being sent goes at the new rate.
            m_leftAt = Now() + std::llround(double(std::max<int64_t>(m_leftAt - Now(), 0)) * ratio);
            m_leaving.Cancel();
            m_leaving = Simulator::Schedule(NanoSeconds(m_leftAt - Now()), &CableEnd::Leave, this);
        }
    }

    // On the way.

    /** Let a frame that has left now, after being sent for so long, arrive after the delay. */
    void Launch(const Frame& frame, int64_t took)
    {
        int64_t out = Now();
        if (!Hit(REORDER, m_asked.reorder))
        {
            out += std::max<int64_t>(m_asked.delay + Vary(), 0);
            if (m_asked.rate > 0)
            {
                // As netem: what has a rate keeps its order and its rate.
                out = m_lastOut = std::max(out - took, m_lastOut) + took;
            }
        }
        if (frame.corrupt)
        {
            return; // it will arrive, and no one takes it: neither nodes nor switches pass on what has a wrong checksum
        }
        Ptr<Channel> channel = GetChannel();
        for (std::size_t number = 0; number < channel->GetNDevices(); number++)
        {
            Ptr<SimpleNetDevice> other = DynamicCast<SimpleNetDevice>(channel->GetDevice(number));
            if (other != this)
            {
                Simulator::ScheduleWithContext(other->GetNode()->GetId(), NanoSeconds(out - Now()), &CableEnd::Arrive, other, frame);
            }
        }
    }

    int64_t Vary()
    {
        return m_asked.jitter > 0 ? std::llround(double(m_asked.jitter) * Variation::Of(m_asked.distribution, m_chance[JITTER]->GetValue())) : 0;
    }

    static void Arrive(Ptr<SimpleNetDevice> device, Frame frame)
    {
        Ptr<CableEnd> end = DynamicCast<CableEnd>(device);
        if (!end || end->m_asked.up)
        {
            device->Receive(frame.packet, frame.protocol, frame.to, frame.from);
        }
    }

    Asked m_asked;
    std::array<Ptr<UniformRandomVariable>, CHANCES> m_chance;
    int64_t m_disciplineStream{0};
    bool m_bad{false};
    Ptr<Waiting> m_waiting;
    Frame m_served; //!< the frame that is being sent at the rate
    int64_t m_since{0}, m_leftAt{0};
    int64_t m_virtual{0}; //!< when all that was sent would have left at the rate alone, without a burst
    int64_t m_lastOut{0};
    EventId m_leaving;
};

/** Shape what leaves by an end of a cable; see Parameters in hosts/wire/parameters.py for the words. */
inline void
ShapeEnd(Ptr<NetDevice> end, const std::string& asked)
{
    DynamicCast<CableEnd>(end)->Shape(Words(asked));
}

} // namespace nepi
