"""The journal replayed gives the same decisions, and says where it does not."""

from __future__ import annotations

import json

import pytest

from nepi.engine.replay import replay
from nepi.errors import RunError
from tests.engine.drive import DEPLOY, FAILED, NEW, READY, RELEASED, START, STARTED, TOLERANT, Drive, Profile, Retry, strict


def a_run() -> Drive:
    drive = Drive()
    drive.join(1, 2, profile=Profile(retry=Retry(3, 0.1), deadlines_s=(10.0, None, None, 60.0)))
    drive.join(3, profile=TOLERANT)
    drive.need(2, 1)
    drive.when(2, START, strict(1, STARTED) + 2.0)
    drive.deploy(1, 2, 3)
    drive.fail(1, DEPLOY)
    drive.at(0.1)
    drive.now = 0.30000000000000004
    drive.enter(READY, 1, 2)
    drive.enter(FAILED, 3)
    drive.enter(STARTED, 1)
    drive.at(2.3000000000000003)
    drive.wait(9, strict(2, STARTED))
    drive.enter(STARTED, 2)
    drive.release(1, 2, 3)
    drive.enter(RELEASED, 2, 3)
    drive.enter(RELEASED, 1)
    return drive


def test_a_run_replayed_takes_the_same_decisions_and_ends_in_the_same_states() -> None:
    drive = a_run()
    result = drive.replayed()
    assert (result.batches, result.differences) == (len(drive.lines), [])
    assert {guid: one.state for guid, one in result.engine.members.items()} == {1: RELEASED, 2: RELEASED, 3: RELEASED}


def test_a_run_comes_through_the_files_format() -> None:
    lines = [json.loads(json.dumps(line)) for line in a_run().lines]
    assert replay(lines).differences == []


def test_a_decision_that_differs_is_told_with_its_line() -> None:
    drive = a_run()
    drive.lines[4]["do"] = [["perform", "DEPLOY", [1]]]
    assert drive.replayed().differences == [
        "line 4: decided [['perform', 'DEPLOY', [1, 3]]], the run had decided [['perform', 'DEPLOY', [1]]]"
    ]


def test_reasons_may_differ_because_they_name_resources() -> None:
    drive = Drive()
    drive.join(1)
    drive.deploy(1)
    drive.fail(1, DEPLOY, "no")
    drive.lines[-1]["do"] = [["fail", 1, "node-1 said no"]]
    assert drive.replayed().differences == []


def test_a_move_outside_of_the_table_is_named() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.enter(STARTED, 1, 2)
    drive.enter(NEW, 2)
    assert drive.replayed().irregular == [
        "line 1: resource 1 announced STARTED when it was NEW",
        "line 1: resource 2 announced STARTED when it was NEW",
        "line 2: resource 2 announced NEW when it was STARTED",
    ]


def test_announcements_of_a_released_resource_are_named() -> None:
    drive = Drive()
    drive.join(1)
    drive.enter(RELEASED, 1)
    drive.enter(READY, 1)
    assert drive.replayed().irregular == ["line 2: resource 1 announced READY when it was RELEASED"]


def test_a_policy_that_the_run_had_is_taken() -> None:
    drive = Drive(stop_on_abort=True)
    drive.join(1)
    drive.started(1)
    drive.abort()
    assert drive.replayed().differences == []
    assert len(replay(drive.lines).differences) == 1


def test_a_damaged_line_is_refused() -> None:
    with pytest.raises(RunError, match="not an event"):
        replay([{"n": 1, "t": 0.0, "ev": [["nonsense"]], "do": []}])
