"""What a topology tells of itself, and the other topologies that can be made of it."""

from __future__ import annotations

from typing import Any

import pytest

from nepi import Topology
from nepi.errors import BadValueError, UnknownResourceError
from nepi.topologies.elements import TopologyLink, TopologyNode


def pair_of_pairs() -> Topology:
    return Topology.of(["a", "b", "c", "d"], [("a", "b"), ("c", "d")])


def test_a_topology_of_ones_own_names_its_links() -> None:
    made = Topology.of(["a", TopologyNode("s", "switch")], [("a", "s"), ("a", "s", {"rate": "1Mbit"}), TopologyLink("third", ("s", "a"))])
    assert [(one.name, one.attributes) for one in made.links] == [("a--s", {}), ("a--s--2", {"rate": "1Mbit"}), ("third", {})]


@pytest.mark.parametrize("link", ["ab", ("a",), ("a", 7), ("a", "b", 5), ("a", "b", {}, {}), 3])
def test_what_is_no_link_is_told(link: Any) -> None:
    with pytest.raises(BadValueError, match="write two names, and its attributes if it has some, like"):
        Topology.of(["a", "b"], [link])


def test_what_is_no_name_is_told() -> None:
    with pytest.raises(BadValueError, match="^node 7: a name is a text$"):
        Topology.of([7], [])  # type: ignore[list-item]


def test_links_and_nodes_are_found_by_name_and_unknown_ones_are_told_with_near_names() -> None:
    bell = Topology.dumbbell(1)
    assert bell.link("west", "east") == bell.link("east", "west") == bell.link("bottleneck")
    with pytest.raises(UnknownResourceError, match=r"^topology 'dumbbell' has no link 'botleneck' \(did you mean 'bottleneck'\?\)$"):
        bell.link("botleneck")
    with pytest.raises(UnknownResourceError, match=r"^topology 'dumbbell' has no node 'left1' \(did you mean 'left-1'\?\)$"):
        bell.node("left1")
    with pytest.raises(UnknownResourceError, match=r"^topology 'dumbbell' has no link between 'left-1' and 'east'$"):
        bell.link("left-1", "east")


def test_links_are_changed_by_name_by_role_or_all_and_the_old_topology_stays_as_it_was() -> None:
    bell = Topology.dumbbell(1, rate="1Mbit")
    changed = bell.with_links("bottleneck", delay="5ms").with_links(role="access", rate=None).with_links(loss="1%")
    assert [one.attributes for one in changed.links] == [{"loss": "1%"}, {"loss": "1%"}, {"rate": "1Mbit", "delay": "5ms", "loss": "1%"}]
    assert {tuple(one.attributes) for one in bell.links} == {("rate",)}
    with pytest.raises(UnknownResourceError, match=r"no links of the role 'acess' \(did you mean 'access'\?\)"):
        bell.with_links(role="acess", rate="1Mbit")


def test_nodes_are_changed_by_name() -> None:
    line = Topology.linear(3).with_nodes("n2", kind="router", forwarding=False)
    assert [(one.kind, one.attributes) for one in line.nodes] == [("host", {}), ("router", {"forwarding": False}), ("host", {})]


def test_traffic_has_the_ends_that_are_asked_for() -> None:
    ring = Topology.ring(5)
    assert ring.with_traffic(sources=["n2", "n3"]).sources == ("n2", "n3")
    drawn = {ring.with_random_source(seed).sources for seed in range(50)}
    assert drawn == {("n1",), ("n2",), ("n4",), ("n5",)}
    assert ring.with_random_source(7) == ring.with_random_source(7)
    with pytest.raises(UnknownResourceError, match="'n9'"):
        ring.with_traffic(targets=["n9"])
    with pytest.raises(BadValueError, match="no host that is not a target"):
        Topology.linear(2).with_traffic(targets=["n1", "n2"]).with_random_source(1)


def test_delays_may_be_the_weights_of_routes() -> None:
    line = Topology.linear(3).with_links("n1--n2", delay="20ms").with_delay_as_weight()
    assert [one.attributes.get("weight") for one in line.links] == [20, 0.001]


def test_rates_are_scaled_together() -> None:
    line = Topology.linear(3, rate="100Gbit").with_links("n2--n3", rate=None, delay="1ms").with_rate_factor(1 / 1000)
    assert [one.attributes for one in line.links] == [{"rate": "100Mbit"}, {"delay": "1ms"}]
    with pytest.raises(BadValueError, match=r"with_rate_factor\(0\): use a number above 0, like 1 / 1000"):
        line.with_rate_factor(0)


def test_a_prefix_goes_before_every_name() -> None:
    made = Topology.dumbbell(1).with_prefix("x-")
    assert ([one.name for one in made.nodes], made.link("x-bottleneck").ends) == (
        ["x-west", "x-east", "x-left-1", "x-right-1"],
        ("x-west", "x-east"),
    )
    assert (made.sources, made.mistakes()) == (("x-left-1",), ())


def test_parts_are_topologies_themselves() -> None:
    both = Topology.of([*"abcde"], [("a", "b"), ("c", "d"), ("d", "e")], sources=("a", "c"), name="x")
    first, second = both.parts()
    assert ([one.name for one in first.nodes], first.sources) == (["c", "d", "e"], ("c",))
    assert ([one.name for one in second.nodes], second.sources) == (["a", "b"], ("a",))
    assert first.parts() == (first,)


@pytest.mark.parametrize(
    ("topology", "mistakes"),
    [
        (Topology.of([], []), ("it has no nodes",)),
        (
            pair_of_pairs(),
            (
                "it is in 2 parts without a link between them ({a, b}, {c, d}): "
                "join them by links, or build one of `parts()`, of which the first is the largest",
            ),
        ),
        (
            Topology.of(["a", "a", "b"], [("a", "b"), TopologyLink("b", ("a", "b"))]),
            ("2 nodes are called 'a': give each a name of its own", "a node and a link are called 'b': give one of them another name"),
        ),
        (
            Topology.of(["left", "right"], [("left", "righ"), ("left", "right"), ("right", "right")]),
            (
                "link 'left--righ' ends at 'righ', and there is no such node (did you mean 'right'?)",
                "link 'right--right' has both ends at 'right': join two different nodes",
            ),
        ),
        (
            Topology.of(["a", "b"], [("a", "b"), ("a", "b")], sources=("c",)),
            ("traffic comes from or goes to 'c', and there is no such node",),
        ),
        (
            Topology.of(["a", "b"], [TopologyLink("l", ("a", "b")), TopologyLink("l", ("a", "b"))]),
            ("2 links are called 'l': give each a name of its own",),
        ),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_sentence_each(topology: Topology, mistakes: tuple[str, ...]) -> None:
    assert topology.mistakes() == mistakes


def test_many_parts_are_told_in_short() -> None:
    (mistake,) = Topology.of([f"n{number}" for number in range(20)], []).mistakes()
    assert mistake.startswith("it is in 20 parts without a link between them ({n0}, {n1}, {n2}, {n3}, {n4} and 15 more): ")


@pytest.mark.parametrize(
    ("record", "topology"),
    [
        ({"ring": 5}, Topology.ring(5)),
        ({"fat-tree": 4}, Topology.fat_tree(4)),
        ({"grid": {"rows": 2, "columns": 3, "rate": "1Mbit"}}, Topology.grid(2, 3, rate="1Mbit")),
        (
            {
                "dumbbell": {"hosts": 2, "bottleneck": {"rate": "1Mbit"}},
                "links": {"access": {"rate": "1Gbit"}, "bottleneck": {"delay": "5ms"}},
            },
            Topology.dumbbell(2, bottleneck={"rate": "1Mbit", "delay": "5ms"}, access={"rate": "1Gbit"}),
        ),
        (
            {"star": 3, "name": "lan", "networks": ["192.168.0.0/16"], "routing": "none", "sources": "h3", "targets": ["h1", "h2"]},
            Topology.star(3, name="lan", networks=["192.168.0.0/16"], routing="none").with_traffic(["h3"], ["h1", "h2"]),
        ),
        (
            {"nodes": ["a", {"name": "r", "kind": "router"}, "b"], "links": [["a", "r"], {"ends": ["r", "b"], "rate": "1Mbit"}]},
            Topology.of(["a", TopologyNode("r", "router"), "b"], [("a", "r"), ("r", "b", {"rate": "1Mbit"})]),
        ),
    ],
)
def test_a_record_in_a_few_words_is_the_topology_that_it_names(record: dict[str, Any], topology: Topology) -> None:
    assert Topology.from_record(record) == topology


@pytest.mark.parametrize(
    "topology",
    [
        Topology.linear(3, rate="1Mbit"),
        Topology.dumbbell(2, bottleneck={"rate": 1_000_000, "up": False}),
        Topology.star(3, networks=["10.9.0.0/16"], routing="none", name="lan").with_nodes("h1", forwarding=False),
        Topology.of(["a", "b"], [TopologyLink("x", ("a", "b"), "role", {"delay": "1ms"})], warnings=("not carried over: y",)),
    ],
)
def test_the_record_of_a_topology_gives_the_same_topology(topology: Topology) -> None:
    assert Topology.from_record(topology.to_record()) == topology


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ([], "topology is []; write keys with values"),
        ({"dumbel": 4}, "topology: name one shape (linear, ring, mesh, star, tree, ladder, grid, fat_tree, fat-tree, dumbbell), a 'file', "
                        "or 'nodes' and 'links'; 'dumbel' is said (did you mean 'dumbbell'?)"),
        ({"name": "x"}, "topology: name one shape (linear, ring, mesh, star, tree, ladder, grid, fat_tree, fat-tree, dumbbell), a 'file', "
                        "or 'nodes' and 'links'; nothing is said"),
        ({"ring": {}}, "topology: ring: missing 1 required positional argument: 'nodes'"),
        ({"ring": "5"}, "topology: ring is '5'; write keys with values"),
        ({"grid": 3}, "topology: grid: missing 1 required positional argument: 'columns'"),
        ({"fat_tree": 5}, "topology: fat_tree: k=5: a fat tree is made of routers with an even number of ports, from 2 to 64"),
        ({"dumbbell": 1, "links": {"botleneck": {}}}, "topology 'dumbbell' has no link 'botleneck' (did you mean 'bottleneck'?)"),
        ({"nodes": "a"}, "topology: nodes is 'a'; write a list"),
        ({"nodes": ["a"], "lnks": []}, "topology: there is no key 'lnks' (did you mean 'links'?)"),
        ({"nodes": [7]}, "topology: node 1 is 7; write keys with values"),
        ({"nodes": [{"kind": "host"}]}, "topology: node 1: name is None; write a text"),
        ({"nodes": [{"name": "a", "position": [1]}]}, "topology: node 'a': position is [1]; write two numbers, [x, y]"),
        ({"nodes": ["a"], "links": [["a"]]}, "topology: link 1: ends are ['a']; write the names of two nodes"),
        ({"nodes": ["a"], "links": [{}]}, "topology: link 1: ends is None; write a list"),
        ({"nodes": ["a"], "format": 9}, "this topology has format 9; this version reads format 1"),
        ({"file": 7}, "topology: file is 7; write the path of a file"),
    ],
)  # fmt: skip
def test_a_wrong_record_is_told_in_one_sentence(record: Any, sentence: str) -> None:
    with pytest.raises((BadValueError, UnknownResourceError)) as caught:
        Topology.from_record(record)
    assert str(caught.value) == sentence
