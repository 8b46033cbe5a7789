"""Many things at once, answers in order."""

import asyncio
from contextlib import aclosing

import pytest

from nepi.hosts.remote.in_order import in_order


def test_answers_come_in_order_and_only_so_many_run_at_once() -> None:
    running = most = 0

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(10 - number):
            await asyncio.sleep(0)
        running -= 1
        return number

    async def main() -> list[int]:
        return [result async for result in in_order((work(number) for number in range(10)), 3)]

    assert (asyncio.run(main()), most) == (list(range(10)), 3)


def test_after_a_failure_nothing_runs_on_and_nothing_more_begins() -> None:
    begun, ended = [], []

    async def work(number: int) -> None:
        begun.append(number)
        try:
            if number == 1:
                raise KeyError(number)
            await asyncio.sleep(0 if number == 0 else 1000)
        finally:
            ended.append(number)

    async def main() -> None:
        async with aclosing(in_order((work(number) for number in range(10)), 3)) as results:
            async for _ in results:
                pass

    with pytest.raises(KeyError):
        asyncio.run(main())
    assert (begun, sorted(ended)) == ([0, 1, 2], [0, 1, 2])
