from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.model.addressing import (
    Address,
    Subnet,
    address_text,
    checked_ifname,
    interface_address,
    mac_text,
    network,
    parse_address,
    parse_mac,
    parse_prefix,
    parse_subnet,
)

many_zeros = st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0x10]), min_size=8, max_size=8).map(
    lambda groups: sum(group << 16 * position for position, group in enumerate(groups))
)


@given(st.integers(0, 2**32 - 1))
def test_ipv4_is_written_as_the_standard_library_writes_it(value: int) -> None:
    assert address_text(4, value) == str(ipaddress.IPv4Address(value))
    assert parse_address(address_text(4, value)) == (4, value)


@given(st.integers(0, 2**128 - 1) | many_zeros)
def test_ipv6_is_written_as_the_standard_library_writes_it(value: int) -> None:
    if value >> 32 != 0xFFFF:  # Python 3.13 writes those that stand for IPv4 addresses in its own way
        assert address_text(6, value) == str(ipaddress.IPv6Address(value))
    assert parse_address(address_text(6, value)) == (6, value)


@given(st.sampled_from([(4, 32), (6, 128)]), st.data())
def test_subnets_are_those_of_the_standard_library(family: tuple[int, int], data: st.DataObject) -> None:
    version, bits = family
    address = Address(version, data.draw(st.integers(0, 2**bits - 1)), data.draw(st.integers(0, bits)))
    known = ipaddress.ip_network(f"{address.text}/{address.prefix}", strict=False)
    subnet = address.subnet
    assert (str(subnet), subnet.last) == (str(known), int(known.broadcast_address))
    assert subnet.contains(version, address.value)
    if address.prefix >= bits - 8:
        assert [address_text(version, value) for value in subnet.hosts] == _hosts(known)


def _hosts(known: ipaddress.IPv4Network | ipaddress.IPv6Network) -> list[str]:
    """Return the hosts; for a /32 older versions of the standard library say otherwise."""
    return [str(known.network_address)] if known.num_addresses == 1 else [str(host) for host in known.hosts()]


@given(st.integers(20, 32), st.integers(20, 32), st.integers(0, 2**12), st.integers(0, 2**12))
def test_overlap_is_symmetric_and_that_of_the_standard_library(p: int, q: int, x: int, y: int) -> None:
    one, other = Address(4, x, p).subnet, Address(4, y, q).subnet
    known = ipaddress.ip_network(str(one)).overlaps(ipaddress.ip_network(str(other)))
    assert one.overlaps(other) == other.overlaps(one) == known
    assert not one.overlaps(Subnet(6, one.first, 128))


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "a", "fe80::1%eth0", "1.2.3.4.5", ":::", None, 7])
def test_what_is_no_address_is_refused(text: Any) -> None:
    with pytest.raises(BadValueError, match="is no IPv4 or IPv6 address"):
        parse_address(text)


@pytest.mark.parametrize(("prefix", "version", "length"), [(24, 4, 24), ("24", 4, 24), (0, 4, 0), (128, 6, 128)])
def test_a_prefix_is_a_number_or_its_text(prefix: Any, version: int, length: int) -> None:
    assert parse_prefix(prefix, version) == length


@pytest.mark.parametrize(
    ("prefix", "version"), [(33, 4), (-1, 4), (129, 6), (True, 4), (24.0, 4), ("x", 4), (None, 4), ("255.255.255.0", 4)]
)
def test_other_prefixes_are_refused(prefix: Any, version: int) -> None:
    with pytest.raises(BadValueError, match="is no whole number from 0 to"):
        parse_prefix(prefix, version)


@pytest.mark.parametrize(
    ("ip", "prefix", "text"),
    [("10.0.0.1", 24, "10.0.0.1/24"), ("10.0.0.0", 31, "10.0.0.0/31"), ("10.0.0.0", 32, "10.0.0.0/32"), ("FD00::", "64", "fd00::/64")],
)
def test_an_interface_takes_any_host_address(ip: str, prefix: Any, text: str) -> None:
    assert str(interface_address(ip, prefix)) == text


@pytest.mark.parametrize(
    ("ip", "prefix", "what"),
    [
        ("10.0.0.0", 24, "the network's own address of 10.0.0.0/24: take one of 10.0.0.1 to 10.0.0.254"),
        ("10.0.0.3", 30, "the broadcast address of 10.0.0.0/30: take one of 10.0.0.1 to 10.0.0.2"),
        ("224.0.0.1", 24, "a multicast address"),
        ("ff02::1", 64, "a multicast address"),
        ("127.0.0.1", 8, "a loopback address"),
        ("::1", 128, "a loopback address"),
        ("0.0.0.0", 0, "the unspecified address"),
    ],
)
def test_an_address_that_no_interface_can_have_is_refused(ip: str, prefix: int, what: str) -> None:
    with pytest.raises(BadValueError) as caught:
        interface_address(ip, prefix)
    assert f"'{ip}' is {what}" in str(caught.value)


def test_networks_have_no_bits_behind_their_prefix() -> None:
    assert str(parse_subnet("10.0.0.0/8")) == str(network("10.0.0.0", 8)) == "10.0.0.0/8"
    with pytest.raises(BadValueError, match="10.0.0.1/8 is an address in the network 10.0.0.0/8, not a network"):
        network("10.0.0.1", 8)
    with pytest.raises(BadValueError, match="the length of the prefix is missing"):
        parse_subnet("10.0.0.0")


@given(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1), st.integers(0, 1), st.integers(0, 1))
def test_macs_are_local_unicast_and_unique(guid: int, other: int, side: int, other_side: int) -> None:
    mac = mac_text(guid, side)
    assert parse_mac(mac) == mac
    assert int(mac[:2], 16) & 3 == 2
    assert (mac == mac_text(other, other_side)) == ((guid, side) == (other, other_side))


@pytest.mark.parametrize("name", ["eth0", "p12", "x" * 15, "wlan0.5", "_a", "br-lan", "9", "uplink"])
def test_interface_names_that_linux_and_its_tools_take(name: str) -> None:
    assert checked_ifname(name) == name


@pytest.mark.parametrize(
    "name", ["", None, "x" * 16, "ä" * 8, "a b", "a/b", "a:b", "-a", ".", "..", "a%d", "a@b", "lo", "all", "a", "up", "mt", "p"]
)
def test_other_interface_names_are_refused(name: Any) -> None:
    with pytest.raises(BadValueError, match="interface name"):
        checked_ifname(name)
