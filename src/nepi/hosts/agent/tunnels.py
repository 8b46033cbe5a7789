"""An end of a link whose other end is on another machine: a VXLAN interface whose packets go out where the agent was started.

The kernel's links: the VXLAN interface is the node's interface, or the switch's port. User-space links: the node's interface is one
half of a veth pair as ever, and the wire process moves frames between the other half and the VXLAN interface. Shaping is done
by either end for what leaves there, as on every link. See docs/design/split.md.
"""

from __future__ import annotations

import socket
import struct

from .netlink import NLM_F_CREATE, NLM_F_EXCL, NetlinkSocket, Request, attribute, nested, number, text
from .requests import (
    IFLA_ADDRESS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    RTM_NEWLINK,
    mac_bytes,
)

IFLA_VXLAN_ID, IFLA_VXLAN_GROUP, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LEARNING, IFLA_VXLAN_PORT = 1, 2, 4, 7, 15
IFLA_VXLAN_GROUP6, IFLA_VXLAN_LOCAL6 = 16, 17
PORT = 4789
_IFINFO = struct.Struct("=BxHiII")


class Underlay:
    """The network that the machine itself is in. Opened before the agent leaves it.

    Attributes:
        socket: makes interfaces whose packets go out there.
        fd: stands for that network, where the order of requests is decided.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.socket = NetlinkSocket()


def vxlan(ifname: str, index: int, netns_fd: int, *, vni: int, local: str, remote: str, mac: str | None, mtu: int) -> Request:
    """Create a VXLAN interface that has one peer.

    Args:
        netns_fd: the namespace that the interface is put into; its packets go out in that of the socket which this is sent on.
        vni: 1 to 2**24 - 1, unique between two machines.
        local, remote: IP addresses of the two machines.

    Source: linux/if_link.h, RFC 7348.
    """
    family = socket.AF_INET6 if ":" in remote else socket.AF_INET
    to, of = (IFLA_VXLAN_GROUP6, IFLA_VXLAN_LOCAL6) if family == socket.AF_INET6 else (IFLA_VXLAN_GROUP, IFLA_VXLAN_LOCAL)
    options = nested(
        IFLA_INFO_DATA,
        number(IFLA_VXLAN_ID, vni),
        attribute(to, socket.inet_pton(family, remote)),
        attribute(of, socket.inet_pton(family, local)),
        attribute(IFLA_VXLAN_PORT, struct.pack("!H", PORT)),
        attribute(IFLA_VXLAN_LEARNING, b"\0"),
    )
    parts = [_IFINFO.pack(0, 0, index, 0, 0), text(IFLA_IFNAME, ifname), number(IFLA_MTU, mtu), number(IFLA_NET_NS_FD, netns_fd)]
    if mac is not None:
        parts.append(attribute(IFLA_ADDRESS, mac_bytes(mac)))
    body = b"".join(parts) + nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, "vxlan"), options)
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)
