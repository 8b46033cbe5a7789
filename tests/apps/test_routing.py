"""What routing daemons are told and what they say, without running one."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.apps.routing import Bird, Frr, linkdown_argv
from nepi.apps.routing_config import OspfSettings, RoutedInterface, bird_config, networks_to_reach, ospfd_config, routed_interfaces
from nepi.apps.routing_output import RoutingResult, parse_routing_log, routes_in
from nepi.errors import TraceError
from nepi.model.experiment import ResourceDescription
from nepi.plan.result import InterfacePlan, Plan
from tests.apps.recordings import recorded

SETTINGS = OspfSettings("10.0.0.1", "0", 1, 4, 10)
INTERFACES = (RoutedInterface("eth0", ("10.0.0.1/30",), frozenset({2}), True), RoutedInterface("eth1", ("10.0.0.9/24",)))


def end(node: int, link: int, ifname: str, address: str, *neighbours: str) -> InterfacePlan:
    return InterfacePlan(
        node, link, ifname, "02:00:00:00:00:01", (address, "fd00::1/64"), neighbours=tuple((one, "mac") for one in neighbours)
    )


PLAN = Plan(
    # 1 and 2 are routers on a link, 3 is a host beside 2, 4 a router that nobody reaches.
    interfaces={
        10: (end(1, 10, "eth0", "10.0.0.1/30", "10.0.0.2"), end(2, 10, "eth0", "10.0.0.2/30", "10.0.0.1")),
        11: (end(2, 11, "eth1", "10.0.0.5/30", "10.0.0.6"), end(3, 11, "eth0", "10.0.0.6/30", "10.0.0.5")),
        12: (end(4, 12, "eth0", "10.0.0.9/30"),),
    },
    node_addresses={1: ("10.0.0.1",), 2: ("10.0.0.2", "10.0.0.5"), 3: ("10.0.0.6",), 4: ("10.0.0.9",)},
)


def test_the_interfaces_of_a_router_are_those_of_the_plan() -> None:
    assert routed_interfaces(PLAN, 2, {1, 2, 4}) == (
        RoutedInterface("eth0", ("10.0.0.2/30",), frozenset({1}), True),
        RoutedInterface("eth1", ("10.0.0.5/30",), frozenset(), True),
    )


def test_the_networks_to_reach_are_those_of_the_routers_on_the_way() -> None:
    assert networks_to_reach(PLAN, 1, {1, 2, 4}) == {"10.0.0.0/30", "10.0.0.4/30"}
    assert networks_to_reach(PLAN, 4, {1, 2, 4}) == {"10.0.0.8/30"}


def test_configurations_name_every_interface() -> None:
    bird, ospfd = bird_config(SETTINGS, INTERFACES), ospfd_config(SETTINGS, INTERFACES)
    assert '    interface "eth0" { type pointopoint; cost 10; hello 1; dead 4; };\n' in bird
    assert '    interface "eth1" { type broadcast; cost 10; hello 1; dead 4; };\n' in bird
    assert "router id 10.0.0.1;\n" in bird
    assert "interface eth0\n ip ospf area 0\n ip ospf network point-to-point\n ip ospf cost 10\n" in ospfd
    assert "router ospf\n ospf router-id 10.0.0.1\n" in ospfd


@pytest.mark.parametrize("daemon", ["bird", "frr"])
def test_logs_tell_when_neighbours_were_full_and_when_one_was_lost(daemon: str) -> None:
    result = parse_routing_log(recorded(f"routing/{daemon}"))
    full = [(one.interface, one.router) for one in result.changes if one.after == "Full"]
    assert sorted(full) == [("eth0", "10.0.0.2"), ("eth1", "10.0.0.10")]
    number = next(number for number, one in enumerate(result.changes) if one.before == "Full")
    lost = result.changes[number]
    assert (lost.router, lost.interface, lost.after) == ("10.0.0.2", "eth0", "Down")
    assert RoutingResult(result.changes[:number]).full() == set(full)
    assert RoutingResult(result.changes[: number + 1]).full() == {("eth1", "10.0.0.10")}
    assert [one.at for one in result.changes] == sorted(one.at for one in result.changes)


def test_routes_by_a_dead_interface_do_not_count() -> None:
    rows = '[{"dst":"default"},{"dst":"10.0.0.4/30","flags":[]},{"dst":"10.0.0.0/30","flags":["dead","linkdown"]},{"dst":"10.0.0.9"}]'
    assert routes_in(rows) == {"0.0.0.0/0", "10.0.0.4/30", "10.0.0.9/32"}
    assert routes_in("") == frozenset()
    with pytest.raises(TraceError, match="not a list of routes"):
        routes_in('{"dst": 1')


@given(st.binary(max_size=200))
def test_any_log_is_read(data: bytes) -> None:
    with suppress(TraceError):
        parse_routing_log(data)


def mistakes(kind: type[Bird] | type[Frr], facts: dict[str, object], **values: object) -> list[str]:
    assert kind.check is not None
    return list(kind.check(ResourceDescription(1, "x::Bird", "daemon", dict(values)), (), facts))


def test_values_that_a_daemon_would_refuse_are_mistakes() -> None:
    assert mistakes(Bird, {}) == mistakes(Bird, {"rootless": True}) == mistakes(Frr, {}, area="1", helloInterval=2) == []
    assert mistakes(Bird, {}, area="a") == ["attribute 'area': 'a' is neither a number nor like 0.0.0.0"]
    assert len(mistakes(Bird, {}, area="1.2.3.256", helloInterval=4)) == 2


def test_frr_needs_root() -> None:
    (mistake,) = mistakes(Frr, {"rootless": True})
    assert mistake == "FRR's daemons become the user frr, which a user namespace does not have: run it as root, or use Bird"


def test_networks_of_interfaces_without_a_carrier_are_to_be_left_out() -> None:
    assert linkdown_argv(["eth0"])[3:] == [f"net/ipv4/conf/{name}/ignore_routes_with_linkdown=1" for name in ("all", "eth0")]
