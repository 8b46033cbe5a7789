from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError, PlanError
from nepi.model.addressing import interface_address
from nepi.plan import InterfacePlan, Plan
from tests.plan.world import World


def mistakes_of(world: World, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        world.plan(**options)
    return caught.value.mistakes


def addresses(planned: Plan) -> dict[tuple[int, int], tuple[str, ...]]:
    return {
        (one.node, guid): (*one.addresses, *one.given) for guid, ends in planned.interfaces.items() for one in ends if one.owner == guid
    }


def test_a_link_of_two_nodes_gives_each_an_interface_addresses_and_the_other_as_neighbour() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    link = world.add("Link", a, b)
    planned = world.plan()
    assert planned.interfaces == {
        link: (
            InterfacePlan(
                a,
                link,
                "eth0",
                "02:00:00:00:00:03",
                ("10.0.0.1/30", "fd00::1/64"),
                neighbours=(("10.0.0.2", "02:01:00:00:00:03"), ("fd00::2", "02:01:00:00:00:03")),
            ),
            InterfacePlan(
                b,
                link,
                "eth0",
                "02:01:00:00:00:03",
                ("10.0.0.2/30", "fd00::2/64"),
                neighbours=(("10.0.0.1", "02:00:00:00:00:03"), ("fd00::1", "02:00:00:00:00:03")),
            ),
        )
    }
    assert planned.node_addresses == {a: ("10.0.0.1", "fd00::1"), b: ("10.0.0.2", "fd00::2")}


def test_hosts_on_connected_switches_share_a_subnet_with_room_for_more() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    s, t = world.add("Switch"), world.add("Switch")
    la, trunk, lb = world.add("Link", a, s), world.add("Link", s, t), world.add("Link", t, b)
    planned = world.plan()
    assert [(one.node, one.ifname) for one in planned.interfaces[trunk]] == [(s, f"p{trunk}"), (t, f"q{trunk}")]
    assert addresses(planned) == {
        (a, la): ("10.0.0.1/24", "fd00::1/64"),
        (s, la): (),
        (s, trunk): (),
        (t, trunk): (),
        (t, lb): (),
        (b, lb): ("10.0.0.2/24", "fd00::2/64"),
    }
    assert planned.interfaces[la][0].neighbours == (("10.0.0.2", "02:01:00:00:00:07"), ("fd00::2", "02:01:00:00:00:07"))


def test_names_follow_the_order_of_connection() -> None:
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    first, second = world.add("Link", b, a), world.add("Link", a, c)
    planned = world.plan()
    assert [(one.node, one.ifname) for one in (*planned.interfaces[first], *planned.interfaces[second])] == [
        (b, "eth0"),
        (a, "eth0"),
        (a, "eth1"),
        (c, "eth0"),
    ]


def test_an_interface_resource_is_an_end_of_a_link_with_its_own_name_mac_and_addresses() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    port = world.add("Interface", a, deviceName="uplink", mac="02-AA-00-00-00-01")
    address = world.add("Address", port, ip="192.168.7.1", prefix=24)
    link = world.add("Link", port, b)
    planned = world.plan()
    own = planned.interfaces[port][0]
    far = planned.interfaces[link][1]
    assert planned.interfaces == {port: (own,), link: (own, far)}
    assert own == InterfacePlan(
        a,
        port,
        "uplink",
        "02:aa:00:00:00:01",
        ("fd00::1/64",),
        ("192.168.7.1/24",),
        (("192.168.7.2", "02:01:00:00:00:05"), ("fd00::2", "02:01:00:00:00:05")),
    )
    assert far.addresses == ("192.168.7.2/24", "fd00::2/64")
    assert planned.node_addresses[a] == ("fd00::1", "192.168.7.1")
    assert address not in planned.interfaces


def test_an_interface_resource_may_be_connected_to_a_switch_without_a_link() -> None:
    world = World()
    (a,) = world.nodes("a")
    s = world.add("Switch")
    port = world.add("Interface", a, s)
    own, at_switch = world.plan().interfaces[port]
    assert (own.node, own.ifname, own.addresses) == (a, "eth0", ("10.0.0.1/24", "fd00::1/64"))
    assert (at_switch.node, at_switch.owner, at_switch.ifname, at_switch.addresses) == (s, port, "p3", ())


def test_an_interface_resource_may_carry_its_address_itself() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    port = world.add("Interface", a, ip="172.16.0.9", prefix=28)
    link = world.add("Link", port, b)
    planned = world.plan()
    assert addresses(planned) == {(a, port): ("172.16.0.9/28", "fd00::1/64"), (b, link): ("172.16.0.1/28", "fd00::2/64")}


def test_automatic_subnets_leave_out_those_that_were_written_down() -> None:
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    port = world.add("Interface", a)
    world.add("Address", port, ip="10.0.0.6", prefix=29)
    world.add("Link", port, b)
    link = world.add("Link", b, c)
    assert world.plan().interfaces[link][0].addresses == ("10.0.0.9/30", "fd00:0:0:1::1/64")


def test_addressing_can_be_switched_off_for_a_link_and_for_a_switch() -> None:
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    bare = world.add("Link", a, b, addressing=False)
    s = world.add("Switch", addressing=False)
    silent = world.add("Link", c, s)
    t = world.add("Switch")
    quiet, loud = world.add("Link", a, t, addressing=False), world.add("Link", b, t)
    given = addresses(world.plan())
    assert [given[a, bare], given[b, bare], given[c, silent], given[a, quiet]] == [(), (), (), ()]
    assert given[b, loud] == ("10.0.0.1/24", "fd00::1/64")


def test_without_an_ipv6_network_there_are_no_ipv6_addresses() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    link = world.add("Link", a, b)
    assert world.plan(networks=("192.168.0.0/16",)).interfaces[link][0].addresses == ("192.168.0.1/30",)


def test_a_used_up_network_is_followed_by_the_next_and_then_by_a_mistake() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    s = world.add("Switch")
    links = [world.add("Link", a, b), world.add("Link", a, b, name="l")]
    world.add("Link", a, s)
    networks = ("192.0.2.0/30", "198.51.100.0/30")
    assert mistakes_of(world, networks=networks) == (
        "the networks for automatic IPv4 addresses (192.0.2.0/30, 198.51.100.0/30) have room for 2 of 3 subnets; "
        "the first without one is that of t::Link 'link6', which needs a /30: give larger networks",
    )
    given = addresses(world.plan(networks=(*networks, "10.0.0.0/8")))
    assert [given[a, link] for link in links] == [("192.0.2.1/30",), ("198.51.100.1/30",)]


def test_a_switch_takes_what_is_left_when_there_is_no_room_for_later_hosts() -> None:
    world = World()
    s = world.add("Switch")
    links = [world.add("Link", node, s) for node in world.nodes("a", "b", "c")]
    given = addresses(world.plan(networks=("192.0.2.0/28",)))
    assert [given[number, link] for number, link in zip((2, 3, 4), links, strict=True)] == [
        ("192.0.2.1/29",),
        ("192.0.2.2/29",),
        ("192.0.2.3/29",),
    ]


def test_a_network_too_small_for_many_links_is_one_mistake() -> None:
    world = World()
    nodes = world.nodes(*(f"n{number}" for number in range(9)))
    for first, second in pairwise(nodes):
        world.add("Link", first, second)
    assert mistakes_of(world, networks=("192.0.2.0/29", "fd00::/63")) == (
        "the networks for automatic IPv4 addresses (192.0.2.0/29) have room for 2 of 8 subnets; "
        "the first without one is that of t::Link 'link12', which needs a /30: give larger networks",
        "the networks for automatic IPv6 addresses (fd00::/63) have room for 2 of 8 subnets; "
        "the first without one is that of t::Link 'link12', which needs a /64: give larger networks",
    )


def test_networks_that_overlap_are_a_mistake() -> None:
    world = World()
    world.add("Link", *world.nodes("a", "b"))
    assert mistakes_of(world, networks=("10.0.0.0/8", "fd00::/48", "10.1.0.0/16")) == (
        "networks for automatic addresses: 10.1.0.0/16 and 10.0.0.0/8 overlap: take one of them away",
    )


def test_links_and_switches_may_name_the_networks_of_their_domain() -> None:
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    plain = world.add("Link", a, b)
    named = world.add("Link", b, c, networks="10.0.0.0/24, fd01::/48")
    s = world.add("Switch", networks="10.0.0.0/16")
    on_switch = world.add("Link", c, s)
    given = addresses(world.plan())
    assert [given[a, plain], given[b, named], given[c, on_switch]] == [
        ("10.0.0.5/30", "fd00::1/64"),
        ("10.0.0.1/30", "fd01::1/64"),
        ("10.0.1.1/24",),
    ]


def test_wrong_networks_are_mistakes() -> None:
    world = World()
    assert mistakes_of(world, networks=("10.0.0.0", "10.0.0.1/8", "x/8")) == (
        "networks for automatic addresses: network '10.0.0.0': the length of the prefix is missing, write it like 10.0.0.0/8",
        "networks for automatic addresses: 10.0.0.1/8 is an address in the network 10.0.0.0/8, not a network",
        "networks for automatic addresses: 'x' is no IPv4 or IPv6 address",
    )


def test_a_given_subnet_that_is_too_small_is_a_mistake() -> None:
    world = World()
    a, b, c, d = world.nodes("a", "b", "c", "d")
    s = world.add("Switch")
    port = world.add("Interface", a, s)
    world.add("Address", port, ip="10.9.0.1", prefix=30)
    for node in (b, c, d):
        world.add("Link", node, s)
    assert mistakes_of(world) == (
        "t::Link 'link9' has no room in 10.9.0.0/30 for 2 of its 3 interfaces without an address: "
        "use a shorter prefix, or give them addresses in another network",
    )


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"ip": "10.0.0.256", "prefix": 24}, "has a wrong value: '10.0.0.256' is no IPv4 or IPv6 address"),
        ({"ip": "10.0.0.1/24", "prefix": 24}, "has a wrong value: '10.0.0.1/24' has a prefix in it: the address and the length "
                                              "of its prefix are two values"),
        ({"ip": "10.0.0.1", "prefix": 33}, "has a wrong value: prefix 33 is no whole number from 0 to 32"),
        ({"ip": "10.0.0.1"}, "has no prefix: set both, e.g. ip='10.0.0.1', prefix=24"),
        ({"prefix": 24}, "has no ip: set both, e.g. ip='10.0.0.1', prefix=24"),
        ({"ip": "10.0.0.255", "prefix": 24}, "has a wrong value: '10.0.0.255' is the broadcast address of 10.0.0.0/24: "
                                             "take one of 10.0.0.1 to 10.0.0.254"),
        ({"ip": "224.0.0.1", "prefix": 24}, "has a wrong value: '224.0.0.1' is a multicast address, which no interface can have"),
    ],
)  # fmt: skip
def test_a_wrong_address_is_a_mistake(attributes: dict[str, Any], sentence: str) -> None:
    world = World()
    a, b = world.nodes("a", "b")
    port = world.add("Interface", a)
    world.add("Link", port, b)
    world.add("Address", port, name="x", **attributes)
    assert mistakes_of(world) == (f"t::Address 'x' {sentence}",)


def test_the_same_address_twice_on_one_network_is_a_mistake() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    p, q = world.add("Interface", a, name="p"), world.add("Interface", b, name="q")
    world.add("Link", p, q)
    world.add("Address", p, ip="10.0.0.1", prefix=24)
    world.add("Address", q, ip="10.0.0.1", prefix=24)
    assert mistakes_of(world) == (
        "t::Interface 'q' has the address 10.0.0.1 in t::Node 'b', which t::Node 'a' has, too, on the same network: take another one",
    )


def test_one_node_between_overlapping_subnets_is_a_mistake_and_separate_nodes_are_not() -> None:
    world = World()
    a, b, c, d = world.nodes("a", "b", "c", "d")
    for first, second, ip, prefix in ((a, b, "10.0.0.1", 24), (c, d, "10.0.0.200", 25)):
        port = world.add("Interface", first)
        world.add("Address", port, ip=ip, prefix=prefix)
        world.add("Link", port, second)
    assert len(world.plan().interfaces) == 4
    bridge = world.add("Interface", a)
    world.add("Address", bridge, ip="10.0.0.129", prefix=25)
    world.add("Link", bridge, d)
    assert mistakes_of(world) == (
        "t::Node 'a' has overlapping subnets on separate networks, 10.0.0.0/24 on eth0 and 10.0.0.128/25 on eth1, "
        "so it cannot tell where to send: use other addresses on one of them",
        "t::Node 'd' has overlapping subnets on separate networks, 10.0.0.128/25 on eth0 and 10.0.0.128/25 on eth1, "
        "so it cannot tell where to send: use other addresses on one of them",
    )


def test_different_prefixes_on_one_network_are_a_warning() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    p, q = world.add("Interface", a), world.add("Interface", b)
    world.add("Link", p, q, name="l")
    world.add("Address", p, ip="10.0.0.1", prefix=24)
    world.add("Address", q, ip="10.0.1.1", prefix=16)
    assert world.plan().warnings == (
        "t::Link 'l' joins interfaces of different prefixes (10.0.0.0/16 and 10.0.0.0/24): some may not answer each other",
    )


def test_ends_that_do_not_fit_are_mistakes() -> None:
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    world.add("Link", name="none")
    world.add("Link", a, name="one")
    world.add("Link", a, b, c, name="three")
    port = world.add("Interface", a, name="port")
    world.add("Link", a, port, name="loop")
    world.add("Interface", a, name="loose")
    world.add("Interface", name="lost")
    world.add("Address", name="nowhere", ip="10.0.0.1", prefix=8)
    assert mistakes_of(world) == (
        "t::Interface 'lost' needs a Node: connect it to one, e.g. ec.add('Interface', node)",
        "t::Address 'nowhere' needs an Interface: connect it to one, e.g. ec.add('Address', interface)",
        "t::Interface 'loose' is connected to no links or switches: connect it to exactly one",
        "t::Interface 'lost' is connected to no links or switches: connect it to exactly one",
        "t::Link 'none' has no ends: connect it to exactly two different nodes, switches or interfaces",
        "t::Link 'one' has 1 end ('a'): connect it to exactly two different nodes, switches or interfaces",
        "t::Link 'three' has 3 ends ('a', 'b', 'c'): connect it to exactly two different nodes, switches or interfaces",
        "t::Link 'loop' has both ends at t::Node 'a': connect it to two different ones",
    )


def test_a_loop_of_switches_is_a_mistake_unless_they_break_it() -> None:
    for stp in (False, True):
        world = World()
        s, t = world.add("Switch", stp=stp, name="s"), world.add("Switch", stp=stp, name="t")
        world.add("Link", s, t)
        world.add("Link", t, s, name="second")
        if stp:
            assert len(world.plan().interfaces) == 2
        else:
            assert mistakes_of(world) == (
                "t::Link 'second' closes a loop of switches ('t', 's'), in which frames would circle for ever: "
                "take a link away, or set stp=True on them",
            )


def test_names_of_interfaces_are_legal_and_unique() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    for name in ("address", "a", "way-too-long-for-linux", "x y", "lo", "twin", "twin"):
        world.add("Link", world.add("Interface", a, name=f"i-{len(world.description.resources)}", deviceName=name), b)
    found = mistakes_of(world)
    assert [sentence.split("interface name ")[-1].split(" ")[0] for sentence in found[:5]] == [
        "'address'",
        "'a'",
        "'way-too-long-for-linux'",
        "'x",
        "'lo'",
    ]
    assert found[5:] == ("t::Interface 'i-14' is called 'twin' in t::Node 'a', where t::Interface 'i-12' is called so, too",)


def test_an_explicit_name_is_left_out_of_the_numbering() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    first = world.add("Link", a, b)
    port = world.add("Interface", a, deviceName="eth0")
    world.add("Link", port, b)
    planned = world.plan()
    assert planned.interfaces[port][0].ifname == "eth0"
    assert planned.interfaces[first][0].ifname == "eth1"


def test_a_mac_address_twice_or_wrong_is_a_mistake() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    for mac in ("02:00:00:00:00:77", "02:00:00:00:00:77", "01:00:00:00:00:00", "zz"):
        world.add("Link", world.add("Interface", a, name=f"i{len(world.description.resources)}", mac=mac), b)
    assert mistakes_of(world) == (
        "t::Interface 'i6' has a wrong value: '01:00:00:00:00:00' is a multicast MAC address: the first byte must be even",
        "t::Interface 'i8' has a wrong value: 'zz' is no MAC address: write it like 02:00:00:00:00:01",
        "t::Interface 'i4' has the MAC address 02:00:00:00:00:77, which t::Interface 'i2' has, too: take another one",
    )


def test_a_switch_takes_as_many_ports_as_the_facts_say() -> None:
    world = World({"t": {"bridge_ports": 2}})
    s = world.add("Switch", name="s")
    for node in world.nodes("a", "b", "c"):
        world.add("Link", node, s)
    assert mistakes_of(world) == ("t::Switch 's' has 3 ports, but a switch takes 2 here: use several switches joined by links",)
    world.facts = {"t": {"bridge_ports": None}}
    assert len(world.plan().interfaces) == 3


def test_a_large_network_has_no_permanent_neighbours_and_a_larger_subnet() -> None:
    world = World({"t": {"neighbour_table": 200}})
    s = world.add("Switch", name="s")
    links = [world.add("Link", world.add("Node"), s) for _ in range(300)]
    planned = world.plan()
    assert planned.interfaces[links[-1]][0].addresses == ("10.0.1.44/23", "fd00::12c/64")
    assert all(not end.neighbours for ends in planned.interfaces.values() for end in ends)
    assert planned.warnings == (
        "t::Link 'link601' joins 300 interfaces, but this machine's neighbour table takes 200 entries: "
        "some may not be reached; raise net.ipv4.neigh.default.gc_thresh3 and its IPv6 twin",
    )


def test_a_host_that_is_added_later_changes_nothing_of_the_others_but_becomes_their_neighbour() -> None:
    world = World()
    (a,) = world.nodes("a")
    s = world.add("Switch")
    la = world.add("Link", a, s)
    first = world.plan()
    (b,) = world.nodes("b")
    lb = world.add("Link", b, s)
    lab = world.add("Link", a, b)
    second = world.plan(earlier=first)
    assert addresses(second) == {
        (a, la): ("10.0.0.1/24", "fd00::1/64"),
        (s, la): (),
        (b, lb): ("10.0.0.2/24", "fd00::2/64"),
        (s, lb): (),
        (a, lab): ("10.0.1.1/30", "fd00:0:0:1::1/64"),
        (b, lab): ("10.0.1.2/30", "fd00:0:0:1::2/64"),
    }
    assert second.interfaces[la][0].neighbours == (("10.0.0.2", "02:00:00:00:00:05"), ("fd00::2", "02:00:00:00:00:05"))
    assert second.node_addresses[a] == ("10.0.0.1", "fd00::1", "10.0.1.1", "fd00:0:0:1::1")


def test_a_later_explicit_address_that_clashes_with_an_automatic_one_is_a_mistake() -> None:
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    world.add("Link", a, b)
    first = world.plan()
    port = world.add("Interface", a)
    world.add("Address", port, ip="10.0.0.2", prefix=30)
    world.add("Link", port, c)
    with pytest.raises(PlanError, match="'a' has overlapping subnets on separate networks, 10.0.0.0/30 on eth0 and 10.0.0.0/30 on eth1"):
        world.plan(earlier=first)


def test_plans_survive_json() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    port = world.add("Interface", a)
    world.add("Address", port, ip="10.7.0.1", prefix=24)
    world.add("Link", port, b, rate="1Mbit")
    world.add("Ping", a)
    planned = world.plan()
    assert Plan.from_record(json.loads(json.dumps(planned.to_record()))) == planned


@pytest.mark.parametrize("record", [{"format": 1}, {"format": 2}, {}, {"format": 1, "order": 3}])
def test_a_damaged_plan_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(BadValueError):
        Plan.from_record(record)


def build(data: st.DataObject) -> World:
    """Draw a world: nodes, a tree of switches, links between any two of them, some with addresses written down."""
    world = World()
    nodes = [world.add("Node") for _ in range(data.draw(st.integers(2, 6)))]
    switches = [world.add("Switch") for _ in range(data.draw(st.integers(0, 3)))]
    for first, second in zip(switches, switches[1:], strict=False):
        if data.draw(st.booleans()):
            world.add("Link", first, second)
    add_links(data, world, nodes, switches)
    return world


def add_links(data: st.DataObject, world: World, nodes: list[int], switches: list[int]) -> None:
    for number in range(data.draw(st.integers(0, 6))):
        node = data.draw(st.sampled_from(nodes))
        far = data.draw(st.sampled_from([one for one in nodes + switches if one != node]))
        if data.draw(st.integers(0, 3)):
            world.add("Link", node, far)
            continue
        port = world.add("Interface", node)
        world.add("Address", port, ip=f"172.16.{len(world.description.resources)}.{number + 1}", prefix=24)
        world.add("Link", port, far)


def check(planned: Plan, switches: set[int]) -> None:
    ends = [one for guid, ends in planned.interfaces.items() for one in ends if one.owner == guid]
    texts = [text for one in ends for text in (*one.addresses, *one.given)]
    assert len({text.partition("/")[0] for text in texts}) == len(texts)
    assert len({one.mac for one in ends}) == len(ends)
    assert len({(0 if one.node in switches else one.node, one.ifname) for one in ends}) == len(ends)
    assert all(len(one.ifname) <= 15 for one in ends)
    for text in texts:
        ip, _, prefix = text.partition("/")
        interface_address(ip, prefix)
    assert {one.node: True for one in ends if one.node not in switches and not (one.addresses or one.given)} == {}
    known = {(text.partition("/")[0], one.mac) for one in ends for text in (*one.addresses, *one.given)}
    assert all(pair in known for one in ends for pair in one.neighbours)


@given(st.data())
def test_no_topology_has_an_address_name_or_mac_twice_and_increments_change_nothing(data: st.DataObject) -> None:
    world = build(data)
    switches = {one.guid for one in world.description.resources if one.rtype == "t::Switch"}
    first = world.plan()
    check(first, switches)
    assert first == world.plan()
    nodes = [one.guid for one in world.description.resources if one.rtype == "t::Node"]
    add_links(data, world, [*nodes, world.add("Node")], sorted(switches))
    second = world.plan(earlier=Plan.from_record(json.loads(json.dumps(first.to_record()))))
    check(second, switches)
    for guid, ends in first.interfaces.items():
        assert [(o.node, o.owner, o.ifname, o.mac, o.addresses, o.given) for o in ends] == [
            (o.node, o.owner, o.ifname, o.mac, o.addresses, o.given) for o in second.interfaces[guid]
        ]
