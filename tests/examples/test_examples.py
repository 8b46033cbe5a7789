"""Each example is run as a user would, and what it prints is compared."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx
import pytest

from nepi import Topology
from nepi.lab import Lab

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE_S = 90


def run(name: str, home: Path) -> str:
    """Run an example in a home of its own; it must end well, and quietly on standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        env={**os.environ, "NEPI_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def run_file(name: str, home: Path) -> None:
    """Run an experiment in a file as a user would; it must end well."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "nepi.cli", "run", "--quiet", str(EXAMPLES / f"{name}.yaml")],
        env={**os.environ, "NEPI_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def summary_of(home: Path, experiment: str) -> dict[str, Any]:
    (path,) = (home / "runs" / experiment).glob("*/summary.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_example_has_a_test() -> None:
    tested = set(re.findall(r'run\("(\w+)"', Path(__file__).read_text()))
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested
    files = set(re.findall(r'run_file\("(\w+)"', Path(__file__).read_text()))
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == files


@pytest.mark.netns
def test_first(tmp_path: Path) -> None:
    match = re.fullmatch(r"(\d+\.\d\d) of 10 Mbit/s\n", run("first", tmp_path))
    assert match is not None
    assert 7.5 < float(match[1]) <= 9.57  # 3 s over 40 ms there and back: TCP takes a part of them to get up to speed


@pytest.mark.netns
def test_first_as_a_file(tmp_path: Path) -> None:
    run_file("first", tmp_path)
    summary = summary_of(tmp_path, "first")
    assert (summary["outcome"], summary["failed"]) == ("finished", {})
    assert summary["measured"][0]["asked"] == "10Mbit (at most 9.564Mbit of data)"
    assert 0 < summary["results"]["client"]["throughput_bps"] <= 9.6e6  # with so much loss, the rest is TCP's business


@pytest.mark.netns
@pytest.mark.slow
def test_demo(tmp_path: Path) -> None:
    assert run("demo", tmp_path) == ""
    summary = summary_of(tmp_path, "demo")
    assert (summary["outcome"], summary["failed"], summary["not_released"]) == ("finished", {}, [])
    results = summary["results"]
    assert results["download"]["throughput_bps"] == pytest.approx(19.13e6, rel=0.1)
    assert results["upload-halved"]["throughput_bps"] == pytest.approx(9.56e6, rel=0.1)
    assert results["ping-quiet"]["loss"] == 0
    assert results["ping-quiet"]["rtt_avg_s"] < results["ping-busy"]["rtt_avg_s"]
    asked = {(row["resource"], row["what"]): row["asked"] for row in summary["measured"]}
    assert asked["download", "throughput"] == "20Mbit (at most 19.13Mbit of data)"
    assert asked["upload-halved", "throughput"] == "10Mbit (at most 9.564Mbit of data)"


def test_seed_style(tmp_path: Path) -> None:
    assert run("seed_style", tmp_path) == "[0, 1, 2, 3, 4] FINISHED\n[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] FINISHED\nTrue\n"


@pytest.mark.netns
def test_own_resource(tmp_path: Path) -> None:
    assert run("own_resource", tmp_path) == "20 beacons captured\nbeacon-4 sent\nshortbeacon-5 sent\n"


@pytest.mark.netns
def test_conditions(tmp_path: Path) -> None:
    assert run("conditions", tmp_path).splitlines() == [
        "late came after early: True",
        "it was 3",
        "most have answered",
        "after the cable was back: 1 of 1",
    ]


def test_failures(tmp_path: Path) -> None:
    assert run("failures", tmp_path).splitlines() == [
        "fragile: exited with status 3; solid finished: True",
        "experiment failures-abort: important failed: start failed: no licence left",
        "shaky finished at the third attempt: True",
        "waited in vain: True",
    ]


@pytest.mark.netns
def test_interactive(tmp_path: Path) -> None:
    first, *others = run("interactive", tmp_path).splitlines()
    assert re.fullmatch(r"1 packets transmitted, 1 received, 0% packet loss, time \d+ms", first)
    assert others == ["c through b: 2 of 2", "['a: STARTED', 'b: STARTED', 'c: RELEASED']"]


@pytest.mark.netns
@pytest.mark.slow
def test_zoo(tmp_path: Path) -> None:
    size, way, rate, cut = run("zoo", tmp_path).splitlines()
    assert (size, cut) == ("38 cities, 58 links", "while a cable was cut some were lost: True")
    match = re.fullmatch(r"from Lisbon to Oslo and back (\d+\.\d) ms, over 4 routers", way)
    assert match is not None
    europe = Topology.load(EXAMPLES / "data" / "europe.graphml").with_delay_as_weight()
    graph = networkx.Graph((*one.ends, {"weight": one.attributes["weight"]}) for one in europe.links)
    assert float(match[1]) >= round(2 * networkx.shortest_path_length(graph, "Lisbon", "Oslo", "weight"), 1)
    match = re.fullmatch(r"from Athens to Dublin (\d+\.\d) Mbit/s", rate)
    assert match is not None
    assert 7 < float(match[1]) < 9.6


@pytest.mark.netns
def test_hello_code(tmp_path: Path) -> None:
    assert run("hello_code", tmp_path) == "hello, world\nhello, reader\n"


@pytest.mark.netns
def test_file_transfer(tmp_path: Path) -> None:
    assert run("file_transfer", tmp_path) == "True size\nTrue digest\n"


@pytest.mark.netns
@pytest.mark.slow
def test_video(tmp_path: Path) -> None:
    row = re.compile(r"(\w+): 100 pictures sent, (\d+) seen, (\d+) complaints, (\d+\.\d) dB")
    good, bad = (match for line in run("video", tmp_path).splitlines() if (match := row.fullmatch(line)))
    assert (good[1], good[3], bad[1]) == ("good", "0", "bad")
    assert int(bad[3]) > 0
    assert float(bad[4]) < float(good[4]) > 40


@pytest.mark.netns
@pytest.mark.slow
def test_ospf_ring(tmp_path: Path) -> None:
    hops, pings = run("ospf_ring", tmp_path).splitlines()
    assert hops == "before: 4 hops; after: 5 hops; reached: True"
    match = re.fullmatch(r"(\d+) of 200 pings were lost", pings)
    assert match is not None
    assert 0 < int(match[1]) < 150


@pytest.mark.netns
@pytest.mark.slow
def test_bbr_cubic(tmp_path: Path) -> None:
    row = re.compile(r"(\w+): (\d+\.\d) Mbit/s, (\w+), (\d+) ms, (\d+) segments")
    bbr, cubic = (match for line in run("bbr_cubic", tmp_path).splitlines() if (match := row.fullmatch(line)))
    assert [(flow[1], flow[3]) for flow in (bbr, cubic)] == [("bbr", "bbr"), ("cubic", "cubic")]
    assert float(bbr[2]) + float(cubic[2]) == pytest.approx(9.56, rel=0.1)
    assert min(int(bbr[4]), int(cubic[4])) >= 20  # two ways of 10 ms


@pytest.mark.root
def test_two_machines(tmp_path: Path) -> None:
    with Lab(2, folder=tmp_path / "lab"):
        lines = run("two_machines", tmp_path).splitlines()
    digest = hashlib.sha256(b"one\n").hexdigest()[:12]
    assert lines == ["1000000 bytes arrived, the same", "packets were captured: True", digest, "['4.stderr', '5.stderr']"]
