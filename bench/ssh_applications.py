"""Applications on hosts: how many are deployed and started in a second, over SSH.

A lab of hosts is made on this machine, each with a real sshd (root is needed); on each of them runs its share of the applications. The
time goes from `ec.deploy()` until every application is STARTED, and on until all have FINISHED and the run is released. The limit beside it
is what sshd takes for as many bare commands over the same number of connections, by asyncssh, eight channels at once on each.

    sudo python bench/ssh_applications.py [--hosts 10] [--applications 1000] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncssh

from nepi import ExperimentController
from nepi.lab import Lab

ASKED_PER_S = 200.0
CHANNELS = 8


def with_nepi(lab: Lab, applications: int, folder: str) -> dict[str, float]:
    """Return seconds until all were READY, STARTED, FINISHED, and until the run was released."""
    times = {}
    with ExperimentController("ssh-applications", local_dir=folder, backend="linux") as ec:
        nodes = [ec.add("Node", name=host.name, hostname=host.name, sshConfig=str(lab.ssh_config)) for host in lab.hosts]
        apps = [ec.add("Application", nodes[number % len(nodes)], command="true") for number in range(applications)]
        began = perf_counter()
        ec.deploy()
        for name, wait in (("ready", ec.wait_deployed), ("started", ec.wait_started), ("finished", ec.wait_finished)):
            result = wait([app.guid for app in apps], deadline="300s")
            assert result, result.reason
            times[name] = perf_counter() - began
        ec.shutdown()
        times["released"] = perf_counter() - began
        assert all(app.finish_time is not None for app in apps)
    return times


async def bare(lab: Lab, commands: int) -> float:
    """Return the seconds that bare asyncssh takes for as many commands, connections included."""
    began = perf_counter()
    await asyncio.gather(*(_on_host(lab, host.name, commands // len(lab.hosts)) for host in lab.hosts))
    return perf_counter() - began


async def _on_host(lab: Lab, name: str, commands: int) -> None:
    free = asyncio.Semaphore(CHANNELS)
    async with asyncssh.connect(name, config=[str(lab.ssh_config)]) as connection:

        async def one() -> None:
            async with free:
                while True:
                    try:
                        done = await connection.run("true")
                    except asyncssh.ChannelOpenError:  # sshd has not noticed yet that an earlier one has ended
                        continue
                    assert done.exit_status == 0
                    return

        await asyncio.gather(*(one() for _ in range(commands)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--applications", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with Lab(args.hosts) as lab, tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        times = with_nepi(lab, args.applications, folder)
        bare_s = asyncio.run(bare(lab, args.applications))
    per_s = args.applications / times["started"]
    figures: dict[str, Any] = {"hosts": args.hosts, "applications": args.applications, **times, "per_s": per_s, "bare_s": bare_s}
    print(f"{args.applications} applications on {args.hosts} hosts, seconds since deploy():")
    print("  ".join(f"{name} {value:.2f}" for name, value in times.items()))
    print(f"{per_s:.0f} applications/s deployed and started (asked: {ASKED_PER_S:.0f}/s)")
    ratio = times["finished"] / bare_s
    print(
        f"bare asyncssh, as many commands: {bare_s:.2f} s ({args.applications / bare_s:.0f}/s); NEPI until FINISHED: {ratio:.2f} times that"
    )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
