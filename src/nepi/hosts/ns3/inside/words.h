// What something is asked to do, as text: "name value name value". One argument for many, and Python need not know their order.

#include <cstdint>
#include <map>
#include <sstream>
#include <string>

namespace nepi
{

class Words
{
  public:
    explicit Words(const std::string& text)
    {
        std::istringstream in(text);
        std::string name;
        std::string value;
        while (in >> name >> value)
        {
            m_values[name] = value;
        }
    }

    /** The whole number of a name; 0 when it is not there. */
    int64_t Whole(const std::string& name) const
    {
        auto found = m_values.find(name);
        return found == m_values.end() ? 0 : std::stoll(found->second);
    }

    std::string Text(const std::string& name) const
    {
        auto found = m_values.find(name);
        return found == m_values.end() ? "" : found->second;
    }

  private:
    std::map<std::string, std::string> m_values;
};

} // namespace nepi
