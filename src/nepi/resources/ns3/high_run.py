"""What the simulated resources of one run share: the simulation, and whose time it is.

With nothing but simulated resources, the run's clock is the simulation's: it stands still while anything is left to be done or nobody
waits, and jumps to the next end of a program or the next deadline. With others, the simulation follows the real time.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nepi.errors import ConnectError
from nepi.execution.factory import ResourceFactory
from nepi.hosts.ns3.programs.session import SimulationSession
from nepi.model.states import ENDED, ResourceState
from nepi.units import format_duration

if TYPE_CHECKING:
    from nepi.engine import events as ev
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager

KEY = "ns3"
BUDGET_S = 0.2
"""Real seconds after which a simulation that runs looks whether somebody has asked for something."""
HARD_LIMIT_NS = 100_000_000
"""ns-3's own HardLimit: a simulation in real time that lags by more has not measured what it seems to have."""


class SimulationRun:
    """A simulation and what goes with it. Made by `SimulationRun.of`, closed by the controller.

    Attributes:
        session: the simulation.
        overloaded: how far behind the real time it was when that was too much, or "".
    """

    def __init__(self, ec: ExperimentController, session: SimulationSession) -> None:
        self.session = session
        self.overloaded = ""
        self._ec = weakref.ref(ec)
        self._members: dict[int, weakref.ref[ResourceManager]] = {}
        self._numbers: dict[int, int] = {}
        self._names: list[str] = []
        self._made: set[int] = set()
        self._devices: dict[tuple[int, str], int] = {}
        self._wake = asyncio.Event()
        self._pacing: asyncio.Task[None] | None = None
        self._base_s = ec._running().runner.now
        self._floor_s = self._base_s
        session.resolve = self._address_of
        session.child.lost.add_done_callback(self._lost)

    @classmethod
    async def of(cls, ec: ExperimentController) -> Self:
        """Return what the run of a controller shares, opened by the first who asks."""

        async def open_() -> Self:
            kinds = {one.rtype() for one in ec.registry.managers.values()}
            realtime = any(not kind.startswith(("ns3::", "linux::ns3::")) and kind != "Collector" for kind in kinds)
            seed = ec.seed % (2**32 - 1) + 1
            session = await SimulationSession.open(Path(ec.run_dir), ec.ledger, realtime=realtime, seed=seed, run=1)
            run = cls(ec, session)
            if not realtime:
                run._take_the_clock(ec)
            return run

        return await ec.session(KEY, open_)

    def join(self, member: ResourceManager) -> None:
        """Let a resource fail when the simulation ends by itself."""
        if self.session.child.lost.done():
            raise ConnectError(self.session.child.lost.result(), backend="ns3")
        self._members[member.guid] = weakref.ref(member)

    def leave(self, member: ResourceManager) -> None:
        """Forget a resource that is over."""
        self._members.pop(member.guid, None)

    def _lost(self, lost: asyncio.Future[str]) -> None:
        if not lost.cancelled():
            self._fail(lost.result())

    def _fail(self, reason: str) -> None:
        """Time is the real one again, for whoever is left, and all that is simulated has failed."""
        self._give_the_clock_back()
        for reference in list(self._members.values()):
            member = reference()
            if member is not None and member.state not in ENDED:
                member.explain_failure(reason)
                member.fail()
        self._wake.set()

    # What is in it.

    def is_last(self, member: ResourceManager) -> bool:
        """Note that a resource is made; return whether it was the last that the simulation waits for."""
        self._made.add(member.guid)
        simulated = (one for one in self._ec_now.registry.managers.values() if one.rtype().startswith(("ns3::", "hybrid::")))
        return all(
            one.guid in self._made or one.state >= ResourceState.READY or ResourceFactory.spec(type(one)).role == "application"
            for one in simulated
        )

    @staticmethod
    def stream_of(guid: int, end: int = 0) -> int:
        """Return the first of a thousand streams of random numbers that an end of a resource has for itself.

        They follow from the description alone, and not from the order in which things come to be made, which chance decides.
        """
        return 1000 * (1 + 2 * guid + end)

    @property
    def names(self) -> list[str]:
        """The names of nodes and switches, by their numbers."""
        return list(self._names)

    def number_of(self, guid: int) -> int:
        """Return the simulation's number of a node or switch."""
        return self._numbers[guid]

    def add_node(self, member: ResourceManager, number: int) -> None:
        """Note the number of a node or switch."""
        self._numbers[member.guid] = number
        self._names.append(member.name)

    def add_device(self, node: int, ifname: str, device: int) -> None:
        """Note the number of a device, by its node's guid and its name there."""
        self._devices[node, ifname] = device

    def device(self, node: int, ifname: str) -> int | None:
        """Return the number of a device."""
        return self._devices.get((node, ifname))

    async def furnish(self, end: Any, device: int) -> None:
        """Give a device of a node what the plan has for it: addresses, neighbours, and the node's routes over them."""
        self.add_device(end.node, end.ifname, device)
        if self._ec_now.resource(end.node).role != "node":
            return
        number = self.number_of(end.node)
        addresses = (*end.addresses, *end.given)
        self.session.node_of.update({address.partition("/")[0]: number for address in addresses})
        calls: list[Sequence[Any]] = [("AddAddress", device, address) for address in addresses]
        calls += [("AddNeighbour", device, address, mac) for address, mac in end.neighbours]
        await self.session.child.call(*calls, *self._routes(end.node, addresses))

    def _routes(self, node: int, addresses: Sequence[str]) -> list[Sequence[Any]]:
        calls: list[Sequence[Any]] = []
        for row in self._ec_now.plan.routes.get(node, ()):
            if row.over in addresses:
                calls += [("AddRoute", self.number_of(node), network, row.via, row.over) for network in row.to]
        return calls

    @property
    def _ec_now(self) -> ExperimentController:
        ec = self._ec()
        assert ec is not None
        return ec

    def _address_of(self, name: str) -> str:
        ec = self._ec_now
        for guid, addresses in ec.plan.node_addresses.items():
            manager = ec.get_resource(guid)
            if manager is not None and manager.name == name and addresses:
                return next((one for one in addresses if ":" not in one), addresses[0])
        return name

    # Whose time it is.

    def _take_the_clock(self, ec: ExperimentController) -> None:
        runner = ec._running().runner
        runner.follow(self._clock)
        runner.observers.append(self)
        self._pacing = asyncio.get_running_loop().create_task(self._pace())

    def _give_the_clock_back(self) -> None:
        ec = self._ec()
        if ec is None or self.session.realtime:
            return
        runner = ec._running().runner
        runner.follow(None)
        if self in runner.observers:
            runner.observers.remove(self)

    def _clock(self) -> float:
        return max(self._base_s + self.session.now_s, self._floor_s)

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """Note that something has happened; called by the runner after each batch."""
        self._wake.set()

    async def started(self) -> None:
        """A program was started: in real time, time goes on from the first one on."""
        await self.session.go()
        self._wake.set()

    async def _pace(self) -> None:
        """Let simulated time go on, when nothing else is left to be done."""
        while not self.session.child.lost.done():
            if not await self._may_go_on():
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._step()
            except ConnectError:
                return
            except Exception as error:  # nobody else lets time go on: without this the run would wait for ever
                self._fail(f"the simulation cannot go on: {error}")
                return

    async def _may_go_on(self) -> bool:
        ec = self._ec()
        if ec is None:
            return False
        runner = ec._running().runner
        for _ in range(3):  # what a turn of the loop has woken has its turn before time goes on
            await asyncio.sleep(0)
            if not (runner.is_quiet and runner.is_awaited):
                return False
        return self.session.waits_for_time or runner.engine.next_deadline is not None

    async def _step(self) -> None:
        runner = self._ec_now._running().runner
        due = runner.engine.next_deadline
        # Whole microseconds: the real time at which the run began, which is in `due`, must leave no trace in the simulation.
        until_ns = None if due is None else max(round((due - self._base_s) * 1e6) * 1000, self.session.now_ns)
        dry = await self.session.advance(until_ns, BUDGET_S)
        if due is not None and until_ns is not None and self.session.now_ns >= until_ns:
            self._floor_s = max(self._floor_s, due)
            runner.tick()
        elif dry:
            self._wake.clear()
            await self._wake.wait()

    # The end.

    def check_lag(self) -> str:
        """Return what a reader of the results must know of a simulation that could not keep up with the real time; "" for nothing."""
        if self.session.realtime and self.session.lag_ns > HARD_LIMIT_NS:
            limit = format_duration(HARD_LIMIT_NS / 1e9)
            self.overloaded = (
                f"the simulation lagged {format_duration(self.session.lag_ns / 1e9, digits=3)} behind the real time, more than its hard "
                f"limit of {limit}: what was measured through it is invalid"
            )
        return self.overloaded

    async def close(self) -> None:
        """End the simulation; time is the real one again."""
        if self._pacing is not None:
            self._pacing.cancel()
            await asyncio.gather(self._pacing, return_exceptions=True)
        self._give_the_clock_back()
        await self.session.close()
