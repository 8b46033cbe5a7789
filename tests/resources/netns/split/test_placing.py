"""Who is on which host, as far as nothing has to be made for it."""

from __future__ import annotations

from typing import Any

import pytest

from nepi import ExperimentController, Topology
from nepi.errors import BadValueError
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Remark
from nepi.resources.netns.link import check_link
from nepi.resources.netns.machines import Underlay, vni_of
from tests.formats.conftest import Load, load

__all__ = ["load"]


def hosts_of(ec: ExperimentController) -> dict[str, str]:
    return {one.name: str(one.attributes["host"]) for one in ec.describe().resources if "host" in one.attributes}


def test_a_topology_is_built_on_hosts_each_of_which_gets_its_share() -> None:
    ec = ExperimentController("x", backend="netns")
    machines = [ec.add("linux::Node", name=name, hostname=name) for name in ("h1", "h2")]
    ec.build(Topology.linear(4), hosts=machines)
    assert hosts_of(ec) == {"n1": "h1", "n2": "h1", "n3": "h2", "n4": "h2"}


def test_hosts_have_weights_and_nodes_may_say_where_they_are() -> None:
    ec = ExperimentController("x", backend="netns")
    small, large = (ec.add("linux::Node", name=name, hostname=name) for name in ("small", "large"))
    ec.build(Topology.linear(4).with_nodes("n1", host="large"), hosts={small: 1, large: 3})
    assert hosts_of(ec) == {"n1": "large", "n2": "large", "n3": "large", "n4": "small"}


def test_a_node_on_a_host_that_is_not_among_them_is_a_mistake() -> None:
    ec = ExperimentController("x", backend="netns")
    with pytest.raises(BadValueError, match="node 'n1' is to be on 'h9', which is none of the machines"):
        ec.build(Topology.linear(4).with_nodes("n1", host="h9"), hosts=["h1", "h2"])
    assert ec.resources == []


def test_files_say_it_with_the_topology_and_with_each_node(load: Load) -> None:
    ec = load(
        "experiment: x\nbackend: netns\ntopology: {linear: 4, hosts: [h1, h2]}\n"
        "nodes:\n  h1: {type: 'linux::Node', hostname: h1}\n  h2: {type: 'linux::Node', hostname: h2}\n  extra: {host: h2}\n"
        "links: [{ends: [extra, n4]}]\n"
    )
    assert hosts_of(ec) == {"n1": "h1", "n2": "h1", "n3": "h2", "n4": "h2", "extra": "h2"}
    saved = ec.describe()
    assert next(one for one in saved.resources if one.name == "extra").attributes["host"] == "h2"


def test_weights_in_a_file(load: Load) -> None:
    ec = load("experiment: x\nbackend: netns\ntopology: {linear: 3, hosts: {h1: 2, h2: 1}}\n")
    assert sorted(hosts_of(ec).values()) == ["h1", "h1", "h2"]


def crossing(*hosts: str | None, **attributes: Any) -> list[str]:
    peers = [
        ResourceDescription(number, "netns::Node", f"n{number}", {"host": host} if host else {}) for number, host in enumerate(hosts, 1)
    ]
    return list(check_link(ResourceDescription(9, "netns::Link", "l", attributes, (1, 2)), peers, {}))


def test_a_link_from_a_host_to_this_machine_is_a_mistake() -> None:
    (mistake, _) = crossing("h1", None)
    assert mistake == "has one end on h1 and 'n2' on this machine: give 'n2' a host, too"
    assert not isinstance(mistake, Remark)


def test_the_plan_says_what_packets_fit_into_links_between_hosts() -> None:
    (remark,) = crossing("h1", "h2")
    assert isinstance(remark, Remark)
    assert "VXLAN" in remark
    (remark,) = crossing("h1", "h2", mtu=1500)
    assert "an mtu of 1500 between machines makes fragments" in remark
    assert crossing("h1", "h2", mtu=1400) == crossing("h1", "h1") == []


def test_values_that_do_not_go_together_are_mistakes_between_hosts_too() -> None:
    assert "jitter needs a delay, which it varies: set delay, too" in crossing("h1", "h2", jitter=0.01)


def test_numbers_of_tunnels_differ_within_a_run_and_fit() -> None:
    numbers = {vni_of("x/run", link) for link in range(5000)}
    assert len(numbers) == 5000
    assert 1 <= min(numbers) <= max(numbers) < 2**24
    assert numbers.isdisjoint({vni_of("x/another", link) for link in range(5000)})


def test_what_fits_into_a_packet_is_less_by_the_tunnels_headers() -> None:
    assert [Underlay("10.0.0.1", mtu).inner_mtu_bytes for mtu in (1500, 1550, 9000, 1400)] == [1450, 1500, 1500, 1350]
    assert Underlay("fd00::1", 1500).inner_mtu_bytes == 1430
