"""`nepi doctor`: whether experiments can run here, and for each thing that is lacking, the command that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nepi.cli.console import FAILED, plain_table, print_json, say

if TYPE_CHECKING:
    from nepi.hosts.namespace_facts import NamespaceFacts

NEEDED_TOOLS: Final = ("nsenter",)
USEFUL_TOOLS: Final = ("ip", "ping", "iperf3", "tcpdump")
QDISCS: Final = {
    "tbf": "limits the rate of links",
    "htb": "limits the rate of links, with classes",
    "netem": "delay, loss, duplication and the like of links",
}
LINKS: Final = {"veth": "links", "bridge": "switches", "tap": "namespaces that join a simulation", "vxlan": "links between machines"}
NS3_PYTHONS: Final = ((3, 11), (3, 13))
"""The oldest of NEPI's and the newest of the wheel's."""
LOW_FREE: Final = 1 << 30
LOW_NODES: Final = 1000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: "ok"; "lacking": something does not work without it; "missing": nothing runs on namespaces without it.
        found: what was found.
        mend: the command or the step that mends it, or "".
    """

    name: str
    state: str
    found: str
    mend: str = ""


def doctor(json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False) -> None:
    """Look at kernel, limits, rights and programs.

    Each thing that is lacking comes with the command that mends it.
    Exit status: 0 when experiments on namespaces can run here, 1 otherwise.
    """
    from nepi.hosts.namespace_facts import probe

    facts = probe((*NEEDED_TOOLS, *USEFUL_TOOLS), cached=False)
    checks = [*general_checks(), *namespace_checks(facts), *tool_checks(facts), ssh_check(importlib.util.find_spec("asyncssh") is not None)]
    checks.append(ns3_check(ns3_version(), sys.version_info[:2]))
    ready = all(check.state != "missing" for check in checks)
    if json:
        print_json({"ready": ready, "checks": [asdict(check) for check in checks], "facts": facts.to_json()})
    else:
        _show(checks, ready)
    if not ready:
        raise typer.Exit(FAILED)


def general_checks() -> list[Check]:
    """Look at Python, this package, and the place for runs."""
    import nepi
    from nepi.execution.rundir import runs_home

    home = runs_home()
    present = next(folder for folder in (home, *home.parents) if folder.exists())
    python = ".".join(map(str, sys.version_info[:3]))
    checks = [Check("nepi", "ok", f"{nepi.__version__}, Python {python}")]
    try:
        with tempfile.TemporaryDirectory(prefix=".nepi-", dir=present):  # root may write to many places that take nothing
            pass
    except OSError:
        checks.append(Check("place for runs", "missing", f"{home} cannot be written to", "export NEPI_HOME=/a/folder/of/yours"))
        return checks
    free = shutil.disk_usage(present).free
    state = "ok" if free > LOW_FREE else "lacking"
    checks.append(Check("place for runs", state, f"{home}, {free >> 20} MB free", "" if state == "ok" else "nepi runs prune --keep 10"))
    return checks


def namespace_checks(facts: NamespaceFacts) -> list[Check]:
    """Judge what the kernel lets this user do."""
    who = "root" if facts.uid == 0 else f"user {facts.uid}"
    if not facts.usable:
        return [Check("namespaces", "missing", f"refused to {who}: {facts.error}", allow_namespaces(facts))]
    how = "in a user namespace" if facts.rootless else "with root's rights"
    checks = [Check("namespaces", "ok", f"kernel {facts.kernel}, {who}, {how}")]
    proc = "a run has its own" if facts.own_proc else "commands see the processes of the whole machine"
    checks.append(
        Check(
            "/proc", "ok" if facts.own_proc else "lacking", proc, "" if facts.own_proc else "run outside of this container, or unmask /proc"
        )
    )
    checks += [_link_check(kind, use, kind in facts.links) for kind, use in LINKS.items()]
    in_user_space = ("netem",) if facts.userspace_links["available"] else ()
    checks += [_qdisc_check(kind, use, kind in facts.qdiscs, in_user_space) for kind, use in QDISCS.items()]
    checks.append(userspace_check(facts.userspace_links))
    enough = facts.most_nodes >= LOW_NODES
    mend = "" if enough else 'echo "$USER hard nofile 65536" | sudo tee /etc/security/limits.d/nepi.conf, then log in anew'
    checks.append(Check("open files", "ok" if enough else "lacking", f"limit {facts.nofile[1]}, for {facts.most_nodes} nodes a run", mend))
    return checks


def userspace_check(found: Mapping[str, Any]) -> Check:
    """Judge the links that a process of the run makes where the kernel has no netem: there, how fast, compiled or not."""
    name = "user-space link"
    if not found["available"]:
        return Check(name, "lacking", found["why"], "run as root, or allow user namespaces")
    bits = found["packets_per_s"] * found["frame_bytes"] * 8
    how = "compiled" if found["compiled"] else "in Python, not compiled"
    most = f"up to {found['packets_per_s']:,} packets/s of {found['frame_bytes']} bytes ({bits / 1e9:.2g} Gbit/s) on a core of its own"
    mend = "" if found["compiled"] else "sudo apt install gcc libc6-dev, then pip install --force-reinstall --no-deps nepi"
    return Check(name, "ok" if found["compiled"] else "lacking", f"{how}, {most}", mend)


def allow_namespaces(facts: NamespaceFacts) -> str:
    """Return the command that lets this user make namespaces."""
    if facts.settings.get("kernel/apparmor_restrict_unprivileged_userns") == "1":
        # Ubuntu from 23.10 on.
        return "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    if facts.settings.get("kernel/unprivileged_userns_clone") == "0":
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    for name in ("user/max_user_namespaces", "user/max_net_namespaces"):
        if facts.settings.get(name) == "0":
            return f"sudo sysctl -w {name.replace('/', '.')}=10000"
    return "run it as root; in a container, allow user namespaces in its security profile"


def _link_check(kind: str, use: str, there: bool) -> Check:
    modules = {"tap": "tun"}
    worst = "missing" if kind == "veth" else "lacking"
    found = f"for {use}" if there else f"none; {use} cannot be made"
    return Check(kind, "ok" if there else worst, found, "" if there else f"sudo modprobe {modules.get(kind, kind)}, or another kernel")


def _qdisc_check(kind: str, use: str, there: bool, in_user_space: Sequence[str]) -> Check:
    lacking = f"none; done in user space: {use}" if kind in in_user_space else f"none; without it: no {use}"
    found = use if there else lacking
    mend = "" if there else f"sudo modprobe sch_{kind}, or a kernel with CONFIG_NET_SCH_{kind.upper()}"
    return Check(f"queue {kind}", "ok" if there else "lacking", found, mend)


def tool_checks(facts: NamespaceFacts) -> list[Check]:
    """Judge which programs are installed."""
    from nepi.hosts.namespace_facts import PACKAGES

    checks = []
    for tool in (*NEEDED_TOOLS, *USEFUL_TOOLS):
        missing = tool in facts.missing
        mend = f"sudo apt install {PACKAGES.get(tool, tool)}" if missing else ""
        checks.append(Check(tool, "lacking" if missing else "ok", "not installed" if missing else "installed", mend))
    return checks


def ssh_check(installed: bool) -> Check:
    """Judge whether hosts can be reached over SSH."""
    if not installed:
        return Check("asyncssh", "lacking", "not installed; other machines cannot be reached", "pip install 'nepi[ssh]'")
    return Check("asyncssh", "ok", f"{importlib.metadata.version('asyncssh')}, for other machines over SSH")


def ns3_version() -> str | None:
    """Return the version of ns-3's wheel, which is not imported; None when it is not there."""
    from nepi.resources.ns3.catalogue import installed_version

    return installed_version() if importlib.util.find_spec("ns") is not None else None


def ns3_check(version: str | None, python: tuple[int, int]) -> Check:
    """Judge whether experiments can be simulated. For joining namespaces with a simulation, see `tap`."""
    if version is not None:
        return Check("ns-3", "ok", f"{version}, for simulations")
    mend = "pip install 'nepi[ns3]'"
    if not NS3_PYTHONS[0] <= python <= NS3_PYTHONS[1]:
        mend = f"its wheel is for CPython {' to '.join('.'.join(map(str, one)) for one in NS3_PYTHONS)}: with one of these, {mend}"
    return Check("ns-3", "lacking", "not installed; nothing can be simulated", mend)


def _show(checks: list[Check], ready: bool) -> None:
    say(plain_table(("", "", ""), [(check.state, check.name, check.found) for check in checks]))
    mends = [check for check in checks if check.mend]
    if mends:
        say("\nTo mend it:")
        say(plain_table(("", ""), [(check.name, check.mend) for check in mends], indent="  "))
    say("\nExperiments on namespaces can run here." if ready else "\nExperiments on namespaces cannot run here.")
