"""Many requests on their way at once, their answers in the order in which they were asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterable
from typing import Any, TypeVar

__all__ = ["in_order"]

T = TypeVar("T")


async def in_order(work: Iterable[Coroutine[Any, Any, T]], ahead: int) -> AsyncGenerator[T, None]:
    """Yield what each of `work` returns, in order; `ahead` of them run at once.

    When one fails, or the caller stops, those that run are cancelled and nothing is left of them. Close it (`aclosing`) when leaving early.
    """
    running: deque[asyncio.Task[T]] = deque()
    todo = iter(work)
    try:
        for _ in range(ahead):
            _begin(todo, running)
        while running:
            result = await running[0]
            running.popleft()
            _begin(todo, running)
            yield result
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _begin(todo: Iterable[Coroutine[Any, Any, T]], running: deque[asyncio.Task[T]]) -> None:
    for work in todo:
        running.append(asyncio.get_running_loop().create_task(work))
        return
