"""A run over several hosts whose controller was killed: it is taken up, and nothing is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from nepi import ExperimentController
from nepi.execution.ledger import Ledger
from nepi.lab import Lab
from tests.execution.dying import die_when, has, summary_of

pytestmark = [pytest.mark.root, pytest.mark.netns, pytest.mark.slow]

PROGRAM = """
with ExperimentController("x", backend="netns", run_id="r") as ec:
    machines = [ec.add("linux::Node", name=name, hostname=name, username="root", sshConfig={config!r}, installTools=False)
                for name in ("h1", "h2")]
    a, b, c = (ec.add("Node", name=name, host=machines[number]) for name, number in (("a", 0), ("b", 1), ("c", 1)))
    ec.add("Link", a, b, rate="10Mbit", name="wire")
    ec.add("Link", b, c, name="inside")
    capture = ec.add("Tcpdump", c, i="eth0", w=True, name="capture")
    ping = ec.add("Ping", a, target=c, count=8, interval="200ms", name="ping")
    ping.start_when(capture.started)
    count = ec.add("Application", b, command="for i in $(seq 10); do echo $i; sleep 0.1; done", name="count")
    late = ec.add("Application", c, command="echo late", name="late")
    late.start_when(count.ended)
    ec.handle("wire").set_when(count.started + "300ms", rate="5Mbit")
    ec.run()
"""
INSTANTS = {
    "some nodes are ready, and others are not": has('["entered","READY"'),
    "a command has ended, and a change has been made": has('["exited",', '"set":{'),
}


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    return tmp_path / "runs" / "x" / "r"


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_run_finishes_as_if_its_controller_had_not_been_killed_when(run_dir: Path, lab: Lab, instant: str) -> None:
    die_when(run_dir, PROGRAM.format(config=str(lab.ssh_config)), INSTANTS[instant])
    with ExperimentController.attach("x/r") as ec:
        assert ec.lost == []
        ec.complete()
        assert ec.handle("ping").result.received == 8
    summary = summary_of(run_dir)
    assert (summary["outcome"], summary["failed"], summary["not_released"], summary["trouble"]) == ("finished", {}, [], [])
    assert (run_dir / "traces" / "count" / "stdout").read_text().split() == [str(number) for number in range(1, 11)]
    assert (run_dir / "traces" / "late" / "stdout").read_text() == "late\n"
    assert len((run_dir / "traces" / "capture" / "pcap").read_bytes()) > 24 + 16 * 98
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        assert ledger.rows() == []
    for name in ("h1", "h2"):
        assert lab.run(name, ["find", "/root/.cache/nepi/runs", "-mindepth", "1"]).stdout == ""
