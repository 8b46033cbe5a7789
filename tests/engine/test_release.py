"""Release: in reverse order of needs, whatever failed, hangs or is under way."""

from __future__ import annotations

import pytest

from nepi.model.states import ResourceState
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
    TOLERANT,
    Cancel,
    Drive,
    LeaveBehind,
    Perform,
    Profile,
)


def chain(*guids: int, profile: Profile = TOLERANT) -> Drive:
    """Each needs the one before it."""
    drive = Drive()
    drive.join(*guids, profile=profile)
    for provider, dependent in zip(guids, guids[1:], strict=False):
        drive.need(dependent, provider)
    return drive


@pytest.mark.parametrize("state", [state for state in ResourceState if state is not RELEASED], ids=lambda state: state.name.lower())
def test_every_state_but_the_last_can_be_released(state: ResourceState) -> None:
    drive = Drive()
    drive.join(1, profile=TOLERANT)
    drive.put(1, state)
    assert drive.release(1) == [Perform(RELEASE, (1,))]


def test_what_needs_another_is_released_before_it() -> None:
    drive = chain(1, 2, 3)
    assert drive.release(1, 2, 3) == [Perform(RELEASE, (3,))]
    assert drive.enter(RELEASED, 3) == [Perform(RELEASE, (2,))]
    assert drive.enter(RELEASED, 2) == [Perform(RELEASE, (1,))]


def test_what_does_not_depend_on_each_other_is_released_together() -> None:
    drive = Drive()
    drive.join(1, 2, 3)
    drive.need(2, 1)
    drive.need(3, 1)
    assert drive.release(1, 2, 3) == [Perform(RELEASE, (2, 3))]
    assert drive.enter(RELEASED, 2) == []
    assert drive.enter(RELEASED, 3) == [Perform(RELEASE, (1,))]


def test_releasing_a_provider_releases_what_needs_it() -> None:
    """The original: ec.release(node) alone waits for ever for its applications."""
    drive = chain(1, 2, 3)
    assert drive.release(2) == [Perform(RELEASE, (3,))]
    assert drive.enter(RELEASED, 3) == [Perform(RELEASE, (2,))]
    assert drive.enter(RELEASED, 2) == []
    assert drive.engine.members[1].state == NEW


def test_a_part_may_be_released_and_the_rest_later() -> None:
    """The original: after a partial release the rest was never released."""
    drive = Drive()
    drive.join(1, 2)
    assert drive.release(1) == [Perform(RELEASE, (1,))]
    drive.enter(RELEASED, 1)
    assert drive.release(1, 2) == [Perform(RELEASE, (2,))]


def test_releasing_twice_is_releasing_once() -> None:
    drive = Drive()
    drive.join(1)
    drive.release(1)
    assert drive.release(1) == []
    drive.enter(RELEASED, 1)
    assert drive.release(1) == []


def test_an_action_in_flight_is_cancelled_first() -> None:
    drive = Drive()
    drive.join(1)
    drive.deploy(1)
    assert drive.release(1) == [Cancel(1), Perform(RELEASE, (1,))]


def test_what_comes_back_of_a_cancelled_action_does_not_disturb_the_release() -> None:
    drive = Drive()
    drive.join(1, profile=Profile(deadlines_s=(None, None, None, 4.0)))
    drive.deploy(1)
    drive.release(1)
    assert drive.fail(1, DEPLOY, "connection lost") == []
    assert drive.enter(READY, 1) == []
    assert drive.enter(FAILED, 1) == []
    assert drive.at(4.0) == [Cancel(1), LeaveBehind(1, "release was not done within 4 s")]


def test_a_release_that_raises_is_left_behind_and_its_provider_is_released() -> None:
    drive = chain(1, 2)
    drive.release(1, 2)
    assert drive.fail(2, RELEASE, "permission denied") == [LeaveBehind(2, "permission denied")]
    assert drive.enter(RELEASED, 2) == [Perform(RELEASE, (1,))]


def test_a_release_that_hangs_is_left_behind_and_its_provider_is_released() -> None:
    drive = chain(1, 2, profile=Profile(deadlines_s=(None, None, None, 60.0)))
    drive.release(1, 2)
    assert drive.at(60.0) == [Cancel(2), LeaveBehind(2, "release was not done within 60 s")]
    assert drive.enter(RELEASED, 2) == [Perform(RELEASE, (1,))]


def test_a_release_that_raises_after_it_was_released_changes_nothing() -> None:
    drive = Drive()
    drive.join(1)
    drive.release(1)
    drive.enter(RELEASED, 1)
    assert drive.fail(1, RELEASE) == []


def test_nothing_leaves_released() -> None:
    drive = Drive()
    drive.join(1)
    drive.enter(RELEASED, 1)
    for state in ResourceState:
        assert drive.enter(state, 1) == []
    assert drive.engine.members[1].state == RELEASED


def test_what_is_being_released_is_not_deployed_started_or_stopped() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.started(1)
    drive.deploy(2)
    drive.release(1, 2)
    assert [drive.order(action, 1, 2) for action in (DEPLOY, START, STOP)] == [[], [], []]
    assert drive.enter(READY, 2) == []


def test_a_resource_that_announced_its_own_release_lets_its_provider_go() -> None:
    drive = chain(1, 2)
    drive.enter(RELEASED, 2)
    assert drive.release(1) == [Perform(RELEASE, (1,))]


def test_after_an_abort_release_works() -> None:
    drive = chain(1, 2)
    drive.started(1)
    drive.abort()
    assert drive.release(1, 2) == [Perform(RELEASE, (2,))]
    assert drive.enter(RELEASED, 2) == [Perform(RELEASE, (1,))]


def test_what_joins_a_provider_that_is_being_released_is_released_with_it() -> None:
    drive = chain(1, 2)
    drive.enter(STARTED, 2)
    drive.release(1)
    drive.join(3)
    assert drive.need(3, 1) == [Perform(RELEASE, (3,))]
    drive.enter(RELEASED, 3)
    assert drive.enter(RELEASED, 2) == [Perform(RELEASE, (1,))]


def test_needing_a_provider_twice_counts_once() -> None:
    drive = Drive()
    drive.join(1, 2)
    drive.need(2, 1)
    drive.need(2, 1, STARTED)
    drive.release(1, 2)
    assert drive.enter(RELEASED, 2) == [Perform(RELEASE, (1,))]


def test_a_circle_of_needs_cannot_be_planned_but_two_providers_of_one_can() -> None:
    drive = Drive()
    drive.join(1, 2, 3)
    drive.need(3, 1)
    drive.need(3, 2)
    assert drive.release(1, 2, 3) == [Perform(RELEASE, (3,))]
    assert drive.enter(RELEASED, 3) == [Perform(RELEASE, (1, 2))]
