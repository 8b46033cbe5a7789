from __future__ import annotations

from pathlib import Path

import pytest

from nepi import ExperimentController, Topology
from tests.formats.conftest import Load, Mistakes

DUMBBELL = """\
experiment: x
backend: netns
routing: hosts
topology: {dumbbell: {hosts: 2, bottleneck: {rate: 10Mbit}}}
applications:
  ping: {type: Ping, on: left-1, target: right-1, count: 3}
  late: {type: Ping, on: left-2, target: right-2, count: 3, start: ping.ended}
"""


def test_a_topology_is_built_before_the_rest_and_saved_written_out(load: Load, tmp_path: Path) -> None:
    program = ExperimentController("x", backend="netns", routing="hosts")
    net = program.build(Topology.dumbbell(2, bottleneck={"rate": "10Mbit"}))
    ping = program.add("Ping", net.node("left-1"), name="ping", target=net.node("right-1"), count=3)
    program.add("Ping", net.node("left-2"), name="late", target=net.node("right-2"), count=3).start_when(ping.ended)
    ec = load(DUMBBELL)
    assert ec.describe().to_record() == program.describe().to_record()
    saved = ExperimentController.load(ec.save(tmp_path / "saved.yaml"))
    assert saved.describe().to_record() == program.describe().to_record()
    assert "topology" not in (tmp_path / "saved.yaml").read_text()


def test_a_topology_s_file_lies_beside_the_experiment(load: Load, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "topology: {nodes: {r1: {kind: linux}, r2: {kind: linux}}, links: [{endpoints: ['r1:eth1', 'r2:eth1']}]}\n"
    )
    ec = load("experiment: x\nbackend: netns\ntopology: {file: net.yaml}\nnodes: [more]\nlinks: [{ends: [more, r1]}]\n")
    assert [ec.resource(guid).name for guid in ec.resources] == ["r1", "r2", "r1--r2", "more", "link-5"]


@pytest.mark.parametrize(
    ("topology", "column", "found"),
    [
        ("{dumbell: 3}", 11, "topology: name one shape"),
        ("{ring: 1}", 11, "topology: ring"),
        ("{file: none.graphml}", 11, "none.graphml"),
        ("[a]", 11, "topology: expected a mapping (name: ...), got a list of 1"),
    ],
)
def test_a_topology_s_mistakes_have_its_place(mistakes: Mistakes, topology: str, column: int, found: str) -> None:
    (mistake,) = mistakes(f"experiment: x\nbackend: netns\ntopology: {topology}\n")
    assert mistake.startswith(f"x.yaml, line 3, column {column}: ")
    assert found in mistake


def test_names_of_the_topology_are_taken(mistakes: Mistakes) -> None:
    assert mistakes("experiment: x\nbackend: netns\ntopology: {ring: 3}\nnodes: [n1, x]\n") == [
        "x.yaml, line 4, column 9: two resources are called 'n1' of the topology: names are unique within an experiment"
    ]


def test_the_order_of_the_ends_of_a_link_is_kept_for_its_directions(load: Load, tmp_path: Path) -> None:
    text = (
        "experiment: x\nbackend: netns\nnodes: [a, b]\nlinks:\n"
        "  - {ends: [b, a], rate: 10Mbit, delay: 20ms, loss: 0.1%, back: {rate: 1Mbit, delay: 5ms}}\n"
    )
    ec = load(text)
    assert ec.resource(3).connections_in_order() == (2, 1)
    assert (ec.get(3, "rate"), ec.get(3, "rateBack"), ec.get(3, "delayBack")) == (10_000_000, 1_000_000, 0.005)
    assert ec.save(tmp_path / "saved.yaml").read_text() == text
