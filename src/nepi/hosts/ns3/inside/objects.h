// Objects made and set from text; what is wrong is said in g_problem, where ns-3 itself would end the process.

#include <algorithm>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "ns3/application.h"
#include "ns3/core-module.h"
#include "ns3/internet-module.h"
#include "ns3/network-module.h"

namespace nepi
{

using namespace ns3;

inline std::string g_problem;

template <typename T, typename = void>
struct Shown : std::false_type
{
};

template <typename T>
struct Shown<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<const T&>())>> : std::true_type
{
};

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

template <typename T>
std::string
Text(const T& value)
{
    std::ostringstream out;
    if constexpr (Shown<T>::value)
    {
        out << value;
    }
    return out.str();
}

/** "10.0.0.1", "10.0.0.1:9", "2001:db8::1" or "[2001:db8::1]:9" as an Address; an invalid one when it is none of these. */
inline Address
AddressFrom(const std::string& text)
{
    auto colon = text.rfind(':');
    auto digits = [](const std::string& port) {
        return !port.empty() && port.size() < 6 && port.find_first_not_of("0123456789") == std::string::npos && std::stoi(port) < 65536;
    };
    if (!text.empty() && text[0] == '[' && colon != std::string::npos && text[colon - 1] == ']' && digits(text.substr(colon + 1)))
    {
        return Inet6SocketAddress(Ipv6Address(text.substr(1, colon - 2).c_str()), std::stoi(text.substr(colon + 1)));
    }
    if (text.find_first_not_of("0123456789.") == std::string::npos)
    {
        return text.find('.') == std::string::npos ? Address() : Address(Ipv4Address(text.c_str()));
    }
    if (colon != std::string::npos && text.find('.') != std::string::npos && digits(text.substr(colon + 1)) &&
        text.substr(0, colon).find_first_not_of("0123456789.") == std::string::npos)
    {
        return InetSocketAddress(Ipv4Address(text.substr(0, colon).c_str()), std::stoi(text.substr(colon + 1)));
    }
    if (text.find("::") != std::string::npos || std::count(text.begin(), text.end(), ':') == 7)
    {
        return Ipv6Address(text.c_str());
    }
    return Address();
}

/** The same backwards. */
inline std::string
AddressText(const Address& address)
{
    std::ostringstream out;
    if (InetSocketAddress::IsMatchingType(address))
    {
        auto socket = InetSocketAddress::ConvertFrom(address);
        out << socket.GetIpv4() << ':' << socket.GetPort();
    }
    else if (Inet6SocketAddress::IsMatchingType(address))
    {
        auto socket = Inet6SocketAddress::ConvertFrom(address);
        out << '[' << socket.GetIpv6() << "]:" << socket.GetPort();
    }
    else if (Ipv4Address::IsMatchingType(address))
    {
        out << Ipv4Address::ConvertFrom(address);
    }
    else if (Ipv6Address::IsMatchingType(address))
    {
        out << Ipv6Address::ConvertFrom(address);
    }
    else if (!address.IsInvalid())
    {
        out << address;
    }
    return out.str();
}

/** A value as an attribute takes it, or null, with the reason in g_problem. */
inline Ptr<AttributeValue>
ValueFrom(TypeId type, const std::string& name, const std::string& text)
{
    TypeId::AttributeInformation info;
    if (!type.LookupAttributeByName(name, &info))
    {
        g_problem = type.GetName() + " has no attribute " + name;
        return nullptr;
    }
    Ptr<AttributeValue> value;
    try
    {
        if (info.checker->GetValueTypeName() == "ns3::AddressValue")
        {
            Address address = AddressFrom(text);
            if (!address.IsInvalid())
            {
                return Create<AddressValue>(address);
            }
            if (text.find('-') == std::string::npos) // ns-3 would read some other address from what has not its own form
            {
                throw std::invalid_argument(text);
            }
        }
        value = info.checker->CreateValidValue(StringValue(text));
    }
    catch (const std::exception&)
    {
    }
    if (!value)
    {
        g_problem = type.GetName() + ": attribute " + name + " cannot be '" + text + "'";
    }
    return value;
}

inline bool
Set(Ptr<Object> object, const std::string& name, const std::string& text)
{
    g_problem.clear();
    auto value = ValueFrom(object->GetInstanceTypeId(), name, text);
    return value && object->SetAttributeFailSafe(name, *value);
}

inline Ptr<Object>
Make(const std::string& name, const std::vector<std::string>& attributes, const std::vector<std::string>& values)
{
    g_problem.clear();
    TypeId type;
    if (!TypeId::LookupByNameFailSafe(name, &type))
    {
        g_problem = "there is no TypeId " + name + " in this ns-3";
        return nullptr;
    }
    if (!type.HasConstructor())
    {
        g_problem = name + " is abstract";
        return nullptr;
    }
    ObjectFactory factory(name);
    std::vector<size_t> later;
    for (size_t i = 0; i < attributes.size(); i++)
    {
        auto value = ValueFrom(type, attributes[i], values[i]);
        if (!value)
        {
            return nullptr;
        }
        TypeId::AttributeInformation info;
        type.LookupAttributeByName(attributes[i], &info);
        if (info.flags & TypeId::ATTR_CONSTRUCT)
        {
            factory.Set(attributes[i], *value);
        }
        else
        {
            later.push_back(i);
        }
    }
    Ptr<Object> object = factory.Create();
    for (auto i : later)
    {
        if (!Set(object, attributes[i], values[i]))
        {
            return nullptr;
        }
    }
    return object;
}

inline bool
Point(Ptr<Object> object, const std::string& name, Ptr<Object> value)
{
    g_problem.clear();
    return object->SetAttributeFailSafe(name, PointerValue(value));
}

inline bool
Get(Ptr<Object> object, const std::string& name, std::string& text)
{
    AddressValue address;
    TypeId::AttributeInformation info;
    if (object->GetInstanceTypeId().LookupAttributeByName(name, &info) && info.checker->GetValueTypeName() == "ns3::AddressValue" &&
        object->GetAttributeFailSafe(name, address))
    {
        text = AddressText(address.Get());
        return true;
    }
    StringValue value;
    bool good = object->GetAttributeFailSafe(name, value);
    text = value.Get();
    return good;
}

// StopApplication is private, and what ends an application early is nothing else. An explicit instantiation may name it.
template <typename Tag, typename Tag::type Member>
struct Opened
{
    friend typename Tag::type Reach(Tag)
    {
        return Member;
    }
};

struct StopTag
{
    using type = void (Application::*)();
    friend type Reach(StopTag);
};

template struct Opened<StopTag, &Application::StopApplication>;

inline void
StopApplication(Ptr<Application> application)
{
    (PeekPointer(application)->*Reach(StopTag()))();
}

} // namespace nepi
