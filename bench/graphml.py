"""A network from a GraphML file, up with addresses, shaped links and shortest-path routes for every node, and down again.

The network is generated (a spanning tree and random links, seeded), written as GraphML and read as a user would: `Topology.load`,
`ec.build`, `deploy`. Every link has a rate. Each case runs in a process of its own.

*load* reads the file, *build* describes the resources, *deploy* plans (addresses and routes) and returns, *up* is from the first of these
until every resource is READY; imports are not counted. *down* is from the call of `shutdown()` until it returns. `routes` is how many
were given to nodes. After *up*, outside of the time, pings between random pairs of nodes must get through over both versions of IP.

    python bench/graphml.py [--nodes 200] [--links 500] [--repeat 3] [--rootless] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from time import perf_counter
from typing import Any

SOURCE = Path(__file__).resolve().parent.parent / "src"
ASKED = {"up": 10.0, "down": 5.0}
"""Seconds, for 200 nodes and 500 links."""
CASE_DEADLINE_S = 300.0
PAIRS = 10
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]

Figures = dict[str, float]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--links", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rootless", action="store_true", help="as an ordinary user (from root: as nobody)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(case(asked.nodes, asked.links)))
        return
    rows = [run_case(asked.nodes, asked.links, asked.rootless) for _ in range(asked.repeat)]
    medians = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    show(asked.nodes, asked.links, medians)
    if asked.json:
        machine = {"kernel": platform.release(), "cpus": os.cpu_count(), "python": platform.python_version(), "date": time.strftime("%F")}
        asked.json.write_text(json.dumps({"machine": machine, "asked": ASKED, "medians": medians, "rows": rows}, indent=1) + "\n")


def run_case(nodes: int, links: int, rootless: bool) -> Figures:
    """Run one case in a process of its own."""
    argv = [sys.executable, str(Path(__file__).resolve()), "--one", "--nodes", str(nodes), "--links", str(links)]
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as home:
        Path(home).chmod(0o777)
        env = {**os.environ, "HOME": home, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
        as_whom = AS_NOBODY if rootless and os.geteuid() == 0 else []
        done = subprocess.run([*as_whom, *argv], capture_output=True, text=True, env=env, timeout=CASE_DEADLINE_S, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def generated(nodes: int, links: int) -> Any:
    """Return a connected graph with this many nodes and links, always the same, with speeds as the Topology Zoo writes them."""
    import networkx

    chance = random.Random(1)
    edges = {(chance.randrange(number), number) for number in range(1, nodes)}
    while len(edges) < links:
        edges.add(tuple(sorted(chance.sample(range(nodes), 2))))  # type: ignore[arg-type]
    graph = networkx.Graph()
    graph.add_nodes_from((number, {"label": f"n{number}"}) for number in range(nodes))
    graph.add_edges_from((first, second, {"LinkSpeedRaw": 100e6}) for first, second in sorted(edges))
    return graph


def case(nodes: int, links: int) -> Figures:
    """Bring the network up and down."""
    import networkx

    from nepi import ExperimentController, Topology
    from nepi.resources.netns import probe

    probe()  # what the machine can do is found out once for each boot; the backend is imported now
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        path = Path(folder) / "generated.graphml"
        networkx.write_graphml(generated(nodes, links), path)
        began = perf_counter()
        topology = Topology.load(path)
        loaded = perf_counter()
        ec = ExperimentController("graphml", local_dir=folder, backend="netns")
        net = ec.build(topology)
        built = perf_counter()
        ec.deploy()
        deployed = perf_counter()
        result = ec.wait_deployed(ec.resources)
        up = perf_counter()
        assert result, result.reason
        chance = random.Random(2)
        for _ in range(PAIRS):
            first, second = chance.sample(net.nodes, 2)
            for name in (second.name, f"{second.name}.ip6"):
                done = ec.exec(first, ["ping", "-n", "-c", "1", "-W", "5", name], deadline="30s")
                assert done.exit.status == 0, f"{first.name} does not reach {name}: {done.stdout.decode()}"
        routes = sum(len(row.to) for rows in ec.plan.routes.values() for row in rows)
        going = perf_counter()
        ec.shutdown()
        down = perf_counter()
        assert all(ec.state(guid, hr=True) == "RELEASED" for guid in ec.resources)
    return {
        "load": loaded - began,
        "build": built - loaded,
        "deploy": deployed - built,
        "up": up - began,
        "down": down - going,
        "routes": routes,
    }


def show(nodes: int, links: int, medians: Figures) -> None:
    """Print the table."""
    print(f"{nodes} nodes, {links} shaped links, {medians['routes']:.0f} routes; medians, seconds")
    for name in ("load", "build", "deploy", "up", "down"):
        asked = f"   asked: at most {ASKED[name]:.0f}" if name in ASKED and (nodes, links) == (200, 500) else ""
        print(f"{name:>8} {medians[name]:8.3f}{asked}")


if __name__ == "__main__":
    main()
