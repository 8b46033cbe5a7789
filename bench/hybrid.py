"""Hybrid links: what a ping through a simulated link of 20 ms takes, and how much data gets through; beside the same link in user space.

Namespace - tap - [simulated node, 20 ms each way] - tap - namespace. `rtt` is the median of pings after the first five, in which ARP and
caches settle; asked are 40 ms. `TCP` is iperf3's goodput without any rate, `lag` how far the simulation was behind the real time at most.

    python bench/hybrid.py [--delay 20ms] [--seconds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from nepi import ExperimentController

SETTLING = 5
PINGS = 105


def measure(kind: str, delay: str, seconds: int, folder: Path) -> dict[str, Any]:
    """Return the figures of one kind of link: "hybrid" or "user space"."""
    with ExperimentController("bench-hybrid", folder, backend="netns") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        router = ec.add("ns3::Node" if kind == "hybrid" else "Node", name="router")
        if kind == "hybrid":
            ec.add("hybrid::Link", a, router, delay=delay)
            ec.add("hybrid::Link", router, b)
        else:
            ec.add("Link", a, router, delay=delay, implementation="userspace")
            ec.add("Link", router, b)
        ping = ec.add("Ping", a, target=b, count=PINGS, interval="50ms")
        server = ec.add("Iperf3Server", b)
        client = ec.add("Iperf3Client", a, target=b, duration=f"{seconds}s")
        client.start_when(ping.finished & server.started)
        ec.run()
        times = [1000 * one.rtt_s for one in ping.result.replies[SETTLING:]]
        run: Any = getattr(ec.resource(router.guid), "run", None)
        return {
            "kind": kind,
            "rtt_median_ms": statistics.median(times),
            "rtt_p95_ms": statistics.quantiles(times, n=20)[-1],
            "tcp_bps": client.result.throughput_bps,
            "lag_ms": 1000 * run.statistics["lag_s"] if kind == "hybrid" else None,
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--delay", default="20ms")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(kind, asked.delay, asked.seconds, Path(folder)) for kind in ("hybrid", "user space")]
    for row in rows:
        lag = f", lag {row['lag_ms']:.1f} ms" if row["lag_ms"] is not None else ""
        figures = f"rtt {row['rtt_median_ms']:.2f} ms (95 %: {row['rtt_p95_ms']:.2f}), TCP {row['tcp_bps'] / 1e6:.0f} Mbit/s"
        print(f"{row['kind']:>10}: {figures}{lag}")
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
