"""What all tunnels between two hosts share: their two ends, and the way between the hosts."""

from __future__ import annotations

import asyncio
import ipaddress
import zlib
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from nepi.errors import BadConnectionError, ResourceError
from nepi.hosts.devices import ip_lines
from nepi.hosts.devices.commands import DEADLINE_S, Commands
from nepi.hosts.devices.words import Line
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.device import HostDevice
from nepi.resources.linux.endpoint import Endpoint, Tunnel

T = TypeVar("T")
ENDPOINTS = ("linux::Tap", "linux::Tun", "linux::OVSPort")


def check_tunnel(_one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the ends of a tunnel."""
    ends = [peer.rtype for peer in peers if peer.rtype.rpartition("::")[2] in ("Tap", "Tun", "OVSPort")]
    if len(ends) != 2:
        yield f"it must be connected to exactly two of {', '.join(ENDPOINTS)}, one on each host; it is connected to {len(ends)}"
    elif sum(rtype.endswith("::Tun") for rtype in ends) == 1:
        yield "one of its ends is a Tun and the other is not: IP packets and Ethernet frames do not go together"


@dataclass(frozen=True, slots=True)
class Leg:
    """One end of a tunnel, and how its host sees the other one.

    Attributes:
        local: address of this host on the way to the other.
        remote: address of the other host, as this one reaches it.
        outer_mtu: of the interface that the way begins with.
    """

    end: Endpoint
    local: str
    remote: str
    outer_mtu: int

    @property
    def commands(self) -> Commands:
        """What its host is told."""
        return Commands(self.end.node.host)

    @property
    def version(self) -> int:
        """Of the IP between the hosts."""
        return 6 if ":" in self.remote else 4


async def both(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do the same at both ends, and wait for both also when one fails: what the other one makes must not come after the release."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return [one for one in done if not isinstance(one, BaseException)]


async def underlay(node: HostNode) -> str:
    """Return the address, or name, at which other hosts reach a node.

    Raises:
        ResourceError: it has none.
    """
    asked = getattr(node, "underlay_address", None)
    found: str | None = await asked() if asked is not None else None
    names = [found, *(node.get(name) for name in ("ip", "hostname") if node.has_attribute(name))]
    planned = node.ec.plan.node_addresses.get(node.guid, ())
    names += sorted(planned, key=lambda one: ":" in one)
    chosen = next((name for name in names if name), None)
    if chosen is None:
        raise ResourceError(f"{node.name} has no address at which the other end of the tunnel could reach it; set its attribute ip")
    return str(chosen)


async def resolved_on(node: HostNode, name: str) -> str:
    """Return the address that a name has on a host.

    Raises:
        ResourceError: the host knows no such name.
    """
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        done = await node.host.run(["getent", "ahosts", name], deadline_s=DEADLINE_S)
    words = done.stdout.decode(errors="replace").split()
    if not words:
        raise ResourceError(f"{node.name} does not know the name {name!r} of the tunnel's other host; set the attribute ip of that one")
    return words[0]


class HostTunnel(Tunnel, HostDevice):
    """A tunnel between two hosts. READY when packets can go through it."""

    needs: ClassVar = {Endpoint: ResourceState.READY}
    check: ClassVar[Check | None] = staticmethod(check_tunnel)
    kind: ClassVar[str] = ""

    def ends(self) -> tuple[Endpoint, Endpoint]:
        """Return its two ends, in the order of their guids.

        Raises:
            BadConnectionError: there are not two.
        """
        found = self.peers(Endpoint)
        if len(found) != 2:
            raise BadConnectionError(
                f"{self.name} must be connected to exactly two Taps, Tuns or OVSPorts; it is connected to {len(found)}"
            )
        return found[0], found[1]

    def hosts_of(self) -> list[HostNode]:
        """Return the nodes of its ends."""
        return [end.node for end in self.ends()]

    async def legs(self) -> tuple[Leg, Leg]:
        """Return how the hosts see each other."""
        first, second = self.ends()
        here, there = await asyncio.gather(self._leg(first, second), self._leg(second, first))
        return here, there

    async def _leg(self, end: Endpoint, other: Endpoint) -> Leg:
        remote = await resolved_on(end.node, await underlay(other.node))
        way, mtu = await Commands(end.node.host).way_to(remote)
        return Leg(end, way.local, remote, mtu)

    def mtu(self, legs: Sequence[Leg]) -> int:
        """Return the longest IP packet that goes through it whole, in both directions."""
        frames = legs[0].end.frames
        return min(ip_lines.inner_mtu(leg.outer_mtu, kind=self.kind, version=leg.version, frames=frames) for leg in legs)

    def number(self, bits: int) -> int:
        """Return a number for it, from 1, that other tunnels on the same hosts hardly have."""
        most: int = (1 << bits) - 1
        return zlib.crc32(f"{self.ec.run_dir}:{self.guid}".encode()) % most + 1


class KernelTunnel(HostTunnel):
    """A tunnel that the kernel knows: it makes the interfaces at both ends, with the names and addresses of its endpoints."""

    makes_devices = True

    async def deploy(self) -> None:
        """Make both ends."""
        legs = await self.legs()
        await self.make(self._make_both(legs))
        self.set_ready()

    async def _make_both(self, legs: tuple[Leg, Leg]) -> None:
        mtu = self.mtu(legs)
        for leg, other in (legs, legs[::-1]):
            # What the other end sends comes from its own address on the way here, and it is known by that.
            lines = [self.add_line(leg, other.local or leg.remote), *ip_lines.settings(leg.end.ifname, leg.end.settings(mtu))]
            await self.make_interface(leg.end.node, leg.end.ifname, lines)
        for leg in legs:
            await leg.end.plugged(mtu)

    def add_line(self, leg: Leg, remote: str) -> Line:
        """Return what adds one end; subclasses say how."""
        raise NotImplementedError
