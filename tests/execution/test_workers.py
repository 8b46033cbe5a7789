"""Threads for what may block, lanes for what is awaited."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from nepi.execution.lanes import Lanes
from nepi.execution.workers import Workers, default_limit

PATIENCE_S = 10.0


def test_calls_are_made_in_order_by_one_thread_while_nothing_blocks() -> None:
    workers, done, seen = Workers(), threading.Event(), list[int]()
    for i in range(1000):
        workers.submit(lambda i=i: seen.append(i))  # type: ignore[misc]  # a default argument binds the number
    workers.submit(done.set)
    assert done.wait(PATIENCE_S)
    assert seen == list(range(1000))
    workers.close()


def test_more_threads_come_while_calls_block() -> None:
    workers, all_here = Workers(limit=8), threading.Barrier(8)
    met: list[int] = []

    def meet() -> None:
        all_here.wait(PATIENCE_S)
        met.append(1)

        if len(met) == 8:
            finished.set()

    finished = threading.Event()
    for _ in range(8):
        workers.submit(meet)
    assert finished.wait(PATIENCE_S)
    workers.close()


def test_there_are_never_more_threads_than_the_limit() -> None:
    workers, go = Workers(limit=2, name="few"), threading.Event()
    here, most = list[int](), list[int]()
    lock = threading.Lock()
    done = [threading.Event() for _ in range(6)]

    def call(one: threading.Event) -> None:
        with lock:
            here.append(1)
            most.append(len(here))
        go.wait(PATIENCE_S)
        with lock:
            here.pop()
        one.set()

    for one in done:
        workers.submit(lambda one=one: call(one))  # type: ignore[misc]  # as above
    while len(most) < 2:
        threading.Event().wait(0.001)
    go.set()
    assert all(one.wait(PATIENCE_S) for one in done)
    assert max(most) == 2
    workers.close()


def test_a_call_that_raises_ends_nothing() -> None:
    workers, done = Workers(), threading.Event()

    def leave() -> None:
        raise SystemExit

    workers.submit(leave)
    workers.submit(done.set)
    assert done.wait(PATIENCE_S)
    workers.close()


def test_idle_when_every_call_has_come_back() -> None:
    workers, began, go, done = Workers(), threading.Event(), threading.Event(), threading.Event()
    assert (workers.idle, workers.outstanding) == (True, 0)

    def wait() -> None:
        began.set()
        go.wait(PATIENCE_S)

    workers.submit(wait)
    assert began.wait(PATIENCE_S)
    workers.submit(done.set)
    assert workers.outstanding == 2
    go.set()
    assert done.wait(PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while workers.outstanding and time.monotonic() < deadline:
        threading.Event().wait(0.001)
    assert workers.outstanding == 0
    workers.close()


def test_closing_lets_what_waits_be_done_and_takes_no_more_threads() -> None:
    workers, done = Workers(), threading.Event()
    workers.submit(done.set)
    workers.close()
    assert done.wait(PATIENCE_S)
    Workers().close()  # one that never had a thread


def test_the_limit_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEPI_NTHREADS", raising=False)
    assert default_limit() == 50
    monkeypatch.setenv("NEPI_NTHREADS", "7")
    assert default_limit() == 7
    monkeypatch.setenv("NEPI_NTHREADS", "many")
    assert default_limit() == 50


# Lanes


async def turns() -> None:
    """Let the loop go round often enough for everything that does not wait for time."""
    for _ in range(100):
        await asyncio.sleep(0)


def test_a_lane_makes_calls_that_do_not_suspend_one_after_the_other() -> None:
    async def scenario() -> tuple[list[int], int]:
        lanes, seen, tasks = Lanes(asyncio.get_running_loop()), list[int](), set[asyncio.Task[None]]()

        def call(i: int) -> object:
            async def run(task: asyncio.Task[None]) -> None:
                seen.append(i)
                tasks.add(task)

            return run

        for i in range(500):
            lanes.submit(call(i))  # type: ignore[arg-type]  # made above
        await turns()
        return seen, len(tasks)

    seen, tasks = asyncio.run(scenario())
    assert seen == list(range(500))
    assert tasks == 1


def test_calls_that_suspend_hold_up_only_their_own_lane() -> None:
    async def scenario() -> int:
        lanes, here, go = Lanes(asyncio.get_running_loop()), list[int](), asyncio.Event()

        async def call(task: asyncio.Task[None]) -> None:
            here.append(1)
            await go.wait()

        for _ in range(1000):
            lanes.submit(call)
        await turns()
        go.set()
        await turns()
        return len(here)

    assert asyncio.run(scenario()) == 1000


def test_a_cancelled_call_takes_no_other_with_it() -> None:
    async def scenario() -> list[str]:
        lanes, told, running = Lanes(asyncio.get_running_loop()), list[str](), list[asyncio.Task[None]]()

        async def hang(task: asyncio.Task[None]) -> None:
            running.append(task)
            await asyncio.get_running_loop().create_future()

        async def tell(task: asyncio.Task[None]) -> None:
            told.append("told")

        lanes.submit(hang)
        await turns()
        running[0].cancel()
        for _ in range(100):
            lanes.submit(tell)
        await turns()
        return told

    assert asyncio.run(scenario()) == ["told"] * 100


def test_closing_cancels_what_is_being_awaited() -> None:
    async def scenario() -> list[str]:
        lanes, told, began = Lanes(asyncio.get_running_loop()), list[str](), asyncio.Event()

        async def hang(task: asyncio.Task[None]) -> None:
            began.set()
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                told.append("cancelled")
                raise

        lanes.submit(hang)
        await began.wait()
        await lanes.close()
        return told

    assert asyncio.run(scenario()) == ["cancelled"]
