"""Gathering what is asked for within a few turns of the event loop, so that it is done together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

LONGEST_GATHERING = 1000
"""Turns after which a batch goes although more is being asked for all the time."""
LONGEST_HOLD_S = 2.0
"""How long a batch is held for another batcher that is busy all the time."""


class Batcher(Generic[Asked, Answer]):
    """Calls `do` with everything that was added since, at most `in_flight` times at once.

    Args:
        do: returns an answer or an exception for each item, in order.
        size: how many items go together at most.
        patience: a batch goes when nothing was added for so many turns of the loop: turns, because what will be added soon may be
            some callbacks away, however long these take.
        after: nothing goes as long as this one has something to do.
    """

    def __init__(
        self,
        do: Callable[[list[Asked]], Awaitable[list[Answer | Exception]]],
        *,
        size: int,
        in_flight: int = 2,
        patience: int = 1,
        after: Batcher[Any, Any] | None = None,
    ) -> None:
        self._do = do
        self._size = size
        self._in_flight = in_flight
        self._patience = patience
        self._after = after
        self._under_way = 0
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._gathering = False
        self._quiet = self._turns = 0
        self._held: asyncio.TimerHandle | None = None
        self._followers: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something waits or is being done."""
        return bool(self._waiting or self._under_way)

    def add(self, item: Asked) -> asyncio.Future[Answer]:
        """Ask for something; the future gets its answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, future))
        self._quiet = 0
        if not self._gathering:
            self._gathering = True
            self._turns = 0
            if self._after is not None and self._after.busy:
                self._hold(self._after)
            else:
                loop.call_soon(self._turn)
        return future

    def _hold(self, other: Batcher[Any, Any]) -> None:
        """Gather until `other` has nothing to do any more."""

        def go_on() -> None:
            if self._held is not None:
                self._held.cancel()
                self._held = None
                self._quiet = 0
                self._turn()

        self._held = asyncio.get_running_loop().call_later(LONGEST_HOLD_S, go_on)
        other._followers.append(go_on)

    def _turn(self) -> None:
        self._quiet += 1
        self._turns += 1
        if self._quiet < self._patience and self._turns < LONGEST_GATHERING and len(self._waiting) < self._size:
            asyncio.get_running_loop().call_soon(self._turn)
            return
        self._gathering = False
        self._flush()

    def _flush(self) -> None:
        while self._waiting and self._under_way < self._in_flight:
            some, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            self._under_way += 1
            task = asyncio.get_running_loop().create_task(self._carry_out(some))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if not self.busy:
            followers, self._followers = self._followers, []
            for follower in followers:
                follower()

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
            self._under_way -= 1
        for (_, future), answer in zip(some, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        if not self._gathering:
            self._flush()
