"""Waits and what they return; tasks that are scheduled; what may not be called when, or where."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest

from nepi.errors import BadValueError, ExperimentError, UnknownResourceError, UsageError
from nepi.execution.ec import ECState, ExperimentController
from nepi.execution.resource import ResourceAction, ResourceManager, ResourceState
from nepi.execution.scheduler import TaskStatus
from nepi.execution.waits import WaitResult
from nepi.model.conditions import quorum
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController
from nepi.util.timefuncs import tnow, tsformat
from tests.execution.managers import add, states

OVER = "the experiment has been shut down"

# Waits


def test_waits_return_when_all_have_got_there(ec: VirtualController) -> None:
    app = ec.add("Application", deployTime="1s", startTime="2s", duration="3s", releaseTime="4s")
    ec.deploy()
    times = []
    for wait in (ec.wait_deployed, ec.wait_started, ec.wait_finished):
        assert wait(app) == WaitResult(True)
        times.append(ec.now)
    ec.release()
    assert ec.wait_released([app]) == WaitResult(True)
    assert [*times, ec.now] == [1.0, 3.0, 6.0, 10.0]


def test_the_callers_list_is_not_changed(ec: VirtualController) -> None:
    guids = [int(ec.add("Application").guid), int(ec.add("Application").guid)]
    ec.deploy()
    ec.wait_finished(guids)
    assert guids == [1, 2]


@pytest.mark.parametrize("nobody", [[], (), set()])
def test_waiting_for_nobody_returns_at_once(nobody: object, ec: VirtualController) -> None:
    ec.add("Node")
    ec.deploy()
    assert [wait(nobody) for wait in (ec.wait_deployed, ec.wait_started, ec.wait_finished, ec.wait_released)] == [WaitResult(True)] * 4


def test_a_wait_takes_guids_names_and_handles(ec: VirtualController) -> None:
    a, b = ec.add("Application", name="a"), ec.add("Application", name="b")
    ec.deploy()
    assert ec.wait_finished([a.guid, "b", a, b])
    with pytest.raises(UnknownResourceError, match=r"no resource named 'c'"):
        ec.wait_finished("c")
    with pytest.raises(UnknownResourceError, match=r"no resource with guid 9"):
        ec.wait_finished(9)


def test_waiting_for_any_state_and_for_conditions(ec: VirtualController) -> None:
    apps = [ec.add("Application", duration=f"{i}s") for i in (1, 2, 3)]
    ec.deploy()
    assert ec.wait(apps[0], ResourceState.FINISHED)
    assert ec.now == 1.0
    assert ec.wait_for(quorum(2, apps, "FINISHED") + "10s")
    assert ec.now == 12.0
    impossible = ec.wait_for(apps[0].failed)
    assert impossible == WaitResult(False, "application-1 is FINISHED and did not get FAILED before")
    assert ec.wait_for(apps[0].exited(0))


def test_waits_after_the_end_say_so(ec: VirtualController) -> None:
    app = ec.add("Application")
    ec.run()
    assert [ec.wait_finished(app), ec.wait_released(app), ec.wait_for(app.ready)] == [WaitResult(False, OVER)] * 3


def test_two_threads_may_wait(ec: VirtualController) -> None:
    app = ec.add("Application", duration="10s")
    ec.deploy()
    results: list[WaitResult] = []
    other = threading.Thread(target=lambda: results.append(ec.wait_started(app)))
    other.start()
    results.append(ec.wait_finished(app))
    other.join()
    assert results == [WaitResult(True), WaitResult(True)]


def test_a_shutdown_from_another_thread_ends_a_wait(ec: VirtualController) -> None:
    ec.add("Node", name="a")
    ec.deploy()
    ec.wait_started("a")
    results: list[WaitResult] = []
    waiting = threading.Thread(target=lambda: results.append(ec.wait_finished("a")))
    waiting.start()
    ec.settle()
    ec.shutdown()
    waiting.join(10)
    assert results == [WaitResult(True)]  # RELEASED is beyond STOPPED


def test_why_tells_what_is_waited_for(ec: VirtualController) -> None:
    node = ec.add("Node", name="node", deployTime="1h")
    app = ec.add("Application", node, name="app")
    assert ec.why(app) == "app is NEW; nobody has asked to deploy it."
    ec.deploy()
    ec.settle()
    assert ec.why(app) == app.why() == "app is NEW; it waits to deploy until node is READY."
    assert ec.why("node") == "node is NEW; its deploy is being carried out."


# Notebooks: async with, until


def test_async_with_and_until(new_controller: MakeController) -> None:
    async def notebook() -> list[object]:
        async with new_controller(patience_s=0.0) as ec:
            app = ec.add("Application", duration="50ms")
            ec.deploy()
            told: list[object] = [await ec.until(app.started), await ec.until(app.failed, deadline="1h")]
            return [*told, states(ec)]

    assert asyncio.run(notebook()) == [
        WaitResult(True),
        WaitResult(False, "application-1 is FINISHED and did not get FAILED before"),
        {"application-1": "FINISHED"},
    ]


def test_a_wait_on_the_loops_thread_is_refused(ec: VirtualController) -> None:
    caught: list[BaseException] = []

    def wait_in_the_loop(rm: ResourceManager) -> None:
        for call in (lambda: rm.ec.wait_started(rm.guid), rm.ec.shutdown, lambda: rm.ec.release()):
            try:
                call()
            except UsageError as error:
                caught.append(error)

    add(ec, "t::Async", name="a", acts={"deploy": wait_in_the_loop})
    ec.deploy()
    ec.wait_started("a")
    assert [str(error).partition(";")[0] for error in caught] == [
        "wait() would block the loop that it waits for",
        "shutdown() would block the loop that it waits for",
        "release() would block the loop that it waits for",
    ]


# Tasks


def test_a_relative_task_is_called_after_its_time(ec: VirtualController) -> None:
    ec.add("Node")
    ec.deploy()
    called: list[float] = []
    ec.settle()
    ec.schedule("90s", lambda: called.append(ec.now))
    ec.schedule("1m", lambda: called.append(ec.now))
    ec.schedule("0s", lambda: called.append(ec.now))
    ec.sleep(100)
    assert called == [0.0, 60.0, 90.0]


def test_a_tracked_task_keeps_its_result(ec: VirtualController) -> None:
    tid = ec.schedule("1s", lambda: 42, track=True)
    untracked = ec.schedule("1s", lambda: 42)
    task = ec.get_task(tid)
    assert task is not None
    assert (task.id, task.status, ec.get_task(untracked)) == (tid, TaskStatus.NEW, None)
    ec.sleep(2)
    assert (task.status, task.result) == (TaskStatus.DONE, 42)


def test_a_task_that_raises_keeps_its_traceback_and_harms_nobody(ec: VirtualController, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise ValueError("not today")

    tid = ec.schedule("1s", broken, track=True)
    ec.sleep(2)
    task = ec.get_task(tid)
    assert task is not None
    assert task.status is TaskStatus.ERROR
    assert "ValueError: not today" in task.result
    assert (ec.abort, ec.ecstate) == (False, ECState.RUNNING)
    assert "not today" in caplog.text


def test_a_task_may_be_async(ec: VirtualController) -> None:
    async def later() -> str:
        await asyncio.sleep(0)
        return "done"

    tid = ec.schedule("1s", later, track=True)
    ec.sleep(2)
    task = ec.get_task(tid)
    assert task is not None
    assert task.result == "done"


def test_an_absolute_date_in_the_past_is_now(ec: VirtualController) -> None:
    called = threading.Event()
    ec.schedule(tsformat(tnow() - timedelta(hours=1)), called.set)
    assert called.wait(10)


def test_an_absolute_date_is_called_then(ec: VirtualController) -> None:
    """The original: TypeError inside the processing thread, the task lost, the controller FAILED."""
    called: list[float] = []
    ec.schedule(tsformat(tnow() + timedelta(hours=1)), lambda: called.append(ec.now))
    ec.sleep(3700)
    [at] = called
    assert 3590 < at <= 3600


def test_a_date_that_is_none_is_refused_where_it_is_given(ec: VirtualController) -> None:
    with pytest.raises(BadValueError):
        ec.schedule("soon", lambda: None)


def test_a_task_that_exits_ends_only_itself(ec: VirtualController) -> None:
    def leave() -> None:
        raise SystemExit(1)

    ec.schedule("1s", leave)
    after = ec.schedule("2s", lambda: "still here", track=True)
    ec.sleep(3)
    task = ec.get_task(after)
    assert task is not None
    assert task.result == "still here"


# The end


def test_running_twice_says_that_it_is_over(ec: VirtualController) -> None:
    ec.add("Application")
    ec.run()
    with pytest.raises(UsageError, match=r"experiment test has been shut down; make a new ExperimentController"):
        ec.run()


@pytest.mark.parametrize("what", ["deploy", "add", "schedule", "act"])
def test_what_is_called_after_the_end_says_so(what: str, ec: VirtualController) -> None:
    app = ec.add("Application")
    ec.run()
    calls: dict[str, Callable[[], object]] = {
        "deploy": lambda: ec.deploy(),
        "add": lambda: ec.add("Node"),
        "schedule": lambda: ec.schedule("1s", print),
        "act": lambda: ec.act(ResourceAction.START, app),
    }
    with pytest.raises(UsageError, match="shut down"):
        calls[what]()


def test_the_end_twice_is_harmless(ec: VirtualController) -> None:
    ec.add("Application")
    ec.run()
    ec.shutdown()
    ec.release()
    assert ec.ecstate is ECState.TERMINATED


def test_a_controller_that_never_ran_can_be_shut_down() -> None:
    ec = ExperimentController("never", backend="dummy")
    node = ec.add("Node")
    ec.shutdown()
    assert (ec.state(node), ec.ecstate) == (ResourceState.RELEASED, ECState.TERMINATED)


def test_shutting_down_at_once_works_every_time(new_controller: MakeController) -> None:
    """The original: AttributeError in 181 of 300 immediate shutdowns."""
    for i in range(50):
        ec = new_controller(f"at-once-{i}")
        ec.add("Node")
        ec.deploy()
        ec.shutdown()
        assert ec.ecstate is ECState.TERMINATED


def test_an_experiment_of_services_only_runs_and_ends(ec: VirtualController) -> None:
    ec.add("Node")
    ec.run()
    assert states(ec) == {"node-1": "RELEASED"}


def test_an_empty_experiment_runs_and_ends(ec: VirtualController) -> None:
    ec.run()
    assert ec.ecstate is ECState.TERMINATED


def test_an_exception_in_the_with_block_releases(new_controller: MakeController) -> None:
    ec = new_controller()

    def script() -> None:
        with ec:
            ec.add("Node")
            ec.deploy()
            ec.wait_started(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        script()
    assert ec.state(1) == ResourceState.RELEASED


def test_a_run_that_is_kept_releases_nothing(new_controller: MakeController) -> None:
    ec = new_controller(keep=True)
    ec.add("Application", duration="1s")
    ec.add("Node")
    ec.run()
    assert states(ec) == {"application-1": "FINISHED", "node-2": "STARTED"}


def test_an_experiment_error_is_an_error_of_the_packages(ec: VirtualController) -> None:
    ec.add("Application", failOn="deploy")
    with pytest.raises(ExperimentError, match="experiment test: application-1 failed: deploy failed: as scripted"):
        ec.run()
