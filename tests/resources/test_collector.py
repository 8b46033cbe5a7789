"""The collector, on resources of any backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, trace_matches
from nepi.errors import PlanError

pytestmark = pytest.mark.netns


def test_a_collector_has_the_traces_together_when_what_it_is_connected_to_is_over(tmp_path: Path) -> None:
    ec = ExperimentController("collect", tmp_path, backend="netns")
    node = ec.add("Node")
    apps = [ec.add("Application", node, command=f"echo {number}", tearDown="echo torn >> ${RUN_HOME}/stdout") for number in range(3)]
    ec.add("Collector", *apps, traceName="stdout", subDir="all/of/them", rename="out")
    ec.add("Collector", apps[0], traceName="nothing")
    ec.run(deadline="20s")
    folder = Path(ec.run_dir) / "all/of/them"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {f"{app.guid}.out": f"{app.guid - 2}\ntorn\n" for app in apps}


def test_a_collector_that_is_given_back_alone_has_what_there_is(tmp_path: Path) -> None:
    with ExperimentController("collect", tmp_path, backend="netns") as ec:
        app = ec.add("Application", ec.add("Node"), command="echo here; exec sleep 600")
        collector = ec.add("Collector", app, traceName="stdout")
        ec.deploy()
        assert ec.wait_for(app.started & collector.started, "20s")
        assert ec.wait_for(trace_matches(app, "here"), "20s")
        ec.release([collector])
        assert (Path(ec.run_dir) / f"{app.guid}.stdout").read_text() == "here\n"
        assert app.state.name == "STARTED"


@pytest.mark.parametrize(("name", "value"), [("subDir", "../elsewhere"), ("rename", "a/b"), ("traceName", "/etc/passwd")])
def test_a_collector_stays_in_the_runs_folder(tmp_path: Path, name: str, value: str) -> None:
    ec = ExperimentController("collect", tmp_path, backend="netns")
    values: dict[str, Any] = {"traceName": "stdout", name: value}
    ec.add("Collector", ec.add("Application", ec.add("Node"), command="true"), **values)
    with pytest.raises(PlanError, match=f"{name}.*leads out of the run's folder"):
        ec.check()


def test_a_collector_of_nothing_is_a_mistake(tmp_path: Path) -> None:
    ec = ExperimentController("collect", tmp_path, backend="netns")
    ec.add("Collector")
    with pytest.raises(PlanError, match=r"(?s)'traceName' is not set.*connected to nothing"):
        ec.check()
