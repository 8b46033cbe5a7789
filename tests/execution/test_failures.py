"""Failures of resource managers, in each verb, plain and async: who is told, what aborts, what is tried again, what is left behind."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest

from nepi.engine.events import Retry
from nepi.errors import BadValueError, ExperimentError, ResourceError
from nepi.execution.ec import ECState, ExperimentController, FailureLevel, FailureManager
from nepi.execution.resource import ResourceAction, ResourceManager, ResourceState
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController
from tests.execution.managers import Async, Plain, add, hanging, raising, states, taking

KINDS = ["t::Plain", "t::Async"]


@pytest.mark.parametrize("verb", ["deploy", "start"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_critical_failure_aborts_ends_the_waits_and_says_why(kind: str, verb: str, ec: VirtualController, log: list[str]) -> None:
    add(ec, kind, name="bad", acts={verb: raising(RuntimeError("no such host"))})
    add(ec, "t::Async", name="good")
    ec.deploy()
    result = ec.wait_finished(["bad", "good"])
    assert (result.ok, result.reason) == (False, "bad failed: RuntimeError: no such host")
    assert (ec.abort, ec.abort_reason, ec.failure_level) == (True, result.reason, FailureLevel.RM_FAILURE)
    ec.settle()
    assert states(ec)["bad"] == "FAILED"
    assert ec.resource("bad").failure == "RuntimeError: no such host"


@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_that_raises_fails_its_resource(kind: str, ec: VirtualController) -> None:
    bad = add(ec, kind, name="bad", acts={"stop": raising()}, critical=False)
    ec.deploy()
    ec.wait_started(bad)
    bad.stop()
    ec.settle()
    assert (states(ec), ec.abort) == ({"bad": "FAILED"}, False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_that_raises_is_left_behind_and_the_others_are_released(kind: str, ec: VirtualController) -> None:
    add(ec, kind, name="bad", acts={"release": raising(ResourceError("the host is gone"))})
    add(ec, "t::Async", name="good")
    ec.deploy()
    ec.wait_started(["bad", "good"])
    ec.shutdown()
    assert states(ec) == {"bad": "RELEASED", "good": "RELEASED"}
    assert ec.left_behind == {1: "the host is gone"}
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert (summary["outcome"], summary["left_behind"]) == ("left behind", {"bad": "the host is gone"})


def test_a_release_that_hangs_is_left_behind_at_its_deadline(ec: VirtualController) -> None:
    add(ec, "t::Async", name="bad", acts={"release": hanging()})
    ec.deploy()
    ec.wait_started("bad")
    began = ec.now
    ec.release()
    assert ec.now - began == 60.0
    assert ec.left_behind == {1: "release was not done within 60 s"}


def test_a_plain_release_that_hangs_is_left_behind_at_its_deadline(ec: VirtualController) -> None:
    forever = threading.Event()
    add(ec, "t::Plain", name="bad", acts={"release": lambda _rm: ec.clock.wait_in_thread(forever)})
    add(ec, "t::Plain", name="good")
    ec.deploy()
    ec.wait_started(["bad", "good"])
    ec.release()
    assert (ec.now, ec.left_behind) == (60.0, {1: "release was not done within 60 s"})
    forever.set()


def test_run_raises_what_was_left_behind(ec: VirtualController) -> None:
    gone = raising(ResourceError("the host is gone"))
    add(ec, "t::Async", name="bad", acts={"start": lambda rm: rm.set_finished(), "release": gone})
    with pytest.raises(ExperimentError, match=r"test left something behind: bad: the host is gone\n`nepi gc` gives it back"):
        ec.run()


def test_run_raises_the_critical_failure_after_it_has_released_everything(ec: VirtualController) -> None:
    ec.add("Application", name="good", duration="1h")
    ec.add("Application", name="bad", duration="5s", failOn="run", failReason="the cable is cut")
    with pytest.raises(ExperimentError) as caught:
        ec.run()
    assert str(caught.value) == f"experiment test: bad failed: run failed: the cable is cut\nThe run's folder is {ec.run_dir}"
    assert (states(ec), ec.now) == ({"good": "RELEASED", "bad": "RELEASED"}, 5.0)


def test_run_raises_when_its_deadline_passes(ec: VirtualController) -> None:
    ec.add("Application", duration="1h")
    with pytest.raises(ExperimentError, match=r"its deadline of 60 s has passed"):
        ec.run(deadline="1m")
    assert ec.now == 60.0


def test_a_failure_that_is_not_critical_changes_nothing_for_the_others(ec: VirtualController) -> None:
    ec.add("Application", name="bad", failOn="start", critical=False)
    ec.add("Application", name="good", duration="10s")
    ec.run()
    assert (ec.now, ec.abort, ec.ecstate) == (10.0, False, ECState.TERMINATED)
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert (summary["outcome"], summary["failed"]) == ("finished", {"bad": "start failed: as scripted"})


def test_after_an_abort_nothing_is_started_and_running_things_go_on_until_the_release(ec: VirtualController) -> None:
    ec.add("Application", name="runs", duration="1h")
    later = ec.add("Application", name="later")
    later.start_when(ec.handle("runs").started + "10s")
    ec.add("Application", name="bad", duration="5s", failOn="run")
    ec.deploy()
    assert not ec.wait_finished(["runs", "later"])
    ec.sleep(100)
    assert states(ec) == {"runs": "STARTED", "later": "READY", "bad": "FAILED"}
    ec.release()
    assert set(states(ec).values()) == {"RELEASED"}


def test_an_abort_stops_what_runs_when_the_policy_says_so(new_controller: MakeController) -> None:
    ec = new_controller(stop_on_abort=True)
    ec.add("Application", name="runs", duration="1h")
    ec.add("Application", name="bad", duration="5s", failOn="run")
    ec.deploy()
    ec.wait_finished("bad")
    ec.settle()
    assert states(ec) == {"runs": "STOPPED", "bad": "FAILED"}


def test_an_abort_by_the_user_ends_the_waits_with_its_reason(ec: VirtualController) -> None:
    ec.add("Application", duration="1h")
    ec.deploy()
    ec.abort_run("enough")
    assert ec.wait_finished(1).reason == "enough"
    assert ec.release()


# Policies


def test_a_failed_start_is_tried_again_until_it_works(ec: VirtualController) -> None:
    app = ec.add("Application", failOn="start", failTimes=2, duration="1s")
    ec.set_policy(app, Retry(3, 10.0, 2.0))
    ec.run()
    assert ec.now == 31.0


def test_a_failed_deployment_is_tried_as_often_as_the_policy_says(ec: VirtualController, log: list[str]) -> None:
    bad = add(ec, "t::Async", name="bad", acts={"deploy": raising()})
    ec.set_policy(bad, Retry(3, 1.0, 1.0))
    ec.deploy()
    assert ec.wait_deployed(bad).reason == "bad failed: RuntimeError: broken"
    assert (log, ec.now) == (["bad.deploy"] * 3, 2.0)


def test_policies_by_name(ec: VirtualController) -> None:
    one, other = ec.add("Application"), ec.add("Application")
    ec.set_policy(one, "continue")
    ec.set_policy(other, "abort")
    assert (one.get("critical"), other.get("critical")) == (False, True)
    with pytest.raises(BadValueError, match="policy 'panic': use 'abort', 'continue', Retry"):
        ec.set_policy(one, "panic")


# Deadlines


class Hasty(Async, rtype="t::Hasty"):
    deadlines = {ResourceAction.DEPLOY: "5s", ResourceAction.START: "6s", ResourceAction.STOP: "7s", ResourceAction.RELEASE: "8s"}


class HastyPlain(Plain, rtype="t::HastyPlain"):
    deadlines = Hasty.deadlines


@pytest.mark.parametrize(("verb", "limit"), [("deploy", 5), ("start", 6)])
def test_an_async_verb_that_hangs_is_cancelled_at_its_deadline(verb: str, limit: int, ec: VirtualController) -> None:
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    add(ec, "t::Hasty", name="slow", acts={verb: lambda _rm: hang()})
    ec.deploy()
    assert ec.wait_started("slow").reason == f"slow failed: {verb} was not done within {limit} s"
    ec.settle()
    assert (ended, ec.now, states(ec)) == (["cancelled"], float(limit), {"slow": "FAILED"})


def test_a_blocked_plain_verb_holds_up_only_itself(ec: VirtualController) -> None:
    forever = threading.Event()
    add(ec, "t::HastyPlain", name="blocked", acts={"deploy": lambda _rm: ec.clock.wait_in_thread(forever)}, critical=False)
    others = [add(ec, "t::Plain", name=f"other{i}") for i in range(20)]
    ec.deploy(wait_all_ready=False)
    assert ec.wait_started(others)
    assert ec.now == 0.0
    assert ec.wait_started("blocked")
    ec.settle()
    assert (ec.now, states(ec)["blocked"]) == (5.0, "FAILED")
    forever.set()


def test_what_a_cancelled_method_raises_is_not_heard(ec: VirtualController) -> None:
    async def ugly() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            raise RuntimeError("cannot clean up")

    add(ec, "t::Hasty", name="slow", acts={"deploy": lambda _rm: ugly()})
    ec.deploy()
    assert ec.wait_started("slow").reason == "slow failed: deploy was not done within 5 s"


def test_a_method_whose_helper_task_was_cancelled_fails(ec: VirtualController) -> None:
    async def waits_for_a_cancelled_task() -> None:
        task = asyncio.ensure_future(asyncio.sleep(1000))
        asyncio.get_running_loop().call_later(1, task.cancel)
        await task

    add(ec, "t::Async", name="odd", acts={"deploy": lambda _rm: waits_for_a_cancelled_task()})
    ec.deploy()
    assert ec.wait_started("odd").reason == "odd failed: CancelledError"


def test_a_deadline_of_a_wait_passes(ec: VirtualController) -> None:
    app = ec.add("Application", name="app", duration="1h")
    ec.deploy()
    result = ec.wait_finished(app, deadline="10s")
    reason = "its deadline of 10 s has passed, and app.stopped or beyond has not come true"
    assert (bool(result), result.reason, ec.now) == (False, reason, 10.0)
    assert ec.wait_finished(app)


# The user's own failure manager


class Tolerant(FailureManager):
    """Aborts at the second failure."""

    def __init__(self, ec: ExperimentController | None = None) -> None:
        super().__init__(ec)
        self.seen: list[int] = []

    def eval_failure(self, guid: int) -> None:
        self.seen.append(guid)
        if len(self.seen) == 2:
            self.abort = True


def test_a_failure_manager_of_the_users_decides(new_controller: MakeController) -> None:
    fm = Tolerant()
    ec = new_controller(fm=fm)
    for duration in ("1s", "2s"):
        ec.add("Application", duration=duration, failOn="run")
    last = ec.add("Application", duration="1h")
    ec.deploy()
    assert fm.ec is ec
    assert ec.wait_finished(1)
    assert (fm.seen, ec.abort) == ([1], False)
    assert ec.wait_finished(last).reason == "the failure manager aborted the run after application-2 failed"
    assert (fm.seen, ec.abort, ec.now) == ([1, 2], True, 2.0)


def test_a_failure_manager_may_be_made_with_its_controller_as_the_seed_did() -> None:
    ec = ExperimentController("fm", backend="dummy")
    fm = FailureManager(ec)
    assert (fm.ec, fm.abort, fm.failure_level) == (ec, False, FailureLevel.OK)
    fm.set_ec_failure()
    assert (fm.abort, fm.failure_level) == (True, FailureLevel.EC_FAILURE)


def test_a_failure_manager_judges_by_critical_unless_told_otherwise(ec: VirtualController) -> None:
    ec.add("Application", name="a", failOn="start", critical=False)
    ec.add("Application", name="b", failOn="start")
    ec.deploy()
    ec.wait_finished("b")
    assert (ec.fm.abort, ec.fm.failure_level, ec.abort_reason) == (True, FailureLevel.RM_FAILURE, "b failed: start failed: as scripted")


# What is said


def test_a_resource_error_knows_where_it_happened(ec: VirtualController) -> None:
    error = ResourceError("it does not answer")
    add(ec, "t::Async", name="bad", acts={"deploy": raising(error)})
    ec.deploy()
    ec.wait_deployed("bad")
    assert (error.resource, error.action, error.backend) == ("bad", "deploy", "t")


def test_an_error_without_words_is_named_by_its_kind(ec: VirtualController) -> None:
    add(ec, "t::Plain", name="bad", acts={"deploy": raising(TimeoutError())})
    ec.deploy()
    assert ec.wait_deployed("bad").reason == "bad failed: TimeoutError"


def test_even_an_exit_in_a_method_is_a_failure_of_its_resource_only(ec: VirtualController) -> None:
    add(ec, "t::Plain", name="bad", acts={"deploy": raising(SystemExit(3))}, critical=False)
    add(ec, "t::Plain", name="good")
    ec.deploy()
    assert ec.wait_started("good")
    assert states(ec) == {"bad": "FAILED", "good": "STARTED"}


def test_a_resource_that_fails_while_it_is_started_is_not_started(ec: VirtualController, log: list[str]) -> None:
    def ready_and_broken(rm: ResourceManager) -> None:
        rm.set_ready()
        raise RuntimeError("late")

    add(ec, "t::Plain", name="bad", acts={"deploy": ready_and_broken}, critical=False)
    ec.deploy()
    ec.wait_for(ec.handle("bad").failed)
    ec.settle()
    assert ec.state("bad") == ResourceState.FAILED
    ec.sleep(10)
    assert states(ec) == {"bad": "FAILED"}


def test_what_takes_time_takes_it(ec: VirtualController) -> None:
    add(ec, "t::Async", name="a", acts={"deploy": taking(30), "start": taking(4), "release": taking(10)})
    ec.deploy()
    ec.wait_started("a")
    assert ec.now == 34.0
    ec.shutdown()
    assert ec.now == 44.0
