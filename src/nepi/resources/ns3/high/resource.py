"""Base of what the high level makes in a simulation."""

from __future__ import annotations

import contextlib

from nepi.errors import ConnectError
from nepi.execution.resource import ResourceManager
from nepi.hosts.ns3 import protocol
from nepi.resources.ns3.run import Ns3Run
from nepi.resources.ns3.simulation_run import SimulationRun


class SimulatedResource(ResourceManager):
    """Something in a simulation. It ends with the simulation, which is given back as a whole. Its number there is its guid.

    Attributes:
        run: what the members of its simulation share; there once it is being deployed.
    """

    run: SimulationRun | None = None

    @property
    def is_high_level(self) -> bool:
        """Whether it takes what the high level has in the simulation."""
        return True

    async def joined(self) -> SimulationRun:
        """Return what the members of its simulation share. From now on this one fails when the simulation does."""
        run = self.run = await (await Ns3Run.of(self.ec)).simulation_of(self)
        await run.building.prepare()
        run.join(self)
        return run

    async def bring_trace(self, name: str) -> None:
        """Let the file of a trace hold what has happened so far, because somebody asks for it while the simulation runs."""
        if self.run is not None:
            with contextlib.suppress(ConnectError):  # it has just ended: what is there is all there is
                await self.run.ask(protocol.flush())

    async def release(self) -> None:
        """Take leave; the simulation ends when the run does."""
        if self.run is not None:
            self.run.leave(self)
        self.set_released()
