"""The agent's netlink codec against pyroute2's."""

import errno
import socket
import struct
from typing import Any

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from nepi.hosts.agent import netlink, requests


def encoded(message: Any, fields: dict[str, Any], attributes: list[tuple[str, Any]]) -> bytes:
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = attributes
    message.encode()
    return bytes(message.data[16:])


def without_nested_flags(body: bytes) -> bytes:
    """pyroute2 does not mark attributes that hold others; the kernel wants that of new kinds and minds it of none."""
    for kind in (requests.IFLA_LINKINFO, requests.IFLA_INFO_DATA, requests.VETH_INFO_PEER):
        body = body.replace(struct.pack("=H", kind | netlink.NLA_F_NESTED), struct.pack("=H", kind))
    return body


def test_veth_with_everything_is_encoded_as_pyroute2_does() -> None:
    ours = requests.veth(
        requests.LinkEnd("eth0", 1001, netns_fd=7, mac="02:00:00:00:00:01", mtu=1400, master=9),
        requests.LinkEnd("eth1", 1002, netns_fd=8, mac="02:00:00:00:00:02", mtu=1300),
    )
    peer = {
        "index": 1002,
        "attrs": [("IFLA_IFNAME", "eth1"), ("IFLA_ADDRESS", "02:00:00:00:00:02"), ("IFLA_MTU", 1300), ("IFLA_NET_NS_FD", 8)],
    }
    info = {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]})]}
    theirs = encoded(
        ifinfmsg(),
        {"index": 1001, "flags": 1, "change": 1},
        [
            ("IFLA_IFNAME", "eth0"),
            ("IFLA_ADDRESS", "02:00:00:00:00:01"),
            ("IFLA_MTU", 1400),
            ("IFLA_NET_NS_FD", 7),
            ("IFLA_MASTER", 9),
            ("IFLA_LINKINFO", info),
        ],
    )
    assert without_nested_flags(ours.body) == theirs


def test_bridge_is_encoded_as_pyroute2_does() -> None:
    options = {"attrs": [("IFLA_BR_FORWARD_DELAY", 0), ("IFLA_BR_STP_STATE", 0)]}
    info = {"attrs": [("IFLA_INFO_KIND", "bridge"), ("IFLA_INFO_DATA", options)]}
    fields = {"index": 1001, "flags": 1, "change": 1}
    theirs = encoded(ifinfmsg(), fields, [("IFLA_IFNAME", "br1001"), ("IFLA_LINKINFO", info)])
    assert without_nested_flags(requests.bridge("br1001", 1001).body) == theirs


def test_link_changes_are_encoded_as_pyroute2_does() -> None:
    theirs = encoded(
        ifinfmsg(),
        {"index": 5, "flags": 0, "change": 1},
        [("IFLA_ADDRESS", "02:00:00:00:00:01"), ("IFLA_IFNAME", "x"), ("IFLA_MTU", 900), ("IFLA_MASTER", 0), ("IFLA_GROUP", 3)],
    )
    assert requests.set_link(5, up=False, mtu=900, mac="02:00:00:00:00:01", master=0, ifname="x", group=3).body == theirs


@pytest.mark.parametrize(("value", "family"), [("10.0.0.1/24", socket.AF_INET), ("fd00::1/64", socket.AF_INET6)])
def test_address_is_encoded_as_pyroute2_does(value: str, family: int) -> None:
    address, prefix = value.split("/")
    fields = {"family": family, "prefixlen": int(prefix), "index": 3, "flags": 0 if family == socket.AF_INET else 2}
    theirs = encoded(ifaddrmsg(), fields, [("IFA_LOCAL", address), ("IFA_ADDRESS", address)])
    assert requests.address(3, value).body == theirs


@pytest.mark.parametrize(
    ("to", "via", "family"),
    [("10.1.0.0/16", "10.0.0.9", socket.AF_INET), ("::/0", "fd00::9", socket.AF_INET6), ("0.0.0.0/0", "10.0.0.9", 2)],
)
def test_route_by_gateway_is_encoded_as_pyroute2_does(to: str, via: str, family: int) -> None:
    destination, prefix = to.split("/")
    fields = {"family": family, "dst_len": int(prefix), "table": 254, "proto": 4, "scope": 0, "type": 1}
    attributes = [("RTA_DST", destination)] if prefix != "0" else []
    theirs = encoded(rtmsg(), fields, [*attributes, ("RTA_GATEWAY", via), ("RTA_OIF", 4), ("RTA_PRIORITY", 10)])
    assert requests.route(to, via=via, index=4, metric=10).body == theirs


def test_route_to_a_neighbouring_network_has_link_scope() -> None:
    fields = {"family": 2, "dst_len": 24, "table": 254, "proto": 4, "scope": 253, "type": 1}
    assert requests.route("10.9.0.0/24", index=4).body == encoded(rtmsg(), fields, [("RTA_DST", "10.9.0.0"), ("RTA_OIF", 4)])


def test_permanent_neighbour_is_encoded_as_pyroute2_does() -> None:
    attributes = [("NDA_DST", "10.0.0.2"), ("NDA_LLADDR", "02:00:00:00:00:02")]
    theirs = encoded(ndmsg(), {"family": 2, "ifindex": 4, "state": 0x80}, attributes)
    assert requests.neighbour(4, "10.0.0.2", "02:00:00:00:00:02").body == theirs


@pytest.mark.parametrize("wrong", ["10.0.0", "10.0.0.1/33", "fd00::/129", "a.b.c.d", "10.0.0.1/x"])
def test_wrong_address_is_named(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"address|prefix|invalid"):
        requests.parse_address(wrong)


def test_gateway_of_the_other_family_is_refused() -> None:
    with pytest.raises(ValueError, match="different families"):
        requests.route("10.0.0.0/8", via="fd00::1")


def test_the_kernels_own_words_are_kept() -> None:
    words = b"Device does not exist\0"
    payload = struct.pack("=i", -errno.ENODEV) + struct.pack("=IHHII", 32, 16, 0, 1, 0) + netlink.attribute(1, words)
    error = netlink.parse_error(netlink.NLM_F_CAPPED | netlink.NLM_F_ACK_TLVS, payload)
    assert error is not None
    assert (error.errno, error.strerror) == (errno.ENODEV, "Device does not exist")


def test_an_acknowledgement_is_no_error() -> None:
    assert netlink.parse_error(netlink.NLM_F_CAPPED, struct.pack("=i", 0) + bytes(16)) is None


def test_refusals_are_matched_to_their_requests_across_sends() -> None:
    """Needs no right: every change of a link is refused to an ordinary user, and every unknown index to root."""
    kernel = netlink.NetlinkSocket()
    try:
        errors = kernel.transact([requests.set_link(2_000_000_000 + n, mtu=1000) for n in range(250)])
    finally:
        kernel.close()
    assert len(errors) == 250
    assert {error.errno for error in errors if error is not None} <= {errno.ENODEV, errno.EPERM}
    assert None not in errors
