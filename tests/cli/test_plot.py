"""`nepi plot topology`: pictures of files and of what scripts describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import nepi

pytestmark = pytest.mark.leaves("matplotlib keeps its fonts open")
FILES = Path(__file__).parents[1] / "topologies" / "files"

SCRIPT = """
from nepi import ExperimentController

with ExperimentController("drawn", backend="dummy") as ec:
    ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.run()
"""


def test_a_file_of_another_tool_is_drawn_and_what_is_left_behind_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = nepi("plot", "topology", FILES / "lab")
    assert (said.status, said.out) == (0, "lab.svg: 5 nodes, 4 links\n")
    assert said.err.splitlines()[0] == "not carried over: 'image' of pc1"
    assert "pc2" in (tmp_path / "lab.svg").read_text()


def test_a_script_is_drawn_up_to_its_first_deploy(tmp_path: Path, home: Path) -> None:
    (tmp_path / "x.py").write_text(SCRIPT)
    said = nepi("plot", "topology", tmp_path / "x.py", "--output", tmp_path / "x.png")
    assert (said.status, said.out, said.err) == (0, f"{tmp_path / 'x.png'}: 2 nodes, 0 links\n", "")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert not home.exists()


@pytest.mark.netns
def test_an_experiment_in_a_file_is_drawn_with_what_it_adds_to_its_topology(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "experiment: bell\nbackend: netns\n"
        "topology: {dumbbell: {hosts: 1, bottleneck: {rate: 5Mbit}}}\n"
        "nodes: [a]\nlinks: [{ends: [a, west]}]\n"
    )
    said = nepi("plot", "topology", tmp_path / "x.yaml", "-o", tmp_path / "x.svg")
    assert (said.status, said.out, said.err) == (0, f"{tmp_path / 'x.svg'}: 5 nodes, 4 links\n", "")


@pytest.mark.netns
def test_what_a_script_builds_is_drawn_where_its_topology_says(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "from nepi import ExperimentController, Topology\n"
        "ec = ExperimentController('bell', backend='netns')\n"
        "ec.build(Topology.dumbbell(2, bottleneck={'rate': '5Mbit'}))\n"
        "ec.deploy()\n"
    )
    said = nepi("plot", "topology", tmp_path / "x.py", "-o", tmp_path / "x.svg")
    assert (said.status, said.out) == (0, f"{tmp_path / 'x.svg'}: 6 nodes, 5 links\n")
    text = (tmp_path / "x.svg").read_text()
    assert all(word in text for word in ("left-2", "5Mbit", "source", "target"))


def test_a_file_with_a_mininet_topology_is_no_script_to_be_run(tmp_path: Path) -> None:
    said = nepi("plot", "topology", FILES / "mininet_campus.py", "--no-labels", "-o", tmp_path / "x.pdf")
    assert (said.status, said.out) == (0, f"{tmp_path / 'x.pdf'}: 4 nodes, 4 links\n")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("x.graphml", "<graphml", "nepi: {path}, line 1: this is no XML: unclosed token\n"),
        ("x.py", "print(1)", "nepi: {path} deploys nothing: call run() or deploy() of an ExperimentController\n"),
        ("x.txt", "", "nepi: {path}: whose file is this? Known are GraphML, containerlab, Kathará, CORE, Mininet (.py), JSON and YAML; "
                      "say it by kind=\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_told_with_a_status_of_its_own(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    said = nepi("plot", "topology", path, "-o", tmp_path / "x.svg")
    assert (said.status, said.err) == (2, sentence.format(path=path))


def test_a_file_that_is_not_there_is_told() -> None:
    said = nepi("plot", "topology", "nowhere.graphml")
    assert (said.status, said.err) == (2, "nepi: cannot read nowhere.graphml: No such file or directory\n")
