"""Calls that are due at instants of the run's clock, whichever that is."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class DueCalls:
    """A heap of calls; all methods are called on one thread."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def add(self, due: float, call: Callable[[], None]) -> None:
        """Keep a call; of those that are due at one instant, the first is the first."""
        heapq.heappush(self._heap, (due, next(self._numbers), call))

    @property
    def next_due(self) -> float | None:
        """When the first is due, or None."""
        return self._heap[0][0] if self._heap else None

    def make(self, now: float) -> None:
        """Make all that are due."""
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()
