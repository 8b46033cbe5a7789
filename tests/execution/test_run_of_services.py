from __future__ import annotations

from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError
from nepi.errors import UnknownTypeError
from nepi.model.states import ResourceState


def test_a_run_of_services_only_gets_everything_up_before_it_ends(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    a = ec.add("Node", deployTime="50ms")
    ec.run()
    assert a.manager.start_time is not None
    assert a.manager.stop_time is not None
    assert a.state == ResourceState.RELEASED


def test_a_kept_run_of_services_only_is_left_up(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy", keep=True)
    a = ec.add("Node", startTime="50ms")
    ec.run()
    assert a.state == ResourceState.STARTED


def test_a_run_of_services_only_raises_when_one_fails(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    ec.add("Node", name="a", failOn="start")
    with pytest.raises(ExperimentError, match="a failed: start failed: as scripted"):
        ec.run()


def test_an_unknown_type_is_answered_with_each_near_name_once(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    with pytest.raises(UnknownTypeError) as raised:
        ec.add("Lnk")
    assert str(raised.value).count("'Link'") == 1
