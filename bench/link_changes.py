"""Changes of links at run time: how long one takes to be in effect, and how late the steps of a timeline are.

`link.set(delay=...)` returns when the link has the new value; the time of that is measured, for each implementation that this machine
has (the kernel's without netem: `rate`). A timeline of steps every 10 ms is followed; its trace `changes` says when each was in effect.

    python bench/link_changes.py [--changes 200] [--json FILE]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from nepi import ExperimentController
from nepi.resources.netns import probe

ASKED_MS = 5.0
STEP_S = 0.01


def set_durations(implementation: str, name: str, values: tuple[str, str], count: int, folder: str) -> list[float]:
    """Return the seconds that each of `count` changes of one attribute took."""
    found = []
    with ExperimentController("changes", local_dir=folder, backend="netns") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        link = ec.add("Link", a, b, implementation=implementation, **{name: values[1]})
        ec.deploy()
        ec.wait_started([a, b, link])
        for number in range(count):
            began = perf_counter()
            link.set(**{name: values[number % 2]})
            found.append(perf_counter() - began)
    return found


def lateness(count: int, folder: str) -> list[float]:
    """Return by how many seconds each step of a timeline was late."""
    path = Path(folder) / "steps.csv"
    path.write_text("time,rate\n" + "".join(f"{number * STEP_S:.3f},{10 + number % 2}Mbit\n" for number in range(1, count + 1)))
    with ExperimentController("timeline", local_dir=folder, backend="netns") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        link = ec.add("Link", a, b, timeline=path)
        waiting = ec.add("Application", a, command=f"sleep {count * STEP_S + 1}")
        waiting.start_when(link.started)
        ec.run()
        rows = list(csv.DictReader(link.trace("changes").splitlines()))
    return [float(row["time_s"]) - number * STEP_S for number, row in enumerate(rows, 1)]


def row(what: str, seconds: list[float]) -> dict[str, Any]:
    """Return the figures of one kind, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return {"what": what, "count": len(seconds), "p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "max_ms": max(seconds) * 1e3}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    facts = probe()
    rows = []
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        os.environ["NEPI_HOME"] = folder  # nothing of this is left in the user's home
        rows.append(row("rate, kernel", set_durations("kernel", "rate", ("10Mbit", "20Mbit"), asked.changes, folder)))
        if facts["features"]["netem"]:
            rows.append(row("delay, kernel", set_durations("kernel", "delay", ("10ms", "20ms"), asked.changes, folder)))
        if facts["userspace_links"]["available"]:
            rows.append(row("delay, user space", set_durations("userspace", "delay", ("10ms", "20ms"), asked.changes, folder)))
        rows.append(row("step of a timeline", lateness(asked.changes, folder)))
    print(f"asked: in effect within {ASKED_MS} ms")
    print(f"{'what':20} {'count':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for one in rows:
        print(f"{one['what']:20} {one['count']:>6} {one['p50_ms']:>8.3f} {one['p99_ms']:>8.3f} {one['max_ms']:>8.3f}")
    if asked.json:
        asked.json.write_text(json.dumps({"asked_ms": ASKED_MS, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
