"""The seed's (action, group, state, time): all actions, all states, with and without a time, whatever the member has done before."""

from __future__ import annotations

import pytest

from nepi.engine.lifecycle import ORDERED
from nepi.model.states import ResourceAction, ResourceState
from tests.engine.drive import (
    DEPLOY,
    FAILED,
    FINISHED,
    NEW,
    PROVISIONED,
    READY,
    RELEASED,
    START,
    STARTED,
    STOP,
    STOPPED,
    TOLERANT,
    Drive,
    Met,
    Perform,
    at_least,
)

WAITER, MEMBER = 1, 2
ACTIONS = (DEPLOY, START, STOP)
BEFORE = {DEPLOY: NEW, START: READY, STOP: STARTED}
"""The action to the state of the waiter in which only the condition is missing."""


def named(value: object) -> str:
    return value.name.lower() if isinstance(value, ResourceState | ResourceAction) else str(value)


def waiter_of(action: ResourceAction, *, delay: float | None, state: ResourceState) -> Drive:
    """A waiter that has everything for `action` except that MEMBER is at or beyond `state` (for `delay` seconds)."""
    drive = Drive()
    drive.join(WAITER, MEMBER, profile=TOLERANT)
    condition = at_least(state, MEMBER)
    drive.when(WAITER, action, condition if delay is None else condition + delay)
    return drive


def deploy_to(drive: Drive, action: ResourceAction) -> list[object]:
    """Bring the waiter to the state before `action`; return what was decided last."""
    decided: list[object] = list(drive.deploy(WAITER))
    for state in (READY, STARTED):
        if state <= BEFORE[action]:
            decided = list(drive.enter(state, WAITER))
    return decided


@pytest.mark.parametrize("delay", [None, 2.0], ids=["at_once", "after_2s"])
@pytest.mark.parametrize("state", ResourceState, ids=named)
@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_an_action_waits_until_the_member_gets_to_the_state(action: ResourceAction, state: ResourceState, delay: float | None) -> None:
    drive = waiter_of(action, delay=delay, state=state)
    performed = [Perform(action, (WAITER,))]
    if state is NEW:  # everybody is NEW from the beginning, and has been for long
        drive.now = 10.0
        assert deploy_to(drive, action) == performed
        return
    assert deploy_to(drive, action) == []
    below = ResourceState(state - 1)
    drive.now = 10.0
    assert drive.enter(below, MEMBER) == []
    assert drive.enter(state, MEMBER) == (performed if delay is None else [])
    if delay is not None:
        assert drive.at(11.999) == []
        assert drive.engine.next_deadline == 12.0
        assert drive.at(12.0) == performed


@pytest.mark.parametrize("delay", [None, 2.0], ids=["at_once", "after_2s"])
@pytest.mark.parametrize("state", [state for state in ResourceState if state > NEW], ids=named)
@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_a_member_that_got_there_before_counts_from_when_it_did(action: ResourceAction, state: ResourceState, delay: float | None) -> None:
    drive = waiter_of(action, delay=delay, state=state)
    drive.now = 3.0
    drive.enter(state, MEMBER)
    drive.now = 4.0
    performed = [Perform(action, (WAITER,))]
    assert deploy_to(drive, action) == (performed if delay is None else [])
    if delay is not None:
        assert drive.engine.next_deadline == 5.0
        assert drive.at(5.0) == performed


@pytest.mark.parametrize("state", [state for state in ResourceState if state > NEW], ids=named)
@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_the_time_may_have_passed_before_anybody_waits(action: ResourceAction, state: ResourceState) -> None:
    drive = waiter_of(action, delay=2.0, state=state)
    drive.enter(state, MEMBER)
    drive.now = 60.0
    assert deploy_to(drive, action) == [Perform(action, (WAITER,))]


@pytest.mark.parametrize("beyond", [FAILED, RELEASED], ids=named)
@pytest.mark.parametrize("state", [state for state in ResourceState if NEW < state < FAILED], ids=named)
@pytest.mark.parametrize("action", ACTIONS, ids=named)
def test_failed_and_released_count_as_beyond(action: ResourceAction, state: ResourceState, beyond: ResourceState) -> None:
    drive = waiter_of(action, delay=2.0, state=state)
    deploy_to(drive, action)
    drive.now = 7.0
    assert drive.enter(beyond, MEMBER) == []
    assert drive.at(9.0) == [Perform(action, (WAITER,))]


@pytest.mark.parametrize("state", [state for state in ResourceState if NEW < state < RELEASED], ids=named)
def test_a_member_that_skipped_the_state_counts_from_the_one_that_satisfied_it(state: ResourceState) -> None:
    """The original: tdiffsec(now, None), TypeError, FAILED, abort."""
    beyond = ResourceState(state + 1)
    drive = waiter_of(START, delay=2.0, state=state)
    deploy_to(drive, START)
    drive.now = 5.0
    assert drive.enter(beyond, MEMBER) == []
    assert drive.at(6.9) == []
    assert drive.at(7.0) == [Perform(START, (WAITER,))]


def test_a_member_that_skipped_and_went_on_counts_from_the_first_state_that_satisfied_it() -> None:
    drive = waiter_of(START, delay=10.0, state=PROVISIONED)
    for now, state in ((1.0, READY), (2.0, STARTED), (3.0, FINISHED)):
        drive.now = now
        drive.enter(state, MEMBER)
    assert deploy_to(drive, START) == []
    assert drive.engine.next_deadline == 11.0


def test_all_of_a_group_are_waited_for_and_the_last_one_counts() -> None:
    drive = Drive()
    drive.join(1, 2, 3, 4)
    drive.when(1, START, at_least(STARTED, 2, 3, 4) + 5.0)
    drive.deploy(1)
    drive.enter(READY, 1)
    for now, guid in ((1.0, 3), (4.0, 2), (2.0, 4)):
        drive.now = max(drive.now, now)
        assert drive.enter(STARTED, guid) == []
    assert drive.at(8.9) == []
    assert drive.at(9.0) == [Perform(START, (1,))]


def test_a_group_of_nobody_is_complete() -> None:
    drive = Drive()
    drive.join(1)
    drive.when(1, DEPLOY, at_least(STARTED))
    assert drive.deploy(1) == [Perform(DEPLOY, (1,))]
    assert drive.wait(7, at_least(RELEASED)) == [Met(7)]


def test_the_same_member_may_be_named_twice() -> None:
    drive = Drive()
    drive.join(1, 2)
    assert drive.wait(7, at_least(READY, 2, 2)) == []
    assert drive.enter(READY, 2) == [Met(7)]


def test_conditions_of_one_action_are_all_needed() -> None:
    drive = Drive()
    drive.join(1, 2, 3)
    drive.when(1, DEPLOY, at_least(READY, 2))
    drive.when(1, DEPLOY, at_least(STARTED, 3))
    assert drive.deploy(1) == []
    assert drive.enter(STARTED, 3) == []
    assert drive.enter(READY, 2) == [Perform(DEPLOY, (1,))]


def test_conditions_of_different_actions_hold_for_their_action_only() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.when(1, START, at_least(STARTED, 2))
    drive.when(1, STOP, at_least(FINISHED, 2))
    assert drive.deploy(1) == [Perform(DEPLOY, (1,))]
    assert drive.enter(READY, 1) == []
    assert drive.enter(STARTED, 2) == [Perform(START, (1,))]
    assert drive.enter(STARTED, 1) == []
    assert drive.enter(FINISHED, 2) == [Perform(STOP, (1,))]


def test_a_stop_whose_condition_is_met_early_waits_for_the_start() -> None:
    drive = waiter_of(STOP, delay=None, state=READY)
    drive.enter(READY, MEMBER)
    assert drive.deploy(WAITER) == [Perform(DEPLOY, (WAITER,))]
    assert drive.enter(READY, WAITER) == [Perform(START, (WAITER,))]
    assert drive.enter(STARTED, WAITER) == [Perform(STOP, (WAITER,))]


def test_a_condition_added_while_the_action_waits_is_waited_for_too() -> None:
    drive = waiter_of(DEPLOY, delay=None, state=READY)
    drive.deploy(WAITER)
    drive.join(3)
    assert drive.when(WAITER, DEPLOY, at_least(STARTED, 3)) == []
    assert drive.enter(READY, MEMBER) == []
    assert drive.enter(STARTED, 3) == [Perform(DEPLOY, (WAITER,))]


def test_a_stop_condition_added_while_it_runs_stops_it() -> None:
    drive = Drive()
    drive.join(WAITER, MEMBER)
    drive.started(WAITER)
    assert drive.when(WAITER, STOP, at_least(STARTED, MEMBER)) == []
    assert drive.enter(STARTED, MEMBER) == [Perform(STOP, (WAITER,))]


def test_a_condition_added_after_the_action_changes_nothing() -> None:
    drive = Drive()
    drive.join(WAITER, MEMBER)
    drive.started(WAITER)
    assert drive.when(WAITER, START, at_least(STARTED, MEMBER)) == []
    assert drive.enter(STARTED, MEMBER) == []


def test_members_that_are_dropped_are_not_waited_for_any_more() -> None:
    drive = Drive()
    drive.join(1, 2, 3)
    drive.when(1, DEPLOY, at_least(READY, 2, 3))
    drive.deploy(1)
    drive.enter(READY, 3)
    assert drive.drop(1, DEPLOY, 2) == [Perform(DEPLOY, (1,))]


def test_dropping_all_members_of_a_condition_drops_the_condition() -> None:
    drive = Drive()
    drive.join(1, 2, 3)
    drive.when(1, DEPLOY, at_least(READY, 2))
    drive.when(1, DEPLOY, at_least(READY, 3))
    drive.deploy(1)
    assert drive.drop(1, DEPLOY, 2) == []
    assert drive.enter(READY, 3) == [Perform(DEPLOY, (1,))]


def test_dropping_everything_lets_the_action_go_ahead() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.when(1, DEPLOY, at_least(READY, 2))
    drive.deploy(1)
    assert drive.drop(1, DEPLOY) == [Perform(DEPLOY, (1,))]


def test_dropping_from_another_action_changes_nothing() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.when(1, DEPLOY, at_least(READY, 2))
    drive.deploy(1)
    assert drive.drop(1, START, 2) == []
    assert drive.enter(READY, 2) == [Perform(DEPLOY, (1,))]


@pytest.mark.parametrize(("state", "action"), ORDERED, ids=named)
def test_a_condition_does_not_hold_back_what_is_ordered_by_hand(state: ResourceState, action: ResourceAction) -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.put(1, state)
    drive.when(1, action, at_least(STARTED, 2))
    assert drive.order(action, 1) == [Perform(action, (1,))]


def test_what_was_started_by_hand_is_not_started_again_by_its_condition() -> None:
    drive = waiter_of(START, delay=None, state=STARTED)
    deploy_to(drive, START)
    assert drive.order(START, WAITER) == [Perform(START, (WAITER,))]
    drive.enter(STARTED, WAITER)
    drive.enter(STOPPED, WAITER)
    assert drive.enter(STARTED, MEMBER) == []
