"""Seed-style actions that put themselves off: repeated when a connected resource changes state, at the latest after the delay."""

from __future__ import annotations

from nepi.engine import events as ev
from tests.engine.drive import (
    DEPLOY,
    DISCOVERED,
    FAILED,
    READY,
    RELEASE,
    RELEASED,
    START,
    STARTED,
    STOP,
    STOPPED,
    TOLERANT,
    Cancel,
    Drive,
    Fail,
    LeaveBehind,
    Perform,
    Profile,
    Retry,
)


def drive_of(*guids: int) -> Drive:
    drive = Drive()
    drive.join(*guids, profile=TOLERANT)
    return drive


def test_it_is_repeated_when_a_peer_changes_state() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    assert drive.waiting(1, DEPLOY, 2) == []
    assert drive.enter(DISCOVERED, 2) == [Perform(DEPLOY, (1,))]


def test_it_is_repeated_after_the_delay_when_no_peer_changes_state() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2, delay_s=0.5)
    assert drive.at(0.499) == []
    assert drive.at(0.5) == [Perform(DEPLOY, (1,))]


def test_it_is_repeated_once_for_each_time_that_it_asked() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2)
    drive.enter(DISCOVERED, 2)
    assert drive.enter(READY, 2) == []
    assert drive.at(1.0) == []


def test_no_wake_up_is_lost_between_looking_and_waiting() -> None:
    """The peer becomes READY after the action has looked at it and before it says that it waits."""
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.enter(READY, 2)
    assert drive.waiting(1, DEPLOY, 2) == [Perform(DEPLOY, (1,))]


def test_a_change_that_the_action_has_seen_does_not_wake_it() -> None:
    drive = drive_of(1, 2)
    drive.enter(READY, 2)
    drive.deploy(1)
    assert drive.waiting(1, DEPLOY, 2) == []


def test_a_change_that_the_repeated_action_has_seen_does_not_wake_it() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2)
    drive.enter(READY, 2)
    assert drive.waiting(1, DEPLOY, 2) == []


def test_many_wait_for_one_and_all_are_repeated_in_the_order_in_which_they_asked() -> None:
    drive = drive_of(1, 2, 3, 4)
    drive.deploy(2, 3, 4)
    for guid in (4, 2, 3):
        drive.waiting(guid, DEPLOY, 1)
    assert drive.enter(READY, 1) == [Perform(DEPLOY, (4, 2, 3))]


def test_it_goes_on_until_it_is_done() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    for round_ in range(1, 100):
        assert drive.waiting(1, DEPLOY, 2, delay_s=1.0) == []
        assert drive.at(float(round_)) == [Perform(DEPLOY, (1,))]
    assert drive.enter(READY, 1) == [Perform(START, (1,))]


def test_start_and_stop_wait_likewise() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.enter(READY, 1)
    drive.waiting(1, START, 2)
    assert drive.enter(READY, 2) == [Perform(START, (1,))]
    drive.enter(STARTED, 1)
    drive.order(STOP, 1)
    drive.waiting(1, STOP, 2)
    assert drive.enter(STARTED, 2) == [Perform(STOP, (1,))]


def test_a_release_waits_likewise() -> None:
    drive = drive_of(1, 2)
    drive.release(1, 2)
    drive.waiting(1, RELEASE, 2)
    assert drive.enter(RELEASED, 2) == [Perform(RELEASE, (1,))]


def test_a_release_that_waits_for_ever_is_left_behind() -> None:
    drive = Drive()
    drive.join(1, 2, profile=Profile(deadlines_s=(None, None, None, 2.5)))
    drive.release(1)
    for now in (1.0, 2.0):
        drive.waiting(1, RELEASE, 2)
        assert drive.at(now) == [Perform(RELEASE, (1,))]
    drive.waiting(1, RELEASE, 2)
    assert drive.at(2.5) == [Cancel(1), LeaveBehind(1, "release was not done within 2.5 s")]
    drive.enter(RELEASED, 1)
    assert drive.at(60.0) == []


def test_a_failed_resource_is_not_repeated() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2)
    drive.enter(FAILED, 1)
    assert drive.enter(READY, 2) == []
    assert drive.at(1.0) == []


def test_an_action_that_comes_back_waiting_after_its_resource_failed_is_not_repeated() -> None:
    """The original: the start of a resource that failed without being critical rescheduled itself for ever."""
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.enter(FAILED, 1)
    drive.waiting(1, DEPLOY, 2)
    assert drive.enter(READY, 2) == []
    assert drive.at(1.0) == []
    assert drive.engine.next_deadline is None


def test_an_action_that_waits_is_given_up_at_an_abort() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2)
    drive.abort()
    assert drive.enter(READY, 2) == []
    assert drive.waiting(1, DEPLOY, 2) == []
    assert drive.at(60.0) == []


def test_an_action_that_waits_is_given_up_when_its_resource_is_released() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2)
    assert drive.release(1) == [Cancel(1), Perform(RELEASE, (1,))]
    assert drive.enter(READY, 2) == []
    assert drive.waiting(1, DEPLOY, 2) == []
    assert drive.at(60.0) == []


def test_waiting_does_not_extend_the_deadline_of_the_action() -> None:
    drive = Drive()
    drive.join(1, 2, profile=Profile(critical=False, deadlines_s=(1.5, None, None, None)))
    drive.deploy(1)
    drive.waiting(1, DEPLOY, 2)
    drive.at(1.0)
    drive.waiting(1, DEPLOY, 2)
    assert drive.at(1.5) == [Cancel(1), Fail(1, "deploy was not done within 1.5 s")]


def test_a_stopped_resource_can_wait_to_be_started_again() -> None:
    drive = drive_of(1, 2)
    drive.put(1, STOPPED)
    drive.order(START, 1)
    drive.waiting(1, START, 2)
    assert drive.enter(READY, 2) == [Perform(START, (1,))]


def test_what_an_attempt_says_after_it_has_failed_is_old_news() -> None:
    drive = Drive()
    drive.join(1, profile=Profile(retry=Retry(3, 2.0)))
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    assert drive.waiting(1, DEPLOY) == []
    assert drive.at(1.5) == []
    assert drive.at(2.0) == [Perform(DEPLOY, (1,))]
    assert drive.at(9.0) == []


def test_what_an_abandoned_candidate_says_is_old_news() -> None:
    drive = Drive()
    drive.join(1, profile=Profile(replacements=1))
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    assert drive.waiting(1, DEPLOY) == []
    assert drive.at(3.0) == []
    assert drive.tell(ev.Renewed(1)) == [Perform(DEPLOY, (1,))]


def test_what_was_said_before_the_next_order_went_out_is_old_news() -> None:
    drive = Drive()
    drive.join(1, 2, profile=Profile(retry=Retry(3, 0.0)))
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    said = (ev.Waiting(1, DEPLOY, (2,), 1.0), ev.Entered(DISCOVERED, (2,)))
    assert drive.engine.handle_all(said, now=0.0) == [Perform(DEPLOY, (1,))]  # the next attempt is due in this very batch
