"""Topologies on namespaces: every host reaches every other one, over routes that were planned."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from nepi import ExperimentController, Topology
from nepi.errors import PlanError
from nepi.execution.net import Net
from tests.resources.controllers import MakeController
from tests.resources.netns.conftest import reaches, sh, up

pytestmark = pytest.mark.netns


def all_reach_all(ec: ExperimentController, net: Net) -> bool:
    """Whether each computer gets an answer from each, by both versions of IP: one `fping`-like round for each of them."""
    names = [one.name for one in net.nodes]
    for name in names:
        others = " ".join(f"{other} {other}.ip6" for other in names if other != name)
        sh(ec, name, f"for one in {others}; do ping -n -c1 -W2 $one >/dev/null || exit 1; done")
    return True


@pytest.mark.parametrize(
    "topology",
    [
        Topology.dumbbell(2, bottleneck={"rate": "10Mbit"}, access={"rate": "100Mbit"}),
        Topology.grid(3, 3),
        Topology.tree(2, 2, inner="switch"),
        Topology.fat_tree(2),
        Topology.ring(4, hosts=1),
    ],
    ids=str,
)
def test_every_node_reaches_every_other_one(ec: ExperimentController, topology: Topology) -> None:
    net = ec.build(topology)
    up(ec)
    assert all_reach_all(ec, net)


def test_a_chain_of_three_just_works_and_its_numbers_are_those_of_the_plan(ec: ExperimentController) -> None:
    net = ec.build(Topology.linear(3, rate="20Mbit"))
    ping = ec.add("Ping", net.node("n1"), target=net.node("n3"), count=3, interval="10ms")
    client, _ = ec.iperf3(net.sources[0], net.targets[0], duration="1s", name="client")
    client.start_when(ping.finished)
    ec.run()
    assert (ping.result.received, {reply.ttl for reply in ping.result.replies}) == (3, {63})
    assert client.result.throughput_bps == pytest.approx(19.13e6, rel=0.1)


def test_a_bottleneck_is_changed_while_it_is_up(ec: ExperimentController) -> None:
    net = ec.build(Topology.dumbbell(1, bottleneck={"rate": "10Mbit"}))
    # What a second of its sender counts has gone into a buffer; what the receiver counts has come through the bottleneck.
    client, _ = ec.iperf3(net.node("left-1"), net.node("right-1"), duration="4s", interval="1s", reverse=True)
    net.link("bottleneck").set_when(client.started + "1s", rate="2Mbit")
    ec.run()
    rates = [one.throughput_bps for one in client.result.intervals]
    assert rates[0] > 8e6 > 3e6 > rates[3]


def test_delays_of_a_way_add_up_in_user_space_or_kernel(ec: ExperimentController) -> None:
    net = ec.build(Topology.dumbbell(1, bottleneck={"delay": "20ms", "rate": "10Mbit"}, access={"delay": "5ms"}))
    ping = ec.add("Ping", net.node("left-1"), target=net.node("right-1"), count=3, interval="50ms")
    ec.run()
    assert ping.result.received == 3
    assert ping.result.rtt_min_s >= 0.06


def test_routes_come_back_with_an_interface_that_was_down(ec: ExperimentController) -> None:
    net = ec.build(Topology.linear(4))
    up(ec)
    before = {name: sh(ec, name, "ip route; ip -6 route show proto static") for name in ("n1", "n2", "n3", "n4")}
    link = net.link("n2", "n3")
    link.set(up=False)
    assert not reaches(ec, "n1", "n4")
    link.set(up=True)
    assert reaches(ec, "n1", "n4")
    assert reaches(ec, "n4", "n1.ip6")
    link.set(mtu=1000)
    link.set(mtu=1500)
    assert reaches(ec, "n4", "n1.ip6")
    assert {name: sh(ec, name, "ip route; ip -6 route show proto static") for name in before} == before


def test_routes_over_addresses_that_are_resources_come_with_these_and_go_with_these(ec: ExperimentController) -> None:
    a, router, b = (ec.add("Node", name=name) for name in ("a", "router", "b"))
    ec.add("Link", router, b)
    west = ec.add("Switch", name="west")
    address = {}
    for node, ip in ((a, "192.168.1.1"), (router, "192.168.1.254")):
        port = ec.add("NodeInterface", node, west)
        address[node.name] = ec.add("IPv4Address", port, ip=ip, prefix=24)
    up(ec)
    assert reaches(ec, a, "b")
    assert "default via 192.168.1.254" in sh(ec, a, "ip route")
    ec.release([address["a"]])
    assert sh(ec, a, "ip route") == ""


def test_a_later_increment_changes_the_routes_of_nodes_that_are_up(ec: ExperimentController) -> None:
    net = ec.build(Topology.linear(3))
    up(ec)
    d = ec.add("Node", name="d")
    ec.add("Link", net.node("n3"), d)
    up(ec)
    assert reaches(ec, "n1", "d")
    ec.add("Link", d, net.node("n1"))  # a shorter way
    up(ec)
    for first, second in permutations(("n1", "n2", "n3", "d"), 2):
        assert reaches(ec, first, second)
        assert reaches(ec, first, f"{second}.ip6")


def test_a_route_of_ones_own_that_comes_later_takes_the_place_of_the_planned_one(ec: ExperimentController) -> None:
    net = ec.build(Topology.linear(3))
    up(ec)
    assert "proto static" in sh(ec, "n1", "ip route show default")
    ec.add("IPv4Route", net.node("n1"), network="default", nexthop=net.node("n2"))
    up(ec)
    assert len(json.loads(sh(ec, "n1", "ip -j route show default"))) == 1
    assert reaches(ec, "n1", "n3")


def test_without_routing_nobody_beyond_the_next_node_is_reached(controller: MakeController) -> None:
    ec = controller(routing="none")
    ec.build(Topology.linear(3))
    up(ec)
    assert reaches(ec, "n1", "n2")
    assert not reaches(ec, "n1", "n3")


def test_with_routes_of_hosts_only_routers_are_left_to_daemons(ec: ExperimentController) -> None:
    ec.build(Topology.linear(2, hosts=1), routing="hosts")
    up(ec)
    assert "default" in sh(ec, "n1-h1", "ip route")
    assert sh(ec, "n1", "ip route show proto static") == ""


def address_of(ec: ExperimentController, net: Net, node: str, link: str) -> str:
    """Return the IPv4 address of a node on a link."""
    (end,) = (end for end in ec.plan.interfaces[net.link(link).guid] if end.node == net.node(node).guid)
    return end.addresses[0].partition("/")[0]


def test_weights_lead_the_other_way_round(ec: ExperimentController) -> None:
    net = ec.build(Topology.ring(4).with_links("n1--n2", weight=10))
    client, _ = ec.iperf3(net.node("n1"), net.node("n3"), duration="1s")
    for first, second, rate in (("n1", "n2", "1Mbit"), ("n2", "n3", "1Mbit"), ("n3", "n4", "20Mbit"), ("n4", "n1", "50Mbit")):
        net.link(first, second).set(rate=rate)
    up(ec)
    far, hop = address_of(ec, net, "n3", "n2--n3"), address_of(ec, net, "n4", "n4--n1")
    assert f"via {hop}" in sh(ec, "n1", f"ip route get {far}")
    assert ec.wait_finished(client)
    assert ("throughput", "20Mbit (at most 19.13Mbit of data)") in [(row[0], row[1]) for row in client.measured()]


def test_networks_of_a_topology_are_used_and_told_when_they_are_too_small(ec: ExperimentController) -> None:
    net = ec.build(Topology.dumbbell(1, networks=["192.168.7.0/24"]))
    assert {address.split(".")[:3] == ["192", "168", "7"] for address in ec.check().node_addresses[net.node("left-1").guid]} == {True}
    ec.build(Topology.dumbbell(4), networks=["172.16.0.0/28"], prefix="b-")
    with pytest.raises(PlanError) as caught:
        ec.check()
    assert caught.value.mistakes == (
        "the networks for automatic IPv4 addresses (172.16.0.0/28) have room for 4 of 9 subnets; "
        "the first without one is that of netns::Link 'b-right-1--east', which needs a /30: give larger networks",
    )


def test_a_link_that_is_down_from_the_beginning_has_its_routes_when_it_comes_up(ec: ExperimentController) -> None:
    net = ec.build(Topology.linear(4).with_links("n1--n2", up=False).with_links("n3--n4", mtu=1200))
    up(ec)
    assert not reaches(ec, "n1", "n3")
    net.link("n1--n2").set(up=True)
    assert all(reaches(ec, "n1", name) for name in ("n3", "n3.ip6", "n4"))
    net.link("n3--n4").set(mtu=1500)  # IPv6 needs 1280
    assert reaches(ec, "n1", "n4.ip6")
