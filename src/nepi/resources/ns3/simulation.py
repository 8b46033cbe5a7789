"""ns3::Simulation: holds the process, builds its members, runs, and ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.errors import ConnectError, NepiError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.resource import ResourceManager
from nepi.execution.trace import Trace
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.start import warm_up
from nepi.hosts.roles import MachineNode
from nepi.model.states import ResourceAction, ResourceState
from nepi.model.typespec import Check
from nepi.resources.ns3.attributes import time_s
from nepi.resources.ns3.entering import Entering
from nepi.resources.ns3.pacing import Pace
from nepi.resources.ns3.run import Ns3Run
from nepi.resources.ns3.settings import DEFAULT_SIMULATOR, REAL_TIME_SIMULATOR, Settings
from nepi.resources.ns3.simulation_checks import check_simulation
from nepi.resources.ns3.simulation_run import SimulationRun, waits_for

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

_DESIGN = Flags.Design


class Simulation(ResourceManager, rtype="ns3::Simulation", aliases=("linux::ns3::Simulation",)):
    """A simulation in ns-3, in a process of its own. Nodes are connected to it; it ends at its StopTime.

    Connected to a `linux::Node` it runs on that machine.
    """

    simulatorImplementationType = Attribute.choice(
        (DEFAULT_SIMULATOR, REAL_TIME_SIMULATOR),
        DEFAULT_SIMULATOR,
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
    python = Attribute.string("python3", help="On another machine: the Python there that has ns-3, by name or path.", flags=_DESIGN)
    install = Attribute.boolean(
        False, help="On another machine: install ns-3 (500 MB, with pip) for this user where there is none, and keep it.", flags=_DESIGN
    )
    stdout = Trace("stdout", "What ns-3 wrote to standard output.", enabled=True)
    stderr = Trace("stderr", "What ns-3 wrote to standard error, logs included.", enabled=True)
    deadlines: ClassVar = {ResourceAction.DEPLOY: 600.0, ResourceAction.STOP: 120.0, ResourceAction.RELEASE: 180.0}

    wants: ClassVar = {MachineNode: ResourceState.READY}
    check: ClassVar[Check | None] = staticmethod(check_simulation)
    warm_up = staticmethod(warm_up)
    run: SimulationRun | None = None
    """There once it is READY."""
    _opening: asyncio.Future[SimulationRun] | None = None

    def _opened(self) -> asyncio.Future[SimulationRun]:
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_future()
        return self._opening

    async def opened(self) -> SimulationRun:
        """Return what its members share, once its process is there and what was described has been built.

        Raises:
            NepiError: it could not be opened.
        """
        return await asyncio.shield(self._opened())

    async def deploy(self) -> None:
        """Start the process and build everything."""
        if self._opening is not None and self._opening.done():  # an attempt that failed
            self._opening = None
            if self.run is not None:
                await self.run.close()
                self.run = None
        opened = self._opened()
        try:
            simulations = await Ns3Run.of(self.ec)
            simulations.check_described_in_time(self)
            members = simulations.first_members(self)
            settings = self._settings(as_linux=simulations.has_high_level(self))
            run = self.run = await SimulationRun.open(self.ec, settings, simulations.pace_of(self), self)
            run.join(self, lasts=True)
            await run.building.build(members)
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error if isinstance(error, NepiError) else ResourceError(f"{self.name} was not built"))
                opened.exception()  # whoever waits is told; nobody has to
            raise
        opened.set_result(run)
        self.set_ready()

    def _settings(self, *, as_linux: bool) -> Settings:
        stop = self.get("StopTime")
        return Settings(
            simulator=self.get("simulatorImplementationType"),
            scheduler=self.get("schedulerType"),
            checksums=self.get("checksumEnabled"),
            logs=self.get("nsLog") or "",
            seed=self.get("seed"),
            run=self.get("runNumber"),
            stop_ns=round(time_s(stop) * 10**9) if stop else None,
            hard_limit_ns=round(self.get("hardLimit") * 10**9),
            routing_tables=self.get("populateRoutingTables"),
            as_linux=as_linux,
        )

    async def bring_trace(self, name: str) -> None:
        """Let the file of a trace hold what has happened so far, because somebody asks for it while the simulation runs."""
        if self.run is not None:
            with contextlib.suppress(ConnectError):  # it has just ended: what is there is all there is
                await self.run.ask(protocol.flush())

    @property
    def is_real_time(self) -> bool:
        """Whether it is in step with the clock."""
        return str(self.get("simulatorImplementationType")).startswith("ns3::Realtime")

    @property
    def statistics(self) -> dict[str, Any] | None:
        """What ns-3 says of its running, once that is over."""
        return self.run.statistics if self.run is not None else None

    async def start(self) -> None:
        """Let time pass; one that does not follow the run's clock waits for the applications that have nothing else to wait for."""
        run = await self.opened()
        if run.pace is not Pace.FOLLOWED:
            for one in run.members:
                if isinstance(one, Entering) and not waits_for(one, ResourceAction.START):
                    await one.has_entered()
        await run.go()
        self.set_started()

    async def stop(self) -> None:
        """End the run after the present event; kill the process when it does not heed that."""
        if self.run is not None:
            await self.run.stop()
        if self.state == ResourceState.STARTED:
            self.set_stopped()

    async def release(self) -> None:
        """End the process."""
        if self.run is not None:
            await self.run.close()
        self.set_released()

    def adopt(self, rows: Sequence[Row]) -> None:
        """A simulation ends with its controller."""
        if ResourceState.READY <= self.state < ResourceState.STOPPED:
            raise ConnectError("the simulation has ended with the controller that ran it", backend="ns3")

    def invalid_because(self) -> str:
        """Return that the simulation was slower than the real time; "" if it was not."""
        return self.run.invalid_because() if self.run is not None else ""
