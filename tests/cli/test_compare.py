"""`nepi compare`, of namespaces with namespaces: what it prints. With ns-3 it is the same, only slower."""

import json
from pathlib import Path
from subprocess import CompletedProcess, run
from sys import executable

import pytest

EXPERIMENT = """
experiment: compared
backend: netns
nodes: [a, b]
links: [{ends: [a, b]}]
applications:
  ping: {type: Ping, on: a, target: b, count: 2, interval: 10ms}
"""


def nepi(folder: Path, *words: str) -> CompletedProcess[str]:
    """Run `nepi compare` on the experiment."""
    file = folder / "e.yaml"
    file.write_text(EXPERIMENT)
    return run([executable, "-m", "nepi.cli", "compare", str(file), *words], capture_output=True, text=True, cwd=folder, check=False)


def test_two_backends_must_be_named(tmp_path: Path) -> None:
    done = nepi(tmp_path, "--backends", "netns")
    assert done.returncode == 2
    assert "--backends names two backends" in done.stderr


@pytest.mark.netns
def test_metrics_of_both_are_compared(tmp_path: Path) -> None:
    done = nepi(tmp_path, "--backends", "netns,netns", "--repeat", "2", "--json")
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(done.stdout)
    assert (found["backends"], found["repeat"], found["tolerance"]) == (["netns", "netns"], 2, 0.05)
    rows = {row["metric"]: row for row in found["metrics"]}
    assert set(rows) == {"ping rtt_avg_s", "ping loss"}
    assert rows["ping loss"]["verdict"] == "agree"
    assert len(rows["ping rtt_avg_s"]["first"]["values"]) == 2
