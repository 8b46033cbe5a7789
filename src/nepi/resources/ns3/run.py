"""Which simulation a resource is in: found once for all resources of a run."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Self

from nepi.errors import ResourceError

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager
    from nepi.resources.ns3.simulation import Simulation

KEY = "ns3-members"


class Ns3Run:
    """The members of the simulations of a run."""

    def __init__(self, ec: ExperimentController) -> None:
        self._ec = weakref.ref(ec)
        self._simulation_of: dict[int, Simulation | None] = {}

    @classmethod
    async def of(cls, ec: ExperimentController) -> Self:
        """Return what the resources of a controller's run share."""

        async def open_() -> Self:
            return cls(ec)

        return await ec.session(KEY, open_)

    def simulation_of(self, member: ResourceManager) -> Simulation:
        """Return the simulation that a resource is in.

        Raises:
            ResourceError: it is in none, or in two.
        """
        if member.guid not in self._simulation_of:
            self._look(member)
        found = self._simulation_of[member.guid]
        if found is None:
            raise ResourceError(f"{member.name} is in no simulation: connect it, or what it is connected to, to an ns3::Simulation")
        return found

    def members(self, simulation: Simulation) -> list[Any]:
        """Return what is connected to a simulation, directly or through others of its kind, in order of guid."""
        return [one for one in self._look(simulation) if one is not simulation]

    def _look(self, start: ResourceManager) -> list[Any]:
        """Walk over connections between resources of ns-3."""
        from nepi.resources.ns3.object import Ns3Object
        from nepi.resources.ns3.simulation import Simulation

        found: dict[int, ResourceManager] = {start.guid: start}
        todo = [start]
        while todo:
            for peer in todo.pop().get_connected():
                if peer.guid not in found and isinstance(peer, Ns3Object | Simulation):
                    found[peer.guid] = peer
                    todo.append(peer)
        simulations = [one for one in found.values() if isinstance(one, Simulation)]
        if len(simulations) > 1:
            raise ResourceError(f"{' and '.join(one.name for one in simulations)} are connected with each other: simulations are apart")
        for guid in found:
            self._simulation_of[guid] = simulations[0] if simulations else None
        return [found[guid] for guid in sorted(found)]

    async def close(self) -> None:
        """Hold nothing any more."""
        self._simulation_of.clear()
