"""What the resource layer adds to the run of a simulation: the same scenario through NEPI and written against the bindings, run time alone.

It is taken in seconds of CPU, which other work on the machine changes least.

python bench/ns3_overhead.py [--seconds 60] [--repeat 3] [--json FILE]

Four pairs of nodes on point-to-point links, each with a constant flow of UDP. Also the round trip of setting an attribute meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nepi import ExperimentController
from nepi.resources.ns3.simulation import Simulation

PAIRS = 4
SETS = 100
BARE = """
import sys, time
from ns import ns
for number in range(int(sys.argv[2])):
    nodes = ns.NodeContainer(); nodes.Create(2)
    helper = ns.PointToPointHelper()
    helper.SetDeviceAttribute("DataRate", ns.StringValue("100Mbps")); helper.SetChannelAttribute("Delay", ns.StringValue("2ms"))
    devices = helper.Install(nodes)
    ns.InternetStackHelper().Install(nodes)
    ns.Ipv4AddressHelper(ns.Ipv4Address(f"10.1.{number}.0"), ns.Ipv4Mask("255.255.255.0")).Assign(devices)
    sink, source = ns.ObjectFactory("ns3::UdpServer"), ns.ObjectFactory("ns3::UdpClient")
    server, client = sink.Create().__deref__(), source.Create().__deref__()
    client.SetAttribute("MaxPackets", ns.StringValue("0")); client.SetAttribute("Interval", ns.StringValue("1ms"))
    client.SetRemote(ns.InetSocketAddress(ns.Ipv4Address(f"10.1.{number}.2"), 100).ConvertTo())
    nodes.Get(1).AddApplication(server); nodes.Get(0).AddApplication(client)
ns.Simulator.Stop(ns.Seconds(float(sys.argv[1])))
began = time.process_time()
ns.Simulator.Run()
print(time.process_time() - began, ns.Simulator.GetEventCount())
"""


def bare(seconds: float) -> tuple[float, int]:
    """Return the seconds of CPU that the run took, and its events."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-I", "-c", BARE, str(seconds), str(PAIRS)]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
    wall_s, events = done.stdout.split()
    return float(wall_s), int(events)


def describe(ec: ExperimentController, **simulation: object) -> tuple[int, int]:
    """Describe the scenario; return the simulation and a channel."""
    sim, channel = ec.add("Simulation", **simulation), None
    for number in range(PAIRS):
        a, b = ec.add("Node", sim), ec.add("Node", sim)
        channel = ec.add("PointToPointChannel", Delay="2ms")
        for index, node in enumerate((a, b)):
            ec.add("PointToPointNetDevice", node, channel, DataRate="100Mbps", ip=f"10.1.{number}.{index + 1}", prefix="24")
        ec.add("UdpServer", b)
        ec.add("UdpClient", a, MaxPackets=0, Interval="1ms", Remote=f"10.1.{number}.2:100")
    assert channel is not None
    return sim.guid, channel.guid


def through_nepi(seconds: float) -> tuple[float, int]:
    """Return the seconds of CPU that the run took, and its events."""
    with tempfile.TemporaryDirectory(prefix="nepi-") as folder, ExperimentController("overhead", backend="ns3", local_dir=folder) as ec:
        guid, _ = describe(ec, StopTime=f"{seconds}s")
        ec.run()
        simulation = ec.resource(guid)
        assert isinstance(simulation, Simulation)
        assert simulation.statistics is not None
        return simulation.statistics["run_cpu_s"], simulation.statistics["events"]


def round_trips() -> list[float]:
    """Return the seconds that `ec.set` took, again and again, while the simulation runs in real time."""
    with tempfile.TemporaryDirectory(prefix="nepi-") as folder, ExperimentController("sets", backend="ns3", local_dir=folder) as ec:
        guid, channel = describe(ec, simulatorImplementationType="ns3::RealtimeSimulatorImpl", hardLimit="100s")
        ec.deploy()
        ec.wait_started(guid)
        taken = []
        for number in range(SETS):
            began = time.monotonic()
            ec.set(channel, "Delay", f"{number + 1}ms")
            taken.append(time.monotonic() - began)
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    ratios = []
    for _ in range(asked.repeat):
        (bare_s, bare_events), (nepi_s, events) = bare(asked.seconds), through_nepi(asked.seconds)
        ratios.append((nepi_s / events) / (bare_s / bare_events))
        print(f"bare {bare_s:7.3f} s, {bare_events} events   NEPI {nepi_s:7.3f} s, {events} events   per event {ratios[-1]:.3f}")
    taken = sorted(round_trips())
    figures = {"overhead": statistics.median(ratios) - 1, "set_median_s": taken[SETS // 2], "set_p95_s": taken[SETS * 95 // 100]}
    print(f"overhead {figures['overhead']:.1%}; set {figures['set_median_s'] * 1e3:.2f} ms, 95 % below {figures['set_p95_s'] * 1e3:.2f} ms")
    if asked.json:
        asked.json.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
