// What ns-3 says of its own types, as JSON. In C++, because Python's view of a checker has each of its templates compiled.

#include <sstream>
#include <string>

#include "ns3/core-module.h"

namespace nepi
{

using namespace ns3;

inline void
DescribeAttribute(std::ostream& out, const TypeId::AttributeInformation& one)
{
    auto checker = one.checker;
    auto type = checker->HasUnderlyingTypeInformation() ? checker->GetUnderlyingTypeInformation() : "";
    auto value = one.originalInitialValue->SerializeToString(checker);
    out << "[" << Quoted(one.name) << "," << Quoted(checker->GetValueTypeName()) << "," << Quoted(type) << ","
        << Quoted(value.rfind("0x", 0) == 0 ? "" : value) // the address of an object is another one each time
        << "," << one.flags << "," << int(one.supportLevel) << "," << Quoted(one.help) << "]";
}

/** {name: {parent, group, new, attributes: [[name, kind, type, default, flags, support, help]], traces: [[name, callback, help]]}} */
inline std::string
Catalogue()
{
    std::ostringstream out;
    for (uint16_t i = 0; i < TypeId::GetRegisteredN(); i++)
    {
        auto type = TypeId::GetRegistered(i);
        out << (i ? "," : "{") << Quoted(type.GetName()) << ":{\"parent\":"
            << Quoted(type.HasParent() && type.GetParent() != type ? type.GetParent().GetName() : "") << ",\"group\":"
            << Quoted(type.GetGroupName()) << ",\"new\":" << (type.HasConstructor() ? "true" : "false") << ",\"attributes\":[";
        for (size_t j = 0; j < type.GetAttributeN(); j++)
        {
            out << (j ? "," : "");
            DescribeAttribute(out, type.GetAttribute(j));
        }
        out << "],\"traces\":[";
        for (size_t j = 0; j < type.GetTraceSourceN(); j++)
        {
            auto one = type.GetTraceSource(j);
            out << (j ? "," : "") << "[" << Quoted(one.name) << "," << Quoted(one.callback) << "," << Quoted(one.help) << "]";
        }
        out << "]}";
    }
    out << "}";
    return out.str();
}

} // namespace nepi
