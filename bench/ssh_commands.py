"""Commands over SSH: so many connections, ten short commands on each, through our transport and through bare asyncssh.

The hosts are a lab of this machine (root is needed), each with a stock sshd; more connections than hosts go to the same hosts as
aliases. Both keep what a stock sshd permits: ten channels for a connection, eight handshakes at once with a machine. Ansible runs the
same ten commands as a playbook, with pipelining and one fork for each connection, when it is installed.

    python bench/ssh_commands.py [--hosts 4] [--connections 100] [--commands 10] [--repeat 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncssh

from nepi.hosts.remote.ssh_options import MAX_HANDSHAKES, SshOptions
from nepi.hosts.remote.ssh_transport import SshPool
from nepi.lab import Lab, LabHost

ASKED_RATIO = 1.5
COMMAND = "echo ready"


async def by_nepi(hosts: list[LabHost], commands: int) -> None:
    """Run all commands on all connections by our transport."""
    pool = SshPool()
    ways = []
    for number, host in enumerate(hosts):
        options = SshOptions(
            host.address, host.port, host.user, host.identity, known_hosts=(host.known_hosts,), config=Path(os.devnull), group=str(number)
        )
        ways.append(pool.transport(f"{host.name}-{number}", options))
    done = await asyncio.gather(*(way.run(COMMAND) for way in ways for _ in range(commands)))
    assert {each.stdout for each in done} == {b"ready\n"}
    await pool.close()


async def by_asyncssh(hosts: list[LabHost], commands: int) -> None:
    """Run them by asyncssh and nothing else."""
    gates = {host.name: asyncio.Semaphore(MAX_HANDSHAKES) for host in hosts}

    async def one(host: LabHost) -> None:
        async with gates[host.name]:
            connection = await asyncssh.connect(
                host.address,
                host.port,
                username=host.user,
                client_keys=[str(host.identity)],
                known_hosts=str(host.known_hosts),
                config=None,
                agent_path=None,
            )
        async with connection:
            done = await asyncio.gather(*(connection.run(COMMAND, check=True) for _ in range(commands)))
            assert {each.stdout for each in done} == {"ready\n"}

    await asyncio.gather(*(one(host) for host in hosts))


def by_ansible(hosts: list[LabHost], commands: int, folder: Path) -> None:
    """Run them by Ansible; `raw` is its fastest module: it needs no Python there."""
    inventory = folder / "inventory"
    lines = [
        f"c{number} ansible_host={host.address} ansible_port={host.port} ansible_user={host.user}" for number, host in enumerate(hosts)
    ]
    options = f"-o UserKnownHostsFile={hosts[0].known_hosts} -o StrictHostKeyChecking=yes -o ControlMaster=auto -o ControlPersist=60"
    variables = [f"ansible_ssh_private_key_file={hosts[0].identity}", f"ansible_ssh_common_args='{options}'"]
    inventory.write_text("\n".join([*lines, "[all:vars]", *variables, ""]))
    playbook = folder / "playbook.yml"
    playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{"raw": COMMAND}] * commands}]))
    settings = {"ANSIBLE_PIPELINING": "1", "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"), "ANSIBLE_HOME": str(folder / "ansible")}
    argv = ["ansible-playbook", "-i", str(inventory), "-f", str(len(hosts)), str(playbook)]
    subprocess.run(argv, check=True, capture_output=True, env={**os.environ, **settings})


def timed(work: Callable[[], Awaitable[None]]) -> float:
    """Return the seconds that it took."""

    async def main() -> float:
        began = perf_counter()
        await work()
        return perf_counter() - began

    return asyncio.run(main())


def measured(hosts: list[LabHost], commands: int, repeat: int) -> list[dict[str, Any]]:
    """Return a row for each system; the order changes from round to round, so that none always profits from the one before."""
    times: dict[str, list[float]] = {"asyncssh": [], "nepi": []}
    works = {"asyncssh": lambda: by_asyncssh(hosts, commands), "nepi": lambda: by_nepi(hosts, commands)}
    for number in range(repeat):
        for system in sorted(works, reverse=bool(number % 2)):
            times[system].append(timed(works[system]))
    if shutil.which("ansible-playbook"):
        with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
            began = perf_counter()
            by_ansible(hosts, commands, Path(folder))
            times["ansible"] = [perf_counter() - began]
    bare = times["asyncssh"]
    return [
        {
            "system": system,
            "connections": len(hosts),
            "commands": commands,
            "median_s": statistics.median(found),
            "ratio": statistics.median(own / peer for own, peer in zip(found, bare, strict=False)),
        }
        for system, found in times.items()
    ]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--commands", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with Lab(asked.hosts) as lab:
        rows = measured([lab.hosts[number % asked.hosts] for number in range(asked.connections)], asked.commands, asked.repeat)
    print(f"asked: at most {ASKED_RATIO} times bare asyncssh, Ansible at least 10 times as long as NEPI")
    print(f"{'system':10} {'connections':>11} {'commands':>8} {'seconds':>8} {'/asyncssh':>9} {'commands/s':>10}")
    for row in rows:
        rate = row["connections"] * row["commands"] / row["median_s"]
        print(
            f"{row['system']:10} {row['connections']:>11} {row['commands']:>8} {row['median_s']:>8.2f} {row['ratio']:>9.2f} {rate:>10.0f}"
        )
    if not any(row["system"] == "ansible" for row in rows):
        print("left out: ansible (not installed)")
    if asked.json:
        asked.json.write_text(json.dumps({"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
