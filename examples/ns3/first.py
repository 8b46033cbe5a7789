"""ns-3's tutorial, first.cc: two nodes, a link, a packet there and back.

`nepi run examples/ns3/first.py`
"""

from nepi import ExperimentController

with ExperimentController("ns3-first", backend="ns3") as ec:
    client, server = ec.add("Node", name="client"), ec.add("Node", name="server")
    ec.add("Link", client, server, rate="5Mbit", delay="2ms")
    echo = ec.add("Ping", client, target=server, count=1, packetSize="1024B")
    ec.run()
    print(f"{echo.result.received} answer after {echo.result.rtt_min_s * 1000:.2f} ms")
