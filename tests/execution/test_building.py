"""`ec.build`: a topology becomes ordinary resources, found again by the topology's own names."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from nepi import ExperimentController, Topology
from nepi.errors import BadValueError, DescriptionError, UnknownAttributeError, UnknownResourceError, UnknownTypeError
from nepi.execution.deployment import catalogue_of


@pytest.fixture
def ec(tmp_path: Path) -> Generator[ExperimentController]:
    with ExperimentController("building", tmp_path, backend="netns") as made:
        yield made


def described(ec: ExperimentController) -> list[tuple[str, str, list[str], dict[str, object]]]:
    names = {one.guid: one.name for one in ec.describe().resources}
    return [(one.rtype, one.name, [names[guid] for guid in one.connections], one.attributes) for one in ec.describe().resources]


def test_nodes_switches_and_links_are_made_of_the_experiments_types(ec: ExperimentController) -> None:
    star = Topology.star(2, rate="1Mbit").with_nodes("h2", forwarding=False)
    ec.build(star)
    assert described(ec) == [
        ("netns::Switch", "hub", ["hub--h1", "hub--h2"], {}),
        ("netns::Node", "h1", ["hub--h1"], {}),
        ("netns::Node", "h2", ["hub--h2"], {"forwarding": False}),
        ("netns::Link", "hub--h1", ["hub", "h1"], {"rate": 1_000_000}),
        ("netns::Link", "hub--h2", ["hub", "h2"], {"rate": 1_000_000}),
    ]


def test_handles_are_found_by_the_names_of_the_topology(ec: ExperimentController) -> None:
    net = ec.build(Topology.dumbbell(2, 1, inner="switch"), prefix="x-")
    assert (net.node("left-1").name, net.link("bottleneck").name) == ("x-left-1", "x-bottleneck")
    assert net.link("west", "east") == net.link("bottleneck") == ec.handle("x-bottleneck")
    assert [[one.name for one in some] for some in (net.nodes, net.hosts, net.routers, net.switches, net.sources, net.targets)] == [
        ["x-left-1", "x-left-2", "x-right-1"],
        ["x-left-1", "x-left-2", "x-right-1"],
        [],
        ["x-west", "x-east"],
        ["x-left-1", "x-left-2"],
        ["x-right-1"],
    ]
    assert len(net.links) == 4
    net.link("bottleneck").set(rate="5Mbit")
    assert ec.get("x-bottleneck", "rate") == 5_000_000
    with pytest.raises(UnknownResourceError, match=r"has no link 'botleneck' \(did you mean 'bottleneck'\?\)"):
        net.link("botleneck")
    assert repr(net) == "<Net of topology 'dumbbell': 5 nodes, 4 links>"


def test_one_experiment_may_have_several_topologies(ec: ExperimentController) -> None:
    first, second = ec.build(Topology.ring(3)), ec.build(Topology.ring(3), prefix="b-")
    assert (first.node("n1").name, second.node("n1").name) == ("n1", "b-n1")
    ec.add("Link", first.node("n1"), second.node("n1"))


def test_networks_and_routing_are_those_of_the_call_or_of_the_topology(ec: ExperimentController) -> None:
    ec.build(Topology.star(1, inner="router", networks=["10.1.0.0/16"], routing="none"), prefix="a-")
    ec.build(
        Topology.star(1, networks=["10.1.0.0/16"], routing="none"), networks=["10.2.0.0/16", "fd02::/48"], routing="static", prefix="b-"
    )
    ec.build(Topology.star(2, inner="router", routing="hosts"), prefix="c-")
    assert {name: attributes for _, name, _, attributes in described(ec) if attributes} == {
        "a-hub": {"routing": "none"},
        "a-h1": {"routing": "none"},
        "a-hub--h1": {"networks": "10.1.0.0/16"},
        "b-hub": {"networks": "10.2.0.0/16 fd02::/48"},
        "b-hub--h1": {"networks": "10.2.0.0/16 fd02::/48"},
        "c-hub": {"routing": "none"},
    }


def test_a_topology_with_mistakes_adds_nothing_and_tells_all_of_them(ec: ExperimentController) -> None:
    with pytest.raises(DescriptionError) as caught:
        ec.build(Topology.of(["a", "b", "b", "c"], [("a", "b"), ("a", "d")], name="mine"))
    assert str(caught.value) == (
        "topology 'mine' cannot be built: 2 nodes are called 'b': give each a name of its own; "
        "link 'a--d' ends at 'd', and there is no such node; "
        "it is in 2 parts without a link between them ({a, b, b}, {c}): "
        "join them by links, or build one of `parts()`, of which the first is the largest"
    )
    assert ec.resources == []


def test_what_goes_wrong_in_the_middle_leaves_nothing_behind(ec: ExperimentController) -> None:
    ec.add("Node", name="n3")
    with pytest.raises(DescriptionError, match="n3"):
        ec.build(Topology.ring(3))
    with pytest.raises(BadValueError, match="rate"):
        ec.build(Topology.linear(2, rate="10 bananas"))
    with pytest.raises(UnknownAttributeError, match="'colour'"):
        ec.build(Topology.linear(2, colour="red"))
    with pytest.raises(UnknownTypeError):
        ec.build(Topology.linear(2), backend="nowhere")
    with pytest.raises(BadValueError, match="routing='ospf'"):
        ec.build(Topology.linear(2), routing="ospf")
    assert [one.name for one in map(ec.handle, ec.resources)] == ["n3"]


def test_warnings_of_an_import_are_the_nets(ec: ExperimentController, caplog: pytest.LogCaptureFixture) -> None:
    net = ec.build(Topology.of(["a", "b"], [("a", "b")], name="old", warnings=("not carried over: x",)))
    assert net.warnings == ("not carried over: x",)
    assert [record.message for record in caplog.records] == ["topology 'old': not carried over: x"]


def test_the_topology_of_an_experiment_is_found_whoever_wrote_its_resources_down(ec: ExperimentController) -> None:
    net = ec.build(Topology.star(2, rate="1Mbit"))
    router = ec.add("Node", name="router")
    on_switch = ec.add("NodeInterface", router, net.node("hub"), name="port")
    far = ec.add("NodeInterface", ec.add("Node", name="far"), name="far-port")
    ec.add("Link", router, far, name="uplink", delay="5ms")
    ec.add("IPv4Address", on_switch, ip="192.168.0.1", prefix=24)
    ec.add("Ping", router, target="192.168.0.2")
    roles = {rtype: spec.role for rtype, spec in catalogue_of(map(ec.resource, ec.resources)).items()}
    found = Topology.of_experiment(ec.describe(), roles, positions={"hub": (0.0, 0.0)})
    assert (found.name, found.node("hub").kind, found.node("hub").position) == ("building", "switch", (0.0, 0.0))
    assert [one.name for one in found.nodes] == ["hub", "h1", "h2", "router", "far"]
    assert {one.name: (set(one.ends), one.attributes) for one in found.links} == {
        "hub--h1": ({"hub", "h1"}, {"rate": 1_000_000}),
        "hub--h2": ({"hub", "h2"}, {"rate": 1_000_000}),
        "port": ({"router", "hub"}, {}),
        "uplink": ({"router", "far"}, {"delay": 0.005}),
    }
    assert ec.nets == [net]
