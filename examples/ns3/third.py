"""ns-3's tutorial, third.cc: a wire, a link, and a Wi-Fi network whose phones walk about. The same objects; chance takes other numbers.

`nepi run examples/ns3/third.py`
"""

from nepi import ExperimentController

with ExperimentController("ns3-third", backend="ns3") as ec:
    simulation = ec.add("Simulation", StopTime="10s", populateRoutingTables=True)
    access, *wired = (ec.add("Node", simulation, name=f"n{number}") for number in range(5))
    phones = [ec.add("Node", simulation, name=f"phone{number}") for number in range(3)]
    link, wire = ec.add("PointToPointChannel", Delay="2ms"), ec.add("CsmaChannel", DataRate="100Mbps", Delay="6560ns")
    for number, node in enumerate((access, wired[0]), 1):
        ec.add("PointToPointNetDevice", node, link, DataRate="5Mbps", ip=f"10.1.1.{number}", prefix="24")
    for number, node in enumerate(wired, 1):
        ec.add("CsmaNetDevice", node, wire, ip=f"10.1.2.{number}", prefix="24")
    air = ec.add("YansWifiChannel")
    for model in ("ConstantSpeedPropagationDelayModel", "LogDistancePropagationLossModel"):
        ec.add(model, air)
    for number, node in enumerate((*phones, access), 1):
        mac = ec.add("ApWifiMac" if node is access else "StaWifiMac", Ssid="ns-3-ssid")
        ec.add("WifiNetDevice", node, ec.add("YansWifiPhy", air, Standard="802.11ax"), mac, ip=f"10.1.3.{number}", prefix="24")
    for number, node in enumerate(phones):
        ec.add("RandomWalk2dMobilityModel", node, Position=f"{5 * number}:0:0", Bounds="-50|50|-50|50")
    ec.add("ConstantPositionMobilityModel", access, Position="0:10:0")
    ec.add("UdpEchoServer", wired[3], Port=9, StartTime="1s", StopTime="10s")
    client = ec.add("UdpEchoClient", phones[2], Remote="10.1.2.4:9", MaxPackets=1, PacketSize=1024, StartTime="2s", StopTime="10s")
    client.enable_trace("Rx")
    ec.run()
    print(f"At time +{int(client.trace('Rx').split()[-3]) / 1e9:.5f}s client received the echo")
