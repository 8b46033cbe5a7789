"""The picture of a topology: what it shows, and where things are."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from nepi import Topology
from nepi.errors import BadValueError, UsageError
from nepi.topologies.elements import TopologyLink
from nepi.topologies.layout import positions_of
from nepi.topologies.picture import draw, free_sides, label_of

pytestmark = pytest.mark.leaves("matplotlib keeps its fonts open")


def texts_of(path: Path) -> list[str]:
    """Return the texts of an SVG, in the order in which they are drawn."""
    return ["".join(one.itertext()).strip() for one in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_a_picture_shows_nodes_links_and_which_ends_traffic_has(tmp_path: Path) -> None:
    bell = Topology.dumbbell(1, bottleneck={"rate": 10_000_000, "delay": "20ms", "loss": 0.01}, access={"rate": "1Gbit"})
    draw(bell, tmp_path / "bell.svg")
    texts = texts_of(tmp_path / "bell.svg")
    assert sorted(texts) == sorted(
        ["dumbbell", "west", "east", "left-1", "right-1", "1Gbit", "1Gbit", "10Mbit 20ms 1% loss", "host", "router", "source", "target"]
    )


def test_the_same_topology_is_the_same_file(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw(Topology.ring(5, rate="1Mbit"), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


@pytest.mark.parametrize(("name", "begins"), [("x.png", b"\x89PNG\r\n"), ("x.pdf", b"%PDF-")])
def test_a_picture_is_of_the_format_that_its_name_says(tmp_path: Path, name: str, begins: bytes) -> None:
    draw(Topology.star(3), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.slow
def test_what_links_say_is_left_out_where_nobody_could_read_it(tmp_path: Path) -> None:
    mesh = Topology.mesh(14, rate="1Mbit")  # 91 links
    draw(mesh, tmp_path / "none.svg")
    draw(mesh, tmp_path / "all.svg", labels=True)
    draw(Topology.ring(3, rate="1Mbit"), tmp_path / "off.svg", labels=False)
    assert [texts_of(tmp_path / name).count("1Mbit") for name in ("none.svg", "all.svg", "off.svg")] == [0, 91, 0]


def test_parallel_links_are_drawn_beside_each_other(tmp_path: Path) -> None:
    draw(Topology.of(["a", "b"], [("a", "b"), ("b", "a"), ("a", "b")]), tmp_path / "x.svg")
    text = (tmp_path / "x.svg").read_text()
    curves = {match[1] for match in re.finditer(r'<path d="(M [^LZz"]*?Q[^LZz"]*)"', text)}
    assert len(curves) == 3


def test_places_are_those_of_the_topology_or_of_a_layout_that_is_always_the_same() -> None:
    assert positions_of(Topology.linear(3)) == {"n1": (-1.0, 0.0), "n2": (0.0, 0.0), "n3": (1.0, 0.0)}
    unplaced = Topology.of([f"n{number}" for number in range(6)], [(f"n{number}", f"n{number + 1}") for number in range(5)])
    assert positions_of(unplaced) == positions_of(unplaced)
    places = list(positions_of(unplaced).values())
    assert min(math.dist(first, second) for number, first in enumerate(places) for second in places[:number]) > 0.1


def test_on_a_map_a_degree_to_the_east_is_shorter_in_the_north() -> None:
    topology = Topology.load(Path(__file__).parent / "files" / "zoo.graphml").parts()[0]
    places = positions_of(topology)
    assert places["Koln"][0] == pytest.approx(6.95 * math.cos(math.radians((50.93333 + 50.11552) / 2)))
    assert set(places) == {"Koln", "Frankfurt", "Frankfurt-2", "Ring"}


def test_names_stand_where_no_link_leads() -> None:
    cross = Topology.of(["middle", "left", "right", "below"], [("middle", "left"), ("middle", "right"), ("middle", "below")])
    places = {"middle": (0.0, 0.0), "left": (-9.0, 0.0), "right": (9.0, 0.0), "below": (0.0, -9.0)}
    assert free_sides(cross, places) == {"middle": (0, 1), "left": (-1, 0), "right": (1, 0), "below": (0, -1)}


def test_a_link_of_which_nothing_was_asked_says_nothing() -> None:
    assert label_of(TopologyLink("l", ("a", "b"), "", {"mtu": 1400})) == ""


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match=r"x\.gif: a picture is written as \.svg, \.png, \.pdf"):
        draw(Topology.ring(3), tmp_path / "x.gif")
    with pytest.raises(UsageError, match=r"cannot write .*x\.svg: No such file or directory"):
        draw(Topology.ring(3), tmp_path / "nowhere" / "x.svg")


def test_without_matplotlib_the_way_to_get_it_is_told(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["matplotlib"] = None
from pathlib import Path
from nepi import Topology
from nepi.topologies.picture import draw
try:
    draw(Topology.ring(3), Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "x.svg")], capture_output=True, text=True, check=True)
    assert done.stdout == "UsageError pictures are drawn by matplotlib, which is missing: pip install 'nepi[results]'\n"
