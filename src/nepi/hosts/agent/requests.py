"""rtnetlink requests as bytes: links, addresses, routes, neighbours, queues. Pure functions.

Sources: rtnetlink(7), linux/if_link.h, linux/rtnetlink.h, linux/pkt_sched.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator

from .netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Request, attribute, nested, number, text

RTM_NEWLINK, RTM_DELLINK = 16, 17
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTM_NEWNEIGH, RTM_DELNEIGH = 28, 29

IFF_UP = 0x1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_MASTER = 1, 3, 4, 10
IFLA_LINKINFO, IFLA_GROUP, IFLA_NET_NS_FD = 18, 27, 28
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
VETH_INFO_PEER = 1
IFLA_BR_FORWARD_DELAY, IFLA_BR_STP_STATE = 1, 5
IFA_ADDRESS, IFA_LOCAL = 1, 2
IFA_F_NODAD = 0x02
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY = 1, 4, 5, 6
RTNH_F_ONLINK = 4
RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST = 254, 4, 1
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_NOWHERE = 0, 253, 255
NDA_DST, NDA_LLADDR = 1, 2
NUD_PERMANENT = 0x80

_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")
_NDMSG = struct.Struct("=BxxxiHBB")


class LinkEnd:
    """One end of a veth pair as the kernel is asked for it.

    Attributes:
        index: interface index, unique in the run (see `Network`).
        netns_fd: descriptor of its namespace, or None for that of the socket.
        master: index of its bridge; heeded for the first end only.
    """

    __slots__ = ("ifname", "index", "mac", "master", "mtu", "netns_fd", "up")

    def __init__(
        self,
        ifname: str,
        index: int,
        netns_fd: int | None = None,
        mac: str | None = None,
        mtu: int | None = None,
        up: bool = True,
        master: int | None = None,
    ) -> None:
        self.ifname = ifname
        self.index = index
        self.netns_fd = netns_fd
        self.mac = mac
        self.mtu = mtu
        self.up = up
        self.master = master


def mac_bytes(mac: str) -> bytes:
    """Return the six bytes of "02:00:00:00:00:01".

    Raises:
        ValueError: not six pairs of hexadecimal digits.
    """
    data = bytes.fromhex(mac.replace(":", "").replace("-", ""))
    if len(data) != 6:
        raise ValueError(f"{mac!r} is not a MAC address")
    return data


def parse_address(value: str) -> tuple[int, bytes, int]:
    """Return (family, address, prefix length) of "10.0.0.1/24" or "fd00::1"; without a prefix it is the whole address.

    Raises:
        ValueError: neither IPv4 nor IPv6.
    """
    address, _, prefix = value.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        data = socket.inet_pton(family, address)
    except OSError:
        raise ValueError(f"{value!r} is not an IP address") from None
    length = int(prefix) if prefix else len(data) * 8
    if not 0 <= length <= len(data) * 8:
        raise ValueError(f"{value!r} has an impossible prefix length")
    return int(family), data, length


def _ifinfo(index: int, up: bool | None) -> bytes:
    flags, change = (0, 0) if up is None else (IFF_UP if up else 0, IFF_UP)
    return _IFINFO.pack(0, 0, index, flags, change)


def _end(end: LinkEnd, *, first: bool) -> bytes:
    parts = [_ifinfo(end.index, True if first and end.up else None), text(IFLA_IFNAME, end.ifname)]
    if end.mac is not None:
        parts.append(attribute(IFLA_ADDRESS, mac_bytes(end.mac)))
    if end.mtu is not None:
        parts.append(number(IFLA_MTU, end.mtu))
    if end.netns_fd is not None:
        parts.append(number(IFLA_NET_NS_FD, end.netns_fd))
    if first and end.master is not None:
        parts.append(number(IFLA_MASTER, end.master))
    return b"".join(parts)


def veth(first: LinkEnd, second: LinkEnd) -> Request:
    """Create a veth pair, each end at once in its namespace, with its name and MAC address.

    The kernel heeds `up` and `master` for the first end only: the second cannot be up before the first exists (ENOTCONN).
    """
    peer = nested(IFLA_INFO_DATA, nested(VETH_INFO_PEER, _end(second, first=False)))
    body = _end(first, first=True) + nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "veth"), peer)
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def bridge(ifname: str, index: int) -> Request:
    """Create a bridge, up, that forwards at once (no spanning tree, no listening time)."""
    options = nested(IFLA_INFO_DATA, number(IFLA_BR_FORWARD_DELAY, 0), number(IFLA_BR_STP_STATE, 0))
    body = _ifinfo(index, True) + text(IFLA_IFNAME, ifname) + nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "bridge"), options)
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def set_link(
    index: int,
    *,
    up: bool | None = None,
    mtu: int | None = None,
    mac: str | None = None,
    master: int | None = None,
    ifname: str | None = None,
    netns_fd: int | None = None,
    group: int | None = None,
) -> Request:
    """Change an interface; None leaves a property as it is, `master=0` takes it off its bridge."""
    parts = [_ifinfo(index, up)]
    if mac is not None:
        parts.append(attribute(IFLA_ADDRESS, mac_bytes(mac)))
    if ifname is not None:
        parts.append(text(IFLA_IFNAME, ifname))
    for kind, value in ((IFLA_MTU, mtu), (IFLA_MASTER, master), (IFLA_NET_NS_FD, netns_fd), (IFLA_GROUP, group)):
        if value is not None:
            parts.append(number(kind, value))
    return Request(RTM_NEWLINK, 0, b"".join(parts))


def delete_link(index: int) -> Request:
    """Delete an interface; of a veth pair, both ends."""
    return Request(RTM_DELLINK, 0, _ifinfo(index, None))


def delete_group(group: int) -> Request:
    """Delete every interface of a group in one go: the kernel waits for its readers once instead of once for each."""
    return Request(RTM_DELLINK, 0, _ifinfo(0, None) + number(IFLA_GROUP, group))


def address(index: int, value: str, *, delete: bool = False) -> Request:
    """Add or delete an address with its prefix; IPv6 ones are usable at once (no duplicate address detection)."""
    family, data, prefix = parse_address(value)
    flags = IFA_F_NODAD if family == socket.AF_INET6 else 0
    body = _IFADDR.pack(family, prefix, flags, RT_SCOPE_UNIVERSE, index) + attribute(IFA_LOCAL, data) + attribute(IFA_ADDRESS, data)
    return Request(RTM_DELADDR, 0, body) if delete else Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body)


def route(
    to: str, *, via: str | None = None, index: int | None = None, metric: int | None = None, onlink: bool = False, delete: bool = False
) -> Request:
    """Add or delete a route in the main table.

    Args:
        to: network with prefix; "0.0.0.0/0" or "::/0" is the default route.
        via: gateway, of the same family.
        index: interface to leave by; needed without `via`.
    """
    family, destination, prefix = parse_address(to)
    scope = RT_SCOPE_NOWHERE if delete else RT_SCOPE_UNIVERSE if via or family == socket.AF_INET6 else RT_SCOPE_LINK
    kind, protocol = (0, 0) if delete else (RTN_UNICAST, RTPROT_STATIC)
    parts = [_RTMSG.pack(family, prefix, 0, 0, RT_TABLE_MAIN, protocol, scope, kind, RTNH_F_ONLINK if onlink else 0)]
    if prefix:
        parts.append(attribute(RTA_DST, destination))
    if via is not None:
        gateway_family, gateway, _ = parse_address(via)
        if gateway_family != family:
            raise ValueError(f"gateway {via!r} and destination {to!r} are of different families")
        parts.append(attribute(RTA_GATEWAY, gateway))
    if index is not None:
        parts.append(number(RTA_OIF, index))
    if metric is not None:
        parts.append(number(RTA_PRIORITY, metric))
    body = b"".join(parts)
    return Request(RTM_DELROUTE, 0, body) if delete else Request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, body)


def routes(to: Iterable[str], via: str, *, delete: bool = False) -> Iterator[Request]:
    """Add (or replace) or delete routes of the main table over one gateway; written for tables of a hundred thousand in all.

    Args:
        to: networks with prefix, of the gateway's family.
        via: the gateway.
    """
    family, gateway, _ = parse_address(via)
    scope, kind, protocol = (RT_SCOPE_NOWHERE, 0, 0) if delete else (RT_SCOPE_UNIVERSE, RTN_UNICAST, RTPROT_STATIC)
    message, flags = (RTM_DELROUTE, 0) if delete else (RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE)
    hop = attribute(RTA_GATEWAY, gateway)
    for network in to:
        found, destination, prefix = parse_address(network)
        if found != family:
            raise ValueError(f"gateway {via!r} and destination {network!r} are of different families")
        body = _RTMSG.pack(family, prefix, 0, 0, RT_TABLE_MAIN, protocol, scope, kind, 0)
        yield Request(message, flags, body + attribute(RTA_DST, destination) + hop if prefix else body + hop)


def neighbour(index: int, value: str, mac: str, *, delete: bool = False) -> Request:
    """Add (or replace) or delete a permanent neighbour entry."""
    family, data, _ = parse_address(value)
    body = _NDMSG.pack(family, index, NUD_PERMANENT, 0, 0) + attribute(NDA_DST, data)
    if delete:
        return Request(RTM_DELNEIGH, 0, body)
    return Request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body + attribute(NDA_LLADDR, mac_bytes(mac)))
