"""Ready-made shapes: who is linked to whom, and what each of them is."""

from __future__ import annotations

import math
from typing import Any

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi import Topology
from nepi.errors import BadValueError


def graph_of(topology: Topology) -> Any:
    graph = networkx.MultiGraph()
    graph.add_nodes_from(one.name for one in topology.nodes)
    graph.add_edges_from(one.ends for one in topology.links)
    return graph


def is_like(topology: Topology, graph: Any) -> bool:
    return bool(networkx.is_isomorphic(networkx.Graph(graph_of(topology)), graph)) and len(topology.links) == graph.number_of_edges()


SIZES = st.integers(3, 9)


@given(SIZES)
def test_shapes_are_the_graphs_that_bear_their_names(n: int) -> None:
    assert is_like(Topology.linear(n), networkx.path_graph(n))
    assert is_like(Topology.ring(n), networkx.cycle_graph(n))
    assert is_like(Topology.mesh(n), networkx.complete_graph(n))
    assert is_like(Topology.star(n), networkx.star_graph(n))
    assert is_like(Topology.ladder(n), networkx.ladder_graph(n))
    assert is_like(Topology.grid(n, 2), networkx.grid_2d_graph(n, 2))
    assert is_like(Topology.tree(2, n), networkx.balanced_tree(n, 2))
    assert is_like(Topology.dumbbell(n), networkx.from_edgelist([(0, 1)] + [(side, (side, i)) for side in (0, 1) for i in range(n)]))


@pytest.mark.parametrize(("k", "hosts", "routers", "links"), [(2, 2, 5, 6), (4, 16, 20, 48), (6, 54, 45, 162)])
def test_a_fat_tree_has_the_sizes_of_its_paper(k: int, hosts: int, routers: int, links: int) -> None:
    tree = Topology.fat_tree(k)
    assert (len(tree.of_kind("host")), len(tree.of_kind("router")), len(tree.links)) == (hosts, routers, links)
    assert {degree for name, degree in graph_of(tree).degree if not name.startswith("h-")} == {k}


def test_in_a_fat_tree_hosts_of_different_pods_are_six_links_apart() -> None:
    assert networkx.shortest_path_length(graph_of(Topology.fat_tree(4)), "h-1-1-1", "h-4-2-2") == 6


def test_a_dumbbell_names_its_sides_and_its_bottleneck() -> None:
    bell = Topology.dumbbell(2, 1, bottleneck={"rate": "10Mbit", "delay": "20ms"}, access={"rate": "100Mbit"}, loss="1%")
    assert bell.of_kind("host") == ("left-1", "left-2", "right-1")
    assert bell.of_kind("router") == ("west", "east")
    assert {one.name: (one.ends, one.role, one.attributes) for one in bell.links} == {
        "left-1--west": (("left-1", "west"), "access", {"rate": "100Mbit", "loss": "1%"}),
        "left-2--west": (("left-2", "west"), "access", {"rate": "100Mbit", "loss": "1%"}),
        "right-1--east": (("right-1", "east"), "access", {"rate": "100Mbit", "loss": "1%"}),
        "bottleneck": (("west", "east"), "bottleneck", {"rate": "10Mbit", "delay": "20ms", "loss": "1%"}),
    }
    assert (bell.sources, bell.targets) == (("left-1", "left-2"), ("right-1",))


def test_nodes_of_a_ring_that_get_hosts_are_routers() -> None:
    ring = Topology.ring(3, hosts=2, access={"rate": "1Gbit"}, rate="10Mbit")
    assert ring.of_kind("router") == ("n1", "n2", "n3")
    assert ring.of_kind("host") == ("n1-h1", "n1-h2", "n2-h1", "n2-h2", "n3-h1", "n3-h2")
    assert ring.link("n1", "n1-h2").attributes == {"rate": "1Gbit"}
    assert ring.link("n1", "n2").attributes == {"rate": "10Mbit"}
    assert (ring.sources, ring.targets) == (("n1-h1",), ("n2-h1",))


@pytest.mark.parametrize(
    ("topology", "sources", "targets"),
    [
        (Topology.linear(4), ("n1",), ("n4",)),
        (Topology.ring(6), ("n1",), ("n4",)),
        (Topology.star(3), ("h2", "h3"), ("h1",)),
        (Topology.tree(1, 2), ("h1", "h2"), ("root",)),
        (Topology.tree(1, 2, inner="switch"), ("h2",), ("h1",)),
        (Topology.grid(2, 2), ("n1-1",), ("n2-2",)),
        (Topology.ladder(2), ("a1",), ("b2",)),
        (Topology.fat_tree(2), ("h-1-1-1",), ("h-2-1-1",)),
    ],
    ids=str,
)
def test_each_shape_says_which_ends_traffic_has(topology: Topology, sources: tuple[str, ...], targets: tuple[str, ...]) -> None:
    assert (topology.sources, topology.targets) == (sources, targets)
    assert topology.mistakes() == ()


@pytest.mark.parametrize(
    "topology",
    [Topology.linear(3, hosts=1), Topology.tree(3, 3), Topology.fat_tree(4), Topology.grid(3, 4, hosts=2), Topology.star(20)],
    ids=str,
)
def test_no_two_nodes_are_drawn_at_one_place(topology: Topology) -> None:
    places = [one.position for one in topology.nodes if one.position is not None]
    assert len(places) == len(topology.nodes)
    closest = min(math.dist(first, second) for number, first in enumerate(places) for second in places[:number])
    assert closest > 0.2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Topology.linear(1), "nodes=1: use a whole number from 2 to 100000"),
        (lambda: Topology.ring(-3), "nodes=-3: use a whole number from 3 to 100000"),
        (lambda: Topology.ring(2.5), "nodes=2.5: use a whole number from 3 to 100000"),  # type: ignore[arg-type]
        (lambda: Topology.star(True), "hosts=True: use a whole number from 1 to 100000"),
        (lambda: Topology.linear(3, hosts=-1), "hosts=-1: use a whole number from 0 to 100000"),
        (lambda: Topology.tree(0), "depth=0: use a whole number from 1 to 100000"),
        (lambda: Topology.tree(30, 10), "depth=30, fanout=10: that tree has more than 100000 nodes"),
        (lambda: Topology.grid(1, 1), "rows=1, columns=1: a grid has from 2 to 100000 nodes, not 1"),
        (lambda: Topology.grid(1000, 1000), "rows=1000, columns=1000: a grid has from 2 to 100000 nodes, not 1000000"),
        (lambda: Topology.linear(400, hosts=400), "a topology of more than 100000 nodes: make it smaller"),
        (lambda: Topology.mesh(1000), "nodes=1000: a mesh of them has 499500 links; the most is 100000"),
        (lambda: Topology.fat_tree(3), "k=3: a fat tree is made of routers with an even number of ports, from 2 to 64"),
        (lambda: Topology.dumbbell(2, inner="host"), "inner='host': use 'router' or 'switch'"),
        (lambda: Topology.star(2, inner="swich"), "inner has the kind 'swich': use 'host', 'router', 'switch' (did you mean 'switch'?)"),  # type: ignore[arg-type]
        (lambda: Topology.linear(2, routing="rip"), "routing='rip': use 'static', 'hosts', 'none'"),
        (lambda: Topology.linear(2, networks=["10.0.0.1/8"]), "10.0.0.1/8 is an address in the network 10.0.0.0/8, not a network"),
        (lambda: Topology.linear(2, networks=7), "networks=7: use a list, like ['10.1.0.0/16', 'fd01::/48']"),
        (lambda: Topology.linear(2, rate=[1]), "links: rate is [1]; use a text (with its unit), a number, True or False"),
        (lambda: Topology.dumbbell(2, bottleneck="10Mbit"), "bottleneck='10Mbit': use the attributes of its links, "  # type: ignore[arg-type]
                                                            "e.g. bottleneck={'rate': '10Mbit'}"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_said_in_one_sentence(make: Any, sentence: str) -> None:
    with pytest.raises(BadValueError) as caught:
        make()
    assert str(caught.value) == sentence
