from __future__ import annotations

import json
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError
from nepi.engine import events as ev
from nepi.execution.journal import batches
from nepi.model.states import ResourceState
from nepi.testing import full_disk


def test_a_disk_that_is_full_aborts_the_run_and_everything_is_released(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    node = ec.add("Node")
    ec.deploy()
    assert ec.wait_started(node)
    with full_disk(ec):
        application = ec.add("Application", node, duration="1h")
        ec.deploy()
        result = ec.wait_started(application, deadline="10s")
        assert not result
        assert "No space left on device" in result.reason
        ec.shutdown()
    assert [ec.state(guid) for guid in ec.resources] == [ResourceState.RELEASED] * 2
    assert application.start_time is None
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert summary["outcome"] == "aborted"
    assert all(line["ev"] for line in batches(Path(ec.run_dir) / "journal.jsonl"))


def test_run_raises_when_the_journal_cannot_be_written(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    ec.add("Application", ec.add("Node"), duration="1h")
    ec.deploy()
    with full_disk(ec), pytest.raises(ExperimentError, match="cannot be written: No space left"):
        ec.run()


def test_an_observer_that_fails_does_not_stop_the_run(tmp_path: Path) -> None:
    class Clumsy:
        def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
            raise RuntimeError("clumsy")

    ec = ExperimentController("x", tmp_path, backend="dummy")
    ec.observers.append(Clumsy())
    ec.add("Application", ec.add("Node"), name="app")
    ec.run()
    assert ec.resource("app").finish_time is not None
