from __future__ import annotations

from typing import Any

import pytest

from nepi.errors import PlanError
from nepi.model.attributes import Reference
from tests.plan.world import World


def mistakes_of(world: World) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        world.plan()
    return caught.value.mistakes


def chain() -> tuple[World, int, int, int]:
    """a - b - c; b's addresses are 10.0.0.2 towards a and 10.0.0.5 towards c."""
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    world.add("Link", a, b)
    world.add("Link", b, c)
    return world, a, b, c


def test_a_target_is_its_address_on_the_shared_network() -> None:
    world, a, b, c = chain()
    at_a, at_c = world.add("Ping", a, target=Reference(b)), world.add("Ping", c, target=Reference(b))
    assert world.plan().values == {at_a: {"target": "10.0.0.2"}, at_c: {"target": "10.0.0.5"}}


def test_a_target_that_shares_no_network_is_its_first_address() -> None:
    world, a, _, c = chain()
    ping = world.add("Ping", a, target=Reference(c))
    assert world.plan().values == {ping: {"target": "10.0.0.6"}}


def test_an_application_stands_for_its_node_and_a_node_may_name_itself() -> None:
    world, a, b, _ = chain()
    server = world.add("Server", b)
    ping, own = world.add("Ping", a, target=Reference(server)), world.add("Ping", b, target=Reference(b))
    assert world.plan().values == {ping: {"target": "10.0.0.2"}, own: {"target": "10.0.0.2"}}


def test_interfaces_and_addresses_stand_for_themselves() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    port = world.add("Interface", b)
    address = world.add("Address", port, ip="10.1.0.7", prefix=24)
    world.add("Link", a, port)
    first, second = world.add("Ping", a, target=Reference(port)), world.add("Ping", a, target=Reference(address))
    assert world.plan().values == {first: {"target": "10.1.0.7"}, second: {"target": "10.1.0.7"}}


def test_ipv6_is_used_when_there_is_nothing_else() -> None:
    world, a, b, _ = chain()
    ping = world.add("Ping", a, target=Reference(b))
    assert world.plan(networks=("fd00::/48",)).values == {ping: {"target": "fd00::2"}}


def test_a_node_without_our_links_is_reached_by_its_hostname() -> None:
    world = World()
    a, b = world.add("Node", hostname="a.example.org"), world.add("Node", hostname="b.example.org")
    ping = world.add("Ping", a, target=Reference(b))
    assert world.plan().values == {ping: {"target": "b.example.org"}}


def test_what_has_no_address_cannot_be_a_target() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    s = world.add("Switch", name="s")
    world.add("Ping", a, name="p", target=Reference(b))
    world.add("Ping", a, name="q", target=Reference(s))
    assert mistakes_of(world) == (
        "t::Ping 'p' has attribute 'target' set to t::Node 'b', which has no address: connect its node by a link, or write an address",
        "t::Ping 'q' has attribute 'target' set to t::Switch 's', which has no address: connect its node by a link, or write an address",
    )


def test_references_of_an_increment_reach_earlier_resources_and_earlier_values_stay() -> None:
    world, a, b, c = chain()
    old = world.add("Ping", a, target=Reference(b))
    first = world.plan()
    new = world.add("Ping", c, target=Reference(b))
    assert world.plan(earlier=first).values == {old: {"target": "10.0.0.2"}, new: {"target": "10.0.0.5"}}


@pytest.mark.parametrize(
    "attributes",
    [
        {"network": "10.0.0.4", "prefix": 30, "nexthop": "10.0.0.2"},
        {"network": "default", "nexthop": "10.0.0.2"},
        {"network": "0.0.0.0", "nexthop": "10.0.0.2"},
        {"network": "0.0.0.0", "prefix": 0, "nexthop": Reference(2)},
        {"network": "::", "prefix": 0, "nexthop": "fd00::2"},
        {"network": "default", "nexthop": "fd00::2"},
    ],
)
def test_a_route_over_a_neighbour_is_fine(attributes: dict[str, Any]) -> None:
    world, a, _, _ = chain()
    world.add("Route", a, **attributes)
    assert world.plan().warnings == ()


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"network": "default", "nexthop": "10.0.0.5"}, "has nexthop 10.0.0.5, which is in no subnet of t::Node 'a' (10.0.0.0/30): "
                                                        "name a router that it reaches directly"),
        ({"network": "default", "nexthop": "10.0.0.1"}, "has nexthop 10.0.0.1, which is an address of t::Node 'a' itself: "
                                                        "name the next router"),
        ({"network": "10.0.0.5", "prefix": 30, "nexthop": "10.0.0.2"}, "has a wrong value: 10.0.0.5/30 is an address in the network "
                                                                       "10.0.0.4/30, not a network"),
        ({"network": "fd01::", "prefix": 64, "nexthop": "10.0.0.2"}, "has a wrong value: network 'fd01::' is IPv6, "
                                                                     "but nexthop '10.0.0.2' is IPv4"),
        ({"network": "10.0.0.4", "nexthop": "10.0.0.2"}, "has a wrong value: prefix None is no whole number from 0 to 32"),
        ({"network": "default"}, "has a wrong value: nexthop is missing: the address of the router, "
                                 "in a subnet that the node has an interface in"),
        ({"nexthop": "10.0.0.2"}, "has a wrong value: network is missing: write 'default', or a network and its prefix"),
        ({"network": "default", "nexthop": "b"}, "has a wrong value: 'b' is no IPv4 or IPv6 address"),
    ],
)  # fmt: skip
def test_a_route_that_the_node_could_not_take_is_a_mistake(attributes: dict[str, Any], sentence: str) -> None:
    world, a, _, _ = chain()
    world.add("Route", a, name="r", **attributes)
    assert mistakes_of(world) == (f"t::Route 'r' {sentence}",)


def test_two_routes_to_one_network_are_a_mistake() -> None:
    world, a, _, _ = chain()
    world.add("Route", a, name="r", network="default", nexthop="10.0.0.2")
    world.add("Route", a, name="s", network="0.0.0.0", prefix=0, nexthop=Reference(2))
    assert mistakes_of(world) == ("t::Route 's' is a second route to 0.0.0.0/0 in t::Node 'a', besides 'r': take one away",)


def test_a_route_of_an_earlier_increment_keeps_its_resolved_hop() -> None:
    world, a, b, _ = chain()
    world.add("Route", a, network="default", nexthop=Reference(b))
    first = world.plan()
    assert world.plan(earlier=first).values == first.values


def test_a_next_hop_that_nobody_has_is_a_warning() -> None:
    world = World()
    a = world.add("Node")
    world.add("Link", a, world.add("Switch"))
    world.add("Route", a, name="r", network="default", nexthop="10.0.0.200")
    assert world.plan().warnings == ("t::Route 'r' has nexthop 10.0.0.200, which is no address of any node of this experiment",)


def test_a_route_is_on_one_node() -> None:
    world, a, b, _ = chain()
    world.add("Route", a, b, name="r", network="default", nexthop="10.0.0.2")
    assert mistakes_of(world) == ("t::Route 'r' is connected to 2 nodes: connect it to exactly one",)


def test_interfaces_that_are_only_connected_to_each_other_are_on_no_node() -> None:
    world = World()
    a = world.add("Node", name="a")
    first = world.add("Interface", name="i")
    second = world.add("Interface", first, name="j")
    world.add("Ping", a, name="p", target=Reference(world.add("Thing", second, name="t")))
    assert mistakes_of(world)[-1] == (
        "t::Ping 'p' has attribute 'target' set to t::Thing 't', which has no address: connect its node by a link, or write an address"
    )
