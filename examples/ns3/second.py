"""ns-3's tutorial, second.cc: a link, and a wire with four computers behind it.

`nepi run examples/ns3/second.py`
"""

from nepi import ExperimentController

with ExperimentController("ns3-second", backend="ns3") as ec:
    far = ec.add("Node", name="far")
    wired = [ec.add("Node", name=f"wired{number}") for number in range(4)]
    ec.add("Link", far, wired[0], rate="5Mbit", delay="2ms")
    wire = ec.add("CsmaNetwork", rate="100Mbit", delay="6560ns")
    for node in wired:
        ec.add("Station", node, wire)
    echo = ec.add("Ping", far, target=wired[3], count=1, packetSize="1024B")
    ec.run()
    print(f"{echo.result.received} answer after {echo.result.rtt_min_s * 1000:.2f} ms, ttl {echo.result.replies[0].ttl}")
