"""What becomes due at an instant: a heap for delays, one for what only ends somebody's patience, a queue for each length of deadline.

Most deadlines of actions never pass: the action is done long before. All of one length pass in the order in which they were set, so a
queue per length costs one append each, and those that were kept are dropped from its front unseen.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable

from nepi.engine.members import Member
from nepi.model.states import ResourceAction

Timer = tuple[float, int, Callable[[float], None]]
"""When it is due, which one it was, and what is called then."""
Overdue = Callable[[Member, ResourceAction, float], None]


class Timers:
    """Instants at which something has to be looked at."""

    def __init__(self) -> None:
        self._delays: list[Timer] = []
        self._patience: list[Timer] = []
        self._count = 0
        self._limits: dict[float, deque[tuple[float, Member, ResourceAction, Overdue]]] = {}

    def at(self, due: float, callback: Callable[[float], None], *, is_deadline: bool = False) -> None:
        """Call `callback(due)` when the time has come; a deadline only ends somebody's patience."""
        self._count += 1
        heapq.heappush(self._patience if is_deadline else self._delays, (due, self._count, callback))

    def limit(self, limit_s: float, now: float, member: Member, action: ResourceAction, overdue: Overdue) -> None:
        """Call `overdue(member, action, limit_s)` if the member is still doing, after `limit_s`, what it was told to do now."""
        queue = self._limits.get(limit_s)
        if queue is None:
            queue = self._limits[limit_s] = deque()
        queue.append((now, member, action, overdue))

    @property
    def due_at(self) -> float | None:
        """The earliest instant at which something may be due, or None."""
        due = min((heap[0][0] for heap in (self._delays, self._patience) if heap), default=None)
        for limit_s, queue in self._limits.items():
            while queue and not _still(queue[0]):
                queue.popleft()
            if queue and (due is None or queue[0][0] + limit_s < due):
                due = queue[0][0] + limit_s
        return due

    @property
    def delay_at(self) -> float | None:
        """The earliest instant at which something goes on, deadlines left aside, or None."""
        return self._delays[0][0] if self._delays else None

    def run(self, now: float) -> None:
        """Call everything that is due at `now`, earliest first."""
        while heaps := [heap for heap in (self._delays, self._patience) if heap and heap[0][0] <= now]:
            due, _, callback = heapq.heappop(min(heaps, key=lambda heap: heap[0][:2]))
            callback(due)
        for limit_s, queue in list(self._limits.items()):
            while queue and queue[0][0] + limit_s <= now:
                entry = queue.popleft()
                if _still(entry):
                    _, member, action, overdue = entry
                    overdue(member, action, limit_s)


def _still(entry: tuple[float, Member, ResourceAction, Overdue]) -> bool:
    set_at, member, action, _ = entry
    return member.doing == action and member.ordered_at == set_at
