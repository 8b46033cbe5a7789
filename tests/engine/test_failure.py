"""Failures: what is critical aborts, what is not does not; retries with their back-off; deadlines of actions."""

from __future__ import annotations

import pytest

from nepi.model.states import ResourceAction, ResourceState
from tests.engine.drive import (
    CRITICAL,
    DEPLOY,
    FAILED,
    NEW,
    READY,
    RELEASE,
    RELEASED,
    START,
    STARTED,
    STOP,
    STOPPED,
    TOLERANT,
    Abort,
    Cancel,
    Drive,
    Fail,
    LeaveBehind,
    Met,
    Missed,
    Perform,
    Profile,
    Reset,
    Retry,
    at_least,
    ended,
    strict,
)


def drive_of(*guids: int, profile: Profile = CRITICAL, stop_on_abort: bool = False) -> Drive:
    drive = Drive(stop_on_abort=stop_on_abort)
    drive.join(*guids, profile=profile)
    return drive


# What a failure means


def test_an_action_that_raises_fails_its_resource_with_the_reason() -> None:
    drive = drive_of(1)
    drive.deploy(1)
    assert drive.fail(1, DEPLOY, "no such host") == [Fail(1, "no such host")]


def test_a_critical_failure_aborts_the_run_naming_it() -> None:
    drive = drive_of(1)
    drive.deploy(1)
    drive.fail(1, DEPLOY, "no such host")
    assert drive.enter(FAILED, 1) == [Abort("#1 failed: no such host", 1)]
    assert drive.engine.aborted == "#1 failed: no such host"


def test_a_failure_that_is_not_critical_does_not_abort() -> None:
    drive = drive_of(1, profile=TOLERANT)
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    assert drive.enter(FAILED, 1) == []
    assert drive.engine.aborted is None


def test_who_waits_for_a_resource_that_aborts_the_run_is_told_of_the_abort() -> None:
    drive = drive_of(1, 2)
    drive.wait(8, at_least(STARTED, 1))
    drive.when(2, DEPLOY, at_least(STARTED, 1))
    drive.deploy(2)
    drive.wait(9, ended(1))
    assert drive.enter(FAILED, 1) == [Abort("#1 failed", 1), Missed(8, "#1 failed"), Missed(9, "#1 failed")]


def test_only_the_first_failure_aborts() -> None:
    drive = drive_of(1, 2)
    drive.enter(FAILED, 1)
    assert drive.enter(FAILED, 2) == []
    assert drive.engine.aborted == "#1 failed"


def test_the_first_reason_of_a_resource_is_kept() -> None:
    from nepi.engine.events import Explained

    drive = drive_of(1)
    drive.tell(Explained(1, "the cable is cut"))
    drive.tell(Explained(1, "and the plug is out"))
    assert drive.enter(FAILED, 1) == [Abort("#1 failed: the cable is cut", 1)]


def test_a_second_exception_of_a_failed_resource_changes_nothing() -> None:
    drive = drive_of(1, profile=TOLERANT)
    drive.deploy(1)
    drive.enter(FAILED, 1)
    assert drive.fail(1, DEPLOY) == []


def test_a_deployment_that_fails_after_it_said_ready_takes_back_the_start() -> None:
    drive = drive_of(1, profile=TOLERANT)
    drive.deploy(1)
    assert drive.enter(READY, 1) == [Perform(START, (1,))]
    assert drive.fail(1, DEPLOY, "late") == [Cancel(1), Fail(1, "late")]


# Abort


def test_after_an_abort_nothing_new_is_deployed_or_started() -> None:
    drive = drive_of(1, 2, 3)
    drive.when(2, DEPLOY, at_least(STARTED, 3))
    drive.deploy(1, 2)
    assert drive.abort("enough") == [Abort("enough", None)]
    assert drive.enter(READY, 1) == []
    assert drive.enter(STARTED, 3) == []
    assert drive.deploy(3) == []
    assert drive.order(START, 1) == []


def test_an_abort_ends_every_wait_at_once_with_the_reason_but_those_for_the_release() -> None:
    drive = drive_of(1)
    drive.wait(1, strict(1, STARTED))
    drive.wait(2, at_least(RELEASED, 1), survives_abort=True)
    drive.wait(3, strict(1, STARTED) + "1h")
    assert drive.abort("enough") == [Abort("enough", None), Missed(1, "enough"), Missed(3, "enough")]
    assert drive.wait(4, strict(1, STARTED)) == [Missed(4, "enough")]
    assert drive.wait(5, at_least(NEW, 1)) == [Missed(5, "enough")]
    drive.release(1)
    assert drive.enter(RELEASED, 1) == [Met(2)]


def test_a_second_abort_changes_nothing() -> None:
    drive = drive_of(1)
    drive.abort("enough")
    assert drive.abort("more than enough") == []
    assert drive.engine.aborted == "enough"


def test_an_abort_leaves_what_runs_alone() -> None:
    drive = drive_of(1, 2)
    drive.started(1)
    assert drive.enter(FAILED, 2) == [Abort("#2 failed", 2)]
    assert drive.order(STOP, 1) == [Perform(STOP, (1,))]


def test_an_abort_stops_what_runs_when_the_policy_says_so() -> None:
    drive = drive_of(1, 2, 3, stop_on_abort=True)
    drive.started(1, 3)
    assert drive.enter(FAILED, 2) == [Abort("#2 failed", 2), Perform(STOP, (1, 3))]


def test_what_was_just_being_started_is_stopped_as_well() -> None:
    drive = drive_of(1, 2, stop_on_abort=True)
    drive.deploy(1)
    drive.enter(READY, 1)
    drive.enter(FAILED, 2)
    assert drive.enter(STARTED, 1) == [Perform(STOP, (1,))]


def test_after_an_abort_a_failed_action_is_not_tried_again() -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(attempts=5)))
    drive.deploy(1)
    drive.abort()
    assert drive.fail(1, DEPLOY) == [Fail(1, "broken")]


def test_an_abort_drops_the_attempt_that_waits_for_its_time() -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(attempts=5, delay_s=1.0)))
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    drive.abort()
    assert drive.at(60.0) == []


def test_failing_while_being_released_does_not_abort() -> None:
    drive = drive_of(1)
    drive.release(1)
    assert drive.enter(FAILED, 1) == []
    assert drive.engine.aborted is None


# Retry


@pytest.mark.parametrize(("action", "back"), [(DEPLOY, NEW), (START, READY)])
def test_a_failed_attempt_is_followed_by_another_after_a_growing_delay(action: ResourceAction, back: ResourceState) -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(attempts=3, delay_s=2.0, factor=3.0)))
    drive.deploy(1)
    if action is START:
        drive.enter(READY, 1)
    what = action.name.lower()
    assert drive.fail(1, action) == [Reset(1, back, f"{what} failed (broken); attempt 2 of 3 in 2 s")]
    assert drive.at(1.999) == []
    assert drive.at(2.0) == [Perform(action, (1,))]
    assert drive.fail(1, action, "again") == [Reset(1, back, f"{what} failed (again); attempt 3 of 3 in 6 s")]
    assert drive.at(7.999) == []
    assert drive.at(8.0) == [Perform(action, (1,))]
    assert drive.fail(1, action, "for good") == [Fail(1, "for good")]


def test_a_stop_is_not_tried_again() -> None:
    drive = drive_of(1, profile=Profile(critical=False, retry=Retry(attempts=3)))
    drive.started(1)
    drive.order(STOP, 1)
    assert drive.fail(1, STOP) == [Fail(1, "broken")]


def test_success_forgets_the_failed_attempts() -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(attempts=2, delay_s=1.0)))
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    drive.at(1.0)
    assert drive.enter(READY, 1) == [Perform(START, (1,))]
    assert drive.fail(1, START) == [Reset(1, READY, "start failed (broken); attempt 2 of 2 in 1 s")]


def test_who_waits_for_a_resource_waits_through_its_attempts() -> None:
    drive = drive_of(1, 2, profile=Profile(retry=Retry(attempts=2, delay_s=1.0)))
    drive.need(2, 1)
    drive.deploy(1, 2)
    drive.fail(1, DEPLOY)
    drive.at(1.0)
    assert drive.enter(READY, 1) == [Perform(DEPLOY, (2,))]


def test_a_release_drops_the_attempt_that_waits_for_its_time() -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(attempts=2, delay_s=1.0)))
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    assert drive.release(1) == [Perform(RELEASE, (1,))]
    assert drive.at(1.0) == []


# Deadlines of actions

HASTY = Profile(critical=False, deadlines_s=(1.0, 2.0, 3.0, 4.0))


@pytest.mark.parametrize(("action", "limit"), [(DEPLOY, 1), (START, 2), (STOP, 3)])
def test_an_action_that_is_not_done_by_its_deadline_is_cancelled_and_fails(action: ResourceAction, limit: int) -> None:
    drive = drive_of(1, profile=HASTY)
    drive.put(1, {DEPLOY: NEW, START: READY, STOP: STARTED}[action])
    drive.now = 10.0
    drive.order(action, 1)
    assert drive.engine.next_limit == 10.0 + limit
    assert drive.at(10.0 + limit - 0.001) == []
    reason = f"{action.name.lower()} was not done within {limit} s"
    assert drive.at(10.0 + limit) == [Cancel(1), Fail(1, reason)]


def test_a_release_that_is_not_done_by_its_deadline_is_left_behind() -> None:
    drive = drive_of(1, profile=HASTY)
    drive.release(1)
    assert drive.at(4.0) == [Cancel(1), LeaveBehind(1, "release was not done within 4 s")]
    drive.enter(RELEASED, 1)
    assert drive.at(60.0) == []


def test_a_deadline_that_is_kept_is_not_looked_at_again() -> None:
    drive = drive_of(1, profile=HASTY)
    drive.order(DEPLOY, 1)
    drive.now = 0.5
    drive.enter(READY, 1)
    assert drive.engine.next_limit is None
    assert drive.at(1.0) == []


def test_each_action_has_its_own_time() -> None:
    drive = drive_of(1, profile=HASTY)
    drive.order(DEPLOY, 1)
    drive.now = 0.9
    drive.enter(READY, 1)
    drive.order(START, 1)
    assert drive.at(2.8) == []
    assert drive.at(2.9) == [Cancel(1), Fail(1, "start was not done within 2 s")]


def test_a_deadline_is_a_failure_like_another_and_is_tried_again() -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(attempts=2, delay_s=0.5), deadlines_s=(1.0, None, None, None)))
    drive.deploy(1)
    late = "deploy was not done within 1 s"
    assert drive.at(1.0) == [Cancel(1), Reset(1, NEW, f"deploy failed ({late}); attempt 2 of 2 in 0.5 s")]
    assert drive.at(1.5) == [Perform(DEPLOY, (1,))]
    assert drive.at(2.5) == [Cancel(1), Fail(1, late)]


def test_a_restart_after_a_stop_has_the_whole_deadline_again() -> None:
    drive = drive_of(1, profile=HASTY)
    drive.put(1, READY)
    drive.order(START, 1)
    drive.now = 1.0
    drive.enter(STARTED, 1)
    drive.enter(STOPPED, 1)
    drive.order(START, 1)
    assert drive.at(2.5) == []
    assert drive.at(3.0) == [Cancel(1), Fail(1, "start was not done within 2 s")]


def test_a_restart_within_one_batch_has_the_whole_deadline_again() -> None:
    from nepi.engine.events import ActionAsked, Entered

    drive = drive_of(1, profile=HASTY)
    drive.put(1, READY)
    drive.order(START, 1)
    drive.engine.handle_all([Entered(STARTED, (1,)), Entered(STOPPED, (1,)), ActionAsked(START, (1,))], now=1.0)
    assert drive.at(2.5) == []
    assert drive.at(3.0) == [Cancel(1), Fail(1, "start was not done within 2 s")]


def test_all_that_end_are_told_when_everything_has_ended() -> None:
    drive = drive_of(1, 2, 3, profile=TOLERANT)
    drive.wait(9, ended(1, 2, 3))
    drive.enter(STOPPED, 1)
    drive.enter(FAILED, 2)
    assert drive.enter(RELEASED, 3) == [Met(9)]


# What has been given up


def test_what_is_about_to_be_marked_failed_is_not_ordered_to_do_anything_meanwhile() -> None:
    drive = drive_of(1, profile=TOLERANT)
    drive.deploy(1)
    assert drive.fail(1, DEPLOY) == [Fail(1, "broken")]
    assert drive.order(DEPLOY, 1) == []
    assert drive.fail(1, DEPLOY, "again") == []


def test_what_cannot_be_done_any_more_gives_up_what_is_under_way() -> None:
    drive = drive_of(1, 2, profile=TOLERANT)
    drive.when(1, STOP, strict(2, READY))
    drive.deploy(1)
    assert drive.enter(FAILED, 2) == [Cancel(1), Fail(1, "cannot stop: #2 is FAILED and did not get READY before")]


def test_a_release_that_is_left_behind_is_so_once() -> None:
    drive = drive_of(1, profile=HASTY)
    drive.release(1)
    drive.at(4.0)
    assert drive.fail(1, RELEASE, "and then it raised") == []


def test_a_resource_that_was_given_up_and_cannot_be_released_is_left_behind_all_the_same() -> None:
    drive = drive_of(1, profile=TOLERANT)
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    drive.release(1)
    assert drive.fail(1, RELEASE, "stuck") == [LeaveBehind(1, "stuck")]


def test_an_attempt_that_failed_does_not_go_on_waiting() -> None:
    drive = drive_of(1, 2, profile=Profile(retry=Retry(attempts=2, delay_s=10.0), deadlines_s=(1.0, None, None, None)))
    drive.deploy(1)
    drive.now = 0.5
    drive.waiting(1, DEPLOY, 2, delay_s=2.0)
    late = "deploy was not done within 1 s"
    assert drive.at(1.0) == [Cancel(1), Reset(1, NEW, f"deploy failed ({late}); attempt 2 of 2 in 10 s")]
    assert drive.at(2.5) == []
    assert drive.enter(READY, 2) == []
    assert drive.at(11.0) == [Perform(DEPLOY, (1,))]


def test_what_was_called_without_being_asked_and_waits_is_from_then_on_ordered() -> None:
    drive = drive_of(1, 2)
    drive.waiting(1, DEPLOY, 2)
    assert drive.enter(READY, 2) == [Perform(DEPLOY, (1,))]
    assert drive.order(DEPLOY, 1) == []
