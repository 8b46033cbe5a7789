"""Random experiments whose controller dies now and then: what it had not written down is forgotten, and the promises hold all the same."""

from __future__ import annotations

from random import Random

import pytest

from nepi.engine import events as ev
from nepi.engine.codec import event_from
from nepi.engine.core import Engine
from nepi.model.states import ENDED, ResourceState
from tests.engine.test_histories import History
from tests.engine.world import DEPLOY, World


class MortalWorld(World):
    """A world whose controller can die: its orders are forgotten, and what resources had said and nobody had heard is lost."""

    def die(self) -> None:
        """Let another controller read the journal and take the run up."""
        self.inbox.clear()
        self.in_flight.clear()
        self.cancelled.clear()
        self.answered.clear()
        self.looked_for.clear()
        self.renewing.clear()
        self.left_behind = {guid for guid in self.left_behind if self.state[guid] is ResourceState.RELEASED}
        self.engine = self._read_again()
        living = [guid for guid, state in self.state.items() if state not in ENDED and guid not in self.releasing]
        lost = tuple(guid for guid in living if self.chance.random() < 0.1)
        self.attempted.update((guid, DEPLOY) for guid in lost)  # by whatever way they had become what they were
        self.tell(ev.Resumed(lost, ("gone",) * len(lost)))

    def _read_again(self) -> Engine:
        engine = Engine(stop_on_abort=self.stop_on_abort)
        for line in self.lines:
            engine.handle_all([event_from(record) for record in line["ev"]], now=line["t"], real=line["r"])
        assert {guid: one.state for guid, one in engine.members.items()} == {guid: one.state for guid, one in self.engine.members.items()}
        return engine


class MortalHistory(History):
    """One run with deaths in it."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.world: MortalWorld = MortalWorld(chance, stop_on_abort=chance.random() < 0.3)
        for _ in range(chance.randint(1, 5)):
            self.join()

    def step(self) -> None:
        if self.chance.random() < 0.12:
            self.world.die()
        else:
            super().step()


@pytest.mark.parametrize("hundred", range(3))
def test_whenever_the_controller_dies_the_promises_hold(hundred: int) -> None:
    for seed in range(100 * hundred, 100 * (hundred + 1)):
        run_seed(seed)


@pytest.mark.slow
@pytest.mark.parametrize("thousand", range(5))
def test_whenever_the_controller_dies_in_many_histories_the_promises_hold(thousand: int) -> None:
    for seed in range(1000 * (thousand + 1), 1000 * (thousand + 2)):
        run_seed(seed)


def run_seed(seed: int) -> None:
    try:
        MortalHistory(Random(seed)).live()
    except Exception as error:
        raise AssertionError(f"history of seed {seed}: {error!r}") from error
