"""Which simulation a resource is in: an ns3::Simulation that it is connected with, the only one, or one that the run has by itself."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Final, Self

from nepi.errors import ResourceError
from nepi.model.states import ResourceAction
from nepi.resources.ns3.pacing import Pace
from nepi.resources.ns3.place import holds_simulations_alone
from nepi.resources.ns3.settings import REAL_TIME_SIMULATOR, Settings
from nepi.resources.ns3.simulation_run import SimulationRun, waits_for

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager
    from nepi.resources.ns3.simulation import Simulation

KEY: Final = "ns3"
_SIMULATED: Final = ("ns3::", "linux::ns3::")


class Ns3Run:
    """The simulations of a run."""

    def __init__(self, ec: ExperimentController) -> None:
        self._ec = weakref.ref(ec)
        self._simulation_of: dict[int, Simulation | None] = {}
        self._has_own = False
        self._waiting = 0
        self._opening: asyncio.Task[Any] | None = None

    @classmethod
    async def of(cls, ec: ExperimentController) -> Self:
        """Return what the resources of a controller's run share."""

        async def open_() -> Self:
            return cls(ec)

        return await ec.session(KEY, open_)

    async def simulation_of(self, member: ResourceManager) -> SimulationRun:
        """Return the simulation that a resource is in, once it has been opened.

        Raises:
            ResourceError: nobody can say in which.
            ConnectError: there is no ns-3.
        """
        simulation = self.owner_of(member)
        if simulation is not None:
            return await simulation.opened()
        return await self._own()

    async def _own(self) -> SimulationRun:
        """Return the one that the run has by itself. The last who gives up waiting ends its opening: an import may take long."""
        ec = self._ec()
        assert ec is not None
        self._has_own = True
        self._waiting += 1
        try:
            return await ec.session(f"{KEY}-own", self._open_own)
        except asyncio.CancelledError:
            if self._waiting == 1 and self._opening is not None:
                self._opening.cancel()
                ec.end_session(f"{KEY}-own")
            raise
        finally:
            self._waiting -= 1

    def check_described_in_time(self, simulation: Simulation) -> None:
        """Raise where the run has a simulation by itself already: whose time it is, and who is in which, was decided with that.

        Raises:
            ResourceError: it has.
        """
        if self._has_own:
            raise ResourceError(f"{simulation.name} comes too late: what was deployed before is in a simulation that the run has by itself")

    def owner_of(self, member: ResourceManager) -> Simulation | None:
        """Return the ns3::Simulation that a resource belongs to; None when the run has none.

        Raises:
            ResourceError: there are several, and it is connected with none, or two of them are connected.
        """
        if member.guid not in self._simulation_of:
            self.connected_with(member)
        found = self._simulation_of[member.guid]
        if found is not None or self._has_own:
            return found
        everywhere = self._simulations()
        if len(everywhere) > 1:
            names = " and ".join(one.name for one in everywhere)
            raise ResourceError(f"{member.name} may be in {names}: connect it, or what it is connected with, to one of them")
        return everywhere[0] if everywhere else None

    def _simulations(self) -> list[Simulation]:
        from nepi.resources.ns3.simulation import Simulation

        ec = self._ec()
        assert ec is not None
        return [one for one in ec.registry.managers.values() if isinstance(one, Simulation)]

    def connected_with(self, start: ResourceManager) -> list[Any]:
        """Return what is connected with a resource over resources of ns-3, itself included, in order of guid.

        Raises:
            ResourceError: two simulations are.
        """
        from nepi.resources.ns3.high.resource import SimulatedResource
        from nepi.resources.ns3.object import Ns3Object
        from nepi.resources.ns3.simulation import Simulation

        found: dict[int, ResourceManager] = {start.guid: start}
        todo = [start]
        while todo:
            for peer in todo.pop().get_connected():
                if peer.guid not in found and isinstance(peer, Ns3Object | SimulatedResource | Simulation):
                    found[peer.guid] = peer
                    todo.append(peer)
        simulations = [one for one in found.values() if isinstance(one, Simulation)]
        if len(simulations) > 1:
            raise ResourceError(f"{' and '.join(one.name for one in simulations)} are connected with each other: simulations are apart")
        for guid in found:
            self._simulation_of[guid] = simulations[0] if simulations else None
        return [found[guid] for guid in sorted(found)]

    def first_members(self, simulation: Simulation | None) -> list[Any]:
        """Return the objects that are built when a simulation is: those that wait for something else build themselves when they come."""
        from nepi.resources.ns3.object import Ns3Object

        ec = self._ec()
        assert ec is not None
        planned = set(ec.plan.order)
        everybody = [one for _, one in sorted(ec.registry.managers.items()) if isinstance(one, Ns3Object) and one.guid in planned]
        return [one for one in everybody if self.owner_of(one) is simulation and not waits_for(one, ResourceAction.DEPLOY)]

    def has_high_level(self, simulation: Simulation) -> bool:
        """Whether something of the high level is in a simulation."""
        from nepi.resources.ns3.high.resource import SimulatedResource

        ec = self._ec()
        assert ec is not None
        high = (one for one in ec.registry.managers.values() if isinstance(one, SimulatedResource) and one.is_high_level)
        return any(self.owner_of(one) is simulation for one in high)

    def pace_of(self, simulation: Simulation | None) -> Pace:
        """Return whose time a simulation's is."""
        if simulation is not None and simulation.is_real_time:
            return Pace.REAL
        ec = self._ec()
        assert ec is not None
        kinds = {one.rtype() for one in ec.registry.managers.values() if not holds_simulations_alone(one)} - {"Collector"}
        is_pure = all(kind.startswith(_SIMULATED) for kind in kinds)
        if is_pure and len(self._simulations()) < 2:
            return Pace.FOLLOWED
        return Pace.REAL if simulation is None else Pace.FREE

    async def _open_own(self) -> SimulationRun:
        """Open the simulation of a run in which nobody has described one."""
        self._opening = asyncio.current_task()
        try:
            return await self._opened_own()
        finally:
            self._opening = None

    async def _opened_own(self) -> SimulationRun:
        ec = self._ec()
        assert ec is not None
        pace = self.pace_of(None)
        in_real_time: dict[str, Any] = {"simulator": REAL_TIME_SIMULATOR, "checksums": True} if pace is Pace.REAL else {}
        settings = Settings(**in_real_time, seed=ec.seed % (2**32 - 1) + 1, as_linux=True)
        run = await SimulationRun.open(ec, settings, pace)
        try:
            await run.building.build(self.first_members(None))
        except BaseException:
            await run.close()
            raise
        if pace is Pace.FOLLOWED:
            await run.go()
        return run

    async def close(self) -> None:
        """Hold nothing any more."""
        self._simulation_of.clear()
