"""Policies in the engine: each decision, to the last word, and that a replay takes it again."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.engine import events as ev
from nepi.model.conditions import Condition
from tests.engine.drive import (
    CRITICAL,
    DEPLOY,
    FAILED,
    FINISHED,
    NEW,
    READY,
    RELEASE,
    START,
    STARTED,
    STOP,
    STOPPED,
    TOLERANT,
    Abort,
    Cancel,
    Change,
    Drive,
    Fail,
    GoOn,
    Missed,
    Perform,
    Profile,
    Renew,
    Reset,
    Retry,
    exited,
    strict,
)

RUNS = Profile(retry=Retry(3, 1.0, 1.0, runs=True))
REPLACED = Profile(replacements=1, deadlines_s=(None, None, None, 8.0))


def drive_of(*guids: int, profile: Profile = CRITICAL) -> Drive:
    drive = Drive()
    drive.join(*guids, profile=profile)
    return drive


def change(drive: Drive, guid: int, condition: Condition, number: int = 1) -> list[ev.Instruction]:
    return drive.tell(ev.SetAsked(number, guid, condition, (("rate", 5),)))


def agreed(drive: Drive) -> None:
    assert drive.replayed().differences == []


# While it runs.


def test_what_fails_while_it_runs_is_started_again_as_often_as_the_policy_says() -> None:
    drive = drive_of(1, profile=RUNS)
    drive.started(1)
    assert drive.fail(1, START, "crash") == [Reset(1, READY, "run failed (crash); attempt 2 of 3 in 1 s")]
    assert drive.at(1.0) == [Perform(START, (1,))]
    drive.enter(STARTED, 1)
    assert drive.fail(1, START, "crash") == [Reset(1, READY, "run failed (crash); attempt 3 of 3 in 1 s")]
    drive.at(2.0)
    drive.enter(STARTED, 1)
    assert drive.fail(1, START, "crash") == [Fail(1, "crash")]
    agreed(drive)


def test_without_that_policy_what_fails_while_it_runs_has_failed() -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(3, 1.0)))
    drive.started(1)
    assert drive.fail(1, START, "crash") == [Fail(1, "crash")]


def test_a_failure_that_is_told_twice_counts_once() -> None:
    drive = drive_of(1, profile=RUNS)
    drive.started(1)
    drive.fail(1, START, "crash")
    assert drive.fail(1, START, "crash") == []
    assert drive.at(1.0) == [Perform(START, (1,))]


def test_who_waits_for_its_end_waits_through_its_restarts() -> None:
    drive = drive_of(1, 2, profile=RUNS)
    drive.started(1)
    drive.when(2, DEPLOY, strict(1, FINISHED))
    drive.deploy(2, group=2)
    drive.wait(7, exited(1, 0))
    drive.exit(1, 3)
    drive.fail(1, START, "crash")
    drive.at(1.0)
    drive.enter(STARTED, 1)
    assert drive.exit(1, 0) == [ev.Met(7)]
    assert drive.enter(FINISHED, 1) == [Perform(DEPLOY, (2,))]
    agreed(drive)


def test_another_exit_status_is_impossible_only_when_it_has_ended() -> None:
    drive = drive_of(1, profile=Profile(critical=False, retry=Retry(2, 1.0, runs=True)))
    drive.started(1)
    drive.wait(7, exited(1, 0))
    assert drive.exit(1, 3) == []
    drive.fail(1, START, "crash")
    drive.at(1.0)
    drive.enter(STARTED, 1)
    assert drive.exit(1, 4) == [Missed(7, "#1 exited with status 4, not 0")]


def test_a_stop_between_two_attempts_is_kept_until_it_runs_again() -> None:
    drive = drive_of(1, profile=RUNS)
    drive.started(1)
    drive.fail(1, START, "crash")
    assert drive.order(STOP, 1) == []
    drive.at(1.0)
    assert drive.enter(STARTED, 1) == [Perform(STOP, (1,))]
    agreed(drive)


def test_a_stop_while_it_is_being_started_is_kept_until_it_runs() -> None:
    drive = drive_of(1)
    drive.deploy(1)
    assert drive.enter(READY, 1) == [Perform(START, (1,))]
    assert drive.order(STOP, 1) == []
    assert drive.enter(STARTED, 1) == [Perform(STOP, (1,))]
    drive.enter(STOPPED, 1)
    assert drive.order(START, 1) == [Perform(START, (1,))]
    assert drive.enter(STARTED, 1) == []
    agreed(drive)


# Jitter.


@given(st.integers(0, 2**32), st.integers(1, 10_000), st.integers(1, 12))
def test_a_wait_is_within_its_jitter_and_the_same_each_time(seed: int, guid: int, failed: int) -> None:
    retry = Retry(20, 2.0, 1.5, jitter=0.25, seed=seed)
    plain = 2.0 * 1.5 ** (failed - 1)
    assert 0.75 * plain <= retry.wait_s(guid, failed) <= 1.25 * plain
    assert retry.wait_s(guid, failed) == retry.wait_s(guid, failed)


def test_those_who_fail_together_come_back_apart() -> None:
    retry = Retry(3, 10.0, jitter=0.5, seed=1)
    waits = sorted(retry.wait_s(guid, 1) for guid in range(1, 1001))
    assert len(set(waits)) == 1000
    # Spread evenly: the n-th of a thousand lies near its place between 5 and 15.
    assert max(abs(wait - (5 + 10 * n / 1000)) for n, wait in enumerate(waits)) < 0.5


def test_no_wait_is_longer_than_the_longest_however_often_it_failed() -> None:
    assert Retry(1_000_000, 1.0, 10.0, longest_s=60.0).wait_s(1, 999_999) == 60.0


# Another candidate.


def test_a_failed_candidate_is_abandoned_and_the_deployment_begins_anew() -> None:
    drive = drive_of(1, profile=REPLACED)
    drive.deploy(1)
    assert drive.fail(1, DEPLOY, "no answer") == [Renew(1, True, "deploy failed (no answer); replacement 1 of 1")]
    assert drive.tell(ev.Renewed(1)) == [Perform(DEPLOY, (1,))]
    assert drive.fail(1, DEPLOY, "no answer either") == [Fail(1, "no answer either")]
    agreed(drive)


def test_what_runs_on_a_replaced_resource_is_deployed_anew_when_that_is_ready() -> None:
    drive = drive_of(1, 2, profile=REPLACED)
    drive.need(2, 1)
    drive.deploy(1, 2, barrier=False)
    drive.enter(READY, 1)
    drive.enter(STARTED, 1)
    drive.enter(READY, 2)
    drive.enter(STARTED, 2)
    why = "run failed (gone)"
    assert drive.fail(1, START, "gone") == [
        Renew(2, False, f"#1 is replaced: {why}"),
        Renew(1, True, f"{why}; replacement 1 of 1"),
    ]
    assert drive.tell(ev.Renewed(2)) == []
    assert drive.tell(ev.Renewed(1)) == [Perform(DEPLOY, (1,))]
    assert drive.enter(READY, 1) == [Perform(DEPLOY, (2,)), Perform(START, (1,))]
    assert drive.enter(READY, 2) == [Perform(START, (2,))]
    agreed(drive)


def test_what_the_failed_candidate_still_says_is_not_heard() -> None:
    drive = drive_of(1, 2, profile=REPLACED)
    drive.need(2, 1)
    drive.deploy(1, 2)
    drive.fail(1, DEPLOY)
    assert drive.enter(READY, 1) == []
    assert drive.engine.members[1].state == NEW


def test_abandoning_that_takes_too_long_fails_the_resource() -> None:
    drive = drive_of(1, profile=REPLACED)
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    assert drive.at(8.0) == [Cancel(1), Fail(1, "what was made on the failed candidate was not abandoned within 8 s")]


def test_a_release_does_not_wait_for_another_candidate() -> None:
    drive = drive_of(1, profile=REPLACED)
    drive.deploy(1)
    drive.fail(1, DEPLOY)
    assert drive.release(1) == [Cancel(1), Perform(RELEASE, (1,))]
    assert drive.tell(ev.Renewed(1)) == []


def test_waiting_for_another_candidate_is_explained() -> None:
    drive = drive_of(1, profile=REPLACED)
    drive.deploy(1)
    drive.fail(1, DEPLOY, "no answer")
    sentence = "#1 waits for another candidate, because its deploy failed (no answer); replacement 1 of 1."
    assert str(drive.engine.why(1)) == sentence


# Quorum.


@given(st.integers(1, 12), st.floats(0.05, 1.0), st.randoms(use_true_random=False))
def test_the_barrier_opens_exactly_at_the_quorum(count: int, quorum: float, chance: Random) -> None:
    drive = drive_of(*range(1, count + 1))
    drive.tell(ev.DeployAsked(1, tuple(range(1, count + 1)), True, quorum))
    needed = -(-int(round(quorum * count * 1e9)) // 10**9)
    started: list[int] = []
    order = list(range(1, count + 1))
    chance.shuffle(order)
    for number, guid in enumerate(order, 1):
        for one in drive.enter(READY, guid):
            assert isinstance(one, Perform)
            started += one.guids
        assert (len(started) == 0) == (number < needed)
        assert number < needed or sorted(started) == sorted(order[:number])


def test_one_that_fails_before_it_was_ready_is_spared_and_the_reason_is_noted() -> None:
    drive = drive_of(1, 2, 3, 4)
    drive.tell(ev.DeployAsked(1, (1, 2, 3, 4), True, 0.75))
    drive.fail(1, DEPLOY)
    assert drive.enter(FAILED, 1) == []
    assert drive.notes == [GoOn(1, "its deployment group goes on with 75% of it")]
    drive.enter(READY, 2)
    drive.enter(READY, 3)
    assert drive.enter(READY, 4) == [Perform(START, (2, 3, 4))]
    agreed(drive)


def test_a_quorum_out_of_reach_aborts_at_once() -> None:
    drive = drive_of(1, 2, 3, 4)
    drive.tell(ev.DeployAsked(1, (1, 2, 3, 4), True, 0.75))
    drive.enter(FAILED, 1)
    reason = "deployment group 1: only 2 of 4 can become READY, and its quorum is 3"
    assert drive.enter(FAILED, 2) == [Abort(reason, 2)]


def test_one_that_fails_after_it_was_ready_aborts_whatever_the_quorum() -> None:
    drive = drive_of(1, 2)
    drive.tell(ev.DeployAsked(1, (1, 2), True, 0.5))
    drive.enter(READY, 1)
    assert drive.enter(FAILED, 1) == [Abort("#1 failed", 1)]


# Changes.


def test_a_change_is_ordered_when_its_condition_is_met() -> None:
    drive = drive_of(1, 2)
    drive.started(1, 2)
    assert change(drive, 1, strict(2, FINISHED) + 2.0) == []
    assert drive.enter(FINISHED, 2) == []
    assert drive.at(2.0) == [Change(1, 1)]
    agreed(drive)


def test_a_change_that_cannot_come_true_fails_its_resource_which_inherits() -> None:
    drive = drive_of(1)
    drive.join(2, profile=TOLERANT)
    drive.started(1)
    change(drive, 1, strict(2, STARTED))
    assert drive.enter(FAILED, 2) == [Fail(1, "cannot set rate: #2 is FAILED and did not get STARTED before")]
    assert drive.enter(FAILED, 1) == []
    assert drive.notes[-1] == GoOn(1, "what it waited for failed, and was not critical")


def test_what_has_ended_does_not_fail_for_a_change() -> None:
    drive = drive_of(1)
    drive.join(2, profile=TOLERANT)
    drive.started(1)
    change(drive, 1, strict(2, STARTED))
    drive.enter(FINISHED, 1)
    assert drive.enter(FAILED, 2) == []


@pytest.mark.parametrize("end", ["abort", "release"])
def test_an_abort_and_a_release_end_what_waits_to_be_changed(end: str) -> None:
    drive = drive_of(1, 2)
    drive.started(1, 2)
    change(drive, 1, strict(2, FINISHED))
    if end == "abort":
        drive.abort()
    else:
        drive.release(1)
    assert drive.enter(FINISHED, 2) == []
    assert change(drive, 1, strict(2, FINISHED), 2) == []


def test_a_change_that_fails_is_a_failure_without_another_attempt() -> None:
    drive = drive_of(1, profile=RUNS)
    drive.started(1)
    assert drive.tell(ev.SetFailed(1, 1, "no such queue")) == [Fail(1, "no such queue")]


# Words.


@pytest.mark.parametrize(("number", "word"), [(2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (113, "113th")])
def test_attempts_are_counted_in_words(number: int, word: str) -> None:
    drive = drive_of(1, profile=Profile(retry=Retry(200, 1.0, 1.0)))
    drive.deploy(1)
    drive.fail(1, DEPLOY, "no")
    for _ in range(number - 2):
        drive.at(drive.now + 1.0)
        drive.fail(1, DEPLOY, "no")
    assert f"before its {word} of 200 attempts" in str(drive.engine.why(1))
