"""A lease: when the controller has died and nobody attaches in time, the supervisor gives everything back."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from nepi import ExperimentController
from nepi.errors import BadValueError
from nepi.execution.ledger import Ledger, Row
from nepi.execution.process_identity import ProcessIdentity
from tests.execution.dying import DEADLINE_S, die_when, has, summary_of

pytestmark = pytest.mark.slow

PROGRAM = """
from nepi.execution.ledger import Thing
with ExperimentController("x", backend="dummy", run_id="r", lease={lease!r}) as ec:
    app = ec.add("Application", ec.add("Node", name="node"), duration={duration!r}, name="app")
    ec.deploy()
    open({path!r}, "w").close()
    ec.ledger.made(ec.ledger.intend([Thing("file", {{"path": {path!r}}})]))
    ec.run()
"""
STARTED = has('["entered","STARTED",[1,2]]', "run_until")


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    return tmp_path / "runs" / "x" / "r"


def program(tmp_path: Path, lease: str, duration: str) -> str:
    text = PROGRAM.format(lease=lease, duration=duration, path=str(tmp_path / "thing"))
    return text.replace("ec.run()", 'ec.run(deadline="1h")')


def supervisors(run_dir: Path) -> list[ProcessIdentity]:
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        rows: list[Row] = [row for row in ledger.rows() if row.kind == "supervisor"]
    return [one for row in rows if (one := ProcessIdentity.from_json(row.identity)) is not None and one.is_alive()]


def wait_ended(identity: ProcessIdentity) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while identity.is_alive():
        assert time.monotonic() < deadline, "the supervisor did not end"
        time.sleep(0.01)


def test_nobody_attaches_and_everything_is_given_back(run_dir: Path, tmp_path: Path) -> None:
    die_when(run_dir, program(tmp_path, "100ms", "1h"), STARTED)
    for identity in supervisors(run_dir):
        wait_ended(identity)
    status = json.loads((run_dir / "run.json").read_text())
    assert (status["state"], status["why"]) == ("collected", "nobody attached within its lease of 0.1 s")
    assert not (tmp_path / "thing").exists()
    assert (run_dir / "supervisor.log").read_text() == ""


def test_who_attaches_in_time_keeps_the_run_and_its_supervisor(run_dir: Path, tmp_path: Path) -> None:
    die_when(run_dir, program(tmp_path, "1h", "500ms"), STARTED)
    [before] = supervisors(run_dir)
    with ExperimentController.attach("x/r") as ec:
        assert supervisors(run_dir) == [before]
        assert ec.lease_s == 3600
        ec.complete()
    assert not before.is_alive()
    assert summary_of(run_dir)["outcome"] == "finished"


def test_a_supervisor_that_was_killed_is_replaced_by_who_attaches(run_dir: Path, tmp_path: Path) -> None:
    die_when(run_dir, program(tmp_path, "1h", "500ms"), STARTED)
    [before] = supervisors(run_dir)
    os.kill(before.pid, signal.SIGKILL)
    wait_ended(before)
    with ExperimentController.attach("x/r") as ec:
        [after] = supervisors(run_dir)
        assert after != before
        ec.complete()
    assert not after.is_alive()


def test_a_run_that_ends_in_order_leaves_no_supervisor(run_dir: Path) -> None:
    with ExperimentController("x", backend="dummy", run_id="r", lease="1h") as ec:
        ec.add("Node", name="node")
        ec.deploy()
        [identity] = supervisors(run_dir)
    assert not identity.is_alive()
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        assert ledger.rows() == []


def test_gc_ends_the_supervisor_too(run_dir: Path, tmp_path: Path) -> None:
    from tests.cli.conftest import nepi

    die_when(run_dir, program(tmp_path, "1h", "1h"), STARTED)
    [identity] = supervisors(run_dir)
    assert nepi("gc").out == "x/r: gave back 1 file, 1 supervisor\n"
    assert not identity.is_alive()


def test_a_lease_must_be_a_time() -> None:
    with pytest.raises(BadValueError, match="expected a time above 0"):
        ExperimentController("x", lease="0s")
