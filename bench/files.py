"""How long experiments in files take: saving and loading as YAML and JSON, beside describing the same by a program.

    python bench/files.py --nodes 2000 --repeat 3 --json figures.json

A chain of nodes with a link to the next one and a Ping each. The best of the repetitions counts; nothing is deployed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nepi import ExperimentController


def described(nodes: int) -> ExperimentController:
    """Describe the experiment as a program does."""
    ec = ExperimentController("files", backend="netns")
    hosts = [ec.add("Node", name=f"n{number}") for number in range(nodes)]
    for number in range(nodes - 1):
        ec.add("Link", hosts[number], hosts[number + 1], rate="10Mbit", delay="20ms")
    for number, host in enumerate(hosts):
        ec.add("Ping", host, name=f"p{number}", target=hosts[(number + 1) % nodes], count=3, interval="200ms")
    return ec


def saving_and_loading(ec: ExperimentController, path: Path) -> list[tuple[str, Callable[[], object]]]:
    """Return what is to be measured of one form."""
    return [("save", lambda: ec.save(path)), ("load", lambda: ExperimentController.load(path))]


def best_s(do: Callable[[], object], repeat: int) -> float:
    """Return the shortest time that a call took, in seconds."""
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        do()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Measure, print a table, write figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    ec = described(chosen.nodes)
    with tempfile.TemporaryDirectory() as folder:
        rows: list[dict[str, Any]] = [
            {"what": "describe", "form": "program", "seconds": best_s(lambda: described(chosen.nodes), chosen.repeat)}
        ]
        for form in ("yaml", "json"):
            path = Path(folder) / f"x.{form}"
            rows += [{"what": what, "form": form, "seconds": best_s(do, chosen.repeat)} for what, do in saving_and_loading(ec, path)]
    count = len(ec.resources)
    print(f"{'what':10}{'form':10}{'seconds':>10}{'us each':>10}   ({count} resources)")
    for row in rows:
        print(f"{row['what']:10}{row['form']:10}{row['seconds']:10.3f}{1e6 * row['seconds'] / count:10.1f}")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps({"resources": count, "rows": rows}))


if __name__ == "__main__":
    main()
