"""Where the run's clock is a simulation's: conditions count in its time, deadlines of actions and of people in reality."""

from __future__ import annotations

from nepi.engine.codec import event_record, instruction_record
from nepi.engine.core import Engine
from nepi.engine.events import (
    ActionAsked,
    ConditionAdded,
    DeployAsked,
    Entered,
    Event,
    Instruction,
    Joined,
    ReleaseAsked,
    Ticked,
    WatchAsked,
)
from nepi.engine.replay import replay
from tests.engine.drive import (
    DEPLOY,
    READY,
    RELEASE,
    START,
    STARTED,
    STOP,
    Cancel,
    Fail,
    LeaveBehind,
    Met,
    Missed,
    Perform,
    Profile,
    Renew,
    Retry,
    strict,
)

HASTY = Profile(critical=False, deadlines_s=(1.0, 2.0, 3.0, 4.0))


class TwoClocks:
    """An engine whose two clocks are moved apart."""

    def __init__(self, profile: Profile = HASTY) -> None:
        self.engine = Engine()
        self.now = self.real = 0.0
        self.lines: list[dict[str, object]] = []
        self.tell(Joined(profile, (1, 2)))

    def tell(self, event: Event) -> list[Instruction]:
        decided = self.engine.handle_all([event], now=self.now, real=self.real)
        done = [instruction_record(one) for one in decided]
        self.lines.append({"n": len(self.lines), "t": self.now, "r": self.real, "ev": [event_record(event)], "do": done})
        return decided

    def at(self, *, now: float | None = None, real: float | None = None) -> list[Instruction]:
        self.now = self.now if now is None else now
        self.real = self.real if real is None else real
        return self.tell(Ticked())


def test_a_deadline_of_an_action_passes_although_the_clock_of_the_run_stands_still() -> None:
    clocks = TwoClocks()
    clocks.tell(ActionAsked(DEPLOY, (1,)))
    assert (clocks.engine.next_deadline, clocks.engine.next_limit) == (None, 1.0)
    assert clocks.at(real=0.9) == []
    assert clocks.at(real=1.0) == [Cancel(1), Fail(1, "deploy was not done within 1 s")]


def test_a_deadline_of_an_action_does_not_pass_because_an_hour_is_simulated() -> None:
    clocks = TwoClocks()
    clocks.tell(Entered(STARTED, (1,)))
    clocks.tell(ActionAsked(STOP, (1,)))
    assert clocks.at(now=3600.0) == []
    clocks.tell(ReleaseAsked((1,)))
    assert clocks.at(now=7200.0, real=3.9) == []
    assert clocks.at(real=4.0) == [Cancel(1), LeaveBehind(1, "release was not done within 4 s")]


def test_what_is_abandoned_has_its_time_in_reality() -> None:
    clocks = TwoClocks(Profile(critical=False, deadlines_s=(1.0, None, None, 4.0), replacements=1))
    clocks.tell(ActionAsked(DEPLOY, (1,)))
    assert isinstance(clocks.at(real=1.0)[-1], Renew)
    assert clocks.at(now=3600.0) == []
    assert clocks.at(real=5.0)[-1] == Fail(1, "what was made on the failed candidate was not abandoned within 4 s")


def test_conditions_their_deadlines_and_pauses_count_in_the_time_of_the_run() -> None:
    clocks = TwoClocks(Profile(critical=False, retry=Retry(2, delay_s=5.0, jitter=0.0), deadlines_s=(1.0, None, None, None)))
    clocks.tell(ConditionAdded(2, START, strict(1, STARTED) + 10.0))
    clocks.tell(ConditionAdded(2, DEPLOY, strict(1, READY).within(20.0)))
    clocks.tell(DeployAsked(1, (1, 2), False))
    clocks.at(real=1.0)  # the first attempt to deploy 1 was too slow
    assert clocks.at(real=1000.0) == []
    assert clocks.engine.next_deadline == 5.0
    assert clocks.at(now=5.0) == [Perform(DEPLOY, (1,))]
    assert clocks.tell(Entered(READY, (1,))) == [Perform(DEPLOY, (2,)), Perform(START, (1,))]
    clocks.tell(Entered(STARTED, (1,)))
    clocks.tell(Entered(READY, (2,)))
    assert clocks.at(now=14.9, real=5000.0) == []
    assert clocks.at(now=15.0) == [Perform(START, (2,))]


def test_a_wait_is_over_when_its_deadline_has_passed_by_either_clock() -> None:
    clocks = TwoClocks()
    clocks.tell(WatchAsked(7, strict(1, STARTED).within(5.0)))
    clocks.tell(WatchAsked(8, strict(1, STARTED).within(50.0)))
    assert clocks.at(now=5.0) == [Missed(7, "its deadline of 5 s has passed, and #1.started has not come true")]
    assert clocks.at(now=6.0, real=50.0) == [
        Missed(8, "its deadline of 50 s has passed in real time (6s of the run's own), and #1.started has not come true")
    ]


def test_what_only_ends_patience_is_no_delay() -> None:
    clocks = TwoClocks()
    clocks.tell(WatchAsked(7, (strict(1, STARTED) + 10.0).within(5.0)))
    clocks.tell(WatchAsked(8, strict(2, STARTED).within(50.0)))
    assert (clocks.engine.next_deadline, clocks.engine.next_delay) == (5.0, None)
    clocks.tell(Entered(STARTED, (1,)))
    assert (clocks.engine.next_deadline, clocks.engine.next_delay) == (5.0, 10.0)


def test_a_wait_that_is_met_is_not_told_of_its_deadlines() -> None:
    clocks = TwoClocks()
    clocks.tell(WatchAsked(7, strict(1, STARTED).within(5.0)))
    assert clocks.tell(Entered(STARTED, (1,))) == [Met(7)]
    assert clocks.at(now=5.0, real=5.0) == []


def test_a_deadline_within_a_condition_is_of_the_simulated_time_only() -> None:
    clocks = TwoClocks()
    clocks.tell(WatchAsked(7, (strict(1, STARTED).within(5.0) | strict(2, STARTED)) + 1.0))
    assert clocks.at(real=100.0) == []
    assert clocks.tell(Entered(STARTED, (1,))) == []
    assert clocks.at(now=1.0) == [Met(7)]


def test_with_one_clock_a_deadline_passes_once() -> None:
    engine = Engine()
    engine.handle(Joined(HASTY, (1,)), now=0.0)
    engine.handle(WatchAsked(7, strict(1, STARTED).within(5.0)), now=0.0)
    assert engine.handle(Ticked(), now=5.0) == [Missed(7, "its deadline of 5 s has passed, and #1.started has not come true")]
    assert (engine.next_deadline, engine.next_limit) == (None, None)


def test_a_journal_with_two_clocks_gives_the_same_decisions_again() -> None:
    clocks = TwoClocks()
    clocks.tell(WatchAsked(7, strict(1, STARTED).within(5.0)))
    clocks.tell(ActionAsked(DEPLOY, (1,)))
    clocks.at(now=3600.0)
    clocks.at(real=1.0)
    clocks.tell(ReleaseAsked((1, 2)))
    clocks.tell(ActionAsked(RELEASE, (1,)))
    clocks.at(real=60.0)
    assert replay(clocks.lines).differences == []
    for line in clocks.lines:
        del line["r"]
    assert replay(clocks.lines).differences != []
