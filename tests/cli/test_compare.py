"""`nepi compare`: of what this file's own resources claim to have measured, of namespaces, and of namespaces and ns-3."""

from __future__ import annotations

import csv
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from nepi import Attribute, ResourceManager
from nepi.errors import ResourceError
from tests.cli.conftest import NEPI, nepi, nepi_process

EXPERIMENT = """
experiment: compared
backend: netns
nodes: [a, b]
links: [{ends: [a, b]}]
applications:
  ping: {type: Ping, on: a, target: b, count: 2, interval: 10ms}
"""
REAL = """
experiment: crossed
nodes: [a, b]
links: [{ends: [a, b], rate: 10Mbit, delay: 5ms}]
applications:
  ping: {type: Ping, on: a, target: b, count: 5, interval: 100ms}
  server: {type: Iperf3Server, on: b}
  client: {type: Iperf3Client, on: a, target: b, duration: 2s, start: [server.started, ping.finished]}
"""


@dataclass(frozen=True)
class Claim:
    """What a meter says it has measured."""

    throughput_bps: float
    jitter_s: float | None = None
    complete: bool = True


class Meter(ResourceManager, rtype="compared::Meter"):
    """Claims a rate that depends on the seed; with one seed it fails, with another it does not measure all, or is warned of."""

    rate = Attribute.number(10.0, help="What it claims.")
    failsWith = Attribute.integer(-1, help="The seed with which it fails.")
    failsTo = Attribute.integer(-1, help="The last seed of those with which it fails, too.")
    lacksWith = Attribute.integer(-1, help="The seed with which it knows no jitter.")
    lagsWith = Attribute.integer(-1, help="The seed with which it was too slow.")
    result: Claim | None = None

    async def start(self) -> None:
        seed = self.ec.seed
        if seed == self.get("failsWith") or seed <= self.get("failsTo"):
            raise ResourceError("it fell off the table")
        jitter = None if seed == self.get("lacksWith") else 0.001
        self.result = Claim(self.get("rate") + 0.01 * seed, jitter)
        self.set_started()
        self.finish()

    def warnings_of_run(self) -> list[str]:
        return ["it was too slow"] if self.ec.seed == self.get("lagsWith") else []


def meter(folder: Path, **attributes: int) -> Path:
    """Write an experiment with one meter."""
    file = folder / "e.yaml"
    said = "".join(f", {name}: {value}" for name, value in attributes.items())
    file.write_text(f"experiment: metered\nresources: {{m: {{type: 'compared::Meter'{said}}}}}\n")
    return file


def table(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_two_backends_must_be_named(tmp_path: Path) -> None:
    done = nepi("compare", meter(tmp_path), "--backends", "netns")
    assert (done.status, done.err) == (2, "nepi: --backends names two backends or more, such as netns,ns3, not 'netns'\n")


def test_metrics_are_shown_with_their_intervals_and_what_follows(tmp_path: Path, home: Path) -> None:
    done = nepi("compare", meter(tmp_path), "--backends", "dummy,dummy", "--repeat", "3")
    assert (done.status, table(done.out)) == (
        0,
        [
            ["metric", "dummy", "dummy", "difference", "verdict"],
            ["m throughput_bps", "10.02 ± 0.025", "10.02 ± 0.025", "+0 [-0.0227, +0.0227]", "agree"],
        ],
    )
    assert f"the runs are in {home / 'metered'} (nepi runs list)" in done.err
    assert len(list((home / "metered").iterdir())) >= 6


def test_each_of_several_backends_is_compared_with_the_first(tmp_path: Path) -> None:
    done = nepi("compare", meter(tmp_path), "--backends", "dummy,dummy,dummy", "--repeat", "2", "--json", "--seed", "7")
    found = json.loads(done.out)
    assert (done.status, found["backends"], len(found["metrics"])) == (0, ["dummy"] * 3, 2)
    assert [(one["number"], one["seed"]) for one in found["repetitions"]] == [(1, 7), (2, 8)] * 3


def test_what_a_run_is_warned_of_is_shown_and_nothing_agrees(tmp_path: Path) -> None:
    done = nepi("compare", meter(tmp_path, lagsWith=2), "--backends", "dummy,dummy", "--repeat", "2")
    assert done.status == 1
    assert table(done.out)[1][-1] == "doubtful: agree, but there is a warning of dummy, 2 of 2; dummy, 2 of 2"
    assert table(done.out)[-1] == ["dummy, 2 of 2", "m: it was too slow"]


def test_a_metric_that_some_repetitions_lack_says_how_many_have_it(tmp_path: Path) -> None:
    file = meter(tmp_path, lacksWith=3)
    done = nepi("compare", file, "--backends", "dummy,dummy", "--repeat", "3", "--metrics", "jitter_s", "--tolerance", "jitter_s=1ms")
    assert (done.status, table(done.out)[1]) == (
        1,
        [
            "m jitter_s",
            "0.001 ± 0 (2 of 3)",
            "0.001 ± 0 (2 of 3)",
            "+0 [+0, +0]",
            "doubtful: agree, but measured in 2 and 2 of 3 repetitions",
        ],
    )


def test_a_repetition_that_fails_is_told_of_and_the_others_go_on(tmp_path: Path) -> None:
    file, out = meter(tmp_path, failsWith=2), tmp_path / "all.csv"
    done = nepi("compare", file, "--backends", "dummy,dummy", "--repeat", "3", "--csv", out, "--discard")
    assert done.status == 1
    assert "nepi: dummy, 2 of 3 failed: experiment metered: m failed: it fell off the table" in done.err
    assert table(done.out)[1][-1] == "doubtful: agree, but measured in 2 and 2 of 3 repetitions"
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [(row["backend"], row["repetition"], row["seed"]) for row in rows if row["metric"] == "m jitter_s"] == [
        ("dummy", "1", "1"),
        ("dummy", "3", "3"),
    ] * 2
    assert not any(Path(row["run"]).exists() for row in rows)
    failed = [line for line in done.out.splitlines() if "The run's folder is" in line]
    assert all(Path(line.split("The run's folder is ")[1].strip()).is_dir() for line in failed)
    assert len(failed) == 2


def test_a_backend_on_which_nothing_works_is_given_up(tmp_path: Path) -> None:
    done = nepi("compare", meter(tmp_path, failsTo=9), "--backends", "dummy,dummy", "--repeat", "4")
    assert (done.status, done.err.count("failed: experiment metered"), done.err.count("dummy is given up: the first 2 of 4 failed")) == (
        1,
        4,
        2,
    )
    assert table(done.out)[-2][0] == "dummy, 2 of 4"


def test_a_description_with_mistakes_is_refused_before_anything_runs(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(EXPERIMENT.replace("type: Ping", "type: Pnig"))
    done = nepi("compare", file, "--backends", "dummy,dummy")
    assert (done.status, done.out) == (2, "")
    assert "Pnig" in done.err
    assert not home.exists()


def test_an_unknown_figure_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    done = nepi("compare", meter(tmp_path), "--backends", "dummy,dummy", "--repeat", "1", "--metrics", "rtt")
    assert done.status == 2
    assert "measures none of rtt; its results have jitter_s, throughput_bps" in done.err


@pytest.mark.parametrize(("said", "why"), [("x", "'x'"), ("jitter_s=2Mbit", "2Mbit"), ("retransmits=many", "many")])
def test_a_tolerance_that_is_not_understood_is_named(tmp_path: Path, said: str, why: str) -> None:
    done = nepi("compare", meter(tmp_path), "--backends", "dummy,dummy", "--tolerance", said)
    assert done.status == 2
    assert f"nepi: --tolerance {said}: " in done.err
    assert why in done.err


@pytest.mark.netns
def test_pings_in_namespaces_are_compared(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(EXPERIMENT)
    done = nepi_process("compare", file, "--backends", "netns,netns", "--repeat", "2", "--json")
    assert done.status in (0, 1), done.err
    rows = {row["metric"]: row for row in json.loads(done.out)["metrics"]}
    assert set(rows) == {"ping rtt_avg_s", "ping loss"}
    assert rows["ping loss"]["verdict"] == "agree"
    assert len(rows["ping rtt_avg_s"]["first"]["values"]) == 2


@pytest.mark.netns
@pytest.mark.ns3
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_namespaces_and_ns3_agree_about_a_path(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(REAL)
    argv = [*NEPI, "compare", str(file), "--backends", "netns,ns3", "--repeat", "2", "--tolerance", "30%", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=400, check=False)  # ns-3 takes its time to be imported
    found = json.loads(done.stdout)
    # Frames of a busy machine are late now and then, which the runs in namespaces are then warned of.
    said = {row["metric"]: row["why"].partition(", but there is a warning of netns")[0] or row["verdict"] for row in found["metrics"]}
    assert said == dict.fromkeys(("ping rtt_avg_s", "ping loss", "client throughput_bps"), "agree"), done.stderr
    assert done.returncode == (0 if all(row["verdict"] == "agree" for row in found["metrics"]) else 1)
    assert [len(one["marks"]) for one in found["repetitions"] if one["backend"] == "ns3"] == [0, 0]
