"""Addresses as numbers: IPv4, IPv6, subnets, MACs and interface names, parsed and written without an object for each address.

`ipaddress` parses what people wrote; what is given by the thousand is computed on plain integers.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

from nepi.errors import BadValueError

BITS: Final = {4: 32, 6: 128}
"""Address length by IP version."""

IFNAME_BYTES: Final = 15
"""Longest interface name that Linux takes (IFNAMSIZ less the final zero)."""

_IFNAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_MAC: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_RESERVED_IFNAMES: Final = frozenset({"lo", "all", "default"})
# iproute2 takes any beginning of a keyword for the keyword: `ip link set a up` reads "address". Source: ip-link(8), ip-address(8).
_IPROUTE2_WORDS: Final = """
    addrgenmode address alias allmulticast anycast arp autojoin bcqueuelen broadcast brd carrier change deprecated dev down
    dynamic gro_max_size group gso_max_segs gso_max_size help home index label link link-netns local macaddr master metric
    mngtmpaddr mtu multicast name netns nodad nomaster noprefixroute numrxqueues numtxqueues parentbus parentdev peer
    permanent preferred_lft primary promisc proto protodown protodown_reason qlen remote scope secondary state temporary
    tentative to trailers txqueuelen txqlen type up valid_lft vf vmaster vrf xdp xdpdrv xdpgeneric xdpoffload
"""


class Subnet(NamedTuple):
    """One IP network, as numbers. Two are equal exactly when they are the same network."""

    version: int
    first: int
    prefix: int

    @property
    def last(self) -> int:
        """The highest address in it, as a number."""
        return self.first + (1 << (BITS[self.version] - self.prefix)) - 1

    @property
    def hosts(self) -> range:
        """The addresses that interfaces can have, as numbers: not the network's own and not the broadcast address."""
        if self.prefix >= BITS[self.version] - 1:
            return range(self.first, self.last + 1)
        return range(self.first + 1, self.last if self.version == 4 else self.last + 1)

    def contains(self, version: int, value: int) -> bool:
        """Whether an address lies in it."""
        return self.version == version and self.first <= value <= self.last

    def overlaps(self, other: Subnet) -> bool:
        """Whether some address lies in both."""
        return self.version == other.version and self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return f"{address_text(self.version, self.first)}/{self.prefix}"


class Address(NamedTuple):
    """An interface's address with the length of its subnet's prefix, as numbers."""

    version: int
    value: int
    prefix: int

    @property
    def subnet(self) -> Subnet:
        """The network that the address is in."""
        free = BITS[self.version] - self.prefix
        return Subnet(self.version, self.value >> free << free, self.prefix)

    @property
    def text(self) -> str:
        """The address alone, "10.0.0.1"."""
        return address_text(self.version, self.value)

    def __str__(self) -> str:
        return f"{address_text(self.version, self.value)}/{self.prefix}"


def address_text(version: int, value: int) -> str:
    """Write an address; IPv6 in the shortest form of RFC 5952."""
    if version == 4:
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"
    groups = [value >> shift & 0xFFFF for shift in range(112, -1, -16)]
    start, length = _longest_zeros(groups)
    if length < 2:
        return ":".join(f"{group:x}" for group in groups)
    head = ":".join([f"{group:x}" for group in groups[:start]])
    return head + "::" + ":".join([f"{group:x}" for group in groups[start + length :]])


def _longest_zeros(groups: list[int]) -> tuple[int, int]:
    """Return (start, length) of the first longest run of zeros."""
    best_start, best_length, length = 0, 0, 0
    for position, group in enumerate(groups):
        if group:
            length = 0
            continue
        length += 1
        if length > best_length:
            best_start, best_length = position - length + 1, length
    return best_start, best_length


def parse_address(text: object) -> tuple[int, int]:
    """Return (version, number) of an address such as "10.0.0.1" or "fd00::1".

    Raises:
        BadValueError: it is no IPv4 or IPv6 address.
    """
    if isinstance(text, str):
        if "/" in text:
            raise BadValueError(f"{text!r} has a prefix in it: the address and the length of its prefix are two values")
        try:
            parsed = ipaddress.ip_address(text.strip())
        except ValueError:
            pass
        else:
            if "%" not in text:
                return parsed.version, int(parsed)
    raise BadValueError(f"{text!r} is no IPv4 or IPv6 address")


def interface_address(ip: object, prefix: object) -> Address:
    """Return the address that an interface is to have.

    Args:
        ip: text such as "10.0.0.1".
        prefix: length of the subnet's prefix, a number or its text.

    Raises:
        BadValueError: no such address or prefix, or an address that no interface can have (multicast, broadcast, ...).
    """
    version, value = parse_address(ip)
    address = Address(version, value, parse_prefix(prefix, version))
    parsed = ipaddress.ip_address(str(ip).strip())
    for is_it, what in (
        (parsed.is_multicast, "a multicast address"),
        (parsed.is_loopback, "a loopback address"),
        (parsed.is_unspecified, "the unspecified address"),
    ):
        if is_it:
            raise BadValueError(f"{ip!r} is {what}, which no interface can have")
    subnet = address.subnet
    if value not in subnet.hosts and (version == 4 or value != subnet.first):
        what = "the network's own address" if value == subnet.first else "the broadcast address"
        raise BadValueError(f"{ip!r} is {what} of {subnet}: take one of {_hosts_text(subnet)}")
    return address


def _hosts_text(subnet: Subnet) -> str:
    hosts = subnet.hosts
    return f"{address_text(subnet.version, hosts[0])} to {address_text(subnet.version, hosts[-1])}"


def parse_prefix(prefix: object, version: int) -> int:
    """Return the length of a prefix, given as a number or as its text.

    Raises:
        BadValueError: not a whole number, or not in 0 to 32 (128 for IPv6).
    """
    if isinstance(prefix, str) and prefix.strip().isdecimal():
        prefix = int(prefix)
    if not isinstance(prefix, int) or isinstance(prefix, bool) or not 0 <= prefix <= BITS[version]:
        raise BadValueError(f"prefix {prefix!r} is no whole number from 0 to {BITS[version]}")
    return prefix


def parse_subnet(text: str) -> Subnet:
    """Return the network written as "10.0.0.0/8".

    Raises:
        BadValueError: it is no network, or has bits set behind its prefix.
    """
    ip, slash, prefix = str(text).partition("/")
    if not slash:
        raise BadValueError(f"network {text!r}: the length of the prefix is missing, write it like 10.0.0.0/8")
    return network(ip, prefix)


def network(ip: object, prefix: object) -> Subnet:
    """Return the network whose first address and prefix are given.

    Raises:
        BadValueError: no such address or prefix, or bits set behind the prefix.
    """
    version, value = parse_address(ip)
    address = Address(version, value, parse_prefix(prefix, version))
    if address.subnet.first != value:
        raise BadValueError(f"{address} is an address in the network {address.subnet}, not a network")
    return address.subnet


def mac_text(owner: int, side: int) -> str:
    """Return a MAC address that is unicast, locally administered (02:...) and unique for owner (a guid) and side (0 to 255).

    Guids above 2**32 - 1 would repeat.
    """
    digits = f"{owner & 0xFFFFFFFF:08x}"
    return f"02:{side:02x}:{digits[:2]}:{digits[2:4]}:{digits[4:6]}:{digits[6:]}"


def parse_mac(text: object) -> str:
    """Return a MAC address in lower case with colons.

    Raises:
        BadValueError: it is none, or one that no single interface can have.
    """
    mac = str(text).strip().lower().replace("-", ":")
    if _MAC.fullmatch(mac) is None:
        raise BadValueError(f"{text!r} is no MAC address: write it like 02:00:00:00:00:01")
    if int(mac[:2], 16) & 1:
        raise BadValueError(f"{text!r} is a multicast MAC address: the first byte must be even")
    if mac == "00:00:00:00:00:00":
        raise BadValueError(f"{text!r} is the zero MAC address, which no interface can have")
    return mac


def checked_ifname(name: object) -> str:
    """Return an interface name that Linux takes and that its tools read as a name.

    Raises:
        BadValueError: it is too long, has other signs than letters, digits, "_", "." and "-", or means something else.
    """
    if not isinstance(name, str) or not name:
        raise BadValueError(f"interface name {name!r} is empty or no text")
    if len(name.encode()) > IFNAME_BYTES:
        raise BadValueError(f"interface name {name!r} is longer than {IFNAME_BYTES} bytes, which is all that Linux takes")
    if _IFNAME.fullmatch(name) is None:
        raise BadValueError(f"interface name {name!r} has other signs than letters, digits, '_', '.' and '-' (which must not come first)")
    if name in _RESERVED_IFNAMES:
        raise BadValueError(f"interface name {name!r} is taken by the kernel")
    word = re.search(rf"(?<!\S){re.escape(name)}\S*", _IPROUTE2_WORDS)
    if word is not None:
        raise BadValueError(f"interface name {name!r} is read by ip(8) as its word {word[0]!r}: take another one")
    return name
