"""What a lab consists of, decided before anything is made: names, addresses, who is behind whom. Pure."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from nepi.errors import BadValueError

MOST_HOSTS: Final = 250
"""One /24 has no more; the machine itself is .254 there."""
MACHINE: Final = 254
SSH_PORT: Final = 22
SECOND: Final = range(200, 250)
"""Labs take 10.200.0.0/16 to 10.249.0.0/16."""


@dataclass(frozen=True, slots=True)
class Link:
    """An interface of a host.

    Attributes:
        interface: its name inside the host.
        outside: name of the other end, a port of the bridge; both are in the lab's network namespace.
        bridge: name of the bridge.
        address: its IPv4 address; the prefix is /24.
    """

    interface: str
    outside: str
    bridge: str
    address: str
    mac: str


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host.

    Attributes:
        name: its host name and its name in `ssh_config`.
        number: from 1.
        behind: name of the jump host through which it is reached, or "" when it is reached directly.
        links: its interfaces; the first one has the address at which its SSH server answers.
    """

    name: str
    number: int
    behind: str
    links: tuple[Link, ...]

    @property
    def address(self) -> str:
        """Where its SSH server answers."""
        return self.links[0].address


@dataclass(frozen=True, slots=True)
class LabPlan:
    """A lab.

    Attributes:
        token: six hexadecimal digits that no other lab has.
        subnets: the one that the machine is in, then one for each hidden host, whose packets the machine cannot send.
        bridges: names, one for each subnet.
        hosts: in the order of their numbers.
        disk_bytes: how much each host can write.
    """

    token: str
    subnets: tuple[str, ...]
    bridges: tuple[str, ...]
    hosts: tuple[HostPlan, ...]
    disk_bytes: int

    @property
    def machine_address(self) -> str:
        """Address of the machine in the lab."""
        return address_in(self.subnets[0], MACHINE)

    @property
    def machine_interface(self) -> str:
        """The interface by which the machine is in the lab; all others are in the lab's own network namespace."""
        return f"nlab{self.token}"

    @property
    def machine_mac(self) -> str:
        """Its hardware address."""
        return mac_of(self.token, 0, 0)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> LabPlan:
        """Return what `dataclasses.asdict` made plain."""
        hosts = [HostPlan(**{**one, "links": tuple(Link(**link) for link in one["links"])}) for one in value["hosts"]]
        return cls(**{**value, "subnets": tuple(value["subnets"]), "bridges": tuple(value["bridges"]), "hosts": tuple(hosts)})


def check_size(count: int, hidden: int) -> None:
    """Check how many hosts are asked for.

    Raises:
        BadValueError: there cannot be so many.
    """
    if not 1 <= count <= MOST_HOSTS:
        raise BadValueError(f"a lab has 1 to {MOST_HOSTS} hosts, not {count}")
    if not 0 <= hidden < count:
        raise BadValueError(f"{hidden} hidden of {count} hosts: one at least must be reached directly, to be the jump host of the others")


def plan_lab(count: int, hidden: int, token: str, subnets: tuple[str, ...], disk_bytes: int) -> LabPlan:
    """Plan a lab.

    Args:
        count: number of hosts.
        hidden: how many of them, the last ones, are hidden: the first of these behind h1, each further one behind the one before.
        token: six hexadecimal digits that no other lab has.
        subnets: `hidden` + 1 networks with prefix /24.
        disk_bytes: how much each host can write.
    """
    check_size(count, hidden)
    bridges = tuple(f"lab{number}" for number in range(hidden + 1))
    segments: dict[int, list[int]] = {number: [0] for number in range(1, count - hidden + 1)}
    behind: dict[int, int] = {}
    for segment in range(1, hidden + 1):
        number = count - hidden + segment
        jump = 1 if segment == 1 else number - 1
        behind[number] = jump
        segments[number] = [segment]
        segments[jump].append(segment)
    hosts = []
    for number in range(1, count + 1):
        links = [
            Link(
                interface=f"eth{index}",
                outside=f"h{number}-eth{index}",
                bridge=bridges[segment],
                address=address_in(subnets[segment], number),
                mac=mac_of(token, number, index),
            )
            for index, segment in enumerate(segments[number])
        ]
        hosts.append(HostPlan(f"h{number}", number, f"h{behind[number]}" if number in behind else "", tuple(links)))
    return LabPlan(token, subnets, bridges, tuple(hosts), disk_bytes)


def free_subnets(count: int, taken: Iterable[str], seed: str) -> tuple[str, ...]:
    """Choose neighbouring /24 networks that overlap with none of those taken.

    Args:
        count: how many.
        taken: networks and addresses that the machine knows.
        seed: where to begin to look, so that labs made at the same time seldom want the same.

    Raises:
        BadValueError: there is no room in 10.200.0.0 to 10.249.255.255.
    """
    known = [ipaddress.ip_network(one, strict=False) for one in taken]
    used = [one for one in known if isinstance(one, ipaddress.IPv4Network) and one.prefixlen > 0]
    blocks = len(SECOND) * 256 // count
    begin = zlib.crc32(seed.encode()) % blocks
    for step in range(blocks):
        first = ((begin + step) % blocks) * count
        found = [f"10.{SECOND[number // 256]}.{number % 256}.0/24" for number in range(first, first + count)]
        if not any(ipaddress.ip_network(one).overlaps(other) for one in found for other in used):
            return tuple(found)
    raise BadValueError("no /24 network between 10.200.0.0 and 10.249.255.255 is free here; take a lab down first")


def mac_of(token: str, number: int, index: int) -> str:
    """Return a hardware address that nobody else has: it is locally administered, and has the lab's token."""
    return f"06:{token[:2]}:{token[2:4]}:{token[4:]}:{number:02x}:{index:02x}"


def address_in(subnet: str, number: int) -> str:
    """Return an address of a network."""
    return str(ipaddress.ip_network(subnet)[number])
