"""ns3::Simulation: holds the process, builds its members, runs, and ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.errors import ConnectError, NepiError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.resource import ResourceManager
from nepi.execution.rundir import RunDir
from nepi.execution.trace import Trace
from nepi.hosts.batching import Batcher
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.hosts.ns3.simulator import Event, Simulator
from nepi.hosts.ns3.start import LocalSimulator, warm_up
from nepi.model.states import ENDED, ResourceAction, ResourceState
from nepi.resources.ns3.attributes import time_s
from nepi.resources.ns3.blueprint import PHASES
from nepi.resources.ns3.caching import keep_catalogue
from nepi.resources.ns3.configuring import configuration
from nepi.resources.ns3.kinds import Program
from nepi.resources.ns3.object import Ns3Object
from nepi.resources.ns3.run import Ns3Run

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

_DESIGN = Flags.Design
STOP_DEADLINE_S = 20.0


class Simulation(ResourceManager, rtype="ns3::Simulation", aliases=("linux::ns3::Simulation",)):
    """A simulation in ns-3, in a process of its own. Nodes are connected to it; it ends at its StopTime."""

    simulatorImplementationType = Attribute.choice(
        ("ns3::DefaultSimulatorImpl", "ns3::RealtimeSimulatorImpl"),
        "ns3::DefaultSimulatorImpl",
        help="As fast as possible, or in step with the clock.",
        flags=_DESIGN,
    )
    schedulerType = Attribute.choice(
        ("ns3::MapScheduler", "ns3::ListScheduler", "ns3::HeapScheduler", "ns3::CalendarScheduler", "ns3::PriorityQueueScheduler"),
        "ns3::MapScheduler",
        help="How events are kept in order.",
        flags=_DESIGN,
    )
    checksumEnabled = Attribute.boolean(False, help="Compute checksums, which packets to and from the real world need.", flags=_DESIGN)
    nsLog = Attribute.string(
        help="Components that log to the trace `stderr`, as in ns-3's NS_LOG: 'UdpEchoClient=info:Ping'.", flags=_DESIGN
    )
    StopTime = Attribute.string(help="Simulation time at which it ends; when not set, when nothing is left to happen.", flags=_DESIGN)
    seed = Attribute.integer(1, help="What random numbers are drawn from.", range=(1, 2**32 - 1), flags=_DESIGN)
    runNumber = Attribute.integer(1, help="Which of the independent runs of this seed.", range=(0, 2**63 - 1), flags=_DESIGN)
    populateRoutingTables = Attribute.boolean(False, help="Let ns-3 compute all IPv4 routes when it starts.", flags=_DESIGN)
    hardLimit = Attribute.duration("100ms", help="In real time: how much it may lag before it fails.", flags=_DESIGN)
    stdout = Trace("stdout", "What ns-3 wrote to standard output.", enabled=True)
    stderr = Trace("stderr", "What ns-3 wrote to standard error, logs included.", enabled=True)
    deadlines: ClassVar = {ResourceAction.DEPLOY: 600.0, ResourceAction.STOP: 120.0, ResourceAction.RELEASE: 60.0}

    warm_up = staticmethod(warm_up)
    imported_at: float = 0.0
    """When ns-3 had been imported, on the monotonic clock."""
    process: LocalSimulator | None = None
    simulator: Simulator | None = None
    statistics: dict[str, Any] | None = None
    _members: dict[int, Ns3Object] | None = None
    _building: asyncio.Future[dict[int, str]] | None = None
    _joining: Batcher[tuple[Program, int], None] | None = None
    _over: asyncio.Future[None] | None = None
    _began: asyncio.Future[None] | None = None
    _tasks: set[asyncio.Task[None]] | None = None
    _is_closing = _is_stopping = _has_run = False

    # Deploy: the process, and all members at once.

    async def deploy(self) -> None:
        """Start the process and build everything."""
        building = self._built_future()
        try:
            await self._open()
            refused = await self._build(self._first_members())
        except BaseException as error:
            if not building.done():
                building.set_exception(error if isinstance(error, NepiError) else ResourceError(f"{self.name} was not built"))
                building.exception()  # whoever waits is told; nobody has to
            raise
        building.set_result(refused)
        self.set_ready()

    def _built_future(self) -> asyncio.Future[dict[int, str]]:
        if self._building is None:
            self._building = asyncio.get_running_loop().create_future()
        return self._building

    async def _open(self) -> None:
        paths = [self.trace_path(name) for name in ("stdout", "stderr")]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.process = await LocalSimulator.start(self.ec.ledger, owner=self.guid, stdout=paths[0], stderr=paths[1])
        self.imported_at = time.monotonic()
        self.simulator = self.process.simulator
        self.simulator.lost.add_done_callback(self._lost)
        self.simulator.on_event(self._take)
        self._over = asyncio.get_running_loop().create_future()
        self._joining = Batcher(self._join_all, size=20_000, in_flight=1, patience=3)
        await self.ask(*configuration(self))
        await keep_catalogue(self.simulator)
        self._note_provenance(self.simulator.version)

    def _first_members(self) -> list[Ns3Object]:
        """Return the members that are deployed with it: those that wait for something else build themselves."""
        everybody: list[Ns3Object] = Ns3Run(self.ec).members(self)
        planned = set(self.ec.plan.order)
        return [one for one in everybody if one.guid in planned and not _waits_for(one, ResourceAction.DEPLOY)]

    async def _build(self, members: Sequence[Ns3Object]) -> dict[int, str]:
        """Build members, phase by phase; return who was refused, and why."""
        operations: list[Operation] = []
        owners: list[Ns3Object] = []
        for phase in PHASES:
            for one in members:
                wanted = one.blueprint(phase)
                operations += wanted
                owners += [one] * len(wanted)
        assert self.simulator is not None
        number, answering = self.simulator.request(operations)
        self._members = {**(self._members or {}), **{one.guid: one for one in members}}
        try:
            answers = await answering
        except ConnectError:
            died = self.simulator.died_doing
            if died is not None and died[0] == number:
                guilty = owners[died[1]]
                raise ConnectError(f"{guilty.name} ended it: {self.simulator.lost.result()}", backend="ns3") from None
            raise
        refused: dict[int, str] = {}
        for one, answer in zip(owners, answers, strict=True):
            if isinstance(answer, Exception):
                refused.setdefault(one.guid, str(answer))
        return refused

    async def built(self, member: Ns3Object) -> None:
        """Wait until a member is there.

        Raises:
            ResourceError: ns-3 refused something of it.
            ConnectError: the process has ended.
        """
        refused = await asyncio.shield(self._built_future())
        if member.guid not in (self._members or {}):
            refused = await self._build([member])
        if member.guid in refused:
            raise ResourceError(refused[member.guid], backend="ns3")

    def _note_provenance(self, version: str) -> None:
        rundir = RunDir(Path(self.ec.run_dir))
        try:
            environment = json.loads(rundir.environment.read_text(encoding="utf-8"))
            facts = {"version": version, "seed": self.get("seed"), "run": self.get("runNumber")}
            environment["ns3"] = {**environment.get("ns3", {}), self.name: facts}
            rundir.write_json(rundir.environment, environment, indent=1)
        except (OSError, ValueError) as error:
            self.ec.logger.warning(f"environment.json does not say what {self.name} was run with: {error}")

    # Run.

    @property
    def is_running(self) -> bool:
        """Whether events happen."""
        return self._has_run and self._over is not None and not self._over.done()

    @property
    def is_real_time(self) -> bool:
        """Whether it is in step with the clock."""
        return str(self.get("simulatorImplementationType")).startswith("ns3::Realtime")

    async def start(self) -> None:
        """Run, once the applications that have nothing else to wait for have joined their nodes."""
        for one in (self._members or {}).values():
            if isinstance(one, Program) and not _waits_for(one, ResourceAction.START):
                await self._has_started(one)
        operations = [protocol.static("Ipv4GlobalRoutingHelper::PopulateRoutingTables")] if self.get("populateRoutingTables") else []
        stop_time = self.get("StopTime")
        stop_ns = round(time_s(stop_time) * 10**9) if stop_time else None
        began = self._began = asyncio.get_running_loop().create_future()
        await self.ask(*operations, protocol.run(stop_ns))
        self._has_run = True
        await began  # in real time its clock runs from here
        self.set_started()

    async def _has_started(self, one: Program) -> None:
        if one.state == ResourceState.READY:
            one.joined = asyncio.get_running_loop().create_future()
            if one.state == ResourceState.READY:  # it may be announced from any thread
                await one.joined

    async def join(self, program: Program, node: int) -> None:
        """Let an application join its node, together with those that do so at the same time.

        Raises:
            ResourceError: the simulation is over.
        """
        if self._over is not None and self._over.done():
            raise ResourceError(
                f"{self.name} is over, and nothing starts in it any more; its StopTime is {self.get('StopTime') or 'not set'}"
            )
        assert self._joining is not None
        await self._joining.add((program, node))

    async def _join_all(self, pairs: list[tuple[Program, int]]) -> list[None | Exception]:
        """Let applications join their nodes, and be told when they end."""
        assert self.simulator is not None
        operations = [protocol.invoke(node, "AddApplication", ref(one.guid)) for one, node in pairs]
        ends = [protocol.notify(after_ns, one.guid) for one, _ in pairs if (after_ns := one.stops_after_ns()) > 0]
        answers = await self.simulator.request([*operations, *ends])[1]
        return [answer if isinstance(answer, Exception) else None for answer in answers[: len(pairs)]]

    async def ask(self, *operations: Operation) -> list[Any]:
        """Carry operations out in the simulation, between two events.

        Raises:
            ResourceError: ns-3 refuses.
            ConnectError: the process has ended, or was never there.
        """
        if self.simulator is None:
            raise ConnectError(f"{self.name} is not there", backend="ns3")
        return await self.simulator.ask(*operations)

    def _take(self, event: Event) -> None:
        match event["event"]:
            case "began":
                _settle(self._began)
            case "ended":
                self._go_on(self._ended(event))
            case "reached":
                self._go_on(self._finish_program(event["token"]))
            case "late":
                self._fail_all(
                    f"it lags {event['lag_ns'] / 1e9:.3f} s behind the clock, more than hardLimit ({self.get('hardLimit'):g} s): "
                    "what it says of times is wrong. Simulate less, or on a faster machine"
                )

    def _go_on(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks = {one for one in self._tasks or () if not one.done()} | {task}

    async def _finish_program(self, guid: int) -> None:
        """An application has come to its StopTime; what it recorded is there before it is said."""
        one = (self._members or {}).get(guid)
        with contextlib.suppress(NepiError):  # `_lost` tells it
            await self.ask(protocol.flush())
            if one is not None and one.state == ResourceState.STARTED:
                one.finish()

    async def _ended(self, event: Event) -> None:
        self.statistics = event["statistics"]
        try:
            await self.ask(protocol.close_files())
        except NepiError:
            return  # `_lost` tells it
        _settle(self._over)
        for one in (self._members or {}).values():
            if isinstance(one, Program) and one.state == ResourceState.STARTED:
                one.finish()
        if self.state == ResourceState.STARTED and not self._is_stopping:
            self.finish()

    # The end.

    async def stop(self) -> None:
        """End the run after the present event; kill the process when it does not heed that."""
        if self.is_running and self._over is not None:
            self._is_stopping = True
            await self.ask(protocol.stop())
            try:
                async with asyncio.timeout(STOP_DEADLINE_S):
                    await asyncio.shield(self._over)
            except TimeoutError:
                if self.process is not None:
                    await self.process.close()
                raise ResourceError(f"it did not stop within {STOP_DEADLINE_S:g} s, so it was killed") from None
        if self.state == ResourceState.STARTED:
            self.set_stopped()

    async def release(self) -> None:
        """End the process."""
        self._is_closing = True
        if self.process is not None:
            if self.simulator is not None and not self.simulator.lost.done() and not self.is_running:
                await self._destroy(self.simulator)
            await self.process.close()
        self.set_released()

    async def _destroy(self, simulator: Simulator) -> None:
        """Let ns-3 take everything apart; where that crashes, it has been recorded before."""
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                await simulator.ask(protocol.destroy())
        except (NepiError, TimeoutError) as error:
            self.ec.logger.warning(f"{self.name}: ns-3 crashed while it was taken apart, after everything had been recorded: {error}")

    def adopt(self, rows: Sequence[Row]) -> None:
        """A simulation ends with its controller."""
        if ResourceState.READY <= self.state < ResourceState.STOPPED:
            raise ConnectError("the simulation has ended with the controller that ran it", backend="ns3")

    def _lost(self, lost: asyncio.Future[str]) -> None:
        _settle(self._over)
        _settle(self._began)
        if not lost.cancelled() and not self._is_closing:
            self._fail_all(lost.result())

    def _fail_all(self, reason: str) -> None:
        """Fail, and let everything in it fail."""
        for one in [self, *(self._members or {}).values()]:
            if one.state not in ENDED and one.state != ResourceState.NEW:
                one.explain_failure(reason)
                one.fail()


def _settle(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _waits_for(one: ResourceManager, action: ResourceAction) -> bool:
    """Whether a resource has conditions for an action."""
    return bool(one._own_conditions and one._own_conditions.get(action)) or any(what == action for what, _ in one._when or ())
