"""An event loop whose clock jumps to the next timer when nothing else can happen.

An hour-long scenario takes as long as its computations take, and gives the same times in each run.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final

PATIENCE_S: Final = 0.25
LOOK_EVERY_S: Final = 0.0005
PAUSE_S: Final = 0.05


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own.

    The clock stands still while there is something to do. When there is not, and `may_jump()` agrees, it jumps to the next timer.
    When `may_jump()` does not agree (a worker thread is busy, or the user's thread is computing), the loop waits for real with its
    clock standing still; after `patience_s` its clock follows the real one, so that nobody waits for ever for a time that never comes.

    Args:
        may_jump: whether nothing outside of this loop can happen without time going on.
        patience_s: real seconds for which the clock stands still while it may not jump.

    Attributes:
        left_tasks: names of the tasks that were still there when the loop was closed.
    """

    def __init__(self, may_jump: Callable[[], bool] = lambda: True, *, patience_s: float = PATIENCE_S) -> None:
        self._may_jump = may_jump
        self._patience_s = patience_s
        self._now = 0.0
        self._parked = 0
        self._elsewhere = 0
        self._count_lock = threading.Lock()
        self._when_settled: list[Callable[[], None]] = []
        self.left_tasks: list[str] = []
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return this loop's own time, in seconds since it was made."""
        return self._now

    @property
    def parked(self) -> int:
        """How many threads are waiting for this clock in `sleep_in_thread`."""
        return self._parked

    def sleep_in_thread(self, seconds: float) -> None:
        """Block a worker thread until this clock has gone on by `seconds`: what `time.sleep` is to a real clock.

        For plain life-cycle methods that take their time. The thread counts as waiting, so that the clock can jump.
        """
        passed = threading.Event()
        with self._count_lock:
            self._parked += 1
        self.call_soon_threadsafe(self.call_later, seconds, self._unpark, passed)
        passed.wait()

    def wait_in_thread(self, event: threading.Event) -> None:
        """Block a worker thread until somebody sets the event; meanwhile the clock can jump. For methods that hang."""
        with self._count_lock:
            self._parked += 1
        try:
            event.wait()
        finally:
            with self._count_lock:
                self._parked -= 1

    def _unpark(self, passed: threading.Event) -> None:
        with self._count_lock:
            self._parked -= 1
        passed.set()

    def call_when_settled(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the loop's thread when the clock would jump next (or there is nothing to jump to); from any thread."""
        self.call_soon_threadsafe(self._when_settled.append, callback)

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # the stub is more general
        """Let a thread call something; the clock stands still until it has come back."""
        self._elsewhere += 1
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, future: asyncio.Future[Any]) -> None:
        self._elsewhere -= 1

    async def shutdown_default_executor(self, *args: Any) -> None:
        """Wait for the threads of the executor; the clock stands still meanwhile."""
        self._elsewhere += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._elsewhere -= 1

    def close(self) -> None:
        """Close the loop, noting the tasks that nobody has ended."""
        if not self.is_closed():
            self.left_tasks = sorted(task.get_name() + f" {task.get_coro()!r}" for task in asyncio.all_tasks(self))
        super().close()

    # For the selector.

    def next_timer(self) -> float | None:
        """Return when the next timer is due, or None."""
        # asyncio keeps its timers in this heap, cancelled ones at its top already dropped when it selects.
        scheduled = self._scheduled  # type: ignore[attr-defined]  # private to asyncio, the same in all its versions so far
        return scheduled[0].when() if scheduled else None

    @property
    def somebody_waits(self) -> bool:
        """Whether somebody wants to know when there is nothing left to do."""
        return bool(self._when_settled)

    def settle(self) -> bool:
        """Tell those who wait for it that there is nothing left to do; return whether there was anybody."""
        waiting, self._when_settled = self._when_settled, []
        for callback in waiting:
            self.call_soon(callback)
        return bool(waiting)

    def can_jump(self) -> bool:
        """Whether the clock may jump now."""
        return self._elsewhere == 0 and self._may_jump()

    def jump(self, instant: float) -> None:
        """Let it be `instant`, unless it is later already."""
        self._now = max(self._now, instant)


class _JumpingSelector(selectors.DefaultSelector):
    """Where a loop waits: for files as always, for time by letting it jump."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; when nothing is, jump to the next timer instead of waiting for it."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None and not self._loop.somebody_waits:
            return super().select(None)
        return self._wait(self._loop._patience_s)

    def _wait(self, patience_s: float) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self._loop
        began = time.monotonic()
        pause, stood_still = LOOK_EVERY_S, True
        while not loop.can_jump():
            before = time.monotonic()
            ready = super().select(pause)
            now = time.monotonic()
            if now - began > patience_s:
                stood_still = False
                pause = min(pause * 2, PAUSE_S)
                loop.jump(loop.time() + now - before)
            due = loop.next_timer()
            if ready or (not stood_still and due is not None and due <= loop.time()):
                return ready
        # Whoever came to rest just now may have left a message before.
        ready = super().select(0)
        if not ready and not loop.settle():
            due = loop.next_timer()
            if due is not None:
                loop.jump(due)
        return ready
