"""Looks out for lines of traces that match a pattern (`trace_matches`).

A trace is a file that another process appends to; inotify would tell of each write, but the standard library has none, so the file's
size is looked at a few dozen times a second, and only for traces that a condition speaks of. Where the file is written on another
machine, the resource makes its local copy grow (`follow_trace`).
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nepi.engine.events import TraceSeen
from nepi.errors import NepiError
from nepi.model.states import ENDED

if TYPE_CHECKING:
    from nepi.execution.resource import ResourceManager
    from nepi.execution.runner import Runner

LOOK_EVERY_S: Final = 0.02


class TraceWatch:
    """The look-outs of one run; on the loop's thread only."""

    def __init__(self, runner: Runner, managers: dict[int, ResourceManager]) -> None:
        self._runner = runner
        self._managers = managers
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, guid: int, trace: str, pattern: str) -> None:
        """Look out for a line of a trace that matches, until the resource has ended; answer with `TraceSeen`."""
        task = self._runner.loop.create_task(self._watch(guid, trace, pattern))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Give up all look-outs."""
        for task in self._tasks:
            task.cancel()

    async def _watch(self, guid: int, trace: str, pattern: str) -> None:
        manager = self._managers[guid]
        tail = _Tail(re.compile(pattern.encode()))
        matched = False
        while not matched:
            ended = manager.state in ENDED  # looked at before the file, so that its last lines are seen
            try:
                if not ended:
                    await manager.follow_trace(trace)
                matched = tail.matches(manager.trace_path(trace))
            except NepiError:
                break
            if ended:
                break
            if not matched:
                await asyncio.sleep(LOOK_EVERY_S)
        self._runner.post(TraceSeen(guid, trace, pattern, matched))


class _Tail:
    """Reads what was appended to a file since the last look, line by line."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self._offset = 0
        self._rest = b""

    def matches(self, path: Path) -> bool:
        """Whether one of the new lines matches; a last line without its end is looked at, too, and again when it has grown."""
        try:
            with path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return False
        self._offset += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return any(self._pattern.search(line) for line in (*lines, self._rest))
