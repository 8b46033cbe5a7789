"""Which type a link or station between two backends is, in programs and files."""

from pathlib import Path

import pytest

from nepi import ExperimentController, Topology
from nepi.errors import PlanError, UnknownTypeError
from nepi.topologies.elements import TopologyNode

FILE = """
experiment: across
backend: netns
nodes:
  a:
  b: {type: ns3::Node}
  c: {type: ns3::Node}
links:
  - {ends: [a, b], delay: 20ms}
  - {ends: [b, c]}
"""


def types_of(ec: ExperimentController) -> dict[str, str]:
    return {one.name: one.rtype for one in ec.describe().resources}


@pytest.mark.parametrize("backend", ["netns", "ns3"])
def test_a_link_between_the_two_is_a_hybrid_one_by_itself(tmp_path: Path, backend: str) -> None:
    with ExperimentController("between", tmp_path, backend=backend) as ec:
        real, simulated = ec.add("netns::Node", name="a"), ec.add("ns3::Node", name="b")
        ends = ((real, simulated), (simulated, real), (real, ec.add("netns::Node")), (simulated, ec.add("ns3::Node")))
        kinds = [ec.resource(ec.add("Link", *two)).rtype() for two in ends]
        assert kinds == ["hybrid::Link", "hybrid::Link", "netns::Link", "ns3::Link"]


def test_a_type_that_the_experiments_backend_does_not_have_is_one_of_what_it_is_connected_to(tmp_path: Path) -> None:
    with ExperimentController("between", tmp_path, backend="netns") as ec:
        air = ec.add("ns3::WifiNetwork", adhoc=True)
        simulated = ec.add("Station", ec.add("ns3::Node"), air)
        real = ec.add("Station", ec.add("Node"), air)
        assert [ec.resource(one).rtype() for one in (simulated, real)] == ["ns3::Station", "hybrid::Station"]
        with pytest.raises(UnknownTypeError, match="'netns::Statoin'"):
            ec.add("Statoin", air)


def test_a_file_need_not_name_it_either(tmp_path: Path) -> None:
    path = tmp_path / "across.yaml"
    path.write_text(FILE, encoding="utf-8")
    with ExperimentController.load(path) as ec:
        assert types_of(ec)["link-4"] == "hybrid::Link"
        assert types_of(ec)["link-5"] == "ns3::Link"
        for name in ("again.yaml", "again.json"):
            with ExperimentController.load(ec.save(tmp_path / name)) as again:
                assert again.describe() == ec.describe()
        assert "hybrid" not in (tmp_path / "again.yaml").read_text(encoding="utf-8")


def test_a_json_file_that_names_no_backend_is_read_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "across.yaml"
    path.write_text(FILE, encoding="utf-8")
    with ExperimentController.load(path) as ec:
        saved = ec.save(tmp_path / "across.json")
        saved.write_text(saved.read_text(encoding="utf-8").replace('"hybrid::Link"', '"Link"'), encoding="utf-8")
        with ExperimentController.load(saved) as again:
            assert again.describe() == ec.describe()


def test_mistakes_in_a_file_say_the_type_that_it_is(tmp_path: Path) -> None:
    path = tmp_path / "across.yaml"
    path.write_text(FILE.replace("delay: 20ms", "dealy: 20ms"), encoding="utf-8")
    with pytest.raises(PlanError, match="hybrid::Link has no attribute 'dealy' .did you mean 'delay'"):
        ExperimentController.load(path)


def test_a_topology_may_have_nodes_of_two_backends(tmp_path: Path) -> None:
    simulated = [TopologyNode(name, "router", attributes={"backend": "ns3"}) for name in ("r", "s")]
    topology = Topology.of(["a", *simulated, "b"], [("a", "r"), ("r", "s"), ("s", "b")])
    with ExperimentController("split", tmp_path, backend="netns") as ec:
        net = ec.build(topology)
        assert [ec.resource(one).rtype() for one in net.nodes] == ["netns::Node", "ns3::Node", "ns3::Node", "netns::Node"]
        assert [ec.resource(one).rtype() for one in net.links] == ["hybrid::Link", "ns3::Link", "hybrid::Link"]
