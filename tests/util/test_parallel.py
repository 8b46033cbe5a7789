"""The pool: what it calls, in which order answers come, and how it ends."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from queue import Full

import pytest

from nepi.errors import UsageError
from nepi.util.parallel import ParallelRun

DEADLINE_S = 10.0


@contextmanager
def pool(maxthreads: int | None = 2, maxqueue: int | None = None, results: bool = True) -> Generator[ParallelRun]:
    made = ParallelRun(maxthreads, maxqueue, results)
    made.start()
    try:
        yield made
    finally:
        made.empty()
        made.join()


class Gate:
    """Holds the calls that go through it until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, answer: object = None) -> object:
        self.reached.release()
        assert self.opened.wait(DEADLINE_S)
        return answer

    def wait_reached(self) -> None:
        assert self.reached.acquire(timeout=DEADLINE_S)


def test_results_of_all_calls_are_iterated_and_then_it_ends() -> None:
    with pool() as run:
        for number in range(100):
            run.put(lambda a, b: a * b, number, b=2)
        assert sorted(run) == [2 * number for number in range(100)]
        assert list(run) == []


def test_result_comes_while_other_calls_are_under_way() -> None:
    gate = Gate()
    with pool(2) as run:
        run.put(gate, "slow")
        run.put(lambda: "fast")
        answers = iter(run)
        assert next(answers) == "fast"
        gate.opened.set()
        assert list(answers) == ["slow"]


def test_calls_wait_for_start() -> None:
    run = ParallelRun(1)
    run.put(lambda: 1)
    for wait in (run.sync, run.join, lambda: list(run)):
        with pytest.raises(UsageError, match="start"):
            wait()
    run.start()
    assert list(run) == [1]
    run.join()


def test_first_exception_is_raised_by_sync_once_and_the_others_go_on() -> None:
    def fail(word: str) -> None:
        raise ValueError(word)

    with pool(1) as run:
        run.put(fail, "first")
        run.put(fail, "second")
        run.put(lambda: "answer")
        assert list(run) == ["answer"]
        assert [str(error) for error in run.exceptions] == ["first", "second"]
        with pytest.raises(ValueError, match="first"):
            run.sync()
        run.sync()


def test_even_an_exit_ends_one_call_only() -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pool(1) as run:
        run.put(leave)
        run.put(lambda: "alive")
        assert list(run) == ["alive"]
        with pytest.raises(SystemExit):
            run.sync()


def test_join_ends_the_threads_and_start_begins_anew() -> None:
    run = ParallelRun(3)
    for _ in range(2):
        before = threading.active_count()
        run.start()
        run.start()
        assert threading.active_count() == before + 3
        run.put(lambda: 1)
        run.join()
        assert threading.active_count() == before
        assert list(run) == [1]


def test_full_queue_is_refused_or_waited_for() -> None:
    gate = Gate()
    with pool(1, maxqueue=1) as run:
        run.put(gate, 1)
        gate.wait_reached()
        run.put_nowait(lambda: 2)
        with pytest.raises(Full):
            run.put_nowait(lambda: 3)
        putting = threading.Thread(target=run.put, args=(lambda: 4,))
        putting.start()
        gate.opened.set()
        putting.join(DEADLINE_S)
        assert sorted(run) == [1, 2, 4]


def test_empty_forgets_what_waits_and_lets_go_on_what_runs() -> None:
    gate = Gate()
    with pool(1) as run:
        run.put(gate, "under way")
        gate.wait_reached()
        run.put(lambda: "forgotten")
        run.empty()
        gate.opened.set()
        assert list(run) == ["under way"]


def test_destroy_does_not_wait_and_takes_nothing_more() -> None:
    gate = Gate()
    run = ParallelRun(1, maxqueue=1)
    run.start()
    run.put(gate)
    gate.wait_reached()
    run.put(lambda: "forgotten")
    refused: list[BaseException] = []

    def put_into_full_queue() -> None:
        try:
            run.put(gate)
            run.put(gate)
        except UsageError as error:
            refused.append(error)

    putting = threading.Thread(target=put_into_full_queue)
    putting.start()
    run.destroy()
    putting.join(DEADLINE_S)
    assert len(refused) == 1
    with pytest.raises(UsageError, match="destroyed"):
        run.start()
    gate.opened.set()


def test_call_that_waits_for_all_calls_is_refused() -> None:
    with pool(1) as run:
        run.put(run.sync)
        with pytest.raises(UsageError, match="itself"):
            run.sync()


def test_without_results_nothing_is_kept() -> None:
    class Answer:
        pass

    kept: list[weakref.ref[Answer]] = []

    def call() -> Answer:
        answer = Answer()
        kept.append(weakref.ref(answer))
        return answer

    with pool(1, results=False) as run:
        run.put(call)
        run.sync()
        assert list(run) == []
        run.put(lambda: None)  # the thread has let go of the last call when it has made the next
        run.sync()
        gc.collect()
        assert [reference() for reference in kept] == [None]


def test_thread_count_has_a_default() -> None:
    before = threading.active_count()
    with pool(None):
        assert threading.active_count() > before
