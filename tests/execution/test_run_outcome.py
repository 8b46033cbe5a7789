from __future__ import annotations

import json
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError
from nepi.cli.outcome import outcome_of
from nepi.resources import dummy


def test_a_run_whose_only_application_fails_raises(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    ec.add("Application", ec.add("Node"), exitStatus=3, name="app")
    with pytest.raises(ExperimentError, match="app failed: exited with status 3"):
        ec.run()


class Late(dummy.Application, rtype="test::Late"):
    """An application whose world says afterwards that it could not keep up."""

    def invalid_because(self) -> str:
        """Say so."""
        return "the world was late"


def test_a_run_whose_figures_are_wrong_says_so_wherever_its_outcome_is_said(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    node = ec.add("Node")
    for name in ("one", "two"):
        ec.add("test::Late", node, name=name)
    ec.run()
    assert ec.invalid == ["the world was late"]
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert (summary["outcome"], summary["invalid"]) == ("invalid", ["the world was late"])
    assert json.loads((Path(ec.run_dir) / "run.json").read_text())["state"] == "invalid"
    one = outcome_of(Path(ec.run_dir), kept=False)
    assert one is not None
    assert not one.fine
