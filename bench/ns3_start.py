"""How long it takes until a simulation can be built: the first of a controller, which imports ns-3, and those that are forked after it.

python bench/ns3_start.py [--count 10] [--json FILE]

All are held at once, and their memory is measured. Beside it: a process that imports ns-3 by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from nepi.execution.ledger import Ledger
from nepi.hosts.ns3.nursery import INSIDE, Keeper
from nepi.hosts.ns3.rehearsals import low_level
from nepi.hosts.ns3.start import LocalSimulator


async def start_one(ledger: Ledger, folder: Path, keeper: Keeper) -> tuple[LocalSimulator, dict[str, float]]:
    """Start a simulation and build a small network in it; return both times in seconds."""
    began = time.monotonic()
    local = await LocalSimulator.start(ledger, owner=0, stdout=folder / "out", stderr=folder / "err", started=keeper)
    ready = time.monotonic()
    await local.simulator.ask(*low_level())
    return local, {"ready_s": ready - began, "built_s": time.monotonic() - ready}


async def measure(folder: Path, keeper: Keeper, count: int) -> dict[str, Any]:
    """Return the times of the first, of the second, before which there is a rehearsal, and of `count` more; and memory in MB."""
    with Ledger(folder / "ledger.sqlite") as ledger:
        found = [await start_one(ledger, folder, keeper) for _ in range(2 + count)]
        ((nursery, _),) = keeper.held()
        times = [each for _, each in found]
        further = [memory_mb(local.pid) for local, _ in found[2:]]
        figures = {
            "first": times[0],
            "second": times[1],
            "further": {name: statistics.median(each[name] for each in times[2:]) for name in times[0]},
            "slowest_further": {name: max(each[name] for each in times[2:]) for name in times[0]},
            "nursery_mb": memory_mb(nursery),
            "further_mb": {name: statistics.median(each[name] for each in further) for name in further[0]},
        }
        await asyncio.gather(*(local.close() for local, _ in found))
    return figures


def memory_mb(pid: int) -> dict[str, float]:
    """Return a process's memory in MB: in all, its share of it, and what only it has.

    Source: proc_pid_smaps(5).
    """
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kb = {name.rstrip(":"): int(value) for name, value, *_ in map(str.split, lines)}
    return {"rss": kb["Rss"] / 1024, "pss": kb["Pss"] / 1024, "private": (kb["Private_Clean"] + kb["Private_Dirty"]) / 1024}


def by_itself_s() -> float:
    """Return how long a process takes that imports ns-3 by itself."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as words:
        argv = [sys.executable, "-I", str(INSIDE)]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, cwd=folder, stdin=pipe, stdout=pipe, stderr=words) as process:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            ready = time.monotonic()
            assert process.stdin is not None
            process.stdin.close()
    return ready - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10, help="simulations after the second")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    keeper = Keeper()
    try:
        with tempfile.TemporaryDirectory(prefix="nepi-") as folder:
            figures = asyncio.run(measure(Path(folder), keeper, asked.count))
    finally:
        keeper.end()
    figures["by_itself"] = {"ready_s": by_itself_s()}
    print(f"{'simulation':24}{'ready, ms':>12}{'built, ms':>12}")
    for name in ("by_itself", "first", "second", "further", "slowest_further"):
        row = figures[name]
        built = f"{row['built_s'] * 1000:12.1f}" if "built_s" in row else ""
        print(f"{name.replace('_', ' '):24}{row['ready_s'] * 1000:12.1f}{built}")
    print(f"{'memory, MB':24}{'all':>12}{'its share':>12}{'its own':>12}")
    for name in ("nursery", "further"):
        print(f"{name:24}" + "".join(f"{value:12.0f}" for value in figures[f"{name}_mb"].values()))
    if asked.json:
        asked.json.write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
