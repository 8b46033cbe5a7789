"""Random experiments in a random world: whatever happens in whatever order, the promises hold (see world.py for what is checked)."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nepi.engine import events as ev
from nepi.model.conditions import Condition, Exited, Mode, Reached, TraceMatched
from nepi.model.states import ResourceState
from tests.engine.world import DEPLOY, READY, RELEASE_LIMIT_S, START, STARTED, STOP, World

STATES = list(ResourceState)


def profile_by(chance: Random) -> ev.Profile:
    def limit() -> float | None:
        return chance.choice((None, None, 1.0, 3.0))

    replacements = chance.choice((0, 0, 0, 1, 2))
    retry = retry_by(chance) if chance.random() < 0.4 else None
    return ev.Profile(chance.random() < 0.3, retry, (limit(), limit(), limit(), RELEASE_LIMIT_S), replacements)


def retry_by(chance: Random) -> ev.Retry:
    return ev.Retry(
        attempts=chance.randint(1, 4),
        delay_s=chance.choice((0.0, 0.1, 0.5, 2.0)),
        factor=chance.choice((1.0, 2.0)),
        jitter=chance.choice((0.0, 0.5, 1.0)),
        longest_s=chance.choice((None, 0.3, 3.0)),
        runs=chance.random() < 0.5,
        seed=chance.randint(0, 9),
    )


def condition_by(chance: Random, guids: list[int], depth: int = 2) -> Condition:
    kind = chance.randint(0, 9 if depth else 5)
    some = tuple(chance.sample(guids, chance.randint(1, min(3, len(guids)))))
    if kind <= 2:
        return Reached((some[0],), chance.choice(STATES))
    if kind == 3:
        return Reached(some, chance.choice(STATES), "at_least")
    if kind == 4:
        return Reached(some, chance.choice(STATES), chance.choice(("strict", "ended", "at_least")), chance.randint(1, len(some)))
    if kind == 5:
        return chance.choice((Exited(some[0], chance.randint(0, 1)), TraceMatched(some[0], "stdout", "up")))
    part = condition_by(chance, guids, depth - 1)
    if kind == 6:
        return part + chance.choice((0.0, 0.5, 2.0))
    if kind == 7:
        return part.within(chance.choice((0.5, 5.0)))
    other = condition_by(chance, guids, depth - 1)
    return part & other if kind == 8 else part | other


class History:
    """One run: an experiment that grows while the world does what it likes."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.world = World(chance, stop_on_abort=chance.random() < 0.3)
        self.watch = 0
        self.group = 1
        self.change = 0
        for _ in range(chance.randint(1, 5)):
            self.join()

    def some(self) -> int:
        return self.chance.choice(sorted(self.world.state))

    def join(self) -> None:
        earlier = sorted(self.world.state)
        guid = len(earlier) + 1
        events: list[ev.Event] = [ev.Joined(profile_by(self.chance), (guid,))]
        providers = self.chance.sample(earlier, self.chance.randint(0, min(2, len(earlier))))
        if providers:
            states = tuple(self.chance.choice((READY, READY, STARTED)) for _ in providers)
            events.append(ev.Needed((guid,) * len(providers), tuple(providers), states))
        self.world.tell(*events)
        if self.chance.random() < 0.5:
            self.add_condition(guid)

    def add_condition(self, guid: int) -> None:
        action = self.chance.choice((DEPLOY, START, STOP))
        self.world.tell(ev.ConditionAdded(guid, action, condition_by(self.chance, sorted(self.world.state))))

    def step(self) -> None:
        chance, world = self.chance, self.world
        match chance.randint(0, 23):
            case 0 | 1 | 2:
                if chance.random() < 0.2:
                    self.group += 1
                guids = tuple(sorted(chance.sample(sorted(world.state), chance.randint(1, len(world.state)))))
                world.tell(ev.DeployAsked(self.group, guids, chance.random() < 0.7, chance.choice((None, None, 0.5, 0.8, 1.0))))
            case 19 if ran := [guid for guid in sorted(world.state) if world.state[guid] is STARTED]:
                world.crash(chance.choice(ran))
            case 20 if world.renewing:
                world.abandon(chance.choice(sorted(world.renewing)))
            case 21:
                self.change += 1
                condition = condition_by(chance, sorted(world.state))
                world.tell(ev.SetAsked(self.change, self.some(), condition, (("rate", 5),)))
            case 3 | 4 | 5 | 6 | 7 | 8 if world.in_flight:
                world.answer(chance.choice(sorted(world.in_flight)))
            case 9 if world.cancelled:
                world.come_back_late(chance.choice(sorted(world.cancelled)))
            case 10:
                world.pass_time()
            case 11:
                world.pass_time(chance.choice((0.1, 0.5, 3.0)))
            case 12:
                world.inbox.append(ev.Entered(chance.choice(STATES[:-1] if chance.random() < 0.9 else STATES), (self.some(),)))
            case 13:
                self.watch += 1
                condition = condition_by(chance, sorted(world.state))
                world.tell(ev.WatchAsked(self.watch, condition, chance.random() < 0.3))
            case 14:
                world.tell(ev.ActionAsked(chance.choice((DEPLOY, START, STOP)), (self.some(),)))
            case 15:
                self.look_at_the_world()
            case 16 if len(world.state) < 7:
                self.join()
            case 17:
                self.add_condition(self.some())
            case 18:
                self.change_of_mind()
            case _:
                world.deliver()

    def look_at_the_world(self) -> None:
        if self.world.looked_for and self.chance.random() < 0.5:
            guid, pattern = self.world.looked_for.pop()
            self.world.inbox.append(ev.TraceSeen(guid, "stdout", pattern, self.chance.random() < 0.7))
        else:
            self.world.inbox.append(ev.Exited(self.some(), self.chance.randint(0, 1)))

    def change_of_mind(self) -> None:
        match self.chance.randint(0, 9):
            case 0:
                self.world.tell(ev.AbortAsked("enough"))
            case 1 | 2:
                self.world.tell(ev.ReleaseAsked((self.some(),)))
            case 3 | 4:
                action = self.chance.choice((DEPLOY, START, STOP))
                self.world.tell(ev.ConditionsDropped(self.some(), action, self.chance.choice((None, (self.some(),)))))
            case 5 if self.watch:
                self.world.tell(ev.WatchDropped(self.chance.randint(1, self.watch)))
            case _:
                self.world.tell(ev.Explained(self.some(), "the cable is cut"))

    def live(self) -> None:
        for _ in range(self.chance.randint(0, 40)):
            self.step()
        for guid in self.world.state:  # nothing that a resource can be in confuses the one who explains it
            assert str(self.world.engine.why(guid)).endswith((".", "…"))
        self.world.wind_up()
        self.world.check_replay()


randomly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@given(st.randoms(use_true_random=False))
@settings(randomly, max_examples=60)
def test_whatever_happens_the_promises_hold(chance: Random) -> None:
    History(chance).live()


@pytest.mark.parametrize("hundred", range(4))
def test_whatever_happens_by_chance_the_promises_hold(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * (hundred + 1)):
        run_seed(seed)


@pytest.mark.slow
@pytest.mark.parametrize("thousand", range(20))
def test_whatever_happens_in_many_histories_the_promises_hold(thousand: int) -> None:
    for seed in range(1000 * (thousand + 1), 1000 * (thousand + 2)):
        run_seed(seed)


def run_seed(seed: int) -> None:
    try:
        History(Random(seed)).live()
    except Exception as error:
        raise AssertionError(f"history of seed {seed}: {error!r}") from error


# Without faults, everything that can happen does happen.


@given(st.randoms(use_true_random=False))
@settings(randomly, max_examples=60)
def test_without_faults_everything_starts_whatever_the_order_of_answers(chance: Random) -> None:
    world = World(chance)
    guids = list(range(1, chance.randint(1, 8) + 1))
    world.tell(ev.Joined(ev.Profile(deadlines_s=(None, None, None, RELEASE_LIMIT_S)), tuple(guids)))
    for guid in guids[1:]:
        earlier = guids[: guid - 1]
        for provider in chance.sample(earlier, chance.randint(0, min(2, len(earlier)))):
            world.tell(ev.Needed((guid,), (provider,), (READY,)))
        if chance.random() < 0.5:
            other = chance.choice(earlier)
            mode: Mode = chance.choice(("strict", "at_least"))
            world.tell(ev.ConditionAdded(guid, START, Reached((other,), STARTED, mode) + chance.choice((0.0, 1.0, 3600.0))))
        if chance.random() < 0.3:
            world.tell(ev.ConditionAdded(guid, DEPLOY, Reached((chance.choice(earlier),), READY, "at_least") + 1.0))
    cut = chance.randint(0, len(guids))
    early, late = guids[:cut], guids[cut:]
    for part in (early, late):  # a part may come later, to the same group; those before need nothing of those after
        world.tell(ev.DeployAsked(1, tuple(part), chance.random() < 0.7))
        while world.in_flight or world.inbox or world.is_due:
            for guid in chance.sample(sorted(world.in_flight), len(world.in_flight)):
                world.answer(guid, faults=False)
            if world.inbox:
                chance.shuffle(world.inbox)
                world.deliver()
            else:
                world.pass_time()
        assert {guid: world.state[guid] for guid in part} == dict.fromkeys(part, STARTED)
    world.tell(ev.ActionAsked(STOP, tuple(guids)))
    assert world.in_flight == dict.fromkeys(guids, STOP)
    world.wind_up()
    world.check_replay()
