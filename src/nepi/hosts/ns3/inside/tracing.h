// Trace sources into files: rows of any source, packets of devices.

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ns3/csma-module.h"
#include "ns3/network-module.h"
#include "ns3/point-to-point-module.h"
#include "ns3/wifi-module.h"

namespace nepi
{

using namespace ns3;

struct Rows
{
    std::ofstream file;
    std::string context;
    bool headed = false;
};

inline std::vector<std::shared_ptr<Rows>> g_row_files;
inline std::vector<Ptr<PcapFileWrapper>> g_packet_files;
inline std::vector<Ptr<OutputStreamWrapper>> g_text_files;
inline std::vector<std::function<void()>> g_at_close; // what is written once, at the end

template <typename T>
void
Write(std::ostream& out, const T& value)
{
    if constexpr (std::is_enum_v<T>)
    {
        out << static_cast<long long>(value);
    }
    else if constexpr (Shown<T>::value)
    {
        out << value;
    }
    else
    {
        out << "-"; // it has no form as text
    }
}

inline void
Write(std::ostream& out, bool value)
{
    out << (value ? 1 : 0);
}

inline void
Write(std::ostream& out, uint8_t value)
{
    out << unsigned(value);
}

inline void
Write(std::ostream& out, int8_t value)
{
    out << int(value);
}

inline void
Write(std::ostream& out, const Address& value)
{
    out << AddressText(value);
}

inline void
Write(std::ostream& out, const Time& value)
{
    out << value.GetSeconds();
}

inline void
Write(std::ostream& out, const Ptr<const Packet>& packet)
{
    out << (packet ? packet->GetSize() : 0);
}

inline void
Write(std::ostream& out, const Ptr<Packet>& packet)
{
    out << (packet ? packet->GetSize() : 0);
}

/** A packet of any kind is its size, an object its type. */
template <typename T>
void
Write(std::ostream& out, const Ptr<T>& object)
{
    if constexpr (std::is_base_of_v<ObjectBase, T>)
    {
        out << (object ? object->GetInstanceTypeId().GetName() : "-");
    }
    else if constexpr (requires { object->GetSize(); })
    {
        out << (object ? object->GetSize() : 0);
    }
    else
    {
        out << "-";
    }
}

/** The type of the callback, as the source's documentation names it, says what the values are. */
template <typename... A>
bool
ConnectRows(void (*)(A...), Ptr<Object> object, const std::string& source, const std::string& path, const std::string& context)
{
    auto rows = std::make_shared<Rows>();
    rows->file.open(path, std::ios::app);
    if (!rows->file)
    {
        return false;
    }
    rows->context = context;
    rows->file.precision(15);
    Callback<void, A...> callback([rows](A... values) {
        rows->file << Simulator::Now().GetNanoSeconds() << '\t' << rows->context;
        ((rows->file << '\t', Write(rows->file, values)), ...);
        rows->file << '\n';
    });
    if (!object->TraceConnectWithoutContext(source, callback))
    {
        return false;
    }
    rows->file << "time_ns\tcontext";
    for (size_t i = 1; i <= sizeof...(A); i++)
    {
        rows->file << "\tvalue" << i;
    }
    rows->file << '\n';
    g_row_files.push_back(rows);
    return true;
}

/** Wi-Fi's frames as its physical layer sends and hears them, without radiotap. */
inline void
WriteFrames(Ptr<WifiNetDevice> device, Ptr<PcapFileWrapper> file)
{
    auto phy = device->GetPhy();
    phy->TraceConnectWithoutContext(
        "MonitorSnifferTx",
        Callback<void, Ptr<const Packet>, uint16_t, WifiTxVector, MpduInfo, uint16_t>(
            [file](Ptr<const Packet> packet, uint16_t, WifiTxVector, MpduInfo, uint16_t) { file->Write(Simulator::Now(), packet); }));
    phy->TraceConnectWithoutContext(
        "MonitorSnifferRx",
        Callback<void, Ptr<const Packet>, uint16_t, WifiTxVector, MpduInfo, SignalNoiseDbm, uint16_t>(
            [file](Ptr<const Packet> packet, uint16_t, WifiTxVector, MpduInfo, SignalNoiseDbm, uint16_t) {
                file->Write(Simulator::Now(), packet);
            }));
}

inline bool
WritePcap(Ptr<NetDevice> device, const std::string& path, bool promiscuous)
{
    if (auto wifi = DynamicCast<WifiNetDevice>(device))
    {
        auto frames = PcapHelper().CreateFile(path, std::ios::out, PcapHelper::DLT_IEEE802_11);
        g_packet_files.push_back(frames);
        WriteFrames(wifi, frames);
        return true;
    }
    bool is_ppp = bool(DynamicCast<PointToPointNetDevice>(device));
    PcapHelper helper;
    auto file = helper.CreateFile(path, std::ios::out, is_ppp ? PcapHelper::DLT_PPP : PcapHelper::DLT_EN10MB);
    g_packet_files.push_back(file);
    return device->TraceConnectWithoutContext(promiscuous ? "PromiscSniffer" : "Sniffer",
                                              Callback<void, Ptr<const Packet>>([file](Ptr<const Packet> packet) {
                                                  file->Write(Simulator::Now(), packet);
                                              }));
}

inline bool
WriteAscii(Ptr<NetDevice> device, const std::string& path)
{
    AsciiTraceHelper helper;
    auto stream = helper.CreateFileStream(path);
    g_text_files.push_back(stream);
    if (DynamicCast<PointToPointNetDevice>(device))
    {
        PointToPointHelper().EnableAscii(stream, device);
    }
    else if (DynamicCast<CsmaNetDevice>(device))
    {
        CsmaHelper().EnableAscii(stream, device);
    }
    else if (DynamicCast<WifiNetDevice>(device))
    {
        YansWifiPhyHelper().EnableAscii(stream, device);
    }
    else
    {
        return false;
    }
    return true;
}

// A pcap file cannot be flushed by name: what it is written with is private.
struct PcapOfWrapperTag
{
    using type = PcapFile PcapFileWrapper::*;
    friend type Reach(PcapOfWrapperTag);
};

struct StreamOfPcapTag
{
    using type = std::fstream PcapFile::*;
    friend type Reach(StreamOfPcapTag);
};

template struct Opened<PcapOfWrapperTag, &PcapFileWrapper::m_file>;
template struct Opened<StreamOfPcapTag, &PcapFile::m_file>;

inline void
FlushFiles()
{
    for (auto& file : g_packet_files)
    {
        ((PeekPointer(file)->*Reach(PcapOfWrapperTag())).*Reach(StreamOfPcapTag())).flush();
    }
    for (auto& rows : g_row_files)
    {
        rows->file.flush();
    }
    for (auto& stream : g_text_files)
    {
        stream->GetStream()->flush();
    }
}

inline const bool g_flushes_when_it_dies = (g_flush = &FlushFiles, true);

inline void
CloseFiles()
{
    for (auto& write : g_at_close)
    {
        write();
    }
    g_at_close.clear();
    FlushFiles();
    for (auto& file : g_packet_files)
    {
        file->Close();
    }
    for (auto& rows : g_row_files)
    {
        rows->file.close();
    }
    g_packet_files.clear();
    g_row_files.clear();
}

} // namespace nepi
