"""Two computers, a link of 10 Mbit/s and 20 ms between them, and how much of that gets through."""

from nepi import ExperimentController

with ExperimentController("first", backend="netns") as ec:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, rate="10Mbit", delay="20ms")
    server = ec.add("Iperf3Server", b)
    client = ec.add("Iperf3Client", a, target=b, duration="3s")
    client.start_when(server.started)
    ec.run()
    print(f"{client.result.throughput_bps / 1e6:.2f} of 10 Mbit/s")
