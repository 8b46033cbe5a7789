"""Threads that call what may block: plain life-cycle methods of resource managers and scheduled callbacks.

One thread is fastest as long as nothing blocks, because all of them share the interpreter's lock; a blocked method must hold up
only its own thread. So there is one thread at first, and more come while calls wait and the processor does not work.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic, process_time
from typing import Any, Final

from nepi.execution.quiet import Pause
from nepi.util.logger import Logger

LOOK_EVERY_S: Final = 0.005
"""How often the supervisor looks while calls are waiting; never when none are."""
LONGEST_PAUSE_S: Final = 2.0
"""After this time the collector gets its turn although calls are being made without a break."""


def default_limit() -> int:
    """Return how many threads there may be: NEPI_NTHREADS, or 50."""
    text = os.environ.get("NEPI_NTHREADS", "")
    return max(1, int(text)) if text.isdigit() else 50


class Workers:
    """A pool that grows when its calls block.

    Args:
        limit: most threads at a time.
        name: prefix of the threads' names.
        stuck_after_s: a call that takes longer no longer counts against the limit; None for never.

    Attributes:
        returned: called by the thread when a call has come back and is counted; None for nobody.
    """

    def __init__(self, limit: int | None = None, name: str = "nepi-worker", *, stuck_after_s: float | None = None) -> None:
        self._limit = limit or default_limit()
        self._name = name
        self._stuck_after_s = stuck_after_s
        self._since: dict[int, float] = {}
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._waiting = threading.Event()
        self._closed = False
        self._submitted = itertools.count()
        self._made = itertools.count()
        self.returned: Callable[[], None] | None = None

    @property
    def idle(self) -> bool:
        """Whether every call that was submitted has been made."""
        return self.outstanding <= 0

    @property
    def outstanding(self) -> int:
        """How many calls were submitted and have not come back yet."""
        return _count_of(self._submitted) - _count_of(self._made)

    @property
    def name(self) -> str:
        """Prefix of the threads' names."""
        return self._name

    @property
    def is_full(self) -> bool:
        """Whether every thread that there may be makes a call, or has one waiting."""
        return self.outstanding >= self._limit

    def write_off(self) -> None:
        """Nobody waits any more for a call that is being made and may never come back: another thread may take its place."""
        with self._lock:
            self._limit += 1

    def take_back(self) -> None:
        """A call that was written off has come back after all."""
        with self._lock:
            self._limit -= 1

    def submit(self, call: Callable[[], None]) -> None:
        """Let a thread make this call, soon; it must not raise. From any thread."""
        next(self._submitted)
        self._calls.put(call)
        if not self._threads:
            self._begin()
            if not self._threads:
                self._make_here()
        if not self._waiting.is_set():
            self._waiting.set()

    def close(self) -> None:
        """Take no more calls, and let the threads end when they have made those that wait. Does not wait for blocked ones."""
        with self._lock:
            self._closed = True
            for _ in self._threads:
                self._calls.put(None)
        self._waiting.set()

    def _begin(self) -> None:
        with self._lock:
            if not self._threads and not self._closed and self._add_thread():
                self._start(self._supervise, "supervisor")

    def _add_thread(self) -> bool:
        thread = self._start(self._work, str(len(self._threads) + 1))
        if thread is not None:
            self._threads.append(thread)
        return thread is not None

    def _start(self, target: Callable[[], None], name: str) -> threading.Thread | None:
        thread = threading.Thread(target=target, name=f"{self._name}-{name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # too many, or the interpreter is ending (3.12 and later start none then)
            Logger("workers").warning(f"no thread could be started: {error}")
            return None
        return thread

    def _work(self) -> None:
        get = self._calls.get
        while (call := get()) is not None:
            self._make(call)
            del call

    def _make(self, call: Callable[[], None]) -> None:
        if self._stuck_after_s is not None:
            self._since[threading.get_ident()] = monotonic()
        try:
            call()
        except BaseException as error:  # a callback of the user that says sys.exit(), say, ends itself only
            Logger("workers").error(f"{call!r} raised {error!r}")
        self._since.pop(threading.get_ident(), None)
        next(self._made)  # one step of the interpreter: no increment is lost between threads
        if (returned := self.returned) is not None:
            returned()

    def _make_here(self) -> None:
        """Make the calls that wait on the caller's thread: there is no other."""
        while not self._closed:
            try:
                call = self._calls.get_nowait()
            except Empty:
                return
            if call is not None:
                self._make(call)

    def _supervise(self) -> None:
        """Add threads while calls wait and neither calls are made nor the processor is busy; while it is, collect no garbage."""
        pause = Pause()
        while not self._closed:
            if self._calls.empty():
                pause.let_go()
                self._wait_for_calls()
                continue
            made, used, began = _count_of(self._made), process_time(), monotonic()
            threading.Event().wait(LOOK_EVERY_S)
            elapsed = monotonic() - began
            blocked = _count_of(self._made) == made or process_time() - used < 0.5 * elapsed
            if blocked or pause.held_s > LONGEST_PAUSE_S:
                pause.let_go()
            else:
                pause.hold()
            if blocked and not self._calls.empty() and not self._closed:
                self._grow()
        pause.let_go()

    def _wait_for_calls(self) -> None:
        self._waiting.wait()
        if self._calls.empty():
            self._waiting.clear()
            if not self._calls.empty():
                self._waiting.set()

    def _grow(self) -> None:
        with self._lock:
            more = min(len(self._threads), self._limit + self._stuck() - len(self._threads), self._calls.qsize())
            for _ in range(more):
                if not self._add_thread():
                    return

    def _stuck(self) -> int:
        """Return how many calls take so long that others shall not wait for them."""
        if self._stuck_after_s is None:
            return 0
        latest = monotonic() - self._stuck_after_s
        return sum(since < latest for since in list(self._since.values()))


def _count_of(counter: itertools.count[int]) -> int:
    """Return where a counter stands without moving it."""
    state: Any = counter.__reduce__()
    return int(state[1][0])
