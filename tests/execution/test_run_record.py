from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ExperimentError


def summary_of(ec: ExperimentController) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    return record


def raise_inside(ec: ExperimentController, error: BaseException) -> None:
    with ec:
        ec.add("Node")
        ec.deploy()
        raise error


def test_a_program_that_raises_inside_with_is_told_in_the_summary(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    with pytest.raises(RuntimeError, match="my mistake"):
        raise_inside(ec, RuntimeError("my mistake"))
    record = summary_of(ec)
    assert (record["outcome"], record["abort_reason"]) == ("aborted", "the program raised RuntimeError: my mistake")
    assert record["not_released"] == []


def test_a_program_that_exits_with_0_inside_with_has_ended_well(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    with pytest.raises(SystemExit):
        raise_inside(ec, SystemExit(0))
    assert summary_of(ec)["outcome"] == "finished"


def test_a_run_whose_deadline_passes_is_recorded_as_aborted(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    ec.add("Application", ec.add("Node"), duration="1h")
    with pytest.raises(ExperimentError, match="deadline"):
        ec.run(deadline="10ms")
    record = summary_of(ec)
    assert record["outcome"] == "aborted"
    assert "deadline" in record["abort_reason"]


def test_a_change_that_is_described_before_the_deploy_makes_no_run_and_takes_effect_in_it(tmp_path: Path) -> None:
    with ExperimentController("x", tmp_path, backend="dummy") as ec:
        node = ec.add("Node")
        first = ec.add("Application", node, duration="1ms")
        second = ec.add("Application", node, duration="1h", stopTime="0s")
        second.set_when(first.finished, stopTime="2ms")
        assert not Path(ec.run_dir).exists()
        ec.deploy()
        assert ec.wait_finished(first)
        assert ec.wait_for(first.finished)
        ec.shutdown()
        assert second.get("stopTime") == 0.002
