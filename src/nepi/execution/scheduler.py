"""The seed's scheduler: tasks that are due at some time, earliest first. It keeps them; it calls nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Lock
from typing import Any, Final, TypeAlias

from nepi.errors import UsageError

_COMPACT_FROM: Final = 64


class TaskStatus(IntEnum):
    """What has become of a task."""

    NEW = 0
    DONE = 1
    ERROR = 2


class Task:
    """Something to call at some time.

    Attributes:
        id: given by the scheduler, None before.
        timestamp: when it is due.
        callback: called without arguments.
        result: what the callback returned, or the text of its traceback.
        status: NEW until it has been called.
    """

    __slots__ = ("callback", "id", "result", "status", "timestamp")

    def __init__(self, timestamp: datetime, callback: Callable[[], Any]) -> None:
        self.id: int | None = None
        self.timestamp = timestamp
        self.callback = callback
        self.result: Any = None
        self.status = TaskStatus.NEW


_Entry: TypeAlias = tuple[datetime, int, Task]


class HeapScheduler:
    """A heap of tasks by (timestamp, id); every method may be called from any thread.

    A removed task stays in the heap until it comes up, or until such entries outnumber the living.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ids = count(1)
        self._heap: list[_Entry] = []
        self._pending: dict[int, _Entry] = {}

    @property
    def pending(self) -> frozenset[int]:
        """Ids of the tasks that wait, as they are now."""
        with self._lock:
            return frozenset(self._pending)

    def schedule(self, task: Task) -> Task:
        """Keep `task` until it is due; a task that was here before keeps its id.

        Raises:
            UsageError: the task waits here already.
        """
        with self._lock:
            if task.id is None:
                task.id = next(self._ids)
            elif task.id in self._pending:
                raise UsageError(f"task {task.id} is scheduled already; remove it first")
            entry = (task.timestamp, task.id, task)
            self._pending[task.id] = entry
            heappush(self._heap, entry)
        return task

    def remove(self, tid: int) -> None:
        """Forget the task with this id; harmless when there is none."""
        with self._lock:
            if self._pending.pop(tid, None) is not None and len(self._heap) > 2 * len(self._pending) + _COMPACT_FROM:
                self._heap = list(self._pending.values())
                heapify(self._heap)

    def next(self) -> Task | None:
        """Take out the earliest task and return it; None when there is none. Whether it is due is for the caller to see."""
        with self._lock:
            while self._heap:
                entry = heappop(self._heap)
                _, tid, task = entry
                if self._pending.get(tid) is entry:
                    del self._pending[tid]
                    return task
        return None
