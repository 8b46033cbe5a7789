"""The loop whose clock jumps, and the controllers on it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nepi.hosts.ns3.start import held, warm_up
from nepi.testing import Leaks, VirtualController, VirtualLoop, full_disk, virtual_controller, what_is_open
from nepi.testing.pytest_plugin import ec, new_controller, no_leaks

__all__ = ["ec", "new_controller", "no_leaks"]


def run(coroutine: object, loop: VirtualLoop | None = None) -> object:
    loop = loop if loop is not None else VirtualLoop()
    try:
        return loop.run_until_complete(coroutine)  # type: ignore[arg-type]  # a coroutine
    finally:
        loop.close()


def test_an_hour_passes_at_once() -> None:
    async def scenario() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(scenario()) == 3600.0
    assert time.monotonic() - began < 10


def test_timers_are_called_in_order_at_their_exact_times() -> None:
    async def scenario() -> list[float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []
        for due in (0.3, 0.1, 7.7, 0.2, 86_400.0 * 3):
            loop.call_at(due, lambda: seen.append(loop.time()))
        await asyncio.sleep(86_400.0 * 4)
        return seen

    assert run(scenario()) == [0.1, 0.2, 0.3, 7.7, 259_200.0]


def test_a_cancelled_timer_is_not_jumped_to() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(5, lambda: None).cancel()
        await asyncio.sleep(1)
        return loop.time()

    assert run(scenario()) == 1.0


def test_files_are_heard_before_time_goes_on() -> None:
    async def scenario() -> tuple[bytes, float]:
        loop = asyncio.get_running_loop()
        read, write = os.pipe()
        heard: asyncio.Future[bytes] = loop.create_future()
        loop.add_reader(read, lambda: heard.set_result(os.read(read, 100)))
        os.write(write, b"hello")
        data = await asyncio.wait_for(heard, 3600)
        loop.remove_reader(read)
        os.close(read)
        os.close(write)
        return data, loop.time()

    assert run(scenario()) == (b"hello", 0.0)


def test_time_stands_still_while_a_thread_of_the_executor_works() -> None:
    async def scenario() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        asyncio.ensure_future(asyncio.sleep(3600))
        result = await loop.run_in_executor(None, lambda: threading.Event().wait(0.02) or "done")
        at = loop.time()
        await loop.shutdown_default_executor()
        return str(result), at

    loop = VirtualLoop()
    assert loop.run_until_complete(scenario()) == ("done", 0.0)
    loop.close()
    [left] = loop.left_tasks
    assert "sleep" in left


def test_a_loop_that_may_not_jump_goes_at_the_real_pace_after_a_while() -> None:
    async def scenario() -> None:
        await asyncio.sleep(0.05)

    began = time.monotonic()
    run(scenario(), VirtualLoop(lambda: False, patience_s=0.02))
    assert time.monotonic() - began >= 0.06


def test_a_thread_that_sleeps_in_virtual_time_lets_the_clock_jump() -> None:
    woke: list[float] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def sleeper() -> None:
            loop.sleep_in_thread(500)
            woke.append(loop.time())

        thread = threading.Thread(target=sleeper)
        thread.start()
        for _ in range(2000):
            await asyncio.sleep(0.5)
        thread.join()

    run(scenario())
    assert len(woke) == 1


# Controllers


def test_times_are_the_same_in_each_run(tmp_path: Path) -> None:
    def one_run(number: int) -> list[float]:
        with virtual_controller(backend="dummy", local_dir=tmp_path / str(number)) as ec:
            node = ec.add("Node", deployTime="3s")
            app = ec.add("Application", node, startTime="250ms", duration="1h", stopTime="0.1s")
            times = []
            ec.deploy()
            for wait in (ec.wait_deployed, ec.wait_started):
                wait(app)
                times.append(ec.now)
            ec.sleep(10)
            app.stop()
            ec.wait_finished(app)
            return [*times, ec.now]

    assert [one_run(number) for number in range(10)] == [[3.0, 3.25, 13.35]] * 10


def test_the_clock_waits_for_the_users_thread(ec: VirtualController) -> None:
    app = ec.add("Application", duration="1s")
    ec.deploy()
    ec.settle()
    threading.Event().wait(0.05)  # the user computes
    assert (ec.now, ec.state(app, hr=True)) == (0.0, "STARTED")


def test_a_controller_of_a_block_is_shut_down_and_its_tasks_are_looked_for(tmp_path: Path) -> None:
    def leaky() -> None:
        with virtual_controller(backend="dummy", local_dir=tmp_path) as ec:
            ec.add("Node")
            ec.deploy()
            ec.wait_started(1)
            loop = ec.clock

            async def linger() -> None:
                try:
                    await asyncio.sleep(10**6)
                except asyncio.CancelledError:
                    await asyncio.sleep(10**6)

            loop.call_soon_threadsafe(lambda: kept.append(loop.create_task(linger(), name="lingerer")))
            ec.settle()

    kept: list[asyncio.Task[None]] = []
    with pytest.raises(AssertionError, match="tasks left on the loop:\n  lingerer"):
        leaky()


@pytest.mark.usefixtures("no_leaks")
def test_the_fixtures_are_enough_for_a_test_of_a_manager(ec: VirtualController) -> None:
    node = ec.add("Node")
    ec.deploy()
    assert ec.wait_started(node)


def test_a_full_disk_is_full_inside_its_block_only(ec: VirtualController) -> None:
    ec.add("Node")
    ec.deploy()
    ec.wait_started(1)
    journal = ec._running().runner.journal
    with full_disk(ec), pytest.raises(OSError, match="No space left on device"):
        os.write(journal._fd, b"x")
    assert os.write(journal._fd, b"") == 0


# Leaks


def test_a_leak_is_named() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="left-alone")
    leaks = Leaks(grace_s=0.05)
    with leaks:
        pass
    thread.start()
    file = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(AssertionError, match=r"(?s)left behind:.*file \d+ -> .*null.*thread \d+ left-alone"):
        leaks.check()
    go.set()
    thread.join()
    os.close(file)


def test_a_child_process_is_a_leak_until_it_was_waited_for() -> None:
    leaks = Leaks(grace_s=0.05)
    with leaks:
        pass
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with pytest.raises(AssertionError, match=r"process \d+"):
        leaks.check()
    child.communicate(b"\n")
    leaks.check()


def test_what_ends_by_itself_is_no_leak() -> None:
    with Leaks():
        threading.Thread(target=threading.Event().wait, args=(0.05,)).start()
    assert what_is_open()


def test_what_is_kept_for_the_next_simulation_is_no_leak() -> None:
    with Leaks(grace_s=0.0):
        cool_down = warm_up()
        assert len(held()) == 1
    cool_down()


def test_an_error_inside_is_not_hidden_by_what_it_left_open() -> None:
    files = []

    def leave_open_and_fail() -> None:
        with Leaks(grace_s=0.0):
            files.append(os.open(os.devnull, os.O_RDONLY))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leave_open_and_fail()
    os.close(files[0])
