"""Base of what the high level makes in a simulation."""

from __future__ import annotations

from nepi.execution.resource import ResourceManager
from nepi.resources.ns3.high_run import SimulationRun


class SimulatedResource(ResourceManager):
    """Something in the run's simulation. It ends with the simulation, which is given back as a whole.

    Attributes:
        run: what the run's resources share; there once it is being deployed.
    """

    run: SimulationRun | None = None

    async def joined(self) -> SimulationRun:
        """Return what the run's resources share. From now on this one fails when the simulation does."""
        run = self.run = await SimulationRun.of(self.ec)
        run.join(self)
        return run

    async def release(self) -> None:
        """Take leave; the simulation ends when the run does."""
        if self.run is not None:
            self.run.leave(self)
        self.set_released()

    def warnings_of_run(self) -> list[str]:
        """Return what a reader of the run's results must know: that the simulation was slower than the real time, for one."""
        return []
