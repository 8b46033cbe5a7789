"""BBR against CUBIC over one bottleneck: the kernel's in namespaces, beside those of ns-3.

`nepi run examples/ns3/bbr_cubic.py`
"""

from nepi import ExperimentController, Topology


def shares(backend: str, duration: str) -> dict[str, float]:
    """Return what each gets, in Mbit/s."""
    with ExperimentController("bbr-cubic", backend=backend, seed=1) as ec:
        net = ec.build(Topology.dumbbell(2, bottleneck={"rate": "10Mbit", "delay": "20ms"}))
        clients = {}
        for control, source, target in zip(("bbr", "cubic"), net.sources, net.targets, strict=True):
            server = ec.add("Iperf3Server", target)
            clients[control] = ec.add("Iperf3Client", source, target=target, duration=duration, congestion=control)
            clients[control].start_when(server.started)
        ec.run()
        return {control: client.result.throughput_bps / 1e6 for control, client in clients.items()}


for backend in ("netns", "ns3"):
    print(backend, ", ".join(f"{control} {rate:.2f} Mbit/s" for control, rate in shares(backend, "10s").items()))
