"""Control plane: the graph of the original's scalability benchmark, on resource managers that touch nothing.

N nodes, one interface each, A applications each, one link. An application deploys after its node, an interface after node and
link; every application stops by itself at once. Timed: describe, deploy, run, release, with the journal on. Each case runs in an
interpreter of its own; beside it, a bare asyncio program of the same graph without any framework, in the same run.

    python bench/control_plane.py [--cases 1x1,1000x50] [--styles seed,declared] [--repeat 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

TARGETS = {
    ("seed", "1000x50"): (2.5, 150.0),
    ("declared", "1000x50"): (1.5, 150.0),
    ("seed", "1x1"): (0.010, None),
    ("declared", "1x1"): (0.010, None),
}
"""(style, case) to what is to be reached: seconds in all, MB at the peak."""


def seed_types() -> None:
    """Register resource managers in the way of the seed's time: synchronous, rescheduling themselves."""
    from nepi.execution.resource import ResourceFactory, ResourceManager, ResourceState, clsinit_copy, reschedule_delay

    @clsinit_copy
    class Node(ResourceManager):
        _rtype = "bench::Node"

    @clsinit_copy
    class Link(ResourceManager):
        _rtype = "bench::Link"

    @clsinit_copy
    class Interface(ResourceManager):
        _rtype = "bench::Interface"

        def deploy(self) -> None:
            node = self.get_connected(Node.rtype())[0]
            link = self.get_connected(Link.rtype())[0]
            if node.state < ResourceState.READY or link.state < ResourceState.READY:
                self.ec.schedule(reschedule_delay, self.deploy)
            else:
                super().deploy()

    @clsinit_copy
    class Application(ResourceManager):
        _rtype = "bench::Application"

        def deploy(self) -> None:
            node = self.get_connected(Node.rtype())[0]
            if node.state < ResourceState.READY:
                self.ec.schedule(reschedule_delay, self.deploy)
            else:
                super().deploy()

        def start(self) -> None:
            super().start()
            self.ec.schedule("0s", self.stop)

    for one in (Node, Link, Interface, Application):
        ResourceFactory.register_type(one)


def declared_types() -> None:
    """Register resource managers in the way of today: needs are declared, methods are async."""
    from nepi.execution.resource import ResourceManager, ResourceState

    class Node(ResourceManager, rtype="bench::Node"):
        pass

    class Link(ResourceManager, rtype="bench::Link"):
        pass

    class Interface(ResourceManager, rtype="bench::Interface"):
        needs = {Node: ResourceState.READY, Link: ResourceState.READY}

    class Application(ResourceManager, rtype="bench::Application"):
        needs = {Node: ResourceState.READY}

        async def start(self) -> None:
            self.set_started()
            self.set_stopped()


def framework(nodes: int, applications: int, folder: str) -> dict[str, float]:
    """Run the graph on NEPI and return the seconds of each phase."""
    from nepi.execution.ec import ExperimentController

    began = perf_counter()
    ec = ExperimentController("bench", local_dir=folder)
    link = ec.register_resource("bench::Link")
    apps = []
    for _ in range(nodes):
        node = ec.register_resource("bench::Node")
        interface = ec.register_resource("bench::Interface")
        ec.register_connection(interface, node)
        ec.register_connection(interface, link)
        for _ in range(applications):
            application = ec.register_resource("bench::Application")
            ec.register_connection(application, node)
            apps.append(application)
    described = perf_counter()
    ec.deploy()
    assert ec.wait_deployed(apps)
    deployed = perf_counter()
    assert ec.wait_finished(apps)
    ran = perf_counter()
    ec.shutdown()
    ended = perf_counter()
    assert all(ec.state(guid) == 8 for guid in ec.resources)
    return {
        "describe": described - began,
        "deploy": deployed - described,
        "run": ran - deployed,
        "release": ended - ran,
        "total": ended - began,
    }


def bare_asyncio(nodes: int, applications: int) -> dict[str, float]:
    """Run the same graph as bare asyncio tasks and events, without states, journal or framework."""
    import asyncio

    async def graph() -> None:
        link = asyncio.Event()
        node_events = [asyncio.Event() for _ in range(nodes)]
        released: list[int] = []

        async def deploy(event: asyncio.Event) -> None:
            event.set()

        async def interface(node: asyncio.Event) -> None:
            await node.wait()
            await link.wait()

        async def application(number: int, node: asyncio.Event) -> None:
            await node.wait()
            released.append(number)

        tasks = [asyncio.create_task(deploy(event)) for event in [link, *node_events]]
        tasks += [asyncio.create_task(interface(event)) for event in node_events]
        tasks += [asyncio.create_task(application(number, node_events[number % nodes])) for number in range(nodes * applications)]
        await asyncio.gather(*tasks)

    began = perf_counter()
    asyncio.run(graph())
    return {"total": perf_counter() - began}


def one_case(style: str, nodes: int, applications: int) -> dict[str, float]:
    """Run one case in this interpreter; the import of the framework is not timed, its memory counts."""
    if style == "asyncio":
        figures = bare_asyncio(nodes, applications)
    else:
        {"seed": seed_types, "declared": declared_types}[style]()
        import nepi.execution.ec  # noqa: F401  # imported before the clock starts

        with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
            os.environ["NEPI_HOME"] = folder  # nothing of this is left in the user's home
            figures = framework(nodes, applications, folder)
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def measure(style: str, case: str, repeat: int) -> dict[str, Any]:
    """Run one case `repeat` times, each in an interpreter of its own, and return medians."""
    runs = []
    for _ in range(repeat):
        done = subprocess.run([sys.executable, __file__, "--one", style, case], capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    nodes, applications = map(int, case.split("x"))
    row = {"style": style, "case": case, "resources": 2 * nodes + nodes * applications + 1, "runs": repeat, **medians}
    row["best_s"] = min(run["total"] for run in runs)
    wanted_s, wanted_mb = TARGETS.get((style, case), (None, None))
    row["asked_s"], row["asked_mb"] = wanted_s, wanted_mb
    return row


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    bare = {row["case"]: row["total"] for row in rows if row["style"] == "asyncio"}
    columns = ("case", "resources", "describe", "deploy", "run", "release", "total s", "best s", "asked", "MB", "asked", "/asyncio")
    print(f"{'style':9} " + " ".join(f"{name:>9}" for name in columns))
    for row in rows:
        phases = [f"{row[name]:.3f}" if name in row else "-" for name in ("describe", "deploy", "run", "release")]
        ratio = f"{row['total'] / bare[row['case']]:.2f}" if row["case"] in bare else "-"
        figures = (
            f"{row['total']:.4f}",
            f"{row['best_s']:.4f}",
            row["asked_s"] or "-",
            f"{row['peak_mb']:.0f}",
            row["asked_mb"] or "-",
            ratio,
        )
        print(f"{row['style']:9} " + " ".join(f"{value!s:>9}" for value in (row["case"], row["resources"], *phases, *figures)))


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", default="1x1,100x10,1000x10,1000x50")
    parser.add_argument("--styles", default="asyncio,declared,seed")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("STYLE", "CASE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        style, case = asked.one
        nodes, applications = map(int, case.split("x"))
        print(json.dumps(one_case(style, nodes, applications)))
        return
    rows = [measure(style, case, asked.repeat) for case in asked.cases.split(",") for style in asked.styles.split(",")]
    show(rows)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
