"""What a link's end is asked to be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class VethEnd:
    """One end of a link.

    Attributes:
        place: name of the node or switch.
        ifname: at most 15 characters, unique in its place; None lets the agent choose (`p<number>`).
        mac: like "02:00:00:00:00:01"; None lets the kernel choose.
        mtu: bytes; None for 1500.
        addresses: with prefix, like "10.0.0.1/24"; IPv6 ones are usable at once.
        neighbours: pairs of IP and MAC address that are permanent entries from the beginning.
        offloads: whether packets may be joined (tso, gso, gro); `shape` turns that off by itself.
    """

    place: str
    ifname: str | None = None
    mac: str | None = None
    mtu: int | None = None
    up: bool = True
    addresses: tuple[str, ...] = ()
    offloads: bool = True
    neighbours: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what the agent is sent: what differs from the defaults."""
        step: dict[str, Any] = {"place": self.place}
        if self.ifname is not None:
            step["ifname"] = self.ifname
        if self.mac is not None:
            step["mac"] = self.mac
        if self.mtu is not None:
            step["mtu"] = self.mtu
        if not self.up:
            step["up"] = False
        if self.addresses:
            step["addresses"] = self.addresses
        if self.neighbours:
            step["neighbours"] = self.neighbours
        if not self.offloads:
            step["offloads"] = False
        return step


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The way between two machines that a link takes, seen from one of them.

    Attributes:
        vni: number of the VXLAN, 1 to 2**24 - 1; no other link between the two machines has it.
        local, remote: IP addresses of the two machines.
    """

    vni: int
    local: str
    remote: str

    def to_json(self) -> dict[str, Any]:
        """Return what the agent is sent."""
        return asdict(self)
