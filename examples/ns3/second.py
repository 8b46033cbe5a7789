"""ns-3's tutorial, second.cc: a link, and a wire with four computers on it. The same objects, and the same times.

`nepi run examples/ns3/second.py`
"""

from nepi import ExperimentController

with ExperimentController("ns3-second", backend="ns3") as ec:
    simulation = ec.add("Simulation", populateRoutingTables=True)
    nodes = [ec.add("Node", simulation, name=f"n{number}") for number in range(5)]
    link, wire = ec.add("PointToPointChannel", Delay="2ms"), ec.add("CsmaChannel", DataRate="100Mbps", Delay="6560ns")
    for number, node in enumerate(nodes[:2], 1):
        ec.add("PointToPointNetDevice", node, link, DataRate="5Mbps", ip=f"10.1.1.{number}", prefix="24")
    for number, node in enumerate(nodes[1:], 1):
        ec.add("CsmaNetDevice", node, wire, ip=f"10.1.2.{number}", prefix="24")
    ec.add("UdpEchoServer", nodes[4], Port=9, StartTime="1s", StopTime="10s")
    client = ec.add("UdpEchoClient", nodes[0], Remote="10.1.2.4:9", MaxPackets=1, PacketSize=1024, StartTime="2s", StopTime="10s")
    client.enable_trace("Rx")
    ec.run()
    print(f"At time +{int(client.trace('Rx').split()[-3]) / 1e9:.5f}s client received the echo")
