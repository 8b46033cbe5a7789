"""`&`, `|`, quorum, delays, deadlines, exit statuses and trace lines, also when parts are settled before anybody waits."""

from __future__ import annotations

import pytest

from nepi.model.conditions import AllOf, AnyOf, Condition, quorum
from tests.engine.drive import (
    DEPLOY,
    FAILED,
    FINISHED,
    READY,
    RELEASED,
    START,
    STARTED,
    STOPPED,
    TOLERANT,
    Drive,
    Fail,
    Met,
    Missed,
    Perform,
    WatchTrace,
    ended,
    exited,
    strict,
    trace_line,
)


def drive_of(*guids: int) -> Drive:
    drive = Drive()
    drive.join(*guids, profile=TOLERANT)
    return drive


def never(guid: int, state: str, asked: str) -> str:
    return f"#{guid} is {state} and did not get {asked} before"


# and, or


def test_both_are_needed_and_the_later_one_counts() -> None:
    drive = drive_of(1, 2)
    drive.wait(9, (strict(1, READY) & strict(2, READY)) + 5.0)
    drive.now = 1.0
    assert drive.enter(READY, 2) == []
    drive.now = 3.0
    assert drive.enter(READY, 1) == []
    assert drive.at(8.0) == [Met(9)]


def test_one_is_enough_and_the_earlier_one_counts() -> None:
    drive = drive_of(1, 2)
    drive.wait(9, (strict(1, READY) | strict(2, READY)) + 5.0)
    drive.now = 1.0
    drive.enter(READY, 2)
    drive.now = 3.0
    drive.enter(READY, 1)
    assert drive.at(6.0) == [Met(9)]


def test_of_alternatives_that_were_true_before_the_earliest_counts() -> None:
    drive = drive_of(1, 2)
    drive.now = 1.0
    drive.enter(READY, 2)
    drive.now = 3.0
    drive.enter(READY, 1)
    drive.wait(9, (strict(1, READY) | strict(2, READY)) + 5.0)
    assert drive.engine.next_deadline == 6.0


def test_one_impossible_part_makes_both_impossible() -> None:
    drive = drive_of(1, 2)
    drive.wait(9, strict(1, READY) & strict(2, READY))
    assert drive.enter(STOPPED, 2) == [Missed(9, never(2, "STOPPED", "READY"))]
    assert drive.enter(READY, 1) == []


def test_alternatives_are_impossible_when_all_of_them_are() -> None:
    drive = drive_of(1, 2)
    drive.wait(9, strict(1, READY) | strict(2, READY))
    assert drive.enter(FAILED, 2) == []
    assert drive.enter(FAILED, 1) == [Missed(9, never(1, "FAILED", "READY"))]


def test_parts_that_are_settled_before_are_counted_at_once() -> None:
    drive = drive_of(1, 2, 3)
    drive.enter(READY, 1)
    drive.enter(STOPPED, 2)
    assert drive.wait(9, strict(1, READY) | strict(2, READY)) == [Met(9)]
    assert drive.wait(10, strict(1, READY) & strict(2, READY)) == [Missed(10, never(2, "STOPPED", "READY"))]
    assert drive.wait(11, strict(1, READY) & strict(3, READY)) == []
    assert drive.wait(12, strict(2, READY) | strict(3, READY)) == []
    assert drive.enter(READY, 3) == [Met(11), Met(12)]


def test_conditions_nest() -> None:
    drive = drive_of(1, 2, 3, 4)
    condition = (strict(1, STARTED) & (strict(2, FINISHED) | strict(3, FAILED))) | (ended(4) + 100.0)
    drive.wait(9, condition)
    drive.enter(STARTED, 1)
    assert drive.enter(FAILED, 2) == []
    assert drive.enter(FAILED, 3) == [Met(9)]


@pytest.mark.parametrize("condition", [AllOf(()), AnyOf(())])
def test_nothing_asked_is_met(condition: Condition) -> None:
    assert drive_of(1).wait(9, condition) == [Met(9)]


# quorum


def test_a_quorum_is_met_by_enough() -> None:
    drive = drive_of(1, 2, 3, 4)
    drive.wait(9, quorum(0.5, (1, 2, 3, 4), "READY") + 1.0)
    drive.now = 2.0
    drive.enter(READY, 3)
    drive.now = 4.0
    drive.enter(READY, 1)
    assert drive.at(5.0) == [Met(9)]


def test_a_quorum_survives_as_many_failures_as_it_can() -> None:
    drive = drive_of(1, 2, 3, 4)
    drive.wait(9, quorum(3, (1, 2, 3, 4), "READY"))
    assert drive.enter(FAILED, 1) == []
    assert drive.enter(FAILED, 2) == [Missed(9, never(2, "FAILED", "READY"))]


def test_a_quorum_counts_what_was_before() -> None:
    drive = drive_of(1, 2, 3)
    drive.enter(READY, 1)
    drive.enter(FAILED, 2)
    assert drive.wait(8, quorum(1, (1, 2, 3), "READY")) == [Met(8)]
    assert drive.wait(9, quorum(2, (1, 2, 3), "READY")) == []
    assert drive.enter(READY, 3) == [Met(9)]
    assert drive.wait(10, quorum(3, (1, 2, 3), "READY")) == [Missed(10, never(2, "FAILED", "READY"))]


# delays


def test_a_delay_counts_from_the_entry_although_the_resource_has_ended_since() -> None:
    drive = drive_of(1)
    drive.now = 1.0
    drive.enter(STARTED, 1)
    drive.wait(9, strict(1, STARTED) + "2s")
    drive.now = 2.0
    drive.enter(FINISHED, 1)
    drive.enter(RELEASED, 1)
    assert drive.at(3.0) == [Met(9)]


def test_delays_add_up() -> None:
    drive = drive_of(1)
    drive.wait(9, strict(1, STARTED) + "2s" + "3s")
    drive.enter(STARTED, 1)
    assert drive.at(4.999) == []
    assert drive.at(5.0) == [Met(9)]


def test_a_delay_of_nothing_is_met_by_the_next_look_at_the_clock() -> None:
    drive = drive_of(1)
    drive.wait(9, strict(1, STARTED) + 0.0)
    decided = drive.enter(STARTED, 1)
    assert decided == [Met(9)] or (drive.engine.next_deadline == 0.0 and drive.at(0.0) == [Met(9)])


def test_a_delayed_condition_that_is_impossible_is_so_without_delay() -> None:
    drive = drive_of(1)
    drive.wait(9, strict(1, STARTED) + "1h")
    assert drive.enter(FAILED, 1) == [Missed(9, never(1, "FAILED", "STARTED"))]


def test_one_late_tick_settles_everything_that_was_due_earliest_first() -> None:
    drive = drive_of(1)
    drive.wait(1, strict(1, STARTED) + 3.0)
    drive.wait(2, strict(1, STARTED) + 1.0)
    drive.wait(3, strict(1, STARTED) + 2.0)
    drive.enter(STARTED, 1)
    assert drive.at(60.0) == [Met(2), Met(3), Met(1)]


# deadlines


def test_a_deadline_that_passes_makes_it_impossible() -> None:
    drive = drive_of(1)
    drive.wait(9, strict(1, READY).within("10s"))
    assert drive.at(9.999) == []
    assert drive.at(10.0) == [Missed(9, "its deadline of 10 s has passed, and #1.ready has not come true")]
    assert drive.enter(READY, 1) == []


def test_a_deadline_that_is_kept_is_forgotten() -> None:
    drive = drive_of(1)
    drive.wait(9, strict(1, READY).within("10s"))
    drive.now = 9.0
    assert drive.enter(READY, 1) == [Met(9)]
    assert drive.at(10.0) == []


def test_a_deadline_counts_from_being_asked_for() -> None:
    drive = drive_of(1)
    drive.now = 100.0
    drive.wait(9, strict(1, READY).within("10s"))
    assert drive.engine.next_deadline == 110.0


def test_what_was_true_before_keeps_its_deadline_however_long_ago() -> None:
    drive = drive_of(1)
    drive.enter(READY, 1)
    drive.now = 100.0
    assert drive.wait(9, strict(1, READY).within("1s")) == [Met(9)]


def test_news_that_comes_after_the_deadline_is_too_late_although_nobody_looked_at_the_clock() -> None:
    drive = drive_of(1)
    drive.wait(9, strict(1, READY).within("10s"))
    drive.now = 11.0
    assert drive.enter(READY, 1) == [Missed(9, "its deadline of 10 s has passed, and #1.ready has not come true")]


def test_a_deadline_of_one_branch_leaves_the_other() -> None:
    drive = drive_of(1, 2)
    drive.wait(9, strict(1, READY).within("1s") | strict(2, READY))
    assert drive.at(2.0) == []
    assert drive.enter(READY, 1) == []
    assert drive.enter(READY, 2) == [Met(9)]


def test_a_delay_that_ends_with_the_deadline_keeps_it() -> None:
    drive = drive_of(1)
    drive.enter(READY, 1)
    drive.wait(9, (strict(1, READY) + 2.0).within(2.0))
    assert drive.at(2.0) == [Met(9)]


def test_a_waiter_fails_when_the_deadline_of_its_condition_passes() -> None:
    drive = drive_of(1, 2)
    drive.when(2, START, strict(1, FINISHED).within("5s"))
    drive.deploy(2)
    drive.now = 1.0
    drive.enter(READY, 2)
    assert drive.at(6.0) == [Fail(2, "cannot start: its deadline of 5 s has passed, and #1.finished has not come true")]


# exit statuses


def test_the_asked_exit_status_meets_it() -> None:
    drive = drive_of(1)
    drive.wait(9, exited(1, 3))
    assert drive.exit(1, 3) == [Met(9)]


def test_another_exit_status_makes_it_impossible() -> None:
    drive = drive_of(1)
    drive.wait(9, exited(1, 0))
    assert drive.exit(1, 3) == [Missed(9, "#1 exited with status 3, not 0")]


def test_an_exit_status_of_before_is_known() -> None:
    drive = drive_of(1)
    drive.exit(1, 3)
    drive.enter(FINISHED, 1)
    assert drive.wait(8, exited(1, 3)) == [Met(8)]
    assert drive.wait(9, exited(1, 0)) == [Missed(9, "#1 exited with status 3, not 0")]


def test_an_end_without_an_exit_status_makes_it_impossible() -> None:
    drive = drive_of(1)
    drive.wait(9, exited(1))
    assert drive.enter(STOPPED, 1) == [Missed(9, "#1 ended without an exit status")]
    assert drive.wait(10, exited(1)) == [Missed(10, "#1 ended without an exit status")]


def test_two_statuses_are_alternatives() -> None:
    drive = drive_of(1)
    drive.wait(9, exited(1, 0) | exited(1, 1))
    assert drive.exit(1, 1) == [Met(9)]


# trace lines


def test_a_trace_is_watched_once_for_all_who_wait_for_it() -> None:
    drive = drive_of(1)
    assert drive.wait(8, trace_line(1)) == [WatchTrace(1, "stdout", "ready")]
    assert drive.wait(9, trace_line(1)) == []
    assert drive.line(1) == [Met(8), Met(9)]


def test_different_patterns_are_watched_each() -> None:
    drive = drive_of(1)
    drive.wait(8, trace_line(1, "ready"))
    assert drive.wait(9, trace_line(1, "up")) == [WatchTrace(1, "stdout", "up")]
    assert drive.line(1, pattern="up") == [Met(9)]


def test_a_trace_that_ended_without_a_match_makes_it_impossible() -> None:
    drive = drive_of(1)
    drive.wait(9, trace_line(1))
    assert drive.line(1, matched=False) == [Missed(9, "#1 ended and its trace 'stdout' never matched 'ready'")]


def test_a_waiter_starts_when_the_line_is_seen() -> None:
    drive = drive_of(1, 2)
    drive.when(2, START, trace_line(1) + 2.0)
    drive.deploy(2)
    assert drive.enter(READY, 2) == [WatchTrace(1, "stdout", "ready")]
    drive.now = 1.0
    drive.line(1)
    assert drive.at(3.0) == [Perform(START, (2,))]


# several who wait


def test_one_entry_wakes_all_who_wait_in_the_order_in_which_they_asked() -> None:
    drive = drive_of(1, 2, 3)
    drive.when(3, DEPLOY, strict(1, READY))
    drive.when(2, DEPLOY, strict(1, READY))
    drive.deploy(3, 2)
    drive.wait(9, strict(1, READY))
    assert drive.enter(READY, 1) == [Perform(DEPLOY, (3, 2)), Met(9)]


def test_a_wait_that_was_given_up_is_not_answered() -> None:
    from nepi.engine.events import WatchDropped

    drive = drive_of(1)
    drive.wait(9, strict(1, READY))
    assert drive.tell(WatchDropped(9)) == []
    assert drive.tell(WatchDropped(9)) == []
    assert drive.enter(READY, 1) == []
