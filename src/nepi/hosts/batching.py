"""Gathering what is asked for within one turn of the event loop, so that it is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Batcher(Generic[Asked, Answer]):
    """Calls `do` with everything that was added since, at most `in_flight` times at once.

    Args:
        do: returns an answer or an exception for each item, in order.
        size: how many items go together at most.
    """

    def __init__(self, do: Callable[[list[Asked]], Awaitable[list[Answer | Exception]]], *, size: int, in_flight: int = 2) -> None:
        self._do = do
        self._size = size
        self._free = in_flight
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, item: Asked) -> asyncio.Future[Answer]:
        """Ask for something; the future gets its answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, future))
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        self._scheduled = False
        while self._waiting and self._free:
            some, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._carry_out(some))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, some: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        answers: list[Answer | Exception]
        try:
            answers = await self._do([item for item, _ in some])
        except Exception as error:
            answers = [error] * len(some)
        except asyncio.CancelledError:
            for _, future in some:
                future.cancel()
            raise
        finally:
            self._free += 1
        for (_, future), answer in zip(some, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        self._flush()
