// The one LTE helper of a simulation, for both levels: numbers of cells and phones are its, and must differ, because ns-3 finds base stations by them.

#include "ns3/lte-module.h"

namespace nepi
{

using namespace ns3;

inline Ptr<LteHelper>
SharedLte()
{
    static Ptr<LteHelper> shared = CreateObject<LteHelper>();
    return shared;
}

} // namespace nepi
