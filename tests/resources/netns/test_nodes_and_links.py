from __future__ import annotations

import json
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.errors import PlanError, ResourceError
from tests.resources.netns.conftest import SOON, reaches, sh, up, wait_gone

pytestmark = pytest.mark.netns


def two(ec: ExperimentController, **values: Any) -> tuple[Handle, Handle, Handle]:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    return a, b, ec.add("Link", a, b, name="link", **values)


def addresses(ec: ExperimentController, node: Handle | str) -> dict[str, list[str]]:
    found = json.loads(sh(ec, node, "ip -j address show"))
    return {
        one["ifname"]: sorted(f"{info['local']}/{info['prefixlen']}" for info in one["addr_info"] if info["scope"] == "global")
        for one in found
    }


def test_a_link_gives_interfaces_addresses_and_names(ec: ExperimentController) -> None:
    a, b, _ = two(ec)
    up(ec)
    assert addresses(ec, a) == {"lo": [], "eth0": ["10.0.0.1/30", "fd00::1/64"]}
    assert addresses(ec, b) == {"lo": [], "eth0": ["10.0.0.2/30", "fd00::2/64"]}
    assert reaches(ec, a, "b")
    assert reaches(ec, b, "a.ip6")
    assert "b" in sh(ec, a, "getent hosts 10.0.0.2")


def test_a_node_is_a_world_of_its_own_with_a_loopback(ec: ExperimentController) -> None:
    a = ec.add("Node", name="a")
    up(ec)
    assert reaches(ec, a, "127.0.0.1")
    assert reaches(ec, a, "::1")
    assert addresses(ec, a) == {"lo": []}


def test_neighbours_are_permanent_and_nobody_asks_for_them(ec: ExperimentController) -> None:
    a, _, _ = two(ec)
    up(ec)
    found = json.loads(sh(ec, a, "ip -j -4 neighbour show"))
    assert [(one["dst"], one["state"]) for one in found] == [("10.0.0.2", ["PERMANENT"])]


def test_nodes_on_a_switch_reach_each_other(ec: ExperimentController) -> None:
    switch = ec.add("Switch", name="switch")
    nodes = [ec.add("Node", name=f"n{number}") for number in range(4)]
    for node in nodes:
        ec.add("Link", node, switch)
    up(ec)
    assert all(reaches(ec, nodes[0], node.name) for node in nodes[1:])


def test_an_mtu_is_that_of_both_ends(ec: ExperimentController) -> None:
    a, b, link = two(ec, mtu=9000)
    up(ec)
    assert all("mtu 9000" in sh(ec, node, "ip link show eth0") for node in (a, b))
    ec.set(link, "mtu", 1400)
    assert "mtu 1400" in sh(ec, a, "ip link show eth0")
    assert "mtu 1400" in sh(ec, b, "ip link show eth0")


def test_an_mtu_too_small_for_ipv6_leaves_ipv4(ec: ExperimentController) -> None:
    a, _, link = two(ec, mtu=576)
    up(ec)
    assert addresses(ec, a)["eth0"] == ["10.0.0.1/30"]
    assert reaches(ec, a, "b")
    ec.set(link, "mtu", 1500)
    assert addresses(ec, a)["eth0"] == ["10.0.0.1/30", "fd00::1/64"]


def test_a_link_between_two_nodes_goes_down_and_up_and_all_is_as_before(ec: ExperimentController) -> None:
    a, b, link = two(ec)
    far = ec.add("Node", name="far")
    ec.add("Link", b, far)
    ec.add("IPv4Route", a, network="default", nexthop=b)
    ec.add("IPv4Route", far, network="default", nexthop=b)
    up(ec)
    before = addresses(ec, b)
    assert reaches(ec, a, "far")
    ec.set(link, "up", False)
    assert not reaches(ec, a, "b")
    ec.set(link, "up", True)
    assert reaches(ec, a, "b")
    assert reaches(ec, b, "a.ip6")
    assert reaches(ec, a, "far")
    assert addresses(ec, b) == before


def test_a_link_at_a_switch_goes_down_like_a_pulled_cable(ec: ExperimentController) -> None:
    switch = ec.add("Switch")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", a, switch)
    ec.add("Link", b, switch)
    up(ec)
    ec.set(link, "up", False)
    assert "NO-CARRIER" in sh(ec, a, "ip link show eth0")
    assert addresses(ec, a)["eth0"] == ["10.0.0.1/24", "fd00::1/64"]
    assert not reaches(ec, b, "a")
    ec.set(link, "up", True)
    assert reaches(ec, b, "a")


def test_a_switch_that_is_down_forwards_nothing(ec: ExperimentController) -> None:
    switch = ec.add("Switch")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    for node in (a, b):
        ec.add("Link", node, switch)
    up(ec)
    ec.set(switch, "up", False)
    assert not reaches(ec, a, "b")
    ec.set(switch, "up", True)
    assert reaches(ec, a, "b")


def test_a_link_can_be_described_as_down(ec: ExperimentController) -> None:
    a, _, link = two(ec, up=False)
    up(ec)
    assert not reaches(ec, a, "b")
    ec.set(link, "up", True)
    assert reaches(ec, a, "b")


def test_a_link_released_in_mid_run_is_gone(ec: ExperimentController) -> None:
    a, b, link = two(ec)
    up(ec)
    ec.release([link])
    assert not reaches(ec, a, "b")
    for node in (a, b):
        wait_gone(ec, node, "eth0")


def test_a_node_released_in_mid_run_takes_its_links_along(ec: ExperimentController) -> None:
    a, b, link = two(ec)
    up(ec)
    ec.release([a])
    assert link.state.name == "RELEASED"
    wait_gone(ec, b, "eth0")


def test_a_node_added_later_is_known_to_the_others_by_name(ec: ExperimentController) -> None:
    switch = ec.add("Switch")
    a = ec.add("Node", name="a")
    ec.add("Link", a, switch)
    up(ec)
    late = ec.add("Node", name="late")
    ec.add("Link", late, switch)
    up(ec)
    assert reaches(ec, a, "late")
    assert reaches(ec, late, "a")


def test_who_gets_the_address_of_a_released_node_is_reached_by_it(ec: ExperimentController) -> None:
    switch = ec.add("Switch")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    for node in (a, b):
        ec.add("Link", node, switch)
    up(ec)
    old = ec.plan.node_addresses[b.guid]
    ec.release([b])
    for guid in [guid for guid in ec.resources if ec.state(guid, hr=True) == "RELEASED"]:
        ec.remove_resource(guid)
    new = ec.add("Node", name="new")
    ec.add("Link", new, switch)
    up(ec)
    assert ec.plan.node_addresses[new.guid] == old
    assert reaches(ec, a, "new")


def test_what_the_kernel_cannot_do_is_a_mistake_of_the_plan(ec: ExperimentController) -> None:
    from nepi.resources.netns import probe

    if probe()["features"]["netem"]:
        pytest.skip("needs netem to be missing")
    two(ec, delay="20ms", loss="1%", implementation="kernel")
    with pytest.raises(PlanError, match=r"'link'.*delay, loss cannot be had: this kernel has no netem"):
        ec.run()


def test_what_the_kernel_cannot_do_is_refused_at_run_time_and_nothing_changes(ec: ExperimentController) -> None:
    from nepi.resources.netns import probe

    if probe()["features"]["netem"]:
        pytest.skip("needs netem to be missing")
    a, _, link = two(ec)
    up(ec)
    with pytest.raises(ResourceError, match="no netem"):
        ec.set(link, "delay", "20ms")
    assert ec.get(link, "delay") is None
    assert reaches(ec, a, "b")


def test_names_that_a_shell_would_read_otherwise_are_plain_names(ec: ExperimentController) -> None:
    a, b = ec.add("Node", name="a:1@x+y.z"), ec.add("Node", name="b")
    ec.add("Link", a, b)
    up(ec)
    assert sh(ec, a, "echo here") == "here\n"
    assert ec.wait_started(ec.resources, SOON)
