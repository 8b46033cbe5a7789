from __future__ import annotations

import json

import pytest

from nepi import ExperimentController, Handle
from nepi.errors import PlanError
from tests.resources.netns.conftest import reaches, sh, up

pytestmark = pytest.mark.netns


def described_one_by_one(ec: ExperimentController) -> dict[str, int]:
    """The graph that programs of version 6.1.2 register: everything by hand, two switches and a router between them."""
    made: dict[str, int] = {}
    for name in ("left", "router", "right"):
        made[name] = ec.register_resource("netns::Node")
    for name in ("west", "east"):
        made[name] = ec.register_resource("netns::Switch")
    table = [
        ("left", "west", "192.168.1.1"),
        ("router", "west", "192.168.1.254"),
        ("router", "east", "192.168.2.254"),
        ("right", "east", "192.168.2.1"),
    ]
    for node, switch, ip in table:
        interface = made[f"{node}-{switch}"] = ec.register_resource("netns::NodeInterface")
        ec.register_connection(interface, made[node])
        ec.register_connection(interface, made[switch])
        address = made[ip] = ec.register_resource("netns::IPv4Address")
        ec.set(address, "ip", ip)
        ec.set(address, "prefix", "24")
        ec.register_connection(address, interface)
    for node, network, hop in (("left", "192.168.2.0", "192.168.1.254"), ("right", "192.168.1.0", "192.168.2.254")):
        route = made[f"route-{node}"] = ec.register_resource("netns::IPv4Route")
        for name, value in (("network", network), ("prefix", "24"), ("nexthop", hop)):
            ec.set(route, name, value)
        ec.register_connection(route, made[node])
    return made


def test_a_graph_of_explicit_interfaces_addresses_and_routes(ec: ExperimentController) -> None:
    made = described_one_by_one(ec)
    ping = ec.register_resource("netns::Ping", count=2, interval="10ms", target="192.168.2.1")
    ec.register_connection(ping, made["left"])
    ec.deploy()
    ec.wait_finished(ping)
    assert ec.state(ping, hr=True) == "FINISHED"
    result = ec.handle(ping).result
    assert (result.received, {reply.ttl for reply in result.replies}) == (2, {63})


def test_the_route_of_a_graph_is_given_back_in_mid_run(ec: ExperimentController) -> None:
    made = described_one_by_one(ec)
    up(ec)
    left = ec.handle(made["left"])
    assert reaches(ec, left, "192.168.2.1")
    ec.release([made["route-left"]])
    assert not reaches(ec, left, "192.168.2.1")
    assert "192.168.2.0" not in sh(ec, left, "ip route show")


def test_an_address_is_given_back_in_mid_run(ec: ExperimentController) -> None:
    made = described_one_by_one(ec)
    up(ec)
    ec.release([made["192.168.1.1"]])
    assert "192.168.1.1" not in sh(ec, ec.handle(made["left"]), "ip address show")


def test_an_interface_goes_down_and_up_and_gets_its_addresses_and_routes_again(ec: ExperimentController) -> None:
    made = described_one_by_one(ec)
    up(ec)
    interface, left = made["left-west"], ec.handle(made["left"])
    ec.set(interface, "up", False)
    assert not reaches(ec, left, "192.168.1.254")
    ec.set(interface, "up", True)
    assert reaches(ec, left, "192.168.2.1")
    assert ec.get(interface, "up") is True


def router_between(ec: ExperimentController) -> tuple[Handle, Handle, Handle]:
    a, router, b = (ec.add("Node", name=name) for name in ("a", "router", "b"))
    ec.add("Link", a, router)
    ec.add("Link", router, b)
    return a, router, b


def test_both_versions_of_ip_pass_a_router(ec: ExperimentController) -> None:
    a, router, b = router_between(ec)
    plan = ec.check()
    at_a, at_b = plan.node_addresses[router.guid][:2], plan.node_addresses[router.guid][2:]
    for node, (hop4, hop6) in ((a, at_a), (b, at_b)):
        ec.add("IPv4Route", node, network="default", nexthop=hop4)
        ec.add("IPv6Route", node, network="default", nexthop=hop6)
    up(ec)
    assert reaches(ec, a, "b")
    assert reaches(ec, b, "a.ip6")


def test_a_next_hop_may_be_the_router_itself(ec: ExperimentController) -> None:
    a, router, b = router_between(ec)
    ec.add("IPv4Route", a, network="10.0.0.4", prefix=30, nexthop=router)
    ec.add("IPv4Route", b, network="default", nexthop=router)
    up(ec)
    assert reaches(ec, a, "b")


def test_a_node_that_does_not_forward_is_no_router(ec: ExperimentController) -> None:
    a, router, b = router_between(ec)
    ec.set(router, "forwarding", False)
    for node in (a, b):
        ec.add("IPv4Route", node, network="default", nexthop=router)
    up(ec)
    assert reaches(ec, a, "router")
    assert not reaches(ec, a, "b")


def test_interfaces_on_a_link_have_the_names_and_addresses_that_were_asked_for(ec: ExperimentController) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    left = ec.add("NodeInterface", a, deviceName="wan0", mac="02:aa:00:00:00:01", ip="192.0.2.1", prefix=24, mtu=1400)
    right = ec.add("NodeInterface", b, ip="192.0.2.2", prefix=24)
    link = ec.add("Link", left, right, rate="10Mbit")
    up(ec)
    (wan,) = json.loads(sh(ec, a, "ip -j address show dev wan0"))
    assert (wan["address"], wan["mtu"]) == ("02:aa:00:00:00:01", 1400)
    assert "192.0.2.1" in [one["local"] for one in wan["addr_info"]]
    assert reaches(ec, a, "192.0.2.2")
    ec.set(left, "up", False)
    assert not reaches(ec, b, "192.0.2.1")
    ec.set(left, "up", True)
    assert reaches(ec, b, "192.0.2.1")
    ec.release([right])
    assert not reaches(ec, a, "192.0.2.2")
    assert link.state.name == "STARTED"


def test_an_ipv6_address_of_ones_own_is_usable_at_once(ec: ExperimentController) -> None:
    switch = ec.add("Switch")
    for name, ip in (("a", "2001:db8::a"), ("b", "2001:db8::b")):
        interface = ec.add("NodeInterface", ec.add("Node", name=name), switch)
        ec.add("IPv6Address", interface, ip=ip, prefix=64)
    up(ec)
    assert reaches(ec, "a", "2001:db8::b")
    assert reaches(ec, "b", "a.ip6")


def test_an_address_of_the_other_version_is_a_mistake_of_the_plan(ec: ExperimentController) -> None:
    interface = ec.add("NodeInterface", ec.add("Node"), ec.add("Switch"))
    ec.add("IPv4Address", interface, ip="2001:db8::1", prefix=64)
    with pytest.raises(PlanError, match="is of IPv6: use the type IPv6Address"):
        ec.deploy()


def test_two_interfaces_with_one_address_are_a_mistake_of_the_plan(ec: ExperimentController) -> None:
    switch = ec.add("Switch")
    for name in ("a", "b"):
        ec.add("NodeInterface", ec.add("Node", name=name), switch, ip="192.0.2.1", prefix=24)
    with pytest.raises(PlanError, match=r"192\.0\.2\.1.*take another one"):
        ec.deploy()
