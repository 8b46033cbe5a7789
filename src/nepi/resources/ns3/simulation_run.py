"""A simulation and what its members share: its process, how they are built in it, how they start and end with it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import weakref
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from nepi.errors import ConnectError, NepiError, ResourceError
from nepi.hosts.batching import Batcher
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.programs.programs import Programs
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.hosts.ns3.simulator import Event, SimulatorProcess
from nepi.model.states import ENDED, ResourceAction, ResourceState
from nepi.resources.ns3.building import Building
from nepi.resources.ns3.caching import keep_catalogue
from nepi.resources.ns3.furnishing import Furnishing
from nepi.resources.ns3.pacing import Followed, Pace
from nepi.resources.ns3.place import open_simulator
from nepi.resources.ns3.provenance import note_simulation
from nepi.resources.ns3.settings import Settings
from nepi.units import format_duration

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager
    from nepi.resources.ns3.kinds import Program
    from nepi.resources.ns3.simulation import Simulation

LOG: Final = "simulation.log"
STOP_DEADLINE_S: Final = 20.0


class SimulationRun:
    """A simulation that has been opened. Methods are called on the run's loop.

    Attributes:
        resource: the ns3::Simulation; None for the one that a run has by itself.
        name: for people.
        settings: how it is run.
        pace: whose time it is.
        process: where ns-3 is.
        simulator: to be asked.
        programs: the commands that run in it.
        building: who is in it already.
        furnishing: what the plan has for its interfaces.
        over: done when nothing will happen in it any more.
        statistics: of its running, once it is over or closed.
        imported_at: when ns-3 had been imported, on the monotonic clock.
        stop_deadline_s: how long it may take to heed that it is to end; then it is killed.
    """

    def __init__(
        self, ec: ExperimentController, process: SimulatorProcess, settings: Settings, pace: Pace, resource: Simulation | None
    ) -> None:
        self.resource = resource
        self.name = resource.name if resource is not None else "the simulation"
        self.settings = settings
        self.pace = pace
        self.process = process
        self.simulator = process.simulator
        self.programs = Programs(self.simulator)
        self.building = Building(self)
        self.furnishing = Furnishing(ec, self)
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.statistics: dict[str, Any] | None = None
        self.imported_at = time.monotonic()
        self.has_begun = False
        self.stop_deadline_s = STOP_DEADLINE_S
        self._ec = weakref.ref(ec)
        self._members: weakref.WeakValueDictionary[int, ResourceManager] = weakref.WeakValueDictionary()
        self._lasting: weakref.WeakSet[ResourceManager] = weakref.WeakSet()
        self._numbers = itertools.count(-1000, -1)
        self._began: asyncio.Future[None] | None = None
        self._halted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lag_ns = 0
        self._is_closing = False
        self._joining: Batcher[tuple[Program, int], None] = Batcher(self._join_all, size=20_000, in_flight=1, patience=3)
        self._followed: Followed | None = None
        self.simulator.on_event(self._take)
        self.simulator.lost.add_done_callback(self._lost)

    @classmethod
    async def open(cls, ec: ExperimentController, settings: Settings, pace: Pace, resource: Simulation | None = None) -> Self:
        """Start a simulation.

        Args:
            ec: whose.
            settings: how it is run.
            pace: whose time it is.
            resource: the ns3::Simulation; None for the one that a run has by itself.

        Raises:
            ConnectError: there is no ns-3.
            ResourceError: ns-3 refuses the settings.
        """
        stdout, stderr = [Path(ec.run_dir) / LOG] * 2 if resource is None else [resource.trace_path(name) for name in ("stdout", "stderr")]
        for path in (stdout, stderr):
            path.parent.mkdir(parents=True, exist_ok=True)
        process = await open_simulator(ec, resource, stdout=stdout, stderr=stderr)
        try:
            run = cls(ec, process, settings, pace, resource)
            await run.ask(*settings.operations())
            await keep_catalogue(run.simulator)
            note_simulation(ec, run)
        except BaseException:
            await process.close()
            raise
        if pace is Pace.FOLLOWED:
            run._followed = Followed(ec, run)
        return run

    async def ask(self, *operations: Operation) -> list[Any]:
        """Carry operations out in the simulation, between two events.

        Raises:
            ResourceError: ns-3 refuses.
            ConnectError: the process has ended.
        """
        return await self.simulator.ask(*operations)

    def new_ref(self) -> int:
        """Return a number for something that is no resource's main object."""
        return next(self._numbers)

    @staticmethod
    def stream_of(guid: int, end: int = 0) -> int:
        """Return the first of a thousand streams of random numbers that an end of a resource has for itself.

        They follow from the description alone, and not from the order in which things come to be made, which chance decides.
        """
        return 1000 * (1 + 2 * guid + end)

    @property
    def is_real_time(self) -> bool:
        """Whether it is in step with the clock."""
        return self.settings.is_real_time

    # Who is in it.

    def join(self, member: ResourceManager, *, lasts: bool = False) -> None:
        """Let a resource fail when the simulation ends by itself.

        Args:
            member: who.
            lasts: it is finished when nothing is left to happen.

        Raises:
            ConnectError: it has.
        """
        if self.simulator.lost.done():
            raise ConnectError(self.simulator.lost.result(), backend="ns3")
        self._members[member.guid] = member
        if lasts:
            self._lasting.add(member)

    def leave(self, member: ResourceManager) -> None:
        """Forget a resource that is over."""
        self._members.pop(member.guid, None)
        self._lasting.discard(member)

    @property
    def members(self) -> list[ResourceManager]:
        """Who is in it, in order of guid."""
        return [one for _, one in sorted(self._members.items())]

    def fail(self, reason: str) -> None:
        """It is worth nothing any more: time is the real one again, for whoever is left, and all that is simulated has failed."""
        if self._followed is not None:
            self._followed.give_back()
        for one in self.members:
            if one.state not in ENDED and one.state != ResourceState.NEW:
                one.explain_failure(reason)
                one.fail()

    def _lost(self, lost: asyncio.Future[str]) -> None:
        for future in (self.over, self._halted, self._began):
            settle(future)
        if not lost.cancelled() and not self._is_closing:
            self.fail(lost.result())

    # Running.

    @property
    def is_running(self) -> bool:
        """Whether events happen."""
        return self.has_begun and not self.over.done()

    @property
    def lasts(self) -> bool:
        """Whether something is in it that ends when nothing is left to happen, or at its own time."""
        return any(one.state == ResourceState.STARTED for one in self._lasting)

    async def go(self) -> None:
        """Let time pass from now on, unless it does already."""
        if self.has_begun:
            return
        self.has_begun = True
        if self.settings.routing_tables:
            await self.ask(protocol.static("Ipv4GlobalRoutingHelper::PopulateRoutingTables"))
        if self._followed is not None:
            self._followed.wake()
            return
        began = self._began = asyncio.get_running_loop().create_future()
        await self.ask(protocol.run(self.settings.stop_ns))
        await began  # in real time its clock runs from here

    async def go_by_itself(self) -> None:
        """Let time pass, unless there is an ns3::Simulation, which says so itself."""
        if self.resource is None:
            await self.go()
        if self._followed is not None:
            self._followed.wake()

    async def enter(self, program: Program, node: int) -> None:
        """Let an application join its node, together with those that do so at the same time.

        Raises:
            ResourceError: the simulation is over.
        """
        self.check_not_over()
        await self._joining.add((program, node))
        self.check_not_over()  # it may have ended meanwhile, and would not tell the application again

    def check_not_over(self) -> None:
        """Raise when nothing will happen in it any more.

        Raises:
            ResourceError: nothing will.
        """
        if self.over.done():
            stop = "not set" if self.settings.stop_ns is None else format_duration(self.settings.stop_ns / 1e9)
            raise ResourceError(f"{self.name} is over, and nothing starts in it any more; its StopTime is {stop}")

    async def _join_all(self, pairs: list[tuple[Program, int]]) -> list[None | Exception]:
        """Let applications join their nodes, and be told when they end."""
        operations = [protocol.invoke(node, "AddApplication", ref(one.guid)) for one, node in pairs]
        ends = [protocol.notify(after_ns, one.guid) for one, _ in pairs if (after_ns := one.stops_after_ns()) > 0]
        answers = await self.simulator.request([*operations, *ends])[1]
        return [answer if isinstance(answer, Exception) else None for answer in answers[: len(pairs)]]

    def _take(self, event: Event) -> None:
        match event["event"]:
            case "began":
                settle(self._began)
            case "ended":
                settle(self._halted)
                self._go_on(self.end())
            case "reached":
                self._go_on(self._finish_program(event["token"]))
            case "late":
                self._note_lag(event["lag_ns"])

    def _note_lag(self, lag_ns: int) -> None:
        if self._is_closing:  # nothing is measured any more
            return
        self._lag_ns = max(self._lag_ns, lag_ns)
        if self.resource is not None:
            limit = format_duration(self.settings.hard_limit_ns / 1e9)
            self.fail(
                f"it lags {format_duration(lag_ns / 1e9, digits=3)} behind the clock, more than hardLimit ({limit}): "
                "what it says of times is wrong. Simulate less, or on a faster machine"
            )

    def _go_on(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks = {one for one in self._tasks if not one.done()} | {task}
        if self._followed is not None:
            task.add_done_callback(lambda _: self._followed.wake() if self._followed is not None else None)

    @property
    def is_settling(self) -> bool:
        """Whether something that has happened in it has not been told yet: time must not go on before."""
        return any(not one.done() for one in self._tasks)

    async def _finish_program(self, guid: int) -> None:
        """An application has come to its StopTime; what it recorded is there before it is said."""
        one = self._members.get(guid)
        with contextlib.suppress(NepiError):  # `_lost` tells it
            await self.ask(protocol.flush())
            if one is not None and one.state == ResourceState.STARTED:
                one.finish()

    # The end.

    async def end(self) -> None:
        """Nothing happens in it any more: what was recorded is whole, programs and applications have ended."""
        if self.over.done():
            return
        with contextlib.suppress(NepiError):  # `_lost` tells it
            await self.programs.interrupt_all()
            self.statistics, _ = await self.ask(protocol.statistics(), protocol.close_files())
            settle(self.over)
            self.finish_what_lasts()

    def finish_what_lasts(self) -> None:
        """Nothing is left to happen: what would wait for that is finished, the simulation itself last."""
        for one in sorted(self._lasting, key=lambda one: (one is self.resource, one.guid)):
            if one.state == ResourceState.STARTED:
                one.finish()

    async def stop(self) -> None:
        """End it after the present event.

        Raises:
            ResourceError: it does not heed that, and was killed.
        """
        if not self.is_running:
            return
        if self.resource is not None:
            self._lasting.discard(self.resource)  # it is being stopped: it does not finish
        try:
            async with asyncio.timeout(self.stop_deadline_s):
                await self.ask(protocol.stop())
                if self._followed is None:
                    await asyncio.shield(self._halted)
        except TimeoutError:
            self._is_closing = True
            await self.process.close()
            raise ResourceError(f"it did not stop within {self.stop_deadline_s:g} s, so it was killed") from None
        # It has heeded that; where it is on another machine, bringing what it has written takes its time.
        if self._followed is not None:
            await self.end()
        await asyncio.shield(self.over)

    def invalid_because(self) -> str:
        """Return that it could not keep up with the clock, so that nothing that was measured through it can be believed; "" if it could."""
        if self._lag_ns <= self.settings.hard_limit_ns:
            return ""
        limit = format_duration(self.settings.hard_limit_ns / 1e9)
        return (
            f"the simulation lagged {format_duration(self._lag_ns / 1e9, digits=3)} behind the real time, more than its hard "
            f"limit of {limit}: what was measured through it is invalid"
        )

    async def close(self) -> None:
        """End the process; time is the real one again. Where ns-3 crashes while it is taken apart, everything has been recorded before."""
        self._is_closing = True
        if self._followed is not None:
            await self._followed.close()
        if not self.simulator.lost.done():
            is_still = self._followed is not None or not self.is_running
            try:
                async with asyncio.timeout(self.stop_deadline_s):
                    last, _ = await self.ask(protocol.statistics(), protocol.destroy() if is_still else protocol.close_files())
                    self.statistics = self.statistics or last
            except (NepiError, TimeoutError) as error:
                ec = self._ec()
                if ec is not None:
                    words = "ns-3 crashed while it was taken apart, after everything had been recorded"
                    ec.logger.warning(f"{self.name}: {words}: {error}")
        await self.process.close()


def settle(future: asyncio.Future[None] | None) -> None:
    """Let who waits for it go on."""
    if future is not None and not future.done():
        future.set_result(None)


def waits_for(one: ResourceManager, action: ResourceAction) -> bool:
    """Whether a resource has conditions for an action."""
    return bool(one._own_conditions and one._own_conditions.get(action)) or any(what == action for what, _ in one._when or ())
