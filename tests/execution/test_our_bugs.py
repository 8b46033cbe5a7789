"""When the package itself is wrong: nobody waits for ever, the end is an error, and nothing of the controller stays."""

from __future__ import annotations

import json
from concurrent.futures import Future
from pathlib import Path

import pytest

from nepi.engine import events as ev
from nepi.errors import ExperimentError
from nepi.execution.ec import ECState
from nepi.execution.resource import ResourceState
from nepi.testing import Leaks, VirtualController, virtual_controller
from nepi.testing.pytest_plugin import MakeController
from tests.execution.managers import add, hanging


def broken(ec: VirtualController) -> None:
    """Tell the engine something impossible."""
    ec._running().runner.post(ev.Entered(ResourceState.READY, (99,)))


def test_waits_return_and_say_that_the_run_cannot_go_on(new_controller: MakeController) -> None:
    ec = new_controller()
    app = ec.add("Application", duration="1h")
    ec.deploy()
    ec.wait_started(app)
    broken(ec)
    first, second = ec.wait_finished(app), ec.wait_started(app)
    assert [bool(first), bool(second)] == [False, False]
    assert first.reason.startswith("the run cannot go on: Entered(state=<ResourceState.READY: 3>, guids=(99,)) speaks of a resource")
    assert ec.ecstate is ECState.FAILED
    with pytest.raises(ExperimentError, match="the controller failed: Entered"):
        ec.shutdown()
    assert json.loads((Path(ec.run_dir) / "summary.json").read_text())["outcome"] == "controller failed"


def test_a_wait_that_is_going_on_returns(new_controller: MakeController) -> None:
    ec = new_controller()
    app = ec.add("Application", duration="1h")
    ec.deploy()
    ec.wait_started(app)
    ec.schedule("10s", lambda: broken(ec))
    assert not ec.wait_finished(app)
    assert ec.now == 10.0
    with pytest.raises(ExperimentError):
        ec.shutdown()


def test_the_controller_leaves_nothing_behind_it(tmp_path: Path) -> None:
    def run_that_breaks() -> None:
        with virtual_controller(backend="dummy", local_dir=tmp_path) as ec:
            add(ec, "t::Async", acts={"deploy": hanging()})
            ec.deploy()
            ec.settle()
            broken(ec)
            ec.settle()

    with Leaks(), pytest.raises(ExperimentError):
        run_that_breaks()


def test_an_interrupt_ends_a_wait_and_the_run_can_still_be_given_back(ec: VirtualController) -> None:
    app = ec.add("Application", duration="1h")
    ec.deploy()
    ec.wait_started(app)
    runner = ec._running().runner

    class Interrupted(Exception):
        """Stands for Ctrl-C, which a test cannot send to its own thread at a known moment."""

    class Interrupting(Future[None]):
        def result(self, timeout: float | None = None) -> None:
            raise Interrupted

    with pytest.raises(Interrupted):
        runner.block_on(Interrupting())
    assert runner.blocked_waits == 0
    assert ec.release()
