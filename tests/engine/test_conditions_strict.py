"""Condition values are strict: DESIGN §8's table, row by row."""

from __future__ import annotations

import pytest

from nepi.model.states import ENDED, ResourceState
from tests.engine.drive import (
    CRITICAL,
    DEPLOY,
    DISCOVERED,
    FAILED,
    FINISHED,
    NEW,
    READY,
    RELEASED,
    START,
    STARTED,
    STOP,
    STOPPED,
    TOLERANT,
    Abort,
    Drive,
    Fail,
    Met,
    Missed,
    Perform,
    ended,
    strict,
)

ASKED = (READY, STARTED, FINISHED, STOPPED, FAILED)
X, WAITER = 1, 2


def named(value: object) -> str:
    return value.name.lower() if isinstance(value, ResourceState) else str(value)


def watching(state: ResourceState) -> Drive:
    drive = Drive()
    drive.join(X, WAITER, profile=TOLERANT)
    assert drive.wait(9, strict(X, state)) == []
    return drive


@pytest.mark.parametrize("state", ASKED, ids=named)
def test_entering_the_asked_state_meets_it(state: ResourceState) -> None:
    assert watching(state).enter(state, X) == [Met(9)]


@pytest.mark.parametrize("state", ASKED, ids=named)
def test_it_is_met_for_good_whatever_x_did_since(state: ResourceState) -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    drive.enter(state, X)
    drive.enter(RELEASED, X)
    assert drive.wait(9, strict(X, state)) == [Met(9)]


@pytest.mark.parametrize(("state", "end"), [(state, end) for state in ASKED for end in sorted(ENDED) if end is not state], ids=named)
def test_an_end_otherwise_makes_it_impossible_and_names_x(state: ResourceState, end: ResourceState) -> None:
    [missed] = watching(state).enter(end, X)
    assert missed == Missed(9, f"#1 is {end.name} and did not get {state.name} before")


@pytest.mark.parametrize(("state", "end"), [(state, end) for state in ASKED for end in sorted(ENDED) if end is not state], ids=named)
def test_an_end_otherwise_before_it_was_asked_makes_it_impossible_at_once(state: ResourceState, end: ResourceState) -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    drive.enter(end, X)
    assert drive.wait(9, strict(X, state)) == [Missed(9, f"#1 is {end.name} and did not get {state.name} before")]


@pytest.mark.parametrize("end", sorted(ENDED), ids=named)
def test_any_end_meets_ended(end: ResourceState) -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    assert drive.wait(9, ended(X)) == []
    assert drive.enter(end, X) == [Met(9)]


def test_ended_counts_from_the_first_end() -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    drive.now = 3.0
    drive.enter(FINISHED, X)
    drive.now = 4.0
    drive.enter(RELEASED, X)
    assert drive.wait(9, ended(X) + 5.0) == []
    assert drive.at(8.0) == [Met(9)]


def test_ended_is_not_met_by_living_states() -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    drive.wait(9, ended(X))
    assert [drive.enter(state, X) for state in (DISCOVERED, READY, STARTED)] == [[], [], []]


def test_released_is_met_by_released_alone() -> None:
    drive = watching(RELEASED)
    assert [drive.enter(state, X) for state in (STOPPED, FAILED)] == [[], []]
    assert drive.enter(RELEASED, X) == [Met(9)]


@pytest.mark.parametrize("skipped_to", [READY, STARTED], ids=named)
def test_a_resource_that_skipped_a_state_on_its_way_up_has_been_through_it(skipped_to: ResourceState) -> None:
    drive = watching(DISCOVERED)
    drive.now = 2.0
    assert drive.enter(skipped_to, X) == [Met(9)]
    assert drive.wait(10, strict(X, DISCOVERED) + 3.0) == []
    assert drive.engine.next_deadline == 5.0


def test_a_waiter_whose_condition_is_impossible_fails_naming_x() -> None:
    drive = Drive()
    drive.join(X, WAITER)
    drive.when(WAITER, START, strict(X, STARTED))
    drive.deploy(X, WAITER)
    drive.enter(READY, X, WAITER)
    assert drive.enter(STOPPED, X) == [Fail(WAITER, "cannot start: #1 is STOPPED and did not get STARTED before")]


def test_the_failure_of_a_waiter_after_a_tolerated_failure_does_not_abort() -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    drive.join(WAITER, profile=CRITICAL)
    drive.when(WAITER, DEPLOY, strict(X, READY))
    drive.deploy(X, WAITER)
    drive.fail(X, DEPLOY, "no such host")
    reason = "cannot deploy: #1 is FAILED (no such host) and did not get READY before"
    assert drive.enter(FAILED, X) == [Fail(WAITER, reason)]
    assert drive.enter(FAILED, WAITER) == []
    assert drive.engine.aborted is None


def test_a_tolerated_failure_stays_tolerated_along_a_chain_of_waiters() -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    drive.join(2, 3, 4, profile=CRITICAL)
    for waiter in (2, 3, 4):
        drive.when(waiter, DEPLOY, strict(waiter - 1, READY))
    drive.deploy(1, 2, 3, 4)
    for guid in (1, 2, 3, 4):
        drive.enter(FAILED, guid)
    assert drive.engine.aborted is None


def test_the_failure_of_a_waiter_after_a_critical_resource_ended_otherwise_aborts() -> None:
    drive = Drive()
    drive.join(X, WAITER)
    drive.when(WAITER, DEPLOY, strict(X, FAILED))
    drive.deploy(X, WAITER)
    reason = "cannot deploy: #1 is FINISHED and did not get FAILED before"
    assert drive.enter(FINISHED, X) == [Fail(WAITER, reason)]
    assert drive.enter(FAILED, WAITER) == [Abort(f"#2 failed: {reason}", WAITER)]


def test_the_other_branch_of_an_alternative_is_taken() -> None:
    drive = Drive()
    drive.join(X, WAITER)
    drive.when(WAITER, DEPLOY, strict(X, FINISHED) | strict(X, FAILED))
    drive.deploy(WAITER)
    assert drive.enter(FINISHED, X) == [Perform(DEPLOY, (WAITER,))]


def test_a_stop_that_is_not_needed_any_more_fails_nobody() -> None:
    drive = Drive()
    drive.join(X, WAITER, profile=TOLERANT)
    drive.when(WAITER, STOP, strict(X, FINISHED))
    drive.started(WAITER)
    drive.enter(FINISHED, WAITER)
    assert drive.enter(FAILED, X) == []


def test_a_start_that_happened_by_itself_is_not_failed_by_its_condition() -> None:
    drive = Drive()
    drive.join(X, WAITER, profile=TOLERANT)
    drive.when(WAITER, START, strict(X, FINISHED))
    drive.deploy(WAITER)
    drive.enter(READY, WAITER)
    drive.enter(STARTED, WAITER)
    assert drive.enter(FAILED, X) == []


def test_a_stop_whose_condition_became_impossible_fails_what_runs() -> None:
    drive = Drive()
    drive.join(X, WAITER, profile=TOLERANT)
    drive.when(WAITER, STOP, strict(X, FINISHED))
    drive.started(WAITER)
    assert drive.enter(FAILED, X) == [Fail(WAITER, "cannot stop: #1 is FAILED and did not get FINISHED before")]


def test_a_resource_that_never_starts_does_not_fail_for_its_stop() -> None:
    drive = Drive()
    drive.join(X, WAITER)
    drive.when(WAITER, STOP, strict(X, FINISHED))
    drive.deploy(WAITER)
    drive.enter(READY, WAITER)
    assert drive.enter(STOPPED, WAITER) == []


# Needs are strict as well.


def test_a_need_holds_the_deployment_back() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.need(2, 1)
    assert drive.deploy(1, 2) == [Perform(DEPLOY, (1,))]
    assert drive.enter(READY, 1) == [Perform(DEPLOY, (2,))]


def test_a_need_of_a_later_state_waits_for_it() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.need(2, 1, STARTED)
    drive.deploy(1, 2, barrier=False)
    assert drive.enter(READY, 1) == [Perform(START, (1,))]
    assert drive.enter(STARTED, 1) == [Perform(DEPLOY, (2,))]


def test_a_provider_that_starts_without_saying_ready_satisfies_a_need_of_ready() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.need(2, 1, READY)
    drive.deploy(1, 2)
    assert drive.enter(STARTED, 1) == [Perform(DEPLOY, (2,))]


def test_what_needs_a_failed_provider_fails_naming_it() -> None:
    drive = Drive()
    drive.join(1, profile=TOLERANT)
    drive.join(2)
    drive.need(2, 1)
    drive.deploy(1, 2)
    assert drive.enter(FAILED, 1) == [Fail(2, "cannot deploy: #1 is FAILED and did not get READY before")]


def test_what_needs_a_provider_that_had_ended_fails_at_once() -> None:
    drive = Drive()
    drive.join(1, 2, profile=TOLERANT)
    drive.need(2, 1)
    drive.enter(RELEASED, 1)
    assert drive.deploy(2) == [Fail(2, "cannot deploy: #1 is RELEASED and did not get READY before")]


def test_nothing_but_new_is_met_from_the_beginning() -> None:
    drive = Drive()
    drive.join(X, profile=TOLERANT)
    assert drive.wait(9, strict(X, NEW)) == [Met(9)]
