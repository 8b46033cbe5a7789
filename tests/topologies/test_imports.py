"""Topologies that other tools describe: what is carried over, and what is said to be left."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import networkx
import pytest

from nepi import Topology
from nepi.errors import BadValueError, DescriptionError
from nepi.topologies.geography import distance_km, fibre_delay_s

FILES = Path(__file__).parent / "files"


def links_of(topology: Topology) -> dict[str, dict[str, Any]]:
    return {one.name: dict(one.attributes) for one in topology.links}


def kinds_of(topology: Topology) -> dict[str, str]:
    return {one.name: one.kind for one in topology.nodes}


# networkx


def test_any_graph_of_networkx_is_a_topology() -> None:
    graph = networkx.Graph(name="little")
    graph.add_node("a", pos=(1, 2))
    graph.add_node("s", kind="switch")
    graph.add_edge("a", "s", rate="10Mbit", delay=0.002, delayBack="1ms", loss=0.01, lossBurst=3, mtu=1400, weight=3)
    graph.add_edge("s", 7, capacity=5)
    made = Topology.from_networkx(graph, rate="1Gbit", routing="none")
    assert kinds_of(made) == {"a": "host", "s": "switch", "7": "host"}
    assert links_of(made) == {
        "a--s": {"rate": "10Mbit", "delay": "2ms", "delayBack": "1ms", "loss": 0.01, "lossBurst": 3, "mtu": 1400, "weight": 3},
        "s--7": {"rate": "1Gbit"},
    }
    assert made.node("a").position == (1.0, 2.0)
    assert (made.name, made.routing, made.warnings) == ("little", "none", ("not carried over: 'capacity' of s--7",))


def test_an_edge_and_the_one_back_are_one_link_and_parallel_edges_are_several() -> None:
    directed = networkx.MultiDiGraph([("a", "b"), ("b", "a"), ("b", "c"), ("b", "c"), ("c", "b")])
    assert list(links_of(Topology.from_networkx(directed))) == ["a--b", "b--c", "b--c--2"]
    assert list(links_of(Topology.from_networkx(networkx.MultiGraph([("a", "b"), ("b", "a")])))) == ["a--b", "a--b--2"]


def test_a_generated_graph_is_whole_and_its_attributes_are_checked() -> None:
    graph = networkx.connected_watts_strogatz_graph(20, 4, 0.3, seed=1)
    made = Topology.from_networkx(graph)
    assert (len(made.nodes), len(made.links), made.mistakes()) == (20, 40, ())
    with pytest.raises(BadValueError, match=r"node 'x' has the kind 'wifi'"):
        Topology.from_networkx(_with_kind("wifi"))
    with pytest.raises(BadValueError, match="is no graph of networkx"):
        Topology.from_networkx({"a": ["b"]})
    with pytest.raises(BadValueError, match="the graph has no nodes"):
        Topology.from_networkx(networkx.Graph())


def _with_kind(kind: str) -> Any:
    graph = networkx.Graph([("x", "y")])
    graph.nodes["x"]["kind"] = kind
    return graph


# GraphML


def test_a_file_of_the_topology_zoo_gives_names_places_rates_and_delays() -> None:
    zoo = Topology.load(FILES / "zoo.graphml")
    assert zoo.name == "Testnet"
    assert kinds_of(zoo) == {"Koln": "host", "Frankfurt": "host", "Frankfurt-2": "host", "Ring": "switch", "Lost-Island": "host"}
    assert links_of(zoo) == {
        "Koln--Frankfurt": {"rate": "10Gbit", "delay": "764us"},
        "Koln--Frankfurt--2": {"rate": "2.5Gbit", "delay": "764us"},
        "Frankfurt--Ring": {"rate": "155Mbit"},
        "Frankfurt-2--Ring": {},
    }
    assert zoo.node("Koln").position == (6.95, 50.93333)
    assert zoo.warnings == (
        "not carried over: links from a node to itself (Koln)",
        "not carried over: LinkSpeed in 'furlongs' of Frankfurt-2--Ring",
        "names were changed: 'Köln' is 'Koln', 'Frankfurt' is 'Frankfurt-2', 'Lost Island' is 'Lost-Island'",
    )
    assert [sorted(one.name for one in part.nodes) for part in zoo.parts()] == [
        ["Frankfurt", "Frankfurt-2", "Koln", "Ring"],
        ["Lost-Island"],
    ]


def test_delays_are_those_of_light_in_glass() -> None:
    berlin, new_york = (13.405, 52.52), (-74.006, 40.7128)
    assert distance_km(berlin, new_york) == pytest.approx(6385, rel=0.001)
    assert fibre_delay_s(berlin, new_york) == pytest.approx(0.03195, rel=0.001)
    assert distance_km((0.0, 0.0), (180.0, 0.0)) == pytest.approx(20015, rel=0.001)


def test_graphml_that_networkx_wrote_is_read_with_all_that_it_has(tmp_path: Path) -> None:
    graph = networkx.Graph([("a", "b")])
    graph.edges["a", "b"].update(rate="5Mbit", delay="3ms", weight=2.5)
    networkx.write_graphml(graph, tmp_path / "small.graphml")
    made = Topology.load(tmp_path / "small.graphml")
    assert (made.name, links_of(made)) == ("small", {"a--b": {"rate": "5Mbit", "delay": "3ms", "weight": 2.5}})


# containerlab


def test_a_containerlab_file_gives_nodes_and_links_and_lists_the_rest() -> None:
    lab = Topology.load(FILES / "fabric.clab.yml")
    assert lab.name == "fabric"
    assert kinds_of(lab) == {"leaf1": "router", "leaf2": "router", "br": "switch", "client": "host"}
    assert links_of(lab) == {"leaf1--leaf2": {"mtu": 9000}, "leaf1--br": {}, "client--br": {}}
    assert lab.warnings == (
        "not carried over: 'mgmt' of the file",
        "not carried over: kind 'nokia_srlinux', of which a plain router is made, of leaf1, leaf2",
        "not carried over: 'image' of leaf1, leaf2",
        "not carried over: 'startup-config' of leaf1",
        "not carried over: 'exec' of client",
        "not carried over: names of interfaces",
        "not carried over: links to 'mgmt-net' of leaf1",
        "not carried over: links of the type 'host' of client",
    )


# Kathará


def test_a_lab_conf_gives_machines_on_collision_domains() -> None:
    lab = Topology.load(FILES / "lab")
    assert lab.name == "three networks"
    assert kinds_of(lab) == {"pc1": "host", "pc2": "host", "r1": "host", "r2": "host", "A": "switch"}
    assert links_of(lab) == {"B": {}, "pc1--A": {}, "pc2--A": {}, "r1--A": {}}
    assert lab.link("B").ends == ("r1", "r2")
    assert lab.warnings == (
        "not carried over: 'image' of pc1",
        "not carried over: MAC addresses of r1",
        "not carried over: collision domain C, which only one machine is on of r2",
        "not carried over: the start-up file, with addresses and routes of pc1",
        "not carried over: the folder with its files of r1",
    )


# CORE


def test_a_core_scenario_gives_devices_networks_and_options() -> None:
    core = Topology.load(FILES / "scenario.xml")
    assert core.name == "two lans"
    assert kinds_of(core) == {"n1": "router", "n2": "host", "n3": "host", "lan": "switch", "air": "switch"}
    assert core.node("n2").attributes == {"forwarding": False}
    assert core.node("n1").position == (100.0, -50.5)
    assert links_of(core) == {
        "n1--lan": {"rate": "54Mbit", "delay": "5ms", "jitter": "1ms", "loss": 0.015, "duplicate": 0.01, "queue": 20},
        "n2--lan": {},
        "n3--air": {"rate": "11Mbit", "rateBack": "22Mbit", "delayBack": "100us"},
        "n1--air": {},
    }
    assert core.warnings == (
        "not carried over: service 'OSPFv2' of n1",
        "not carried over: image 'ubuntu' of n3",
        "not carried over: what makes a network a WIRELESS_LAN, instead of which a switch is made, of air",
        "not carried over: addresses (new ones are given)",
        "not carried over: the section 'session_hooks'",
    )


# Mininet


def test_a_file_with_a_mininet_class_is_read_where_mininet_is_not_installed() -> None:
    made = Topology.load(FILES / "mininet_campus.py")
    assert made.name == "Campus"
    assert kinds_of(made) == {"r0": "router", "s1": "switch", "h1": "host", "h2": "host"}
    assert made.node("h2").attributes == {"forwarding": False}
    assert links_of(made) == {
        "h1--s1": {"rate": "10Mbit", "delay": "5ms", "loss": 0.02, "queue": 100},
        "h2--s1": {"rate": "1Gbit"},
        "s1--r0": {},
        "h2--r0": {},
    }
    assert made.warnings == (
        "not carried over: addresses and default routes (new ones are given)",
        "not carried over: names of interfaces",
    )
    assert not [name for name in sys.modules if name.startswith("mininet")]


def test_of_several_mininet_topologies_one_is_chosen_by_name() -> None:
    path = FILES / "mininet_several.py"
    assert len(Topology.load(f"{path}:two").nodes) == 3
    assert len(Topology.load(f"{path}:three").nodes) == 4
    with pytest.raises(BadValueError, match=r"does not say which topology is meant; it has two, three: write .*mininet_several\.py:NAME"):
        Topology.load(path)
    with pytest.raises(BadValueError, match=r"has no Mininet topology 'thre' \(did you mean 'three'\?\); it has two, three"):
        Topology.load(f"{path}:thre")


class OfMininet:
    """The part of Mininet's own `Topo` that is asked."""

    def __init__(self, hosts: int = 2) -> None:
        self.count = hosts

    def nodes(self, sort: bool = True) -> list[str]:
        return [f"h{number}" for number in range(self.count)] + ["s"]

    def isSwitch(self, name: str) -> bool:
        return name == "s"

    def nodeInfo(self, name: str) -> dict[str, Any]:
        return {"isSwitch": True} if name == "s" else {}

    def links(self, sort: bool = False, withKeys: bool = False, withInfo: bool = False) -> list[tuple[Any, ...]]:
        info = {"node1": "h", "node2": "s", "port1": 0, "port2": 1, "bw": 2, "speedup": 3}
        return [(f"h{number}", "s", info) for number in range(self.count)]


def test_an_object_or_class_of_mininet_is_asked_for_its_nodes_and_links() -> None:
    assert links_of(Topology.from_mininet(OfMininet())) == {"h0--s": {"rate": "2Mbit"}, "h1--s": {"rate": "2Mbit"}}
    made = Topology.from_mininet(OfMininet, hosts=3)
    assert (len(made.nodes), made.warnings) == (4, ("not carried over: 'speedup' of links of h0--s, h1--s, h2--s",))
    with pytest.raises(BadValueError, match=r"is no Mininet Topo: it has no nodes\(\)"):
        Topology.from_mininet(object())
    with pytest.raises(BadValueError, match="hosts given, but .* is made already: give its class"):
        Topology.from_mininet(OfMininet(), hosts=3)


# Records, and what is nobody's.


def test_records_are_read_from_yaml_and_json_with_files_beside_them(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("topology: {dumbbell: {hosts: 2, bottleneck: {rate: 10Mbit}}}\n")
    (tmp_path / "b.json").write_text('{"file": "a.yaml", "name": "bell", "links": {"access": {"rate": "1Gbit"}}}')
    bell = Topology.dumbbell(2, bottleneck={"rate": "10Mbit"})
    assert Topology.load(tmp_path / "a.yaml") == bell
    assert Topology.load(tmp_path / "b.json") == Topology.dumbbell(2, bottleneck={"rate": "10Mbit"}, access={"rate": "1Gbit"}, name="bell")


DEEP = "[" * 2000
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{one}: &{one} [*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><graphml>&b;</graphml>'


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("x.graphml", LAUGHS, "x.graphml declares a document type or entities, which can hide anything: take the declaration out"),
        ("x.graphml", "<graphml>" + "<a>" * 200, "x.graphml is nested more than 100 levels deep"),
        ("x.graphml", "<graphml>\n<node", "x.graphml, line 2: this is no XML: unclosed token"),
        ("x.graphml", "<graphml><graph/><nod/></graphml>", "x.graphml has no nodes"),
        ("x.graphml", "<graphml><nod/></graphml>", "x.graphml: this is no GraphML that can be read: "),
        ("x.graphml", '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected"><node id="a"/>'
                      '<node id="b"/><edge source="a" target="b"><data key="k">1</data></edge></graph></graphml>',
         "x.graphml: this is no GraphML that can be read: "),
        ("x.xml", "<svg/>", "x.xml is XML, but neither GraphML nor a CORE scenario"),
        ("x.xml", "<!DOCTYPE scenario><scenario/>", "x.xml declares a document type or entities"),
        ("x.xml", "<scenario/>", "x.xml has no nodes"),
        ("x.xml", '<scenario><devices><device id="1" name="a"/></devices><links><link node1="1" node2="2"/></links></scenario>',
         "x.xml: a link ends at '2', and there is no such node; there are 1"),
        ("x.yaml", BOMB, "x.yaml has more than 1000000 values when its aliases are written out: refused"),
        ("x.yaml", "a: &a [*a]", "x.yaml: a value contains itself, by an alias"),
        ("x.yaml", DEEP, "x.yaml is nested too deeply"),
        ("x.yaml", "a: !!python/object/apply:os.system [ls]", "x.yaml, line 1: this is no plain YAML: could not determine a constructor"),
        ("x.yaml", "a: [1", "x.yaml, line 1: this is no plain YAML: expected ',' or ']'"),
        ("x.yaml", "", "x.yaml: topology is None; write keys with values"),
        ("x.yaml", "topology: {nodes: {a: {}, b: {}}, links: [{endpoints: ['a:1', 'c:1']}]}",
         "x.yaml: a link ends at 'c', and there is no such node; there are a, b"),
        ("x.yaml", "topology: {nodes: {a: {}}, links: [{endpoints: ['a:1']}]}", "x.yaml: link 1 has 1 endpoints; it has two"),
        ("x.yaml", "topology: {nodes: {a: {}}, links: {a: b}}", "x.yaml: links is \"{'a': 'b'}\"; it is a list in containerlab's files"),
        ("x.json", "{", "x.json, line 1: this is no JSON: "),
        ("x.json", DEEP, "x.json is nested too deeply"),
        ("lab.conf", "pc1[0]=A\nwhat?", "lab.conf, line 2: 'what?' is no line of a lab.conf, like pc1[0]=\"A\""),
        ("x.txt", "a b", "x.txt: whose file is this? Known are GraphML, containerlab, Kathará, CORE, Mininet (.py), JSON and YAML; "),
        ("x.py", "1 / 0", "x.py cannot be executed: ZeroDivisionError: division by zero"),
        ("x.py", "a = 1", "x.py does not say which topology is meant; it has none"),
        ("x.py", "from mininet.topo import Topo\nclass T(Topo):\n    def build(self): self.addLink('a', 'b')\n",
         "T: a link ends at 'a', and there is no such node; there are none"),
        ("x.py", "from mininet.topo import Topo\nclass T(Topo):\n    def build(self): raise OSError('no')\n",
         "x.py: T cannot be made: OSError: no"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_or_means_harm_is_refused_in_one_sentence(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DescriptionError) as caught:
        Topology.load(path)
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(sentence)


def test_a_file_that_cannot_be_read_or_is_far_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match="cannot read .*none.graphml: No such file or directory"):
        Topology.load(tmp_path / "none.graphml")
    with pytest.raises(BadValueError, match="kind='graphm': use .*did you mean 'graphml'"):
        Topology.load(tmp_path / "x", kind="graphm")
    with (tmp_path / "large.graphml").open("wb") as file:
        file.truncate(40 * 1024 * 1024)
    with pytest.raises(BadValueError, match="has more than 32 MiB: no description of a topology is that large"):
        Topology.load(tmp_path / "large.graphml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadValueError, match="is no text in UTF-8"):
        Topology.load(tmp_path / "binary.yaml")
