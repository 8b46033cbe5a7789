"""The simulated side of a computer outside: a ghost, a node without a stack whose frames come and go by a descriptor."""

from __future__ import annotations

import contextlib

from nepi.errors import NepiError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import ref
from nepi.hosts.ns3.start import expect
from nepi.resources.ns3.simulation_run import SimulationRun

GHOST = "ghost.h"


class Ghost:
    """A ghost in a simulation.

    Args:
        simulation: which one.

    Attributes:
        node: its node's number there.
    """

    def __init__(self, simulation: SimulationRun) -> None:
        self._simulation = simulation
        self.node = simulation.new_ref()
        self._ghost = simulation.new_ref()
        self._is_there = False

    async def appear(self) -> None:
        """Make its node."""
        ready = [protocol.load(GHOST), protocol.static("nepi::Detach", None)]
        expect("ghosts", [*ready, protocol.static("nepi::AddGhostNode", store=1), protocol.forget(1)])
        await self._simulation.ask(*ready, protocol.static("nepi::AddGhostNode", store=self.node))

    async def haunt(self, device: int, descriptor: int, *, is_tunnel: bool) -> None:
        """Let what a device gets go to a descriptor, and the other way round. The descriptor is the ghost's from now on."""
        await self._simulation.ask(protocol.static("nepi::Haunt", ref(device), descriptor, is_tunnel, store=self._ghost))
        self._is_there = True

    async def vanish(self) -> None:
        """Close its descriptor; harmless when it is not there, or the simulation is not any more."""
        if self._is_there:
            self._is_there = False
            with contextlib.suppress(NepiError):  # it ended with the simulation
                await self._simulation.ask(protocol.static("nepi::Detach", ref(self._ghost)))
