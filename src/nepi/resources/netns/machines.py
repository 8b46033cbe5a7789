"""Machines that namespaces are on: which one a place is on, and how machines reach each other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from nepi.errors import ResourceError
from nepi.hosts.roles import MachineNode

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.hosts.remote_agent.deploying import Machine
    from nepi.plan.result import Plan

VXLAN_BYTES: Final = 50
"""Outer Ethernet, IPv4, UDP and VXLAN headers (RFC 7348) of a frame whose own Ethernet header is counted. IPv6 takes 20 more."""
DEFAULT_MTU: Final = 1500
MOST_VNIS: Final = 2**24 - 1


@dataclass(frozen=True, slots=True)
class Underlay:
    """How a machine is reached by others.

    Attributes:
        address: its IP address.
        mtu_bytes: what fits into a packet there.
    """

    address: str
    mtu_bytes: int

    @property
    def inner_mtu_bytes(self) -> int:
        """What fits into a packet of a link to another machine, without fragments; never more than an ordinary link's."""
        return min(self.mtu_bytes - VXLAN_BYTES - (20 if ":" in self.address else 0), DEFAULT_MTU)


def machine_of(ec: ExperimentController, place: int) -> str:
    """Return the name of the machine that a node or switch is on; "" for this one."""
    return str(ec.resource(place).get("host") or "")


def machine_named(ec: ExperimentController, name: str) -> MachineNode:
    """Return the resource of a machine.

    Raises:
        ResourceError: namespaces cannot be on it.
    """
    found = ec.resource(name)
    if not all(hasattr(found, member) for member in ("transport", "way", "underlay_address")):
        raise ResourceError(f"{name} ({found.rtype()}) is no machine that namespaces can be on: use a linux::Node")
    return cast(MachineNode, found)


async def underlay_of(node: MachineNode, machine: Machine) -> Underlay:
    """Return how other machines reach this one: at the address that it says, else where sshd was reached, else its first one."""
    addresses = [address for _, address, _ in machine.interfaces if not address.startswith("127.")]
    said = await node.underlay_address() or (machine.reached_at if not machine.reached_at.startswith("127.") else "")
    address = said or next(iter(addresses), "127.0.0.1")
    return Underlay(address, machine.mtu_of(address) or DEFAULT_MTU)


def crossing_cables(ec: ExperimentController, plan: Plan) -> frozenset[int]:
    """Return the owners (guids) of all cables that frames reach without a router from one that goes to another machine.

    Frames that fit one cable must fit all of them, because a bridge drops what is too long and tells nobody.
    """
    leader: dict[tuple[int, int], tuple[int, int]] = {}

    def find(one: tuple[int, int]) -> tuple[int, int]:
        while leader.setdefault(one, one) != one:
            one = leader[one]
        return one

    crossing: list[tuple[int, int]] = []
    for owner, ends in plan.interfaces.items():
        if len(ends) != 2:
            continue
        cable = (0, owner)
        for end in ends:
            if ec.resource(end.node).role == "switch":
                leader[find((1, end.node))] = find(cable)
        if machine_of(ec, ends[0].node) != machine_of(ec, ends[1].node):
            crossing.append(cable)
    crossed = {find(one) for one in crossing}
    return frozenset(owner for owner, ends in plan.interfaces.items() if len(ends) == 2 and find((0, owner)) in crossed)


def vni_of(run_id: str, link: int) -> int:
    """Return the VXLAN number of a link: unique in its run, and hardly ever that of another run's."""
    base = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:4], "big")
    return (base + link) % MOST_VNIS + 1
