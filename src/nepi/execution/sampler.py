"""Asks the state of resources whose class overrides `state`, again and again, off the loop. It is the only polling."""

from __future__ import annotations

import asyncio

from nepi.execution.resource import ResourceManager
from nepi.execution.spec_of import samples_state
from nepi.execution.workers import Workers
from nepi.model.states import ENDED
from nepi.units import duration_s


class Sampler:
    """Samples started resources every `reschedule_delay` of their class until they have ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop, workers: Workers) -> None:
        self._loop = loop
        self._workers = workers
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._closed = False

    def add(self, manager: ResourceManager) -> None:
        """Sample this resource from now on, if its class overrides `state`; on the loop's thread."""
        if samples_state(type(manager)) and manager.guid not in self._timers:
            self._again(manager)

    def close(self) -> None:
        """Sample nothing any more."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()

    def _again(self, manager: ResourceManager) -> None:
        if self._closed:
            return
        delay = duration_s(manager.reschedule_delay)
        self._timers[manager.guid] = self._loop.call_later(delay, lambda: self._workers.submit(lambda: self._sample(manager)))

    def _sample(self, manager: ResourceManager) -> None:
        """On a worker thread: look at the state, which may do I/O; announce it if looking did not."""
        try:
            state = manager.state
        except Exception as error:
            manager.explain_failure(error)
            manager.fail()
            return
        if state != manager._current:
            manager._state = state
        if state not in ENDED and not self._closed:
            self._loop.call_soon_threadsafe(self._again, manager)
