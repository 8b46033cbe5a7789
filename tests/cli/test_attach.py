"""`nepi attach`, and what other commands say of a run that can be attached to."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from nepi.execution.runlock import RunLock
from tests.cli.conftest import nepi, nepi_process, started


@pytest.fixture
def dead(script: Callable[[str], Path], home: Path) -> Path:
    """Return the folder of a run of half a second whose controller was killed in the middle."""
    path = script(
        """
        with ExperimentController("half", backend="dummy", run_id="r1") as ec:
            node = ec.add("Node", name="node")
            app = ec.add("Application", node, name="app", duration="500ms")
            ec.add("Application", node, name="after").start_when(app.finished)
            ec.deploy()
            ec.wait_started([node, app])
            ec.schedule("1h", print)
            ec.run()
        """
    )
    with started("run", path) as running:
        running.wait_for("STARTED    node, app")
        running.signal(signal.SIGKILL)
        running.end()
    return home / "half" / "r1"


def test_a_dead_run_is_brought_to_its_end(dead: Path) -> None:
    assert "dead" in nepi("ps").out
    assert nepi("ps").out.splitlines()[1].endswith("nepi attach, nepi gc")
    said = nepi_process("attach", "half")
    assert (said.status, said.out) == (0, "")
    assert "run half/r1 in " in said.err
    assert "half/r1: finished, 3 resources\n" in said.err
    assert json.loads((dead / "run.json").read_text())["state"] == "finished"
    assert "same decisions" in nepi("replay", "half").out
    assert "resumed    by another controller" in nepi("logs", "half").out


def test_what_was_lost_is_told_and_in_the_summary(dead: Path) -> None:
    said = nepi_process("attach", "half")
    lost = json.loads((dead / "summary.json").read_text())["lost"]
    told = [line for line in said.err.splitlines() if line.startswith("lost: ")]
    assert told == [f"lost: {one}" for one in lost]


def test_json_has_the_summary(dead: Path) -> None:
    said = nepi_process("attach", "--json", "half")
    [run] = json.loads(said.out)["runs"]
    assert (run["outcome"], run["resources"]) == ("finished", 3)


def test_ctrl_c_gives_an_attached_run_back(script: Callable[[str], Path], long: Path, home: Path) -> None:
    with started("run", long) as running:
        running.wait_for("STARTED")
        running.signal(signal.SIGKILL)
        running.end()
    with started("attach", "long") as attached:
        attached.wait_for("run long/r1 in")
        assert "is live" in nepi_process("attach", "long").err
        attached.signal(signal.SIGINT)
        said = attached.end()
    assert said.status == 130
    assert json.loads((home / "long" / "r1" / "summary.json").read_text())["not_released"] == []


def test_a_torn_line_is_reported(dead: Path) -> None:
    with (dead / "journal.jsonl").open("a") as journal:
        journal.write('{"n": 7, "t"')
    for command in (("ps",), ("why", "half", "app"), ("replay", "half")):
        assert "its last line is torn (12 bytes)" in nepi(*command).err
    assert "its last line is torn (12 bytes)" in nepi_process("attach", "half").err
    assert "torn" not in nepi("replay", "half").err


def test_what_is_over_or_unknown_is_refused(dead: Path) -> None:
    assert nepi("gc").status == 0
    said = nepi_process("attach", "half")
    assert (said.status, said.err) == (2, f"nepi: run half/r1 cannot be taken up: it is over (collected); its results are in {dead}\n")
    assert nepi_process("attach", "nothing").status == 2


def test_gc_leaves_a_run_alone_that_somebody_is_taking_up(dead: Path) -> None:
    lock = RunLock(dead)
    lock.acquire()
    try:
        said = nepi_process("gc")
    finally:
        lock.release()
    assert said.status == 1
    assert "is being controlled by another process" in said.err
    assert nepi("gc").out == "half/r1: nothing was left\n"


def test_release_ends_a_dead_run_too(dead: Path) -> None:
    assert nepi("release", "half").out == "half/r1: nothing was left\n"
    assert json.loads((dead / "run.json").read_text())["state"] == "collected"


def test_a_lease_is_an_option_of_run(script: Callable[[str], Path], home: Path) -> None:
    path = script(
        """
        with ExperimentController("e", backend="dummy", run_id="r") as ec:
            ec.add("Node", name="node")
            ec.run()
            print(ec.lease_s)
        """
    )
    assert nepi_process("run", "-q", "--lease", "30m", path).out == "1800.0\n"
    assert nepi_process("run", "-q", "--lease", "soon", path).status == 2
