"""Experiment controllers whose time is virtual."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from nepi.execution.ec import ExperimentController
from nepi.execution.workers import Workers
from nepi.testing.clock import PATIENCE_S, VirtualLoop


class VirtualController(ExperimentController):
    """An experiment controller on a `VirtualLoop`: an hour takes milliseconds.

    Its clock jumps when the loop has nothing to do, no worker thread is busy, and the user's thread is blocked in one of the
    controller's waits (`wait_*`, `run`, `release`, `shutdown`).

    Args:
        exp_id: name of the experiment.
        patience_s: see `VirtualLoop`.
        settings: as for `ExperimentController`.
    """

    def __init__(self, exp_id: str = "test", *args: Any, patience_s: float = PATIENCE_S, **settings: Any) -> None:
        super().__init__(exp_id, *args, loop_factory=lambda: VirtualLoop(lambda: may_jump(self), patience_s=patience_s), **settings)

    @property
    def clock(self) -> VirtualLoop:
        """The loop, whose clock jumps. The run must have begun."""
        loop = self._running().runner.loop
        assert isinstance(loop, VirtualLoop)
        return loop

    @property
    def now(self) -> float:
        """Virtual seconds since the run began."""
        return self._running().runner.now

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass: in the test's thread, or in a plain life-cycle method in place of `time.sleep`."""
        if threading.current_thread().name.startswith(self._workers().name + "-"):
            self.clock.sleep_in_thread(seconds)
            return
        passed: Future[None] = Future()
        self.clock.call_soon_threadsafe(self.clock.call_later, seconds, passed.set_result, None)
        self._running().runner.block_on(passed)

    def settle(self) -> None:
        """Wait until everything has happened that happens without time going on."""
        settled: Future[None] = Future()
        self.clock.call_when_settled(lambda: settled.set_result(None))
        self._running().runner.block_on(settled)

    def _workers(self) -> Workers:
        return self._running().dispatcher.workers


def may_jump(ec: ExperimentController) -> bool:
    """Whether nothing of a controller can happen without time going on: its user is blocked in a wait, its threads wait for the clock."""
    run = ec._run
    if run is None or (run.runner.blocked_waits <= 0 and not run.runner.is_over):
        return False
    loop = run.runner.loop
    return isinstance(loop, VirtualLoop) and run.dispatcher.outstanding <= loop.parked


@contextlib.contextmanager
def virtual_controller(exp_id: str = "test", **settings: Any) -> Iterator[VirtualController]:
    """Make a controller in virtual time, and shut it down at the end of the block.

    Raises:
        AssertionError: tasks were left on its loop.
    """
    ec = VirtualController(exp_id, **settings)
    try:
        yield ec
    finally:
        ec.shutdown()
    left = ec.clock.left_tasks if ec._run is not None else []
    if left:
        raise AssertionError("tasks left on the loop:\n" + "\n".join(f"  {name}" for name in left))
