"""How long a large simulation takes to be deployed: CSMA nodes with applications, after the import of ns-3.

python bench/ns3_deploy.py [--nodes 1000] [--applications 10] [--json FILE]

Beside it: the same objects made by the bare bindings, in a process of their own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nepi import ExperimentController
from nepi.resources.ns3.simulation import Simulation

BARE = """
import sys, time
from ns import ns
nodes, applications = int(sys.argv[1]), int(sys.argv[2])
began = time.monotonic()
container = ns.NodeContainer(); container.Create(nodes)
devices = ns.CsmaHelper().Install(container)
ns.InternetStackHelper().Install(container)
interfaces = ns.Ipv4AddressHelper(ns.Ipv4Address("10.0.0.0"), ns.Ipv4Mask("255.255.0.0")).Assign(devices)
for number in range(nodes):
    for _ in range(applications):
        application = ns.ObjectFactory("ns3::UdpEchoServer").Create()
        container.Get(number).AddApplication(application.__deref__())
print(time.monotonic() - began)
"""


def measure(nodes: int, applications: int) -> dict[str, float]:
    """Return seconds: describing, the whole until READY, that without the import, and until all applications have been started."""
    with tempfile.TemporaryDirectory(prefix="nepi-") as folder, ExperimentController("deploy", backend="ns3", local_dir=folder) as ec:
        began = time.monotonic()
        simulation = ec.add("Simulation", StopTime="1ns")
        bus = ec.add("CsmaChannel", DataRate="1Gbps")
        made = [simulation.guid, bus.guid]
        for _ in range(nodes):
            node = ec.add("Node", simulation)
            made += [node.guid, ec.add("CsmaNetDevice", node, bus).guid]
            made += [ec.add("UdpEchoServer", node, Port=9 + number).guid for number in range(applications)]
        described = time.monotonic()
        ec.deploy()
        planned = time.monotonic()
        ec.wait_deployed(made, deadline=900)
        ready = time.monotonic()
        manager = ec.resource(simulation)
        assert isinstance(manager, Simulation)
        assert manager.run is not None
        import_s = manager.run.simulator.import_s
        ec.wait_started(made, deadline=900)
        started = time.monotonic()
        return {
            "describe_s": described - began,
            "plan_s": planned - described,
            "import_s": import_s,
            "deploy_s": ready - planned,
            "deploy_after_import_s": ready - manager.run.imported_at,
            "start_s": started - ready,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--applications", type=int, default=10)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    figures = measure(asked.nodes, asked.applications)
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-I", "-c", BARE, str(asked.nodes), str(asked.applications)]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
    figures["bare_s"] = float(done.stdout)
    for name, value in figures.items():
        print(f"{name:24}{value:8.2f}")
    if asked.json:
        asked.json.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
