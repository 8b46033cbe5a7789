"""ns-3's tutorial, first.cc: two nodes, a point-to-point link, a packet there and back. The same objects, and the same times.

`nepi run examples/ns3/first.py`
"""

from nepi import ExperimentController

with ExperimentController("ns3-first", backend="ns3") as ec:
    left, right = ec.add("Node", name="left"), ec.add("Node", name="right")
    channel = ec.add("PointToPointChannel", Delay="2ms")
    for number, node in enumerate((left, right), 1):
        ec.add("PointToPointNetDevice", node, channel, DataRate="5Mbps", ip=f"10.1.1.{number}", prefix="24")
    ec.add("UdpEchoServer", right, Port=9, StartTime="1s", StopTime="10s")
    client = ec.add("UdpEchoClient", left, Remote="10.1.1.2:9", MaxPackets=1, PacketSize=1024, StartTime="2s", StopTime="10s")
    client.enable_trace("Rx")
    ec.run()
    print(f"At time +{int(client.trace('Rx').split()[-3]) / 1e9:.5f}s client received the echo")
