"""Whose time it is: a simulation's, where there is nothing else, or everybody's.

With nothing but simulated resources, the run's clock is the simulation's: it stands still while anything is left to be done or nobody
waits, and goes on to the next end of a program or the next deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from enum import Enum
from typing import TYPE_CHECKING

from nepi.errors import ConnectError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.simulator import Event

if TYPE_CHECKING:
    from nepi.engine import events as ev
    from nepi.execution.ec import ExperimentController
    from nepi.resources.ns3.simulation_run import SimulationRun


PAUSE_DEADLINE_S = 10.0


class Pace(Enum):
    """How simulated time passes."""

    FOLLOWED = "the run's clock is the simulation's"
    FREE = "as fast as it can, whatever else happens"
    REAL = "in step with the clock"


class Followed:
    """Lets the run's clock be that of a simulation."""

    def __init__(self, ec: ExperimentController, run: SimulationRun) -> None:
        self._ec = weakref.ref(ec)
        self._run = run
        self._simulator = run.simulator
        self._wake = asyncio.Event()
        self._paused: asyncio.Future[Event] | None = None
        self._runner = ec._running().runner
        self._base_s = self._runner.now
        self._floor_s = self._base_s
        self._simulator.on_event(self._take)
        self._simulator.lost.add_done_callback(self._lost)
        self._runner.follow(self._clock, self.wake)
        self._runner.observers.append(self)
        self._pacing = asyncio.get_running_loop().create_task(self._pace())

    def _clock(self) -> float:
        return max(self._base_s + self._simulator.now_s, self._floor_s)

    def give_back(self) -> None:
        """The run's clock is the real one again."""
        if self in self._runner.observers:
            self._runner.observers.remove(self)
            self._runner.follow(None)
        self.wake()

    def wake(self) -> None:
        """Look whether time may go on."""
        self._wake.set()

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """Note that something has happened, before which time has to stand still; called by the runner after each batch."""
        self.wake()
        if self._paused is not None and not self._paused.done():
            self._simulator.request([protocol.stop()])[1].add_done_callback(lambda answer: answer.exception())

    async def _pace(self) -> None:
        """Let simulated time go on, when nothing else is left to be done."""
        while not self._simulator.lost.done() and not self._run.over.done():
            if not await self._may_go_on():
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._step()
            except ConnectError:
                return
            except Exception as error:  # nobody else lets time go on: without this the run would wait for ever
                self._run.fail(f"the simulation cannot go on: {error}")
                return
        self.give_back()

    async def _may_go_on(self) -> bool:
        if self._ec() is None:
            return False
        for _ in range(3):  # what a turn of the loop has woken has its turn before time goes on
            await asyncio.sleep(0)
            if self._run.is_settling or not (self._runner.is_quiet and self._runner.is_awaited):
                return False
        if self._runner.next_due is not None:
            return True
        return self._run.has_begun and (self._run.programs.wait_for_time or self._run.lasts)

    def _leap(self) -> None:
        """Let come what is waited for before the simulation begins: it begins later by so much."""
        due = self._runner.next_due
        if due is not None:
            self._base_s += max(round((due - self._base_s) * 1e6) / 1e6, 0.0)
            self._floor_s = max(self._floor_s, due)
            self._runner.tick()

    async def _step(self) -> None:
        if not self._run.has_begun:
            self._leap()
            return
        due, stop_ns = self._runner.next_due, self._run.settings.stop_ns
        # Whole microseconds: the real time at which the run began, which is in `due`, must leave no trace in the simulation.
        due_ns = None if due is None else max(round((due - self._base_s) * 1e6) * 1000, self._simulator.now_ns)
        limits = [limit for limit in (due_ns, stop_ns) if limit is not None]
        # Where nothing is left to happen but that somebody's patience will be over, what lasts until then ends now.
        ends_dry = self._run.lasts and self._runner.next_delay is None and stop_ns is None
        is_dry = await self._advance(min(limits, default=None), until_dry=ends_dry)
        if stop_ns is not None and self._simulator.now_ns >= stop_ns:
            await self._run.end()
        elif is_dry and ends_dry:
            await self._nothing_left()
        elif due is not None and due_ns is not None and self._simulator.now_ns >= due_ns:
            self._floor_s = max(self._floor_s, due)
            self._runner.tick()
        elif is_dry:
            await self._nothing_left()

    async def _nothing_left(self) -> None:
        if self._run.resource is not None and self._run.lasts:
            await self._run.end()
        elif self._run.lasts:
            await self._run.ask(protocol.flush())
            self._run.finish_what_lasts()
        else:
            self._wake.clear()
            await self._wake.wait()

    async def _advance(self, until_ns: int | None, *, until_dry: bool) -> bool:
        """Let simulated time go on until an instant or until something has to be decided; return whether nothing is left to happen."""
        self._paused = asyncio.get_running_loop().create_future()
        try:
            await self._simulator.ask(protocol.advance(until_ns, until_dry=until_dry))
        except Exception:
            self._paused = None  # it does not run: nobody has to wait for it to stop
            raise
        return bool((await asyncio.shield(self._paused))["dry"])  # `close` waits for it, too

    def _take(self, event: Event) -> None:
        if event["event"] == "paused" and self._paused is not None and not self._paused.done():
            self._paused.set_result(event)

    def _lost(self, lost: asyncio.Future[str]) -> None:
        if self._paused is not None and not self._paused.done():
            self._paused.set_exception(ConnectError("" if lost.cancelled() else lost.result(), backend="ns3"))
            self._paused.exception()  # it may be that nobody waits for it any more
        self.wake()

    async def close(self) -> None:
        """Time does not go on any more, and is the real one again."""
        self._pacing.cancel()
        await asyncio.gather(self._pacing, return_exceptions=True)
        if self._paused is not None and not self._paused.done():
            with contextlib.suppress(ConnectError, TimeoutError):
                async with asyncio.timeout(PAUSE_DEADLINE_S):
                    await self._simulator.ask(protocol.stop())
                    await self._paused
        self.give_back()
