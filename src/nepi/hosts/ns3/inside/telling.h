// What simulated programs tell, as events. Goes with running.h.

#include <string>

#include "ns3/core-module.h"

namespace nepi
{

using namespace ns3;

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

} // namespace nepi
