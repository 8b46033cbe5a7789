"""Every row of the life-cycle table, and every pair that is no row, against what the engine does."""

from __future__ import annotations

import pytest

from nepi.engine.core import Engine
from nepi.engine.lifecycle import ANNOUNCED, ORDERED, RETRIED, draw, is_over
from nepi.errors import IllegalMoveError
from nepi.model.states import ENDED, ResourceAction, ResourceState
from tests.engine.drive import (
    DEPLOY,
    DISCOVERED,
    FAILED,
    FINISHED,
    NEW,
    PROVISIONED,
    READY,
    RELEASE,
    RELEASED,
    START,
    STARTED,
    STOP,
    STOPPED,
    Drive,
    Perform,
)

PAIRS = [(state, action) for state in ResourceState for action in ResourceAction]
MOVES = [(before, after) for before in ResourceState for after in ResourceState]


def named(value: object) -> str:
    return value.name.lower() if isinstance(value, ResourceState | ResourceAction) else ""


def in_state(state: ResourceState) -> Drive:
    drive = Drive()
    drive.join(1)
    drive.put(1, state)
    return drive


@pytest.mark.parametrize(("state", "action"), PAIRS, ids=named)
def test_an_action_is_performed_where_the_table_has_a_row_and_nowhere_else(state: ResourceState, action: ResourceAction) -> None:
    decided = in_state(state).order(action, 1)
    assert decided == ([Perform(action, (1,))] if (state, action) in ORDERED else [])


@pytest.mark.parametrize(("state", "action"), [pair for pair in PAIRS if pair in ORDERED], ids=named)
def test_an_ordered_action_leads_to_the_state_of_its_row_and_is_then_over(state: ResourceState, action: ResourceAction) -> None:
    drive = in_state(state)
    drive.order(action, 1)
    drive.enter(ORDERED[state, action], 1)
    assert (drive.engine.members[1].state, drive.engine.members[1].doing) == (ORDERED[state, action], None)


@pytest.mark.parametrize(("state", "action"), [pair for pair in PAIRS if pair in ORDERED], ids=named)
def test_an_action_that_is_being_carried_out_is_not_ordered_again(state: ResourceState, action: ResourceAction) -> None:
    drive = in_state(state)
    drive.order(action, 1)
    assert drive.order(action, 1) == []


@pytest.mark.parametrize(("before", "after"), MOVES, ids=named)
def test_what_is_announced_is_a_fact_unless_the_resource_has_been_released(before: ResourceState, after: ResourceState) -> None:
    drive = in_state(before)
    drive.enter(after, 1)
    assert drive.engine.members[1].state == (RELEASED if before is RELEASED else after)


@pytest.mark.parametrize("before", ResourceState, ids=named)
def test_every_state_has_its_row_of_announcements_and_every_ordered_move_may_also_be_announced(before: ResourceState) -> None:
    ordered = {target for (state, _), target in ORDERED.items() if state is before}
    assert ordered <= ANNOUNCED[before]
    assert before not in ANNOUNCED[before]


def test_the_table_has_these_rows() -> None:
    assert ORDERED == {
        (NEW, DEPLOY): READY,
        (DISCOVERED, DEPLOY): READY,
        (PROVISIONED, DEPLOY): READY,
        (READY, START): STARTED,
        (STOPPED, START): STARTED,
        (STARTED, STOP): STOPPED,
        (NEW, RELEASE): RELEASED,
        (DISCOVERED, RELEASE): RELEASED,
        (PROVISIONED, RELEASE): RELEASED,
        (READY, RELEASE): RELEASED,
        (STARTED, RELEASE): RELEASED,
        (STOPPED, RELEASE): RELEASED,
        (FINISHED, RELEASE): RELEASED,
        (FAILED, RELEASE): RELEASED,
    }
    assert RETRIED == {DEPLOY: NEW, START: READY}


def test_the_states_and_actions_have_the_seeds_numbers() -> None:
    assert [state.value for state in ResourceState] == list(range(9))
    assert [action.value for action in ResourceAction] == list(range(4))


def test_a_resource_does_nothing_any_more_in_its_last_four_states() -> None:
    assert [state for state in ResourceState if is_over(state)] == sorted(ENDED) == [STOPPED, FINISHED, FAILED, RELEASED]


def test_the_picture_shows_each_ordered_move_with_its_action() -> None:
    lines = [line.strip() for line in draw().splitlines()]
    for (state, action), target in ORDERED.items():
        assert f"{state.name} --> {target.name}: {action.name.lower()}" in lines


def test_an_event_about_a_stranger_is_our_bug_and_says_so() -> None:
    with pytest.raises(IllegalMoveError, match=r"Entered.*never joined: 7"):
        Drive().enter(READY, 7)


def test_an_engine_that_was_told_nothing_wants_nothing() -> None:
    assert Engine().next_deadline is None
