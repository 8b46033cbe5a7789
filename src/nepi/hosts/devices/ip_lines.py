"""What ip(8) is told to make interfaces, tunnels, addresses and routes, line by line. Pure functions.

Sources: ip-link(8), ip-tuntap(8), ip-address(8), ip-route(8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nepi.hosts.devices.words import Line

LOOPBACK_MTU = 1500
"""What stands for the MTU of a loopback, whose own 65536 would make packets that no tunnel is tested with."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an interface is to be; None leaves it.

    Attributes:
        addresses: with prefix length, like "10.0.0.1/24".
        peer: address of the other end of a point-to-point interface, for the first address.
    """

    up: bool | None = None
    mtu: int | None = None
    mac: str | None = None
    txqueuelen: int | None = None
    addresses: tuple[str, ...] = ()
    peer: str | None = None


def settings(ifname: str, wanted: Settings) -> list[Line]:
    """Return what makes an interface so; its addresses and going up come last."""
    words: list[str] = []
    if wanted.mac is not None:
        words += ["address", wanted.mac]
    if wanted.mtu is not None:
        words += ["mtu", str(wanted.mtu)]
    if wanted.txqueuelen is not None:
        words += ["txqueuelen", str(wanted.txqueuelen)]
    lines: list[Line] = [("link", "set", "dev", ifname, *words)] if words else []
    lines += [add_address(ifname, one, wanted.peer if place == 0 else None) for place, one in enumerate(wanted.addresses)]
    return lines if wanted.up is None else [*lines, link_up(ifname, up=wanted.up)]


def add_address(ifname: str, address: str, peer: str | None = None) -> Line:
    """Give an interface an address; IPv6 ones are usable at once."""
    at_once = ("nodad",) if ":" in address else ()
    if peer is None:
        return ("address", "add", address, "dev", ifname, *at_once)
    plain, _, prefix = address.partition("/")
    return ("address", "add", plain, "peer", f"{peer}/{prefix}", "dev", ifname, *at_once)


def remove_address(ifname: str, address: str) -> Line:
    """Take an address away."""
    return ("address", "del", address, "dev", ifname)


def link_up(ifname: str, *, up: bool) -> Line:
    """Set an interface up or down."""
    return ("link", "set", "dev", ifname, "up" if up else "down")


def alias(ifname: str, text: str) -> Line:
    """Write onto an interface whose it is."""
    return ("link", "set", "dev", ifname, "alias", text)


def delete(ifname: str) -> Line:
    """Delete an interface."""
    return ("link", "delete", "dev", ifname)


def add_tuntap(ifname: str, *, mode: str, packet_information: bool = False) -> Line:
    """Add an interface whose packets are a program's; `mode` is "tap" (frames) or "tun" (IP packets)."""
    return ("tuntap", "add", "dev", ifname, "mode", mode, *(("pi",) if packet_information else ()))


def add_plain(ifname: str, kind: str) -> Line:
    """Add an interface of a kind that needs nothing else: dummy, bridge, ifb, wireguard."""
    return ("link", "add", "name", ifname, "type", kind)


def add_vxlan(ifname: str, *, vni: int, local: str, remote: str, port: int) -> Line:
    """Add one end of a VXLAN tunnel (RFC 7348) between two hosts."""
    return ("link", "add", "name", ifname, "type", "vxlan", "id", str(vni), *_between(local, remote), "dstport", str(port))


def add_gre(ifname: str, *, frames: bool, key: int, local: str, remote: str) -> Line:
    """Add one end of a GRE tunnel (RFC 2784, 2890), which carries Ethernet frames or IP packets."""
    kind = ("ip6" if ":" in remote else "") + ("gretap" if frames else "gre")
    return ("link", "add", "name", ifname, "type", kind, *_between(local, remote), "key", str(key))


def _between(local: str, remote: str) -> Line:
    return ("local", local, "remote", remote)


def route(destination: str, *, via: str | None, ifname: str | None, delete: bool = False) -> Line:
    """Add or take away a route; `destination` is "default" (of IPv4, or of the version of `via`) or a network."""
    words = [*(("via", via) if via else ()), *(("dev", ifname) if ifname else ())]
    return ("route", "del" if delete else "add", destination, *words)


TAP_HEADER = 14
"""Bytes of the Ethernet header that a tunnel for frames carries along."""


def inner_mtu(outer_mtu: int, *, kind: str, version: int, frames: bool) -> int:
    """Return the longest IP packet that goes through a tunnel without being cut into fragments.

    Args:
        outer_mtu: of the way between the hosts.
        kind: "vxlan", "gre" (with key), "wireguard" or "udp" (of `udp_endpoint.py`, with encryption).
        version: of the IP between the hosts.
        frames: whether it carries Ethernet frames.
    """
    headers = {"vxlan": 8 + 8, "gre": 4 + 4, "wireguard": 8 + 32, "udp": 8 + 8 + 16}[kind]
    return outer_mtu - (20 if version == 4 else 40) - headers - (TAP_HEADER if frames else 0)


def shown(ifname: str) -> Sequence[str]:
    """Return the command that shows an interface as JSON."""
    return ("ip", "-details", "-json", "address", "show", "dev", ifname)


def way_to(address: str) -> Sequence[str]:
    """Return the command that says how an address is reached, as JSON."""
    return ("ip", "-json", "route", "get", address)
