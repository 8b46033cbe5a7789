"""A pool of threads that calls what it is given, with results in the order in which they come."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from queue import Full
from threading import Condition, Lock, Thread, current_thread
from typing import Any, Final

from nepi.errors import UsageError

_DEFAULT_THREADS: Final = 4


class ParallelRun:
    """Calls functions on worker threads.

    What is put before `start` waits for it. An exception ends one call, not its thread: it is kept, and `sync` raises it.

    Args:
        maxthreads: number of threads; default: one for each CPU, or 4 when that is unknown.
        maxqueue: how many calls may wait, before `put` blocks; default: any number.
        results: keep what the calls return, for iteration. A pool whose results nobody takes must say False.
    """

    def __init__(self, maxthreads: int | None = None, maxqueue: int | None = None, results: bool = True) -> None:
        self._maxthreads = max(1, maxthreads or os.cpu_count() or _DEFAULT_THREADS)
        self._maxqueue = maxqueue
        self._keep_results = results
        self._lock = Lock()  # guards everything below
        self._work_came = Condition(self._lock)
        self._room_came = Condition(self._lock)
        self._call_ended = Condition(self._lock)
        self._calls: deque[Callable[[], Any]] = deque()
        self._unfinished = 0
        self._results: deque[Any] = deque()
        self._exceptions: list[BaseException] = []
        self._threads: list[Thread] = []
        self._ending = False
        self._destroyed = False

    @property
    def exceptions(self) -> tuple[BaseException, ...]:
        """What calls raised since the last `sync`, in that order."""
        with self._lock:
            return tuple(self._exceptions)

    def put(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have `callable` called; blocks while the queue is full."""
        with self._lock:
            self._room_came.wait_for(lambda: self._destroyed or not self._is_full())
            self._add(lambda: callable(*args, **kwargs))

    def put_nowait(self, callable: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Have `callable` called.

        Raises:
            queue.Full: as many calls wait as may.
        """
        with self._lock:
            if self._is_full():
                raise Full
            self._add(lambda: callable(*args, **kwargs))

    def start(self) -> None:
        """Start the threads; harmless when they run."""
        with self._lock:
            self._refuse_destroyed()
            self._ending = False
            missing = self._maxthreads - len(self._threads)
            fresh = [Thread(target=self._work, name=f"nepi-worker-{number}", daemon=True) for number in range(missing)]
            self._threads += fresh
        for thread in fresh:
            thread.start()

    def sync(self) -> None:
        """Wait until every call is over; then raise the first exception of any, and forget the others."""
        with self._lock:
            self._wait_idle()
            exceptions, self._exceptions = self._exceptions, []
        if exceptions:
            raise exceptions[0]

    def join(self) -> None:
        """Wait until every call is over, and end the threads; `start` begins anew. Exceptions stay for `sync`."""
        with self._lock:
            self._wait_idle()
            self._ending = True
            self._work_came.notify_all()
            threads = tuple(self._threads)
        for thread in threads:
            thread.join()

    def empty(self) -> None:
        """Forget the calls that wait; those under way go on."""
        with self._lock:
            self._unfinished -= len(self._calls)
            self._calls.clear()
            self._room_came.notify_all()
            self._call_ended.notify_all()

    def destroy(self) -> None:
        """Forget the calls that wait, and end each thread after what it is doing, without waiting for that."""
        self.empty()
        with self._lock:
            self._ending = self._destroyed = True
            self._work_came.notify_all()
            self._room_came.notify_all()

    def __iter__(self) -> Iterator[Any]:
        """Yield results as they come, until every call is over and its result is taken."""
        while True:
            with self._lock:
                if not self._results:
                    self._refuse_not_started()
                    self._call_ended.wait_for(lambda: self._results or not self._unfinished)
                if not self._results:
                    return
                result = self._results.popleft()
            yield result

    def _is_full(self) -> bool:
        return self._maxqueue is not None and len(self._calls) >= self._maxqueue

    def _add(self, call: Callable[[], Any]) -> None:
        self._refuse_destroyed()
        self._calls.append(call)
        self._unfinished += 1
        self._work_came.notify()

    def _wait_idle(self) -> None:
        if current_thread() in self._threads:
            raise UsageError("a call on a worker thread cannot wait for all calls: it would wait for itself")
        self._refuse_not_started()
        self._call_ended.wait_for(lambda: not self._unfinished)

    def _refuse_not_started(self) -> None:
        if self._unfinished and not self._threads:
            raise UsageError("call start() first: nothing works on these calls, and waiting would never end")

    def _refuse_destroyed(self) -> None:
        if self._destroyed:
            raise UsageError("this ParallelRun was destroyed; make another")

    def _work(self) -> None:
        while (call := self._next_call()) is not None:
            result, error = None, None
            try:
                result = call()
            except BaseException as caught:  # kept, whatever it is: the thread must live on
                error = caught
            with self._lock:
                self._unfinished -= 1
                if error is not None:
                    self._exceptions.append(error)
                elif self._keep_results:
                    self._results.append(result)
                self._call_ended.notify_all()
            del call, result, error  # or an idle thread would keep them alive

    def _next_call(self) -> Callable[[], Any] | None:
        """Wait for something to do; None when the thread is to end."""
        with self._lock:
            self._work_came.wait_for(lambda: self._calls or self._ending)
            if not self._calls:
                self._threads.remove(current_thread())
                return None
            call = self._calls.popleft()
            self._room_came.notify()
            return call
