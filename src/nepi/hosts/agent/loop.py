"""The agent's event loop: descriptors, timers, and long jobs done in slices so that nobody waits long."""

from __future__ import annotations

import functools
import heapq
import itertools
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator

IDLE_S = 0.1
Job = Iterator[None]


class Loop:
    """One thread, one selector. Jobs are iterators that yield whenever others may have their turn."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._jobs: deque[Job] = deque()
        self._idle: Callable[[], Job | None] = lambda: None
        self._idle_job: Job | None = None
        self._busy_at = 0.0
        self._running = True

    def watch(self, fd: int, ready: Callable[[], None], *, write: bool = False) -> None:
        """Call `ready` whenever `fd` can be read (or also written, with `write`)."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if write else 0)
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, ready)
        else:
            self._selector.register(fd, events, ready)

    def unwatch(self, fd: int) -> None:
        """Forget a descriptor; harmless when it is not watched."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def call_later(self, delay_s: float, work: Callable[[], None]) -> None:
        """Call `work` once, after a delay."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), work))

    def do(self, job: Job) -> None:
        """Append a job: jobs are done one after the other, in slices."""
        self._jobs.append(job)

    def when_idle(self, make: Callable[[], Job | None]) -> None:
        """Ask `make` for a job when there was no other one for a while; other jobs go first, always."""
        self._idle = make

    def stop(self) -> None:
        """End `run` after the present turn."""
        self._running = False

    def run(self) -> None:
        """Work until `stop`."""
        while self._running:
            for key, _ in self._selector.select(self._patience()):
                self._safely(key.data)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                self._safely(heapq.heappop(self._timers)[2])
            self._slice()

    @staticmethod
    def _safely(work: Callable[[], object]) -> bool:
        """Do something; return whether it has come to its end. The run must not die of an error in the agent: it is logged."""
        try:
            work()
        except StopIteration:
            return True
        except Exception:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
            return True
        return False

    def _patience(self) -> float | None:
        if self._jobs or self._idle_job is not None:
            return 0.0
        due = [self._timers[0][0]] if self._timers else []
        if self._busy_at:
            due.append(self._busy_at + IDLE_S)
        return max(min(due) - time.monotonic(), 0.0) if due else None

    def _slice(self) -> None:
        if self._jobs:
            end = time.monotonic() + 0.005
            while self._jobs and time.monotonic() < end:
                job = self._jobs[0]
                if self._safely(functools.partial(next, job)):
                    self._jobs.popleft()
            self._busy_at = time.monotonic()
        elif self._idle_job is not None:
            if self._safely(functools.partial(next, self._idle_job)):
                self._idle_job = None
        elif self._busy_at and time.monotonic() >= self._busy_at + IDLE_S:
            self._busy_at = 0.0
            self._idle_job = self._idle()
