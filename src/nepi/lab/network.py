"""Cables and bridges of a lab, as commands of `ip -batch`.

The bridges are in a network namespace of the lab's own, where no firewall of the machine sees what goes between hosts. One cable leads
from there to the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from nepi.errors import CommandError
from nepi.lab.plan import HostPlan, LabPlan
from nepi.lab.processes import BACKEND, command

FIRST_INDEX: Final = 1_000_000
"""Of the ends of the machine's cable. By chance they could have the same index, each in its network namespace; then the kernel takes
the two for one and news of its carrier for nothing urgent, and a bridge forwards nothing before it has heard, up to a second later."""


def taken_networks() -> list[str]:
    """Return every network and address that this machine (this network namespace) knows of."""
    found = []
    for what in ("addr", "route"):
        for entry in json.loads(command(["ip", "-json", "-4", what, "show"]).stdout or "[]"):
            found += [f"{one['local']}/{one['prefixlen']}" for one in entry.get("addr_info", ()) if "local" in one]
            if str(entry.get("dst", "default")) != "default":
                found.append(str(entry["dst"]))
    return found


def machine_cable(plan: LabPlan, pid: int) -> list[str]:
    """Return what brings the machine into the lab, whose network namespace is that of the process `pid`. To be run on the machine."""
    name = plan.machine_interface
    index = FIRST_INDEX + int(plan.token, 16)
    lines = [
        f"link add name {name} index {index} address {plan.machine_mac} type veth peer name machine index {index + 1} netns {pid}",
        f"addr add {plan.machine_address}/24 dev {name}",
        f"link set dev {name} up",
    ]
    # With a default route that something answers at, a hidden host would seem to be reached.
    return lines + [f"route add unreachable {subnet}" for subnet in plan.subnets[1:]]


def bridges(plan: LabPlan) -> list[str]:
    """Return what makes the bridges, and puts the machine's cable into the first of them. To be run in the lab."""
    lines = [f"link add name {name} type bridge stp_state 0 forward_delay 0" for name in plan.bridges]
    lines += [f"link set dev {name} up" for name in plan.bridges]
    return [*lines, f"link set dev machine master {plan.bridges[0]} up"]


def cables(host: HostPlan, pid: int) -> list[str]:
    """Return what connects a host, whose network namespace is that of the process `pid`. To be run in the lab."""
    lines = []
    for link in host.links:
        lines.append(f"link add name {link.outside} type veth peer name {link.interface} address {link.mac} netns {pid}")
        lines.append(f"link set dev {link.outside} master {link.bridge} up")
    return lines


def addresses(host: HostPlan) -> str:
    """Return what is done inside of a host, as text for `ip -batch`."""
    lines = ["link set dev lo up"]
    for link in host.links:
        lines += [f"addr add {link.address}/24 dev {link.interface}", f"link set dev {link.interface} up"]
    return "".join(f"{line}\n" for line in lines)


def acquaintances(plan: LabPlan, host: HostPlan) -> dict[str, list[str]]:
    """Return what lets a host and its neighbours know each other's hardware addresses: asked for, they could come too late.

    Returns:
        lines by the name of the host on which they are to be run, "" for the machine.
    """
    lines: dict[str, list[str]] = {}
    for link in host.links:
        others = [(other.name, one) for other in plan.hosts if other is not host for one in other.links if one.bridge == link.bridge]
        known = [(name, one.address, one.mac, one.interface) for name, one in others]
        if link.bridge == plan.bridges[0]:
            known.append(("", plan.machine_address, plan.machine_mac, plan.machine_interface))
        for name, address, mac, interface in known:
            lines.setdefault(host.name, []).append(f"neigh replace {address} lladdr {mac} dev {link.interface} nud permanent")
            lines.setdefault(name, []).append(f"neigh replace {link.address} lladdr {link.mac} dev {interface} nud permanent")
    return lines


def carry_out(lines: Iterable[str], into: Sequence[str] = ()) -> None:
    """Run commands of `ip -batch`.

    Args:
        into: a command that runs its arguments elsewhere.

    Raises:
        CommandError: one failed; the rest was not run.
    """
    text = "".join(f"{line}\n" for line in lines)
    if text:
        command([*into, "ip", "-batch", "-"], text=text)


def cut_off(host: HostPlan, into: Sequence[str]) -> None:
    """Remove a host's cables, those that are there still. To be run in the lab by `into`."""
    text = "".join(f"link del dev {link.outside}\n" for link in host.links)
    command([*into, "ip", "-force", "-batch", "-"], text=text, check=False)


def remove(plan: LabPlan, into: Sequence[str]) -> None:
    """Remove what the machine has of the lab, if it is there still.

    Args:
        into: a command that runs its arguments in the machine's network namespace.

    Raises:
        CommandError: the interface is still there.
    """
    lines = [f"link del dev {plan.machine_interface}", *(f"route del unreachable {subnet}" for subnet in plan.subnets[1:])]
    # Forced, because the interface may be gone, or going at this moment, with the other end of its cable.
    done = command([*into, "ip", "-force", "-batch", "-"], text="".join(f"{line}\n" for line in lines), check=False)
    there = json.loads(command([*into, "ip", "-json", "link", "show"]).stdout or "[]")
    if any(entry["ifname"] == plan.machine_interface for entry in there):
        raise CommandError(["ip", "link", "del", plan.machine_interface], done.returncode, done.stderr, backend=BACKEND)
