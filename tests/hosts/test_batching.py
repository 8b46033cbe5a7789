"""What goes together, and what waits for what."""

import asyncio
from typing import Any

import pytest

from nepi.hosts import batching
from nepi.hosts.batching import Batcher
from tests.hosts.worlds import run


class Worker:
    """Writes down each batch; answers at once, or when it is told to."""

    def __init__(self, log: list[list[int]], *, blocked: bool = False) -> None:
        self.log = log
        self.free = asyncio.Event()
        if not blocked:
            self.free.set()

    async def do(self, batch: list[int]) -> list[int | Exception]:
        self.log.append(batch)
        await self.free.wait()
        return [ValueError(str(item)) if item < 0 else 10 * item for item in batch]


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_what_is_asked_in_one_turn_goes_together_and_each_gets_its_answer() -> None:
    async def scenario() -> tuple[list[list[int]], list[Any]]:
        log: list[list[int]] = []
        batcher: Batcher[int, int] = Batcher(Worker(log).do, size=3)
        answers = await asyncio.gather(*(batcher.add(item) for item in (1, 2, -3, 4)), return_exceptions=True)
        return log, [str(one) for one in answers]

    assert run(scenario()) == ([[1, 2, -3], [4]], ["10", "20", "-3", "40"])


def test_no_more_than_allowed_are_under_way_and_the_rest_gathers() -> None:
    async def scenario() -> list[list[int]]:
        log: list[list[int]] = []
        worker = Worker(log, blocked=True)
        batcher: Batcher[int, int] = Batcher(worker.do, size=10, in_flight=1)
        futures = []
        for item in range(4):
            futures.append(batcher.add(item))
            await turns(3)
        assert (log, batcher.busy) == ([[0]], True)
        worker.free.set()
        await asyncio.gather(*futures)
        await turns(3)
        assert not batcher.busy
        return log

    assert run(scenario()) == [[0], [1, 2, 3]]


def test_a_patient_one_waits_until_nothing_is_added_for_some_turns() -> None:
    async def scenario() -> list[list[int]]:
        log: list[list[int]] = []
        batcher: Batcher[int, int] = Batcher(Worker(log).do, size=100, patience=8)
        futures = []
        for item in range(3):
            futures.append(batcher.add(item))
            await turns(5)
        await asyncio.gather(*futures)
        return log

    assert run(scenario()) == [[0, 1, 2]]


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "LONGEST_GATHERING", 20)

    async def scenario() -> list[list[int]]:
        log: list[list[int]] = []
        batcher: Batcher[int, int] = Batcher(Worker(log).do, size=1000, patience=8)
        for item in range(100):
            batcher.add(item)
            await turns(1)
            if log:
                break
        return log

    (batch,) = run(scenario())
    assert 15 <= len(batch) <= 21


def test_one_that_comes_after_another_is_held_until_that_has_nothing_to_do() -> None:
    async def scenario() -> list[list[int]]:
        log: list[list[int]] = []
        worker = Worker(log, blocked=True)
        first: Batcher[int, int] = Batcher(worker.do, size=1, in_flight=1)
        second: Batcher[int, int] = Batcher(Worker(log).do, size=10, patience=3, after=first)
        futures = [first.add(1), first.add(2), second.add(3)]
        await turns(10)
        futures.append(second.add(4))
        assert log == [[1]]
        worker.free.set()
        await asyncio.gather(*futures)
        return log

    assert run(scenario()) == [[1], [2], [3, 4]]


def test_it_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "LONGEST_HOLD_S", 0.01)

    async def scenario() -> int:
        worker = Worker([], blocked=True)
        first: Batcher[int, int] = Batcher(worker.do, size=1)
        second: Batcher[int, int] = Batcher(Worker([]).do, size=10, after=first)
        blocked = first.add(1)
        answer = await second.add(2)
        worker.free.set()
        await blocked
        return answer

    assert run(scenario()) == 20
