"""A dumbbell: BBR against CUBIC through one bottleneck, each connection with its own congestion control, seen by the kernel.

iperf3 measures what each of them gets; TcpInfo samples their congestion windows and round-trip times on the way.
"""

from statistics import mean

from nepi import ExperimentController, Topology

with ExperimentController("bbr-cubic", backend="netns") as ec:
    net = ec.build(Topology.dumbbell(2, bottleneck={"rate": "10Mbit", "delay": "10ms"}))
    left, right = net.hosts[:2], net.hosts[2:]
    flows, infos = {}, {}
    for name, source, sink in zip(("bbr", "cubic"), left, right, strict=True):
        flow, _ = ec.iperf3(source, sink, congestion=name, duration="8s", omit="1s")
        info = ec.add("TcpInfo", source, interval="100ms", filter="dport = :5201", name=f"tcp-{name}")
        flow.start_when(info.started)
        info.stop_when(flow.finished)
        flows[name], infos[name] = flow, info
    ec.run(deadline="60s")
    for name, flow in flows.items():
        data = max(infos[name].result.flows().values(), key=lambda samples: samples[-1].bytes_sent or 0)
        rtt_ms = mean(sample.rtt_s for sample in data if sample.rtt_s) * 1e3
        window = mean(sample.cwnd_segments for sample in data if sample.cwnd_segments)
        print(f"{name}: {flow.result.throughput_bps / 1e6:.1f} Mbit/s, {data[-1].congestion}, {rtt_ms:.0f} ms, {window:.0f} segments")
