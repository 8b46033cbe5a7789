"""What clients need to reach a lab's hosts: keys, `known_hosts`, `ssh_config`."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from nepi.errors import CommandError
from nepi.lab.plan import SSH_PORT, HostPlan, LabPlan
from nepi.lab.processes import BACKEND, CLEAN


def make_keys(wanted: Sequence[tuple[Path, str]]) -> None:
    """Make key pairs, side by side.

    Args:
        wanted: file of the private key, which is made with mode 0600, and the comment.

    Raises:
        CommandError: ssh-keygen failed.
    """
    running = []
    for path, comment in wanted:
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
        running.append(
            (argv, subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=CLEAN))
        )
    failed = [(argv, process.returncode, process.communicate()[1]) for argv, process in running if process.wait() != 0]
    for _, process in running:
        process.communicate()
    for argv, status, error in failed:
        raise CommandError(argv, status, error.decode(errors="replace"), backend=BACKEND)


def public_key(path: Path) -> str:
    """Return type and key of a key pair, without the comment."""
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


def known_hosts(plan: LabPlan, keys: Sequence[str]) -> str:
    """Return a `known_hosts` file. Source: sshd(8)."""
    return "".join(f"{host.name},{host.address} {key}\n" for host, key in zip(plan.hosts, keys, strict=True))


def configuration(plan: LabPlan, folder: Path) -> str:
    """Return what `ssh -F` reads for the lab. Source: ssh_config(5)."""
    return "\n".join(_entry(host, folder) for host in plan.hosts)


def _entry(host: HostPlan, folder: Path) -> str:
    lines = [
        f"Host {host.name}",
        f"  HostName {host.address}",
        f"  Port {SSH_PORT}",
        "  User root",
        f'  IdentityFile "{folder / "identity"}"',
        "  IdentitiesOnly yes",
        f'  UserKnownHostsFile "{folder / "known_hosts"}"',
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
    ]
    config = shlex.quote(str(folder / "ssh_config"))
    if host.behind and "'" not in config:
        lines.append(f"  ProxyJump {host.behind}")
    elif host.behind:
        # ProxyJump starts ssh with the same -F, but forgets to quote it.
        lines.append(f"  ProxyCommand ssh -F {config.replace('%', '%%')} -W [%h]:%p {host.behind}")
    return "".join(f"{line}\n" for line in lines)
