"""Static routes: who gets which, and that whoever follows them arrives."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import PlanError
from nepi.model.attributes import Reference
from nepi.plan import Plan, describe_plan
from nepi.plan.following import steps_to
from nepi.plan.result import RoutePlan
from nepi.plan.static_routes import subnets_of
from tests.plan.world import CATALOGUE, World


def chain(*names: str, **link: Any) -> tuple[World, list[int]]:
    world = World()
    nodes = world.nodes(*names)
    for first, second in zip(nodes, nodes[1:], strict=False):
        world.add("Link", first, second, **link)
    return world, nodes


def test_the_ends_of_a_chain_get_default_routes_and_its_router_needs_none() -> None:
    world, (a, b, c) = chain("a", "b", "c")
    assert world.plan().routes == {
        a: (RoutePlan("10.0.0.2", "10.0.0.1/30", ("0.0.0.0/0",)), RoutePlan("fd00::2", "fd00::1/64", ("::/0",))),
        c: (RoutePlan("10.0.0.5", "10.0.0.6/30", ("0.0.0.0/0",)), RoutePlan("fd00:0:0:1::1", "fd00:0:0:1::2/64", ("::/0",))),
    }
    assert b not in world.plan().routes


def test_a_router_gets_one_route_for_subnets_that_lie_beside_each_other_behind_one_neighbour() -> None:
    world, nodes = chain(*"abcdefghij")
    routes = world.plan(networks=("10.0.0.0/8",)).routes
    assert routes[nodes[1]] == (RoutePlan("10.0.0.6", "10.0.0.5/30", ("10.0.0.8/29", "10.0.0.16/28", "10.0.0.32/30")),)
    assert routes[nodes[4]] == (
        RoutePlan("10.0.0.13", "10.0.0.14/30", ("10.0.0.0/29", "10.0.0.8/30")),
        RoutePlan("10.0.0.18", "10.0.0.17/30", ("10.0.0.20/30", "10.0.0.24/29", "10.0.0.32/30")),
    )


def test_nodes_on_one_network_need_no_routes() -> None:
    world = World()
    s = world.add("Switch")
    for node in world.nodes("a", "b", "c"):
        world.add("Link", node, s)
    assert world.plan().routes == {}


def test_a_host_on_a_lan_of_two_routers_has_one_as_default_and_what_is_nearer_by_the_other_apart() -> None:
    world = World()
    host, left, right = world.nodes("host", "left", "right")
    s = world.add("Switch")
    for node in (host, left, right):
        world.add("Link", node, s)
    for number, router in enumerate((left, left, right)):
        world.add("Link", router, world.add("Node", name=f"end{number}"))
    assert world.plan(networks=("10.0.0.0/8",)).routes[host] == (
        RoutePlan("10.0.0.2", "10.0.0.1/24", ("0.0.0.0/0",)),
        RoutePlan("10.0.0.3", "10.0.0.1/24", ("10.0.1.8/30",)),
    )


def test_a_node_that_does_not_forward_is_on_nobodys_way() -> None:
    world, (a, b, c) = chain("a", "b", "c")
    world.description.resources[b - 1].attributes["forwarding"] = False
    world.add("Ping", a, name="p", target=Reference(c))
    planned = world.plan()
    assert planned.routes == {}
    assert planned.warnings == (
        "t::Ping 'p' has attribute 'target' set to t::Node 'c', to which no route leads from t::Node 'a': "
        "nodes on the way have forwarding=False, or no addresses",
    )


@pytest.mark.parametrize(("routing", "with_routes"), [("static", "abcd"), ("hosts", "ad"), ("none", "")])
def test_routes_go_to_whom_the_experiment_says(routing: str, with_routes: str) -> None:
    world, nodes = chain("a", "b", "c", "d")
    assert set(world.plan(routing=routing).routes) == {node for node, name in zip(nodes, "abcd", strict=True) if name in with_routes}


def test_what_a_node_says_of_its_routes_counts_more() -> None:
    world, (a, b, c, d) = chain("a", "b", "c", "d")
    world.description.resources[b - 1].attributes["routing"] = "static"
    world.description.resources[a - 1].attributes["routing"] = "none"
    assert set(world.plan(routing="hosts").routes) == {b, d}


def test_a_node_with_a_routing_daemon_gets_no_routes_of_the_daemons_version() -> None:
    world, (a, b, c, d) = chain("a", "b", "c", "d")
    world.add("Ospf", b)
    world.add("Ospf", c)
    world.description.resources[c - 1].attributes["routing"] = "static"
    routes = world.plan().routes
    assert {node: [one.via for one in rows] for node, rows in routes.items()} == {
        a: ["10.0.0.2", "fd00::2"],
        b: ["fd00:0:0:1::2"],
        c: ["10.0.0.5", "fd00:0:0:1::1"],
        d: ["10.0.0.9", "fd00:0:0:2::1"],
    }


def test_routes_of_ones_own_win_and_the_rest_is_routed_around_them() -> None:
    world, (a, b, c, d) = chain("a", "b", "c", "d")
    world.add("Route", a, network="10.0.0.4", prefix=30, nexthop="10.0.0.2")
    world.add("Route", d, network="default", nexthop="10.0.0.9")
    routes = world.plan(networks=("10.0.0.0/8",)).routes
    assert routes[a] == (RoutePlan("10.0.0.2", "10.0.0.1/30", ("10.0.0.8/30",)),)
    assert d not in routes


def test_weights_choose_the_way() -> None:
    world = World()
    a, b, c = world.nodes("a", "b", "c")
    world.add("Link", a, b, weight=5)
    world.add("Link", b, c, weight=1)
    world.add("Link", a, c, weight=1)
    assert world.plan(networks=("10.0.0.0/8",)).routes == {
        a: (RoutePlan("10.0.0.10", "10.0.0.9/30", ("10.0.0.4/30",)),),
        b: (RoutePlan("10.0.0.6", "10.0.0.5/30", ("10.0.0.8/30",)),),
        c: (RoutePlan("10.0.0.5", "10.0.0.6/30", ("10.0.0.0/30",)),),
    }


def test_a_later_increment_changes_the_routes_of_earlier_nodes() -> None:
    world, (a, b, c) = chain("a", "b", "c")
    first = world.plan()
    d = world.add("Node", name="d")
    world.add("Link", c, d)
    second = world.plan(earlier=first)
    assert b not in first.routes
    assert [one.to for one in second.routes[b]] == [("10.0.0.8/30",), ("fd00:0:0:2::/64",)]
    assert (set(second.routes), second.routes[a]) == ({a, b, c, d}, first.routes[a])


def test_an_increment_without_network_keeps_the_routes() -> None:
    world, (a, _, c) = chain("a", "b", "c")
    first = world.plan()
    world.add("Ping", a, target=Reference(c))
    assert world.plan(earlier=first).routes == first.routes
    assert Plan.from_record(first.to_record()) == first


def test_a_target_without_any_way_of_links_is_a_mistake() -> None:
    world, (a, _) = chain("a", "b")
    c, d = world.nodes("c", "d")
    world.add("Link", c, d)
    world.add("Ping", a, name="p", target=Reference(d))
    with pytest.raises(PlanError) as caught:
        world.plan()
    assert caught.value.mistakes == (
        "t::Ping 'p' has attribute 'target' set to t::Node 'd', but no links lead there from t::Node 'a': "
        "join the two parts of the network",
    )


def test_a_target_is_meant_by_the_address_that_routes_lead_to() -> None:
    world = World()
    a, router, b, dead = world.nodes("a", "router", "b", "dead")
    world.add("Link", b, dead)  # the first address of b is on a network that nobody routes to
    world.add("Link", a, router)
    world.add("Link", router, b)
    world.description.resources[b - 1].attributes["forwarding"] = False
    ping = world.add("Ping", a, target=Reference(b))
    assert world.plan().values == {ping: {"target": "10.0.0.10"}}


def test_one_network_in_two_places_is_a_warning_and_the_nearer_one_is_meant() -> None:
    world, (_, b, c, d, e) = chain("a", "b", "c", "d", "e")
    for node in (b, e):
        near = world.add("Interface", node, ip="192.168.0.1", prefix=24)
        far = world.add("Interface", world.add("Node", name=f"far{node}"), ip="192.168.0.2", prefix=24)
        world.add("Link", near, far)
    planned = world.plan(networks=("10.0.0.0/8",))
    assert planned.warnings == ("2 separate networks have the addresses 192.168.0.0/24: static routes lead to the nearest of them",)
    via = {node: one.via for node in (c, d) for one in planned.routes[node] if "192.168.0.0/24" in one.to}
    assert via == {c: "10.0.0.5", d: "10.0.0.14"}


def test_the_way_of_packets_is_told_by_the_interfaces_that_they_pass() -> None:
    world, (a, b, c) = chain("a", "b", "c")
    planned = world.plan()
    steps = steps_to(planned, a, "10.0.0.6")
    assert steps is not None
    assert [(sender.node, sender.ifname, taker.node, taker.ifname) for sender, taker in steps] == [
        (a, "eth0", b, "eth0"),
        (b, "eth1", c, "eth0"),
    ]
    assert steps_to(planned, a, "10.0.0.1") == ()
    assert steps_to(planned, a, "192.0.2.1") is None
    assert steps_to(planned, a, "b") is None
    assert steps_to(world.plan(routing="none"), a, "10.0.0.6") is None


def test_a_plan_shows_its_routes() -> None:
    world, _ = chain(*"abcdefg")
    (section,) = (one for one in describe_plan(world.plan(networks=("10.0.0.0/8",)), world.description, CATALOGUE) if one.title == "Routes")
    assert section.columns == ("node", "over", "next", "to")
    assert section.rows[:3] == (
        ("a", "10.0.0.1/30", "b (10.0.0.2)", "default"),
        ("b", "10.0.0.5/30", "c (10.0.0.6)", "10.0.0.8/29 10.0.0.16/29"),
        ("c", "10.0.0.6/30", "b (10.0.0.5)", "10.0.0.0/30"),
    )


@pytest.mark.parametrize(
    ("first", "last", "subnets"),
    [
        ("10.0.0.0", "10.0.0.3", ["10.0.0.0/30"]),
        ("10.0.0.4", "10.0.0.23", ["10.0.0.4/30", "10.0.0.8/29", "10.0.0.16/29"]),
        ("0.0.0.0", "255.255.255.255", ["0.0.0.0/0"]),
    ],
)
def test_a_range_of_addresses_is_written_as_the_fewest_subnets(first: str, last: str, subnets: list[str]) -> None:
    assert [str(one) for one in subnets_of(4, int(ip_address(first)), int(ip_address(last)))] == subnets


# Whatever the graph: packets arrive, and do not circle.


def follow(planned: Plan, start: int, target: str) -> list[int]:
    """Return the nodes that a packet passes, as their routing tables say; the last one has the target's address."""
    holder = {
        text.partition("/")[0]: end.node for ends in planned.interfaces.values() for end in ends for text in (*end.addresses, *end.given)
    }
    tables: dict[int, list[tuple[Any, str]]] = {}
    for ends in planned.interfaces.values():
        for end in ends:
            for text in (*end.addresses, *end.given):
                tables.setdefault(end.node, []).append((ip_interface(text).network, ""))
    for node, routes in planned.routes.items():
        tables.setdefault(node, []).extend((ip_network(to), one.via) for one in routes for to in one.to)
    wanted, here, path = ip_address(target), start, [start]
    while target not in planned.node_addresses[here]:
        matching = [(network.prefixlen, via) for network, via in tables[here] if network.version == wanted.version and wanted in network]
        assert matching, f"no route at {here} to {target}: {path}"
        here = holder[max(matching)[1] or target]
        assert here not in path, f"a loop on the way to {target}: {path}, {here}"
        path.append(here)
    return path


@st.composite
def networks_of_nodes(draw: st.DrawFn) -> World:
    """A random connected graph: each new node or switch is linked to one before, some more links, hosts on switches, weights."""
    world = World()
    places = [world.add("Node", name="n0")]
    for number in range(1, draw(st.integers(2, 9))):
        kind = draw(st.sampled_from(["Node", "Node", "Switch"]))
        place = world.add(kind, name=f"n{number}")
        world.add("Link", draw(st.sampled_from(places)), place, **draw(weights))
        places.append(place)
    nodes = [place for place in places if world.description.resources[place - 1].rtype == "t::Node"]
    for first, second in draw(st.lists(st.tuples(st.sampled_from(nodes), st.sampled_from(places)), max_size=5)):
        if first != second:
            world.add("Link", first, second, **draw(weights))
    return world


weights = st.one_of(st.just({}), st.builds(lambda weight: {"weight": weight}, st.sampled_from([0.5, 1, 1, 2, 10])))


@given(networks_of_nodes())
def test_in_any_connected_network_every_address_of_every_node_is_reached_without_loops(world: World) -> None:
    try:
        planned = world.plan()
    except PlanError as error:
        # A node with two links into one LAN is refused by other checks.
        assert all("overlapping" in mistake or "loop of switches" in mistake for mistake in error.mistakes)  # noqa: PT017
        return
    for start, goal in permutations(planned.node_addresses, 2):
        for address in planned.node_addresses[goal]:
            path = follow(planned, start, address)
            assert path[-1] == goal
            assert [start, *(taker.node for _, taker in steps_to(planned, start, address) or ())] == path
    assert Plan.from_record(planned.to_record()) == planned
