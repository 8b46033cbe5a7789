"""Asks the state of resources whose class overrides `state`, again and again, off the loop. It is the only polling."""

from __future__ import annotations

import asyncio
import contextlib

from nepi.execution.resource import ResourceManager
from nepi.execution.spec_of import samples_state
from nepi.execution.workers import Workers
from nepi.model.states import ENDED, ResourceState
from nepi.units import duration_s


class Sampler:
    """Samples resources every `reschedule_delay` of their class, from their deployment on until they have ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, workers: Workers) -> None:
        self._loop = loop
        self._workers = workers
        self._timers: dict[int, asyncio.TimerHandle | None] = {}
        self._closed = False

    def add(self, manager: ResourceManager) -> None:
        """Sample this resource from now on, if its class overrides `state` and it is not sampled yet; on the loop's thread."""
        if samples_state(type(manager)) and manager.guid not in self._timers:
            self._again(manager)

    def _end(self, manager: ResourceManager) -> None:
        self._timers.pop(manager.guid, None)
        if manager._current not in ENDED:  # it was started again meanwhile, or the state that was seen was not announced
            self.add(manager)

    def close(self) -> None:
        """Sample nothing any more."""
        self._closed = True
        for timer in self._timers.values():
            if timer is not None:
                timer.cancel()

    def _again(self, manager: ResourceManager) -> None:
        if self._closed:
            return
        delay = duration_s(manager.reschedule_delay)
        self._timers[manager.guid] = self._loop.call_later(delay, lambda: self._workers.submit(lambda: self._look(manager)))

    def _look(self, manager: ResourceManager) -> None:
        """On a worker thread: sample, and say what comes next."""
        ended = True
        try:
            ended = self._sample(manager) in ENDED
        finally:
            if not self._closed:
                with contextlib.suppress(RuntimeError):  # the loop was closed just now
                    self._loop.call_soon_threadsafe(self._end if ended else self._again, manager)

    def _sample(self, manager: ResourceManager) -> int:
        """Look at the state, which may do I/O; announce it if looking did not."""
        try:
            state = manager.state
        except Exception as error:
            manager.explain_failure(error)
            manager.fail()
            return ResourceState.FAILED
        if state != manager._current:
            manager._state = state
        return state
