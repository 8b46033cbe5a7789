"""Another controller takes a run up: every order without an answer is given once more, and nothing else."""

from __future__ import annotations

from nepi.engine import events as ev
from tests.engine.drive import (
    DEPLOY,
    FAILED,
    NEW,
    READY,
    RELEASE,
    RELEASED,
    START,
    STARTED,
    STOP,
    Abort,
    Drive,
    Fail,
    LeaveBehind,
    Perform,
    Profile,
    Reset,
    Retry,
    WatchTrace,
    strict,
    trace_line,
)


def resumed(drive: Drive, **lost: str) -> list[ev.Instruction]:
    return drive.tell(ev.Resumed(tuple(int(guid[1:]) for guid in lost), tuple(lost.values())))


def test_what_was_in_flight_is_ordered_again_and_what_is_done_is_not() -> None:
    drive = Drive()
    drive.join(1, 2, 3, 4)
    drive.deploy(1, 2, 3, 4, barrier=False)
    drive.enter(READY, 1, 2)
    drive.enter(STARTED, 1)
    drive.order(STOP, 1)
    drive.enter(READY, 3)
    drive.enter(STARTED, 3)
    assert resumed(drive) == [Perform(STOP, (1,)), Perform(START, (2,)), Perform(DEPLOY, (4,))]
    assert drive.replayed().differences == []


def test_deadlines_of_what_is_ordered_again_count_from_then() -> None:
    drive = Drive()
    drive.join(1, profile=Profile(deadlines_s=(5.0, None, None, None)))
    drive.deploy(1)
    drive.now = 3600.0
    assert resumed(drive) == [Perform(DEPLOY, (1,))]
    assert drive.at(3604.9) == []
    assert drive.at(3605.0)[-1] == Fail(1, "deploy was not done within 5 s")
    assert drive.replayed().differences == []


def test_conditions_that_became_due_meanwhile_are_met_at_once() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.when(2, START, strict(1, STARTED) + 60.0)
    drive.deploy(1, 2, barrier=False)
    drive.enter(READY, 1, 2)
    drive.enter(STARTED, 1)
    drive.now = 3600.0
    assert resumed(drive) == [Perform(START, (2,))]
    assert drive.at(3601.0) == []


def test_a_lost_resource_fails_and_a_critical_one_aborts() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.started(1, 2)
    assert resumed(drive, g2="its host is gone") == [Fail(2, "its host is gone")]
    assert drive.enter(FAILED, 2) == [Abort("#2 failed: its host is gone", 2)]


def test_a_lost_resource_with_a_retry_policy_is_deployed_again() -> None:
    drive = Drive()
    drive.join(1, profile=Profile(retry=Retry(2, 1.0)))
    drive.started(1)
    assert resumed(drive, g1="gone") == [Reset(1, NEW, "deploy failed (gone); attempt 2 of 2 in 1 s")]
    assert drive.at(1.0) == [Perform(DEPLOY, (1,))]
    assert drive.enter(READY, 1) == [Perform(START, (1,))]


def test_a_failure_and_a_release_that_nobody_carried_out_are_told_again() -> None:
    drive = Drive()
    drive.join(1, 2, profile=Profile(critical=False))
    drive.deploy(1, 2)
    drive.fail(1, DEPLOY, "no")
    drive.enter(READY, 2)
    drive.release(2)
    assert resumed(drive) == [Fail(1, "no"), Perform(RELEASE, (2,))]
    drive.fail(2, RELEASE, "stuck")
    assert resumed(drive)[-1] == LeaveBehind(2, "it could not be given back, and the controller that tried is gone")
    drive.enter(RELEASED, 2)
    assert resumed(drive) == [Fail(1, "no")]


def test_a_lost_resource_that_is_being_given_back_is_given_back() -> None:
    drive = Drive()
    drive.join(1)
    drive.started(1)
    drive.release(1)
    assert resumed(drive, g1="gone") == [Perform(RELEASE, (1,))]


def test_nothing_begins_again_after_an_abort() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.deploy(1, 2, barrier=False)
    drive.enter(READY, 1)
    drive.abort()
    assert resumed(drive) == []
    drive.release(1, 2)
    assert resumed(drive) == [Perform(RELEASE, (1, 2))]


def test_traces_are_looked_out_for_again() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.when(2, START, trace_line(1))
    drive.deploy(1, 2, barrier=False)
    drive.enter(READY, 1, 2)
    assert WatchTrace(1, "stdout", "ready") in resumed(drive)


def test_what_put_itself_off_is_called_again() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.deploy(1, 2)
    drive.waiting(2, DEPLOY, 1, delay_s=1.0)
    drive.now = 10.0
    assert resumed(drive) == [Perform(DEPLOY, (1, 2))]
