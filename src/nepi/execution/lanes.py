"""Runs `async` life-cycle methods on the loop, without a task for each.

A lane is a task that takes one call after the other and awaits it. As long as calls do not suspend, one lane makes them all; when one
suspends, its lane waits and others take the next calls. So a thousand that wait for the world cost a thousand lanes, and fifty
thousand that do not cost one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

FIRST: Final = 64
"""Lanes opened at once when calls wait; doubled as long as all of them suspend."""

Begun = Callable[[asyncio.Task[None]], Awaitable[None]]


class Lanes:
    """Calls that wait for a lane, and the lanes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[Begun] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = False

    @property
    def idle(self) -> bool:
        """Whether no call is waiting or being made."""
        return not self._calls and not self._tasks

    def submit(self, call: Begun) -> None:
        """Let a lane await `call(task)`, where `task` is the lane's, to cancel it by; on the loop's thread only."""
        self._calls.append(call)
        if not self._opening:
            self._opening = True
            self._loop.call_soon(self._open)

    def _open(self) -> None:
        self._opening = False
        for _ in range(min(len(self._calls), max(FIRST, len(self._tasks)))):
            task = self._loop.create_task(self._lane())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if self._calls:
            self._opening = True
            self._loop.call_soon(self._look_again)

    def _look_again(self) -> None:
        self._opening = False
        if self._calls:
            self._open()

    async def _lane(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while self._calls:
            try:
                await self._calls.popleft()(task)
            except asyncio.CancelledError:
                return

    async def close(self) -> None:
        """Cancel what is being done and wait for it to end."""
        self._calls.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
