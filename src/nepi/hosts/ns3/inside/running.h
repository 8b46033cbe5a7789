// Running, while the conversation goes on between two events; and the last words of a process that dies.

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <exception>
#include <mutex>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>

#include "ns3/core-module.h"
#include "ns3/default-simulator-impl.h"
#include "ns3/realtime-simulator-impl.h"

namespace nepi
{

using namespace ns3;

inline int g_in = -1;
inline int g_out = -1;
inline volatile long long* g_doing = nullptr; // [0] the request, [1] the index of the operation in it, [2] the row being written
inline void (*g_serve)() = nullptr;

inline std::mutex g_mutex;
inline std::condition_variable g_done;
inline bool g_waiting = false;
inline bool g_over = false;

inline bool g_stepping = false; // time goes on in steps, which end where something has to be decided
inline bool g_paused = false;

inline Time g_lag;
inline Time g_limit;
inline Time g_told;

inline double g_wall_s = 0; // of running alone: that this was compiled first is no part of it
inline double g_cpu_s = 0;

inline double
Clock(clockid_t which)
{
    timespec now;
    clock_gettime(which, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

/** Tell an event; `text` is one JSON object. */
inline void
Say(const std::string& text)
{
    std::string line = text + "\n";
    size_t at = 0;
    while (at < line.size())
    {
        auto written = write(g_out, line.data() + at, line.size() - at);
        if (written < 0 && errno != EINTR)
        {
            return;
        }
        at += written > 0 ? written : 0;
    }
}

// Async-signal-safe: no allocation, one write.
inline void
LastWords(const char* what)
{
    char line[160];
    int length = snprintf(line, sizeof(line), "{\"event\":\"fatal\",\"what\":\"%s\",\"id\":%lld,\"op\":%lld}\n", what,
                          g_doing ? g_doing[0] : 0LL, g_doing ? g_doing[1] : -1LL);
    if (write(g_out, line, length) < 0)
    {
        _exit(1);
    }
}

inline void (*g_flush)() = nullptr;

/** ns-3 has given up, or an exception was not caught: what has been recorded until then shall not be lost with it. */
inline void
Terminated()
{
    std::cerr.flush();
    if (g_flush)
    {
        g_flush();
    }
    LastWords("terminate");
    _exit(134);
}

inline void
Signalled(int number)
{
    const char* names[] = {"SIGSEGV", "SIGFPE", "SIGBUS", "SIGILL", "SIGABRT"};
    int numbers[] = {SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGABRT};
    for (int i = 0; i < 5; i++)
    {
        if (numbers[i] == number)
        {
            LastWords(names[i]);
        }
    }
    _exit(128 + number);
}

/** Take the conversation's descriptors. From now on the process ends 5 s after the other side has gone, whatever it is doing. */
inline void
Begin(int in, int out, unsigned long long doing, unsigned long long serve)
{
    if (in < 0) // only to be compiled
    {
        return;
    }
    g_in = in;
    g_out = out;
    g_doing = reinterpret_cast<volatile long long*>(doing);
    g_serve = reinterpret_cast<void (*)()>(serve);
    std::set_terminate(Terminated);
    for (int number : {SIGSEGV, SIGFPE, SIGBUS, SIGILL, SIGABRT})
    {
        signal(number, Signalled);
    }
    std::thread([] {
        pollfd watched = {g_in, 0, 0};
        while (poll(&watched, 1, -1) <= 0 || !(watched.revents & (POLLHUP | POLLERR | POLLNVAL)))
        {
        }
        sleep(5);
        _exit(3);
    }).detach();
}

inline void
Served()
{
    pollfd waiting = {g_in, POLLIN, 0};
    if (poll(&waiting, 1, 0) > 0) // a step that ended before this was due has left it to the next one; what had come was read meanwhile
    {
        g_serve();
    }
    {
        std::lock_guard<std::mutex> lock(g_mutex);
        g_waiting = false;
    }
    g_done.notify_all();
}

/** Beside the simulation: when something has come, let an event read it, and wait until it has. Never touches Python. */
inline void
Watch(int wake)
{
    for (;;)
    {
        pollfd watched[2] = {{g_in, POLLIN, 0}, {wake, POLLIN, 0}};
        if (poll(watched, 2, -1) <= 0)
        {
            continue;
        }
        if (watched[1].revents)
        {
            return;
        }
        std::unique_lock<std::mutex> lock(g_mutex);
        if (g_over)
        {
            return;
        }
        g_waiting = true;
        lock.unlock();
        Simulator::ScheduleWithContext(Simulator::NO_CONTEXT, Time(0), &Served);
        lock.lock();
        g_done.wait(lock, [] { return !g_waiting || g_over; });
    }
}

/** How far the simulation is behind the clock: told when it is more than the limit, and whenever it has got a quarter worse. */
inline void
MeasureLag(Ptr<RealtimeSimulatorImpl> simulator)
{
    Time lag = simulator->RealtimeNow() - Simulator::Now();
    g_lag = std::max(g_lag, lag);
    if (g_limit.IsStrictlyPositive() && lag > g_limit && lag.GetSeconds() > 1.25 * g_told.GetSeconds())
    {
        g_told = lag;
        Say("{\"event\":\"late\",\"lag_ns\":" + std::to_string(lag.GetNanoSeconds()) +
            ",\"now_ns\":" + std::to_string(Simulator::Now().GetNanoSeconds()) + "}");
    }
    Simulator::Schedule(MilliSeconds(5), &MeasureLag, simulator);
}

/** Something has happened that others decide on: time stands still after the present event, unless it runs by itself. */
inline void
Pause()
{
    if (g_stepping)
    {
        g_paused = true;
        Simulator::Stop();
    }
}

inline void
Reached(long long token)
{
    Say("{\"event\":\"reached\",\"token\":" + std::to_string(token) +
        ",\"now_ns\":" + std::to_string(Simulator::Now().GetNanoSeconds()) + "}");
    Pause();
}

inline void
Notify(long long after_ns, long long token)
{
    Simulator::ScheduleWithContext(Simulator::NO_CONTEXT, NanoSeconds(after_ns), &Reached, token);
}

inline void
LimitLag(long long limit_ns)
{
    g_limit = NanoSeconds(limit_ns);
}

inline void
Began()
{
    Say("{\"event\":\"began\",\"now_ns\":" + std::to_string(Simulator::Now().GetNanoSeconds()) + "}");
}

// What ns-3 has no public name for: how many events are left. An explicit instantiation may name it.
struct EventsLeftTag
{
    using type = int DefaultSimulatorImpl::*;
    friend type Reach(EventsLeftTag);
};

struct IsStoppedTag
{
    using type = bool DefaultSimulatorImpl::*;
    friend type Reach(IsStoppedTag);
};

struct ProcessOneTag
{
    using type = void (DefaultSimulatorImpl::*)();
    friend type Reach(ProcessOneTag);
};

template struct Opened<EventsLeftTag, &DefaultSimulatorImpl::m_unscheduledEvents>;
template struct Opened<IsStoppedTag, &DefaultSimulatorImpl::m_stop>;
template struct Opened<ProcessOneTag, &DefaultSimulatorImpl::ProcessOneEvent>;

/** As Simulator::Run, but time stands still where only one event is left, that which ends the step; return whether it does. */
inline bool
RunUntilDry(Ptr<DefaultSimulatorImpl> simulator)
{
    auto process = Reach(ProcessOneTag());
    int& left = PeekPointer(simulator)->*Reach(EventsLeftTag());
    bool& stopped = PeekPointer(simulator)->*Reach(IsStoppedTag());
    stopped = false;
    while (left > 1 && !stopped)
    {
        (PeekPointer(simulator)->*process)();
    }
    return !stopped;
}

/** Run, answering meanwhile, for so long, or, with -1, until nothing is left to happen or it is stopped; return whether nothing is left. */
inline bool
RunFor(long long duration_ns, bool until_dry = false)
{
    g_over = false;
    g_waiting = false;
    int wake[2];
    if (pipe(wake))
    {
        return false;
    }
    EventId end;
    if (duration_ns >= 0)
    {
        end = Simulator::Stop(NanoSeconds(duration_ns));
    }
    std::thread watcher(Watch, wake[0]);
    double wall = Clock(CLOCK_MONOTONIC);
    double cpu = Clock(CLOCK_PROCESS_CPUTIME_ID);
    bool is_dry = duration_ns < 0;
    auto simulator = DynamicCast<DefaultSimulatorImpl>(Simulator::GetImplementation());
    if (until_dry && duration_ns >= 0 && simulator)
    {
        is_dry = RunUntilDry(simulator);
    }
    else
    {
        Simulator::Run();
    }
    g_wall_s += Clock(CLOCK_MONOTONIC) - wall;
    g_cpu_s += Clock(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    {
        std::lock_guard<std::mutex> lock(g_mutex);
        g_over = true;
    }
    g_done.notify_all();
    if (write(wake[1], "x", 1) < 0)
    {
        _exit(4);
    }
    watcher.join();
    close(wake[0]);
    close(wake[1]);
    if (end.IsPending())
    {
        Simulator::Remove(end);
    }
    return is_dry;
}

/** Run by itself, to the end or in step with the clock. */
inline void
Run(long long duration_ns)
{
    auto real = DynamicCast<RealtimeSimulatorImpl>(Simulator::GetImplementation());
    if (real)
    {
        Simulator::Schedule(MilliSeconds(5), &MeasureLag, real);
    }
    Simulator::ScheduleNow(&Began);
    RunFor(duration_ns);
}

/** Run a step; return whether nothing is left to happen. */
inline bool
Advance(long long duration_ns, bool until_dry)
{
    g_stepping = true;
    g_paused = false;
    bool is_dry = RunFor(duration_ns, until_dry);
    g_stepping = false;
    return is_dry && !g_paused;
}

/** Use the simulator once, for no time at all, so that all that was called before is compiled before it matters. */
inline void
Rehearse()
{
    Simulator::ScheduleNow(+[]() { Simulator::Stop(); });
    Simulator::Run();
}

} // namespace nepi
