"""Finding every process that belongs to a command, and ending it: TERM, then KILL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

from .loop import Loop

MARKER = b"NEPI_COMMAND="
RECHECK_S = 0.002
KILL_AGAIN_S = 0.02
GIVE_UP_S = 5.0
# While a process executes another program its environment reads empty, for microseconds on an idle machine.
EXECUTING_S = 0.05


class Seen(NamedTuple):
    """One process, in the agent's own numbers; `folder` is its place in /proc."""

    pid: int
    parent: int
    session: int
    start_ticks: int
    folder: str


def read_stat(folder: str) -> Seen | None:
    """Return what <folder>/stat says; None for a process that is gone or only waits to be reaped."""
    try:
        with open(f"{folder}/stat", encoding="utf-8", errors="replace") as file:
            stat = file.read()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return Seen(int(stat.partition(" ")[0]), int(fields[1]), int(fields[3]), int(fields[19]), folder)


def read_processes() -> list[Seen]:
    """Return every process of the agent's own /proc, but not the reader."""
    seen = (read_stat(f"/proc/{name}") for name in os.listdir("/proc") if name.isdigit())
    return [one for one in seen if one is not None and one.pid != os.getpid()]


def read_processes_outside() -> list[Seen]:
    """The same where /proc shows the processes of another PID namespace (a container that refuses a second /proc)."""
    here = os.stat("/proc/self/ns/pid").st_ino
    found: list[tuple[Seen, int, int]] = []
    inner: dict[int, int] = {}
    for name in os.listdir("/proc"):
        folder = f"/proc/{name}"
        if not name.isdigit() or (seen := read_stat(folder)) is None:
            continue
        try:
            if os.stat(f"{folder}/ns/pid").st_ino != here:
                continue
            with open(f"{folder}/status", encoding="utf-8", errors="replace") as file:
                status = dict(line.split(":", 1) for line in file if ":" in line)
        except OSError:
            continue
        inner[seen.pid] = int(status["NSpid"].split()[-1])
        found.append((seen, inner[seen.pid], int(status["NSsid"].split()[-1])))
    return [
        Seen(pid, inner.get(seen.parent, 0), session, seen.start_ticks, seen.folder) for seen, pid, session in found if pid != os.getpid()
    ]


class Processes:
    """Snapshots of /proc, and which command each process without its starter belongs to.

    Attributes:
        unclear: whether some process that was asked about since it was last set False did not show whose it is: look again.
    """

    def __init__(self, *, own_proc: bool) -> None:
        self._own_proc = own_proc
        self._marks: dict[tuple[int, int], str] = {}
        self._blank: dict[tuple[int, int], float] = {}
        self.unclear = False

    def snapshot(self) -> list[Seen]:
        """Return the processes of the run."""
        return read_processes() if self._own_proc else read_processes_outside()

    def members(self, processes: list[Seen], tag: str, root: int) -> list[Seen]:
        """Return those of a command: its session, all descendants, and orphans that carry its mark in their environment."""
        children: dict[int, list[Seen]] = {}
        for seen in processes:
            children.setdefault(seen.parent, []).append(seen)
        found = {seen.pid: seen for seen in processes if seen.pid == root or seen.session == root}
        for seen in children.get(os.getpid(), ()):
            if seen.pid not in found and self._mark(seen) == tag:
                found[seen.pid] = seen
        waiting = list(found.values())
        while waiting:
            for child in children.get(waiting.pop().pid, ()):
                if child.pid not in found:
                    found[child.pid] = child
                    waiting.append(child)
        return list(found.values())

    def _mark(self, seen: Seen) -> str:
        key = (seen.pid, seen.start_ticks)
        if key not in self._marks:
            try:
                with open(f"{seen.folder}/environ", "rb") as file:
                    environment = file.read()
            except OSError:
                return ""
            if not environment and time.monotonic() < self._blank.setdefault(key, time.monotonic()) + EXECUTING_S:
                self.unclear = True
                return ""
            self._blank.pop(key, None)
            marks = [entry[len(MARKER) :] for entry in environment.split(b"\0") if entry.startswith(MARKER)]
            if len(self._marks) > 10_000:
                self._marks.clear()
                self._blank.clear()
            self._marks[key] = marks[0].decode(errors="replace") if marks else ""
        return self._marks[key]


class TreeStopper:
    """Ends the trees of commands without blocking the loop; looks at /proc once for all that are due."""

    def __init__(self, loop: Loop, processes: Processes) -> None:
        self._loop = loop
        self._processes = processes
        self._stops: list[_Stop] = []
        self._due = False

    def stop(self, tag: str, root: int, grace_s: float, done: Callable[[bool], None]) -> None:
        """End a tree; `done` is told whether nothing is left.

        Args:
            root: the command's own pid, which is also its session.
            grace_s: time between TERM and KILL; 0 means KILL at once.
        """
        self._stops.append(_Stop(tag, root, time.monotonic() + grace_s, done))
        self._soon(0.0)
        if grace_s:
            self._loop.call_later(grace_s, lambda: self._soon(0.0))

    def _soon(self, delay_s: float) -> None:
        if not self._due:
            self._due = True
            self._loop.call_later(delay_s, self._check)

    def _check(self) -> None:
        self._due = False
        if not self._stops:
            return
        processes = self._processes.snapshot()
        now = time.monotonic()
        for stop in list(self._stops):
            self._processes.unclear = False
            alive = self._processes.members(processes, stop.tag, stop.root)
            if not alive and self._processes.unclear:
                self._soon(RECHECK_S)
                continue
            if not alive or now > stop.kill_at + GIVE_UP_S:
                self._stops.remove(stop)
                stop.done(not alive)
                continue
            number = signal.SIGKILL if now >= stop.kill_at else signal.SIGTERM
            for seen in alive:
                if stop.signalled.get((seen.pid, seen.start_ticks)) != number:
                    stop.signalled[seen.pid, seen.start_ticks] = number
                    self._signal(seen, number)
            if number == signal.SIGKILL:
                self._loop.call_later(KILL_AGAIN_S, lambda: self._soon(0.0))

    def _signal(self, seen: Seen, number: signal.Signals) -> None:
        """Signal one process, surely the one that was seen, and look again when it has ended."""
        try:
            fd = os.pidfd_open(seen.pid)
        except ProcessLookupError:
            self._soon(RECHECK_S)
            return
        try:
            now = read_stat(seen.folder)
            if now is None or now.start_ticks != seen.start_ticks:
                raise ProcessLookupError
            signal.pidfd_send_signal(fd, number)
            if number == signal.SIGTERM:
                signal.pidfd_send_signal(fd, signal.SIGCONT)
        except OSError:
            os.close(fd)
            self._soon(RECHECK_S)
            return

        def ended() -> None:
            self._loop.unwatch(fd)
            os.close(fd)
            self._soon(RECHECK_S)

        self._loop.watch(fd, ended)


class _Stop:
    __slots__ = ("done", "kill_at", "root", "signalled", "tag")

    def __init__(self, tag: str, root: int, kill_at: float, done: Callable[[bool], None]) -> None:
        self.tag = tag
        self.root = root
        self.kill_at = kill_at
        self.done = done
        self.signalled: dict[tuple[int, int], int] = {}
