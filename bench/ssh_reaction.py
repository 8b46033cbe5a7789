"""Reaction over SSH: from the end of a command on a host to its application being FINISHED here, its outputs included.

A lab of one host is made on this machine, with a real sshd (root is needed), so that both clocks are one. Each command prints the time
at its very end. The limit beside it is the round trip of a bare command over the same kind of connection, by asyncssh: what would be
paid for asking once, without waiting between two questions.

    sudo python bench/ssh_reaction.py [--commands 50] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncssh

from nepi import ExperimentController
from nepi.lab import Lab

ASKED_MS = 50.0


def with_nepi(lab: Lab, commands: int, folder: str) -> list[float]:
    """Return the seconds from each command's end to FINISHED; one after the other."""
    with ExperimentController("ssh-reaction", local_dir=folder, backend="linux") as ec:
        node = ec.add("Node", name="h", hostname=lab.hosts[0].name, sshConfig=str(lab.ssh_config))
        apps = [ec.add("Application", node, command="sleep 0.1; date +%s.%N") for _ in range(commands)]
        for earlier, later in zip(apps, apps[1:], strict=False):
            later.start_when(earlier.finished)
        ec.deploy()
        result = ec.wait_finished([app.guid for app in apps], deadline="300s")
        assert result, result.reason
        return [_finished_at(app) - float(ec.trace(app, "stdout")) for app in apps]


def _finished_at(app: Any) -> float:
    at: float = app.finish_time.timestamp()
    return at


async def bare(lab: Lab, commands: int) -> list[float]:
    """Return the seconds of each of so many commands over one connection, one after the other."""
    times = []
    async with asyncssh.connect(lab.hosts[0].name, config=[str(lab.ssh_config)]) as connection:
        for _ in range(commands):
            began = perf_counter()
            await connection.run("true", check=True)
            times.append(perf_counter() - began)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", type=int, default=50)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with Lab(1) as lab, tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        ours = sorted(1e3 * value for value in with_nepi(lab, args.commands, folder))
        bare_ms = 1e3 * statistics.median(asyncio.run(bare(lab, args.commands)))
    figures = {"commands": args.commands, "p50_ms": statistics.median(ours), "max_ms": ours[-1], "bare_command_ms": bare_ms}
    print(f"from a command's end to FINISHED: median {figures['p50_ms']:.1f} ms, longest {ours[-1]:.1f} ms (asked: {ASKED_MS:.0f} ms)")
    print(f"a bare command over asyncssh: median {bare_ms:.1f} ms")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
