"""Two namespaces, real programs in them, that are stations of a simulated Wi-Fi network.

`nepi run examples/ns3/namespaces_over_wifi.py`
"""

from nepi import ExperimentController

with ExperimentController("over-wifi", backend="netns") as ec:
    laptop, server = ec.add("Node", name="laptop"), ec.add("Node", name="server")
    air = ec.add("ns3::WifiNetwork", adhoc=True, standard="g", dataMode="ErpOfdmRate24Mbps")
    ec.add("Station", laptop, air)
    ec.add("Station", server, air, x=20.0)
    ping = ec.add("Ping", laptop, target=server, count=20, interval="100ms")
    listening = ec.add("Iperf3Server", server)
    client = ec.add("Iperf3Client", laptop, target=server, duration="5s")
    client.start_when(ping.finished & listening.started)
    ec.run()
    print(f"round trip {ping.result.rtt_avg_s * 1000:.1f} ms, TCP {client.result.throughput_bps / 1e6:.1f} Mbit/s")
