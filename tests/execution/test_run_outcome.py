from __future__ import annotations

from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError


def test_a_run_whose_only_application_fails_raises(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    ec.add("Application", ec.add("Node"), exitStatus=3, name="app")
    with pytest.raises(ExperimentError, match="app failed: exited with status 3"):
        ec.run()
