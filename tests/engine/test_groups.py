"""Deployment groups: with and without the barrier, members that come later, members that fail."""

from __future__ import annotations

from tests.engine.drive import (
    DEPLOY,
    DISCOVERED,
    FAILED,
    READY,
    RELEASED,
    START,
    STARTED,
    STOPPED,
    TOLERANT,
    Drive,
    Perform,
    strict,
)


def drive_of(*guids: int) -> Drive:
    drive = Drive()
    drive.join(*guids, profile=TOLERANT)
    return drive


def test_with_the_barrier_nobody_starts_before_all_are_ready() -> None:
    drive = drive_of(1, 2, 3)
    assert drive.deploy(1, 2, 3) == [Perform(DEPLOY, (1, 2, 3))]
    assert drive.enter(READY, 3) == []
    assert drive.enter(READY, 1) == []
    assert drive.enter(READY, 2) == [Perform(START, (1, 2, 3))]


def test_without_the_barrier_each_starts_when_it_is_ready() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, 2, barrier=False)
    assert drive.enter(READY, 2) == [Perform(START, (2,))]
    assert drive.enter(READY, 1) == [Perform(START, (1,))]


def test_a_member_that_fails_is_not_waited_for() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, 2)
    drive.enter(READY, 1)
    assert drive.enter(FAILED, 2) == [Perform(START, (1,))]


def test_a_member_that_is_released_is_not_waited_for() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, 2)
    drive.enter(READY, 1)
    drive.release(2)
    assert drive.enter(RELEASED, 2) == [Perform(START, (1,))]


def test_groups_do_not_wait_for_each_other() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, group=1)
    drive.deploy(2, group=2)
    assert drive.enter(READY, 1) == [Perform(START, (1,))]


def test_a_member_that_comes_before_the_barrier_has_opened_is_waited_for() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1)
    drive.deploy(2)
    assert drive.enter(READY, 1) == []
    assert drive.enter(READY, 2) == [Perform(START, (1, 2))]


def test_a_member_that_comes_after_the_barrier_has_opened_is_started_too() -> None:
    """The original deployed it and never started it."""
    drive = drive_of(1, 2)
    drive.started(1)
    assert drive.deploy(2) == [Perform(DEPLOY, (2,))]
    assert drive.enter(READY, 2) == [Perform(START, (2,))]


def test_members_that_come_later_wait_for_each_other() -> None:
    drive = drive_of(1, 2, 3)
    drive.started(1)
    drive.deploy(2, 3)
    assert drive.enter(READY, 2) == []
    assert drive.enter(READY, 3) == [Perform(START, (2, 3))]


def test_what_was_stopped_is_not_started_again_by_those_who_come_later() -> None:
    drive = drive_of(1, 2)
    drive.put(1, READY)
    assert drive.deploy(1) == [Perform(START, (1,))]
    drive.enter(STARTED, 1)
    drive.enter(STOPPED, 1)
    drive.deploy(2)
    assert drive.enter(READY, 2) == [Perform(START, (2,))]


def test_what_was_made_ready_by_hand_is_only_started() -> None:
    drive = drive_of(1)
    drive.put(1, READY)
    assert drive.deploy(1) == [Perform(START, (1,))]


def test_what_was_made_ready_by_hand_waits_at_the_barrier() -> None:
    drive = drive_of(1, 2)
    drive.put(1, READY)
    assert drive.deploy(1, 2) == [Perform(DEPLOY, (2,))]
    assert drive.enter(READY, 2) == [Perform(START, (1, 2))]


def test_deploying_twice_is_deploying_once() -> None:
    drive = drive_of(1)
    drive.deploy(1)
    assert drive.deploy(1, group=2) == []
    assert drive.enter(READY, 1) == [Perform(START, (1,))]


def test_a_resource_that_was_released_is_not_deployed() -> None:
    drive = drive_of(1)
    drive.release(1)
    drive.enter(RELEASED, 1)
    assert drive.deploy(1) == []


def test_a_member_that_becomes_ready_twice_is_counted_once() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, 2)
    drive.enter(READY, 1)
    drive.enter(DISCOVERED, 1)
    assert drive.enter(READY, 1) == []
    assert drive.enter(READY, 2) == [Perform(START, (1, 2))]


def test_a_member_that_started_by_itself_is_not_started_at_the_barrier() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, 2)
    drive.enter(STARTED, 1)
    assert drive.enter(READY, 2) == [Perform(START, (2,))]


def test_a_start_condition_holds_beyond_the_barrier() -> None:
    drive = drive_of(1, 2)
    drive.when(2, START, strict(1, STARTED) + 5.0)
    drive.deploy(1, 2)
    drive.enter(READY, 1)
    assert drive.enter(READY, 2) == [Perform(START, (1,))]
    assert drive.enter(STARTED, 1) == []
    assert drive.at(5.0) == [Perform(START, (2,))]


def test_a_barrier_member_and_one_without_share_a_group() -> None:
    drive = drive_of(1, 2)
    drive.deploy(1, barrier=True)
    drive.deploy(2, barrier=False)
    assert drive.enter(READY, 2) == [Perform(START, (2,))]
    assert drive.enter(READY, 1) == [Perform(START, (1,))]
