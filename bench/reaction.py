"""Reaction: from "server STARTED" to the call of the conditioned client's start, with 10,000 resources registered.

Servers are started one after the other while everything else of the experiment stands; the journal is on. Both kinds of resource
managers are measured: `async` methods (on the loop) and plain ones (on worker threads). The limit beside it is what two threads of this
interpreter need to wake each other through a queue, in the same run.

    python bench/reaction.py [--resources 10000] [--pairs 500] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import statistics
import tempfile
import threading
from pathlib import Path
from time import perf_counter
from typing import Any

from nepi import ExperimentController, ResourceManager, ResourceState

ASKED_MS = {"p50": 1.0, "p99": 5.0}
started_at: dict[int, float] = {}
called_at: dict[int, float] = {}


class Server(ResourceManager, rtype="bench::Server"):
    """Notes when it announces STARTED."""

    async def start(self) -> None:
        """Be STARTED, and note when."""
        started_at[self.guid] = perf_counter()
        self.set_started()


class Client(ResourceManager, rtype="bench::Client"):
    """Notes when its start is called, on the loop."""

    async def start(self) -> None:
        """Note when, and be STARTED."""
        called_at[self.guid] = perf_counter()
        self.set_started()


class PlainClient(ResourceManager, rtype="bench::PlainClient"):
    """Notes when its start is called, on a worker thread."""

    def start(self) -> None:
        """Note when, and be STARTED."""
        called_at[self.guid] = perf_counter()
        super().start()


class Bystander(ResourceManager, rtype="bench::Bystander"):
    """One of the many others."""


def reactions(client_type: str, resources: int, pairs: int, folder: str) -> list[float]:
    """Return the seconds from each server's STARTED to its client's start."""
    with ExperimentController("reaction", local_dir=folder) as ec:
        for _ in range(resources - 2 * pairs):
            ec.register_resource("bench::Bystander")
        gate = ec.add("bench::Bystander")
        couples = []
        for _ in range(pairs):
            server, client = ec.add("bench::Server"), ec.add(client_type)
            server.start_when(gate.failed)  # never: each is started by hand
            client.start_when(server.started)
            couples.append((server, client))
        ec.deploy()
        ec.wait_deployed([one.guid for pair in couples for one in pair])
        ec.wait_started([gate])
        delays = []
        for server, client in couples:
            server.start()
            assert ec.wait_for(client.started)
            delays.append(called_at[client.guid] - started_at[server.guid])
        assert all(client.state == ResourceState.STARTED for _, client in couples)
    return delays


def thread_hops(count: int) -> list[float]:
    """Return the seconds that a queue needs to wake another thread: what no reaction across threads can beat."""
    asked: queue.SimpleQueue[float | None] = queue.SimpleQueue()
    answered: queue.SimpleQueue[float] = queue.SimpleQueue()

    def answer() -> None:
        while (sent := asked.get()) is not None:
            answered.put(perf_counter() - sent)

    threading.Thread(target=answer, daemon=True).start()
    delays = []
    for _ in range(count):
        asked.put(perf_counter())
        delays.append(answered.get())
    asked.put(None)
    return delays


def row(name: str, delays: list[float]) -> dict[str, Any]:
    """Return the figures of one kind, in milliseconds."""
    cuts = statistics.quantiles(delays, n=100)
    return {"kind": name, "count": len(delays), "p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "max_ms": max(delays) * 1e3}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resources", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        os.environ["NEPI_HOME"] = folder  # nothing of this is left in the user's home
        rows = [
            row("async client", reactions("bench::Client", asked.resources, asked.pairs, folder)),
            row("plain client", reactions("bench::PlainClient", asked.resources, asked.pairs, folder)),
            row("bare queue", thread_hops(asked.pairs)),
        ]
    print(f"{asked.resources} resources; asked: p50 <= {ASKED_MS['p50']} ms, p99 <= {ASKED_MS['p99']} ms")
    print(f"{'kind':14} {'count':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for one in rows:
        print(f"{one['kind']:14} {one['count']:>6} {one['p50_ms']:>8.3f} {one['p99_ms']:>8.3f} {one['max_ms']:>8.3f}")
    if asked.json:
        asked.json.write_text(json.dumps({"resources": asked.resources, "asked_ms": ASKED_MS, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
