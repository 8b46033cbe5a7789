"""One resource does one thing at a time: actions ordered, cancelled or overtaken while others are being carried out."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from nepi.execution.resource import ResourceAction, ResourceManager
from nepi.testing import VirtualController
from tests.execution.managers import Async, add, hanging, raising, states, taking


def test_what_is_ordered_while_another_action_runs_follows_it(ec: VirtualController, log: list[str]) -> None:
    async def ready_and_more(rm: ResourceManager) -> None:
        rm.set_ready()
        await asyncio.sleep(10)
        log.append("still deploying")

    add(ec, "t::Async", name="a", acts={"deploy": ready_and_more})
    ec.deploy()
    ec.wait_started("a")
    assert (log, ec.now) == (["a.deploy", "still deploying", "a.start"], 10.0)


def test_a_plain_method_that_announces_and_goes_on_is_not_overtaken(ec: VirtualController, log: list[str]) -> None:
    def ready_and_more(rm: ResourceManager) -> None:
        rm.set_ready()
        ec.sleep(10)
        log.append("still deploying")

    add(ec, "t::Plain", name="a", acts={"deploy": ready_and_more})
    ec.deploy()
    ec.wait_started("a")
    assert (log, ec.now) == (["a.deploy", "still deploying", "a.start"], 10.0)


def test_a_release_during_an_async_deployment_cancels_it(ec: VirtualController, log: list[str]) -> None:
    add(ec, "t::Async", name="a", acts={"deploy": hanging()})
    ec.deploy()
    ec.settle()
    assert ec.release()
    assert (log, ec.now, states(ec)) == (["a.deploy", "a.release"], 0.0, {"a": "RELEASED"})


def test_a_release_during_a_plain_deployment_follows_it(ec: VirtualController, log: list[str]) -> None:
    add(ec, "t::Plain", name="a", acts={"deploy": lambda rm: ec.sleep(20)})
    ec.deploy()
    ec.settle()
    assert ec.release()
    assert (log, ec.now, states(ec)) == (["a.deploy", "a.release"], 20.0, {"a": "RELEASED"})


def test_an_action_that_was_cancelled_before_it_began_never_begins(ec: VirtualController, log: list[str], monkeypatch: Any) -> None:
    monkeypatch.setenv("NEPI_NTHREADS", "1")
    go, began = threading.Event(), threading.Event()

    def wait(rm: ResourceManager) -> None:
        began.set()
        go.wait(10)

    add(ec, "t::Plain", name="first", acts={"deploy": wait})
    add(ec, "t::Plain", name="second")
    ec.deploy()
    assert began.wait(10)
    releasing = threading.Thread(target=ec.release, args=("second",))
    releasing.start()
    ec._running().runner.call(_nothing())  # the loop has seen the release by now
    go.set()
    releasing.join(10)
    assert log == ["first.deploy", "second.release", "first.start"] or log == ["first.deploy", "second.release"]


async def _nothing() -> None:
    pass


def test_a_cancelled_method_that_cleans_up_is_waited_for(ec: VirtualController, log: list[str]) -> None:
    async def deploy(rm: ResourceManager) -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(3)
            log.append("cleaned up")

    add(ec, "t::Async", name="a", acts={"deploy": deploy})
    ec.deploy()
    ec.settle()
    ec.release()
    assert (log, ec.now) == (["a.deploy", "cleaned up", "a.release"], 3.0)


def test_what_failed_meanwhile_is_not_started(ec: VirtualController, log: list[str]) -> None:
    async def ready_then_broken(rm: ResourceManager) -> None:
        rm.set_ready()
        await asyncio.sleep(5)
        raise RuntimeError("late")

    add(ec, "t::Async", name="a", acts={"deploy": ready_then_broken}, critical=False)
    ec.deploy()
    ec.wait_for(ec.handle("a").failed)
    ec.sleep(10)
    assert (log, states(ec)) == (["a.deploy"], {"a": "FAILED"})


def test_an_async_deployment_with_steps_ends_ready(ec: VirtualController) -> None:
    async def steps(rm: ResourceManager) -> None:
        rm.set_discovered()
        await asyncio.sleep(1)
        rm.set_provisioned()

    add(ec, "t::Async", name="a", acts={"deploy": steps})
    ec.deploy()
    assert ec.wait_started("a")


def test_an_async_action_says_nothing_when_the_state_has_moved_on(ec: VirtualController) -> None:
    add(ec, "t::Async", name="a", acts={"start": lambda rm: rm.set_finished()})
    add(ec, "t::Async", name="b", acts={"start": lambda rm: (rm.set_started(), rm.set_stopped())})
    ec.deploy()
    ec.wait_finished(["a", "b"])
    ec.settle()
    assert states(ec) == {"a": "FINISHED", "b": "STOPPED"}


def test_a_stopped_resource_can_be_started_again(ec: VirtualController, log: list[str]) -> None:
    one = add(ec, "t::Async", name="a")
    ec.deploy()
    ec.wait_started(one)
    for _ in range(2):
        one.stop()
        ec.settle()
        assert states(ec) == {"a": "STOPPED"}
        one.start()
        ec.settle()
        assert states(ec) == {"a": "STARTED"}
    assert log == ["a.deploy", "a.start", "a.stop", "a.start", "a.stop", "a.start"]


def test_ordering_what_cannot_be_done_does_nothing(ec: VirtualController, log: list[str]) -> None:
    add(ec, "t::Async", name="a")
    ec.act(ResourceAction.STOP, "a")
    ec.act(ResourceAction.START, "a")
    ec.settle()
    assert (log, states(ec)) == ([], {"a": "NEW"})


def test_a_blocked_method_that_comes_back_after_the_end_disturbs_nobody(ec: VirtualController) -> None:
    forever, returned = threading.Event(), threading.Event()

    def block(rm: ResourceManager) -> None:
        ec.clock.wait_in_thread(forever)
        try:
            rm.ec.schedule("1s", rm.deploy)
        finally:
            returned.set()

    add(ec, "t::Plain", name="a", acts={"deploy": block})
    ec.deploy()
    ec.settle()
    ec.shutdown()
    assert (ec.now, ec.left_behind) == (60.0, {1: "release was not done within 60 s"})
    forever.set()
    assert returned.wait(10)
    assert states(ec) == {"a": "RELEASED"}


def test_a_thousand_that_wait_and_one_that_does_not(ec: VirtualController) -> None:
    for _ in range(1000):
        add(ec, "t::Async", acts={"deploy": taking(100)})
    add(ec, "t::Async", name="quick")
    ec.deploy(wait_all_ready=False)
    ec.wait_started("quick")
    assert ec.now == 0.0
    ec.wait_started(ec.resources)
    assert ec.now == 100.0


def test_a_fail_that_raises_still_ends_failed(ec: VirtualController) -> None:
    class FailsBadly(Async, rtype="t::FailsBadly"):
        async def fail(self) -> None:
            raise RuntimeError("cannot even fail")

    add(ec, "t::FailsBadly", name="a", acts={"deploy": raising()}, critical=False)
    ec.deploy()
    ec.wait_started("a")
    assert states(ec) == {"a": "FAILED"}


def test_announcements_of_any_thread_are_visible_at_once_and_heard_in_order(ec: VirtualController) -> None:
    one = add(ec, "t::Async", name="a")
    seen: list[str] = []
    ec.deploy()
    ec.wait_started(one)

    def announce() -> None:
        for setter in (one.manager.set_stopped, one.manager.set_started, one.manager.set_finished):
            setter()
            seen.append(one.state.name)

    thread = threading.Thread(target=announce)
    thread.start()
    thread.join()
    assert seen == ["STOPPED", "STARTED", "FINISHED"]
    assert ec.wait_for(one.stopped)
    assert ec.wait_for(one.finished)
