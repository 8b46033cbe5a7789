"""Bridges and cables of a lab, as commands of `ip -batch`."""

from __future__ import annotations

import json
from collections.abc import Iterable

from nepi.errors import CommandError
from nepi.lab.plan import HostPlan, LabPlan
from nepi.lab.processes import command


def taken_networks() -> list[str]:
    """Return every network and address that this machine (this network namespace) knows of."""
    found = []
    for what in ("addr", "route"):
        for entry in json.loads(command(["ip", "-json", "-4", what, "show"]).stdout or "[]"):
            found += [f"{one['local']}/{one['prefixlen']}" for one in entry.get("addr_info", ()) if "local" in one]
            if str(entry.get("dst", "default")) != "default":
                found.append(str(entry["dst"]))
    return found


def bridges(plan: LabPlan) -> list[str]:
    """Return what makes the bridges; the machine has an address in the first only, and no way into the others."""
    lines = [f"link add name {name} type bridge stp_state 0 forward_delay 0" for name in plan.bridges]
    lines += [f"link set dev {name} addrgenmode none up" for name in plan.bridges]
    lines.append(f"addr add {plan.machine_address}/24 dev {plan.bridges[0]}")
    # With a default route that something answers at, a hidden host would seem to be reached.
    return lines + [f"route add unreachable {subnet}" for subnet in plan.subnets[1:]]


def cables(host: HostPlan, pid: int) -> list[str]:
    """Return what connects a host whose network namespace is that of the process `pid`."""
    lines = []
    for link in host.links:
        peer = f"type veth peer name {link.interface} address {link.mac} netns {pid}"
        lines.append(f"link add name {link.outside} {peer}")
        lines.append(f"link set dev {link.outside} addrgenmode none master {link.bridge} up")
    return lines


def addresses(host: HostPlan) -> str:
    """Return what is done inside of a host, as text for `ip -batch`."""
    lines = ["link set dev lo up"]
    for link in host.links:
        lines += [f"addr add {link.address}/24 dev {link.interface}", f"link set dev {link.interface} up"]
    return "".join(f"{line}\n" for line in lines)


def carry_out(lines: Iterable[str]) -> None:
    """Run commands of `ip -batch`.

    Raises:
        CommandError: one failed; the rest was not run.
    """
    text = "".join(f"{line}\n" for line in lines)
    if text:
        command(["ip", "-batch", "-"], text=text)


def remove(names: Iterable[str], subnets: Iterable[str], into: tuple[str, ...] = ()) -> None:
    """Remove interfaces and routes, those that are there still.

    Args:
        names: interfaces.
        subnets: networks that were made unreachable.
        into: a command that runs its arguments in another network namespace.

    Raises:
        CommandError: something could not be removed.
    """
    there = {entry["ifname"] for entry in json.loads(command([*into, "ip", "-json", "link", "show"]).stdout or "[]")}
    # No cable can be there twice: the other end is in the host, and goes with it.
    lines = [f"link del dev {name}" for name in names if name in there]
    lines += [f"route del unreachable {subnet}" for subnet in subnets]
    text = "".join(f"{line}\n" for line in lines)
    if not text:
        return
    done = command([*into, "ip", "-force", "-batch", "-"], text=text, check=False)
    left = {entry["ifname"] for entry in json.loads(command([*into, "ip", "-json", "link", "show"]).stdout or "[]")} & set(names)
    if left:
        raise CommandError(["ip", "link", "del", *sorted(left)], done.returncode, done.stderr, backend="lab")
