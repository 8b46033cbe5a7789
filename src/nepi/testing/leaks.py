"""Finds what a test leaves open: threads, file descriptors, child processes."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

GRACE_S: Final = 2.0
"""How long what is ending may take to end."""


class Leaks:
    """Fails when more is open after a block than before it.

    Such as::

        with Leaks():
            run_the_experiment()

    Args:
        grace_s: real seconds that threads and processes are given to end.
    """

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._before: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._before = what_is_open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.check()

    def check(self) -> None:
        """Wait until no more is open than before.

        Raises:
            AssertionError: something is left, each named.
        """
        deadline = time.monotonic() + self._grace_s
        while left := {what: more for what, more in what_is_open().items() if what not in self._before}:
            gc.collect()
            if time.monotonic() > deadline:
                raise AssertionError("left behind:\n" + "\n".join(f"  {what} {more}" for what, more in sorted(left.items())))
            threading.Event().wait(0.01)


def what_is_open() -> dict[str, str]:
    """Return the threads, open files and child processes of this process, each with a word on it.

    Not what is kept on purpose between simulations of ns-3, until the process ends.
    """
    start = sys.modules.get("nepi.hosts.ns3.start")
    held: list[tuple[int, set[int]]] = [] if start is None else start.held()
    found = {f"thread {thread.ident}": thread.name for thread in threading.enumerate()}
    for entry in Path("/proc/self/fd").iterdir():
        if any(int(entry.name) in descriptors for _, descriptors in held):
            continue
        try:
            found[f"file {entry.name} -> {os.readlink(entry)}"] = ""  # noqa: PTH115 - its text, not a path
        except FileNotFoundError:  # the one that listed the folder
            continue
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - pathlib's glob fails when a thread has just ended
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for pid in Path("/proc/self/task", thread, "children").read_text().split():
                if all(int(pid) != kept for kept, _ in held):
                    found[f"process {pid}"] = ""
    return found
