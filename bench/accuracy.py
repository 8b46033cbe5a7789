"""Accuracy of links: each property of the table asked of a link and measured by `ec.verify`, and TCP over a lossy link beside theory.

    python bench/accuracy.py [--implementation auto|kernel|userspace] [--only rate,delay] [--budget 20s] [--json FILE]

What this machine or version cannot do is said in the table. Every case is a run of its own: two nodes and one link.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nepi import ExperimentController
from nepi.apps.tcp_theory import cubic_throughput_bps
from nepi.errors import DescriptionError, NepiError
from nepi.execution.factory import ResourceFactory

DISTRIBUTIONS = ("uniform", "normal", "pareto", "paretonormal")
MSS_BYTES = 1448
FLOW = "10s"
Row = dict[str, Any]


def cases() -> dict[str, list[dict[str, str | float]]]:
    """Return what is asked of links, by the property that is looked at."""
    return {
        "rate": [{"rate": f"{mbit}Mbit"} for mbit in (1, 10, 100, 1000)],
        "delay": [{"delay": f"{ms}ms"} for ms in (1, 10, 50, 100, 300)],
        "jitter": [{"delay": "100ms", "jitter": f"{ms}ms", "jitterDistribution": name} for ms in (1, 5, 20) for name in DISTRIBUTIONS],
        "loss": [{"loss": f"{percent}%"} for percent in (0.1, 1, 10)],
        "burst": [{"loss": "2%", "lossBurst": 4}, {"gemodel": "p 1% r 20% bad 80% good 0.1%"}],
        "duplicate": [{"duplicate": "1%"}],
        "reorder": [{"delay": "20ms", "reorder": "1%"}],
        "corrupt": [{"corrupt": "1%"}],
    }


def text_of(values: dict[str, Any]) -> str:
    """Return what was asked of a link as one word each."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def verified(what: str, case: str, values: dict[str, Any], budget: str, folder: str) -> Iterator[Row]:
    """Yield the rows of one case, one for each direction."""
    with ExperimentController("accuracy", folder, backend="netns") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        link = ec.add("Link", a, b, name="link", attributes=values)
        ec.deploy()
        up = ec.wait_started([a, b, link])
        if not up:
            raise NepiError(up.reason)
        for one in link.verify(budget=budget):
            if one.what == what or one.kept is not True:
                _, direction, found, asked, measured, tolerance, verdict = one.to_row()
                row = {"case": case, "direction": direction, "what": found, "asked": asked, "measured": measured}
                yield {**row, "tolerance": tolerance, "verdict": verdict, "record": one.to_record()}


def flow(case: str, values: dict[str, Any], folder: str) -> Row:
    """Return the row of one TCP flow: what it reached, beside theory."""
    with ExperimentController("accuracy", folder, backend="netns") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        link = ec.add("Link", a, b, name="link", attributes=values)
        client, _ = ec.iperf3(a, b, duration=FLOW, congestion="cubic")
        rtt_s, loss = 2 * link.get("delay"), link.get("loss")
        ec.run()
        reached = client.result.throughput_bps
    theory = cubic_throughput_bps(rtt_s=rtt_s, loss=loss, mss_bytes=MSS_BYTES)
    row = {"case": case, "direction": "a > b", "what": "tcp", "asked": f"{theory / 1e6:.2f}Mbit"}
    part = reached / theory
    return {**row, "measured": f"{reached / 1e6:.2f}Mbit", "tolerance": "theory", "verdict": f"{part:.2f} of it", "record": {"part": part}}


def measure(only: list[str], common: dict[str, Any], budget: str, folder: str) -> Iterator[Row]:
    """Yield all rows; a case that cannot be had is one row that says why."""
    for what, asked in {**cases(), "tcp": [{"delay": "10ms", "loss": loss} for loss in ("0.1%", "1%", "3%")]}.items():
        for values in asked if what in only or not only else ():
            case, wanted = text_of(values), {**values, **common}
            try:
                yield from [flow(case, wanted, folder)] if what == "tcp" else verified(what, case, wanted, budget, folder)
            except NepiError as error:
                why = str(error).splitlines()[-1].strip(" -") if isinstance(error, DescriptionError) else str(error)
                row = {"case": case, "direction": "", "what": what, "asked": "", "measured": ""}
                yield {**row, "tolerance": "", "verdict": f"cannot be had: {why}", "record": None}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--implementation", choices=("auto", "kernel", "userspace"), default="auto")
    parser.add_argument("--only", default="", help="properties, with commas between; all by default")
    parser.add_argument("--budget", default="10s", help="how long each link's frames may take")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    has_choice = "implementation" in ResourceFactory.find("Link", "netns")._attributes
    common = {"implementation": asked.implementation} if has_choice and asked.implementation != "auto" else {}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        os.environ["NEPI_HOME"] = folder  # nothing of this is left in the user's home
        print(f"{'case':55} {'direction':9} {'what':9} {'asked':>9} {'measured':>11}  {'tolerance':24} verdict")
        for one in measure([word for word in asked.only.split(",") if word], common, asked.budget, folder):
            rows.append(one)
            columns = f"{one['case']:55} {one['direction']:9} {one['what']:9} {one['asked']:>9} {one['measured']:>11}"
            print(f"{columns}  {one['tolerance']:24} {one['verdict']}", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps({"implementation": asked.implementation, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
