from __future__ import annotations

import json

import pytest

from nepi.errors import BadValueError, ResourceError
from nepi.hosts.agent.queues import Shape
from nepi.hosts.devices import ip_json, ip_lines, ovs, tc_lines, tc_options
from nepi.hosts.devices.commands import BatchError, may_change_networks
from nepi.hosts.devices.ip_lines import Settings
from nepi.hosts.devices.words import batch, check_name, complaint, failed_line
from nepi.model.loss_bursts import bursts_of_mean_length


def lines(*each: tuple[str, ...]) -> list[str]:
    return [" ".join(line) for line in each]


def test_settings_of_an_interface() -> None:
    wanted = Settings(True, 1400, "02:00:00:00:00:01", 50, ("10.0.0.1/24", "fd00::1/64"))
    assert lines(*ip_lines.settings("tap1", wanted)) == [
        "link set dev tap1 address 02:00:00:00:00:01 mtu 1400 txqueuelen 50",
        "address add 10.0.0.1/24 dev tap1",
        "address add fd00::1/64 dev tap1 nodad",
        "link set dev tap1 up",
    ]
    assert ip_lines.settings("tap1", Settings()) == []
    assert lines(*ip_lines.settings("t", Settings(addresses=("10.0.0.1/32",), peer="10.0.0.2"))) == [
        "address add 10.0.0.1 peer 10.0.0.2/32 dev t"
    ]


def test_what_adds_tunnels() -> None:
    assert lines(
        ip_lines.add_vxlan("v", vni=5, local="1.1.1.1", remote="2.2.2.2", port=4789),
        ip_lines.add_gre("g", frames=True, key=7, local="1.1.1.1", remote="2.2.2.2"),
        ip_lines.add_gre("g", frames=False, key=7, local="fd00::1", remote="fd00::2"),
        ip_lines.add_tuntap("t", mode="tun", packet_information=True),
    ) == [
        "link add name v type vxlan id 5 local 1.1.1.1 remote 2.2.2.2 dstport 4789",
        "link add name g type gretap local 1.1.1.1 remote 2.2.2.2 key 7",
        "link add name g type ip6gre local fd00::1 remote fd00::2 key 7",
        "tuntap add dev t mode tun pi",
    ]


def test_what_fits_through_tunnels() -> None:
    assert {
        (kind, frames): ip_lines.inner_mtu(1500, kind=kind, version=4, frames=frames)
        for kind, frames in (("vxlan", True), ("gre", True), ("gre", False), ("wireguard", False), ("udp", True), ("udp", False))
    } == {
        ("vxlan", True): 1450,
        ("gre", True): 1458,
        ("gre", False): 1472,
        ("wireguard", False): 1440,
        ("udp", True): 1434,
        ("udp", False): 1448,
    }
    assert ip_lines.inner_mtu(1500, kind="wireguard", version=6, frames=False) == 1420


@pytest.mark.parametrize("word", ["a b", "x;y", "", "a\nb", "$(x)", "'", '"', "#"])
def test_a_word_that_would_not_be_one_is_refused(word: str) -> None:
    with pytest.raises(BadValueError):
        batch([("link", "delete", "dev", word)])


@pytest.mark.parametrize("name", ["", "a" * 16, "a b", "../x", "-x", "ä"])
def test_what_cannot_be_the_name_of_an_interface(name: str) -> None:
    with pytest.raises(BadValueError, match="name of an interface"):
        check_name(name)


def test_what_ip_complains_of() -> None:
    # recorded from iproute2 6.1
    said = "Error: Unknown device type.\nCommand failed -:2\n"
    assert (failed_line(said), complaint(said)) == (2, "Unknown device type.")
    error = BatchError("h1", "ip", [("link", "set"), ip_lines.add_gre("g", frames=True, key=1, local="1.1.1.1", remote="2.2.2.2")], 1, said)
    assert error.line == 2
    assert "Its kernel has no GRE: try `modprobe ip_gre` there" in str(error)
    exists = "RTNETLINK answers: File exists\nCommand failed -:1\n"
    assert str(BatchError("h1", "ip", [("link", "add")], 2, exists)) == "h1: `ip link add`: File exists"


def test_a_shape_in_the_words_of_tc() -> None:
    stages = tc_lines.shaped(Shape(rate_bps=5e6, queue_packets=50), 1500)
    assert lines(*tc_lines.root("eth0", stages)) == [
        "qdisc replace dev eth0 root handle 10: tbf rate 5000000bit burst 3028 limit 3028",
        "qdisc replace dev eth0 parent 10:1 handle 22: pfifo limit 50",
    ]
    assert tc_lines.root("eth0", tc_lines.shaped(Shape(), 1500)) == []


def test_networks_that_are_shaped_have_a_class_of_their_own() -> None:
    stages = tc_lines.shaped(Shape(rate_bps=5e6, queue_packets=50), 1500)
    found = lines(*tc_lines.root("eth0", stages, ["10.0.0.0/8", "fd00::/8"], arriving=True))
    assert found[0] == "qdisc add dev eth0 root handle 1: htb default 2"
    assert found[3] == "qdisc replace dev eth0 parent 1:1 handle 10: tbf rate 5000000bit burst 3028 limit 3028"
    assert found[5:] == [
        "filter add dev eth0 parent 1: prio 1 protocol ip u32 match ip src 10.0.0.0/8 flowid 1:1",
        "filter add dev eth0 parent 1: prio 2 protocol ipv6 u32 match ip6 src fd00::/8 flowid 1:1",
    ]


def test_the_options_of_netem_in_words() -> None:
    whole = tc_options.netem(limit_packets=9, delay_s=0.02, jitter_s=0.005, distribution="normal", loss=0.01, bytes_per_s=1000)
    assert " ".join(whole) == "limit 9 delay 20000.000us 5000.000us distribution normal loss 1.0000000% rate 1000bps"
    bursts = bursts_of_mean_length(0.01, 5)
    assert tc_options.netem(limit_packets=9, bursts=bursts, loss=0.5)[2:4] == ("loss", "gemodel")


def test_disciplines_are_changed_where_they_are_if_nothing_in_them_is_left_over() -> None:
    slow, fast, lossy = (tc_lines.shaped(shape, 1500) for shape in (Shape(delay_s=1.0), Shape(delay_s=0.1), Shape(delay_s=0.1, loss=0.1)))
    assert (tc_lines.can_be_changed(slow, fast), tc_lines.can_be_changed(lossy, fast), tc_lines.can_be_changed((), fast)) == (
        True,
        False,
        False,
    )


def test_what_ip_says_of_an_interface() -> None:
    # recorded from iproute2 6.1
    text = json.dumps(
        [
            {},
            {
                "ifindex": 2, "ifname": "v0", "flags": ["BROADCAST", "MULTICAST", "UP"], "mtu": 1450, "qdisc": "noqueue", "txqlen": 1000,
                "link_type": "ether", "address": "3e:57:3c:22:d3:6b", "ifalias": "nepi:1", "linkinfo": {"info_kind": "vxlan"},
                "addr_info": [{"family": "inet", "local": "10.0.0.1", "prefixlen": 24, "scope": "global"}],
            },
        ]
    ).encode()  # fmt: skip
    assert ip_json.interfaces(text) == [
        ip_json.InterfaceFacts("v0", "vxlan", True, 1450, "3e:57:3c:22:d3:6b", 1000, ("10.0.0.1/24",), "nepi:1")
    ]
    assert ip_json.way(b'[{"dst":"10.0.0.2","dev":"eth0","prefsrc":"10.0.0.1","flags":[],"uid":0}]') == ip_json.Way("10.0.0.1", "eth0")
    for wrong in (b"[]", b"Usage: ip"):
        with pytest.raises(ResourceError):
            ip_json.way(wrong)


def test_values_for_open_vswitch_are_no_more_than_values() -> None:
    assert ovs.quoted("10.0.0.1") == '"10.0.0.1"'
    for wrong in ('x"', "a b", "a,b", ""):
        with pytest.raises(BadValueError):
            ovs.quoted(wrong)
    assert ovs.set_controller("br0", "fd00::1", 6653) == ["set-controller", "br0", "tcp:[fd00::1]:6653"]


def test_who_may_change_networks() -> None:
    assert may_change_networks(b"CapEff:\t000001ffffffffff\n")
    assert may_change_networks(b"CapEff:\t0000000000001000\n")
    assert not may_change_networks(b"CapEff:\t0000000000000000\n")
    assert not may_change_networks(b"")
