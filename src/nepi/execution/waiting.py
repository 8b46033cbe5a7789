"""The part of the controller that waits."""

from __future__ import annotations

import asyncio
from typing import Any

from nepi.execution.failure import ECState
from nepi.execution.part import Part
from nepi.execution.waits import WaitResult
from nepi.model.conditions import Condition, Reached, as_condition, members_of, state_named
from nepi.model.states import ResourceState
from nepi.units import duration_s


class Waiting(Part):
    """What `ExperimentController` can wait for. Not for use by itself."""

    def wait_deployed(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are READY or beyond."""
        return self._wait_all(guids, ResourceState.READY, deadline)

    def wait_started(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are STARTED or beyond."""
        return self._wait_all(guids, ResourceState.STARTED, deadline)

    def wait_finished(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are STOPPED or beyond."""
        return self._wait_all(guids, ResourceState.STOPPED, deadline)

    def wait_released(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are RELEASED; an abort does not end this wait."""
        return self._wait_all(guids, ResourceState.RELEASED, deadline, survives_abort=True)

    def wait(self, guids: Any, state: int, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are at or beyond a state."""
        return self._wait_all(guids, state, deadline)

    def wait_for(self, condition: Condition, deadline: str | float | None = None) -> WaitResult:
        """Wait until a condition value is met."""
        self._check_condition(condition)
        return self._wait(condition, deadline)

    async def until(self, condition: Condition, deadline: str | float | None = None, *, survives_abort: bool = False) -> WaitResult:
        """Wait until a condition value is met, without blocking the loop that awaits this (a notebook's, for example)."""
        self._check_condition(condition)
        runner = self._joined(members_of(condition)).runner
        result: asyncio.Future[WaitResult] = asyncio.get_running_loop().create_future()
        waiting = result.get_loop()

        def done(outcome: WaitResult) -> None:
            waiting.call_soon_threadsafe(_settle, result, outcome)

        number = runner.watch(condition if deadline is None else condition.within(deadline), done, survives_abort=survives_abort)
        try:
            return await result
        finally:
            runner.unwatch(number)

    def _check_condition(self, condition: Condition) -> None:
        for guid in members_of(as_condition(condition)):
            self.resource(guid)

    def _wait_all(self, guids: Any, state: int, deadline: str | float | None, *, survives_abort: bool = False) -> WaitResult:
        members = self.registry.guids_of(guids)
        return self._wait(Reached(members, int(state_named(state)), "at_least"), deadline, survives_abort=survives_abort)

    def _wait(self, condition: Condition, deadline: str | float | None = None, *, survives_abort: bool = False) -> WaitResult:
        if self._state == ECState.TERMINATED:
            return WaitResult(False, "the experiment has been shut down")
        runner = self._joined(members_of(condition)).runner
        deadline_s = None if deadline is None else duration_s(deadline)
        return runner.wait(condition, deadline_s=deadline_s, survives_abort=survives_abort)


def _settle(future: asyncio.Future[WaitResult], outcome: WaitResult) -> None:
    if not future.done():
        future.set_result(outcome)
