"""A run whose controller was killed is taken up again; on dummies, so that it is about states, times and the journal only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError
from nepi.engine.replay import replay
from nepi.errors import RunError, UnknownTypeError
from nepi.execution.journal import batches, read_journal
from nepi.execution.process_identity import ProcessIdentity
from nepi.execution.rundir import RunDir
from nepi.model.states import ResourceState
from tests.execution.dying import die_when, has, lines_of, summary_of

pytestmark = pytest.mark.slow

CHAIN = """
with ExperimentController("x", backend="dummy", run_id="r") as ec:
    node = ec.add("Node", name="node")
    first = ec.add("Application", node, name="first", duration="600ms")
    second = ec.add("Application", node, name="second", duration="100ms")
    second.start_when(first.started + "400ms")
    ec.run()
"""


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    return tmp_path / "runs" / "x" / "r"


def complete(run: str = "x/r") -> ExperimentController:
    with ExperimentController.attach(run) as ec:
        ec.complete()
    return ec


def test_a_run_is_brought_to_its_end_with_the_times_that_it_would_have_had(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    ec = complete()
    assert (ec.lost, summary_of(run_dir)["outcome"]) == ([], "finished")
    first, second = ec.resource("first"), ec.resource("second")
    assert first.start_time is not None
    assert first.finish_time is not None
    assert second.start_time is not None
    assert 0.6 <= (first.finish_time - first.start_time).total_seconds() < 30
    assert 0.4 <= (second.start_time - first.start_time).total_seconds() < 30
    assert [ec.state(guid) for guid in ec.resources] == [ResourceState.RELEASED] * 3


def test_the_journal_of_both_controllers_replays_with_the_same_decisions(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    complete()
    result = replay(batches(run_dir / "journal.jsonl"))
    assert result.differences == []
    numbers = [line["n"] for line in read_journal(run_dir / "journal.jsonl") if "n" in line]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("lines", [2, 3, 4, 5, 6, 7])
def test_it_does_not_matter_after_which_line_the_controller_died(run_dir: Path, lines: int) -> None:
    die_when(run_dir, CHAIN, lambda found: len(found) >= lines and (run_dir / "plan.json").exists())
    assert complete().lost == []
    assert summary_of(run_dir)["outcome"] == "finished"


def test_two_deaths_in_a_row_are_survived(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    second = """
    with ExperimentController.attach("x/r") as ec:
        ec.complete()
    """
    die_when(run_dir, second, has('["resumed",'))
    complete()
    assert summary_of(run_dir)["outcome"] == "finished"


def test_a_torn_last_line_counts_as_not_written(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    whole = lines_of(run_dir)
    with (run_dir / "journal.jsonl").open("a") as journal:
        journal.write('{"n": 99, "t": 0.5, "ev": [["entered", "FIN')
    complete()
    after = lines_of(run_dir)
    assert after[: len(whole)] == whole
    assert after[len(whole)]["note"]["attached"]["torn_bytes"] == 43


def test_what_was_aborted_stays_aborted(run_dir: Path) -> None:
    program = """
    ec = ExperimentController("x", backend="dummy", run_id="r")
    ec.add("Application", ec.add("Node", name="node"), duration="1h")
    ec.deploy()
    ec.wait_started(ec.resources)
    ec.abort_run("enough")
    ec.wait_started(ec.resources)
    signal.pause()
    """
    die_when(run_dir, program, has('["abort_asked","enough"]'))
    with pytest.raises(ExperimentError, match="enough"):
        complete()
    assert summary_of(run_dir)["abort_reason"] == "enough"


def test_a_release_that_was_going_on_goes_on(run_dir: Path) -> None:
    program = """
    with ExperimentController("x", backend="dummy", run_id="r") as ec:
        node = ec.add("Node", name="node", releaseTime="10s")
        ec.run()
    """
    die_when(run_dir, program.replace("10s", "1s"), has('["perform","RELEASE",[1]]'))
    complete()
    assert summary_of(run_dir)["not_released"] == []


def test_a_change_that_waited_for_a_condition_is_made(run_dir: Path) -> None:
    program = """
    with ExperimentController("x", backend="dummy", run_id="r") as ec:
        node = ec.add("Node", name="node")
        app = ec.add("Application", node, name="app", duration="500ms")
        app.set_when(app.started + "300ms", failReason="changed")
        node.set_when(app.started, failReason="made")
        ec.run()
    """
    die_when(run_dir, program, has('["entered","STARTED",[1,2]]', '"set":{"guid":1'))
    ec = complete()
    assert (ec.get("app", "failReason"), ec.get("node", "failReason")) == ("changed", "made")
    changes = [line["note"] for line in lines_of(run_dir) if "set" in line.get("note", {})]
    assert [one["set"] for one in changes] == [
        {"guid": 1, "values": {"failReason": "made"}},
        {"guid": 2, "values": {"failReason": "changed"}},
    ]


def test_methods_of_resources_that_were_scheduled_are_called_and_callbacks_of_the_program_are_listed(run_dir: Path) -> None:
    program = """
    with ExperimentController("x", backend="dummy", run_id="r") as ec:
        app = ec.add("Application", ec.add("Node", name="node"), name="app", duration="1h")
        ec.deploy()
        ec.wait_started(app)
        ec.schedule("1h", print)
        ec.schedule("300ms", app.manager.stop)
        signal.pause()
    """
    die_when(run_dir, program, has('"call":"stop"'))
    ec = complete()
    assert len(ec.lost) == 1
    assert ec.lost[0].startswith("the call of builtins.print, due 3600.")
    assert ec.resource("app").stop_time is not None


def test_what_was_described_and_not_deployed_is_listed(run_dir: Path) -> None:
    program = """
    with ExperimentController("x", backend="dummy", run_id="r") as ec:
        node, later = ec.add("Node", name="node"), ec.add("Node", name="later")
        ec.deploy([node])
        ec.wait_started(node)
        signal.pause()
    """
    die_when(run_dir, program, has('["entered","STARTED",[1]]'))
    assert complete().lost == ["the deployment of later, which the program had described and not asked for yet"]


def test_a_deadline_of_the_run_holds_over_the_death(run_dir: Path) -> None:
    program = """
    with ExperimentController("x", backend="dummy", run_id="r") as ec:
        ec.add("Application", ec.add("Node", name="node"), name="app", duration="1h")
        ec.run(deadline="1s")
    """
    die_when(run_dir, program, has('"run_until"', '["entered","STARTED",[1,2]]'))
    with pytest.raises(ExperimentError, match="its deadline of"):
        complete()


def test_a_type_without_adopt_fails_with_the_reason_and_its_policy_decides(run_dir: Path, tmp_path: Path) -> None:
    types = tmp_path / "own.py"
    types.write_text(
        "from nepi.execution.resource import ResourceManager\n"
        "class Thing(ResourceManager, rtype='own::Thing'):\n"
        "    service = True\n"
        "    async def deploy(self):\n"
        "        self.set_ready()\n"
    )
    program = f"""
    import sys; sys.path.insert(0, {str(tmp_path)!r}); import own
    with ExperimentController("x", backend="dummy", run_id="r") as ec:
        ec.add("own::Thing", name="thing", critical=False)
        ec.add("Application", ec.add("Node", name="node"), duration="1s")
        ec.run()
    """
    die_when(run_dir, program, has('["perform","START",', '["entered","STARTED",'))
    with pytest.raises(UnknownTypeError, match="must be imported, or found by NEPI_SEARCH_PATH"):
        ExperimentController.attach("x/r")
    check = f"""
    import sys; sys.path.insert(0, {str(tmp_path)!r}); import own
    from nepi import ExperimentController
    with ExperimentController.attach("x/r") as ec:
        ec.complete()
    print(ec.lost)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(check)], capture_output=True, text=True, check=True)
    why = "thing: it could not be taken up again: the type own::Thing has no method `adopt`"
    assert done.stdout == f"{[why]}\n"
    assert summary_of(run_dir)["failed"] == {"thing": why.removeprefix("thing: ")}


def test_a_live_run_and_one_that_is_over_are_refused(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    with ExperimentController.attach("x/r") as ec:
        with pytest.raises(RunError, match=f"run x/r is live: process {os.getpid()} controls it, and only one can"):
            ExperimentController.attach("x/r")
        ec.complete()
    with pytest.raises(RunError, match=r"it is over \(finished\)"):
        ExperimentController.attach("x/r")


def test_a_run_of_an_earlier_boot_is_lost_and_its_results_are_kept(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    status = RunDir(run_dir).read_status()
    status["controller"]["boot_id"] = "an-earlier-one"
    RunDir(run_dir).write_status(**status)
    with pytest.raises(RunError, match="this machine was started again since"):
        ExperimentController.attach("x/r")
    assert (run_dir / "journal.jsonl").exists()


def test_a_run_that_was_not_planned_cannot_be_taken_up(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    (run_dir / "experiment.json").unlink()
    with pytest.raises(RunError, match="before anything was deployed"):
        ExperimentController.attach("x/r")
    assert RunDir(run_dir).read_status()["state"] == "running"


def test_what_cannot_be_taken_up_is_left_as_it_was(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    before = (run_dir / "run.json").read_text()
    (run_dir / "ledger.sqlite").write_text("this is no ledger")
    with pytest.raises(RunError, match="ledger"):
        ExperimentController.attach("x/r")
    assert (run_dir / "run.json").read_text() == before
    (run_dir / "ledger.sqlite").unlink()
    complete()


def test_run_json_names_the_controller_that_has_it_now(run_dir: Path) -> None:
    die_when(run_dir, CHAIN, has('["entered","STARTED",[1,2]]'))
    with ExperimentController.attach("x/r") as ec:
        controller = json.loads((run_dir / "run.json").read_text())["controller"]
        assert ProcessIdentity.from_json(controller) == ProcessIdentity.of(os.getpid())
        ec.complete()
