"""What a hybrid link and a station of a namespace have in common: a simulation in real time, a ghost in it, and a computer outside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from nepi.errors import ConnectError, ResourceError
from nepi.execution.resource import ResourceManager
from nepi.hosts.devices.endpoint_program import EndpointProgram
from nepi.hosts.roles import HostNode
from nepi.model.states import ENDED, ResourceState
from nepi.model.typespec import Inserted
from nepi.plan.result import InterfacePlan
from nepi.resources.hybrid.checks import inserted
from nepi.resources.hybrid.host_end import HostEnd
from nepi.resources.hybrid.namespace_end import NamespaceEnd
from nepi.resources.hybrid.simulated import Ghost
from nepi.resources.linux.device import HostDevice
from nepi.resources.linux.node import Node as HostMachine
from nepi.resources.netns.node import Node as NamespaceNode
from nepi.resources.ns3.run import Ns3Run
from nepi.resources.ns3.settings import REAL_TIME_SIMULATOR
from nepi.resources.ns3.simulation_run import SimulationRun

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

Outside = NamespaceEnd | HostEnd


class Joined(HostDevice):
    """Something between a simulation and a computer outside of it.

    Attributes:
        run: what the members of the simulation share; there once it is being deployed.
    """

    inserted: ClassVar[Inserted | None] = staticmethod(inserted)
    run: SimulationRun | None = None
    _ghost: Ghost | None = None
    _outside: Outside | None = None
    _watching: asyncio.Task[None] | None = None

    async def joined(self, simulated: ResourceManager) -> SimulationRun:
        """Return the simulation that something is in. From now on this one fails when the simulation does.

        Raises:
            ResourceError: it is not in real time.
        """
        run = self.run = await (await Ns3Run.of(self.ec)).simulation_of(simulated)
        await run.building.prepare()
        run.join(self)
        if not run.is_real_time:
            what = f"{run.name} is not in real time: set its simulatorImplementationType to {REAL_TIME_SIMULATOR}, and checksumEnabled"
            raise ResourceError(what, resource=self.name)
        return run

    async def appeared(self, run: SimulationRun) -> Ghost:
        """Return a ghost in the simulation."""
        ghost = self._ghost = Ghost(run)
        await ghost.appear()
        return ghost

    def is_outside(self, end: InterfacePlan) -> bool:
        """Whether an end is not the simulation's."""
        return isinstance(self.ec.resource(end.node), NamespaceNode | HostMachine)

    def outside(self, end: InterfacePlan) -> Outside:
        """Return the computer outside, by its end."""
        node = self.ec.resource(end.node)
        if isinstance(node, NamespaceNode):
            self._outside = NamespaceEnd(self, node, end)
            return self._outside
        assert isinstance(node, HostMachine)
        log = self.trace_path("stdout")
        log.parent.mkdir(parents=True, exist_ok=True)
        self._outside = HostEnd(self, node, end, log)
        return self._outside

    async def ready(self, run: SimulationRun) -> None:
        """It is there: time may go on when it was the last. It fails when the program on its host ends."""
        program = self._outside.program if isinstance(self._outside, HostEnd) else None
        if program is not None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(program))
        if run.building.made_last(self, self.ec):
            await run.go_by_itself()
        self.set_ready()

    async def start(self) -> None:
        """Let time go on in the simulation, if it does not yet: all that is deployed together is there."""
        if self.run is not None:
            await self.run.go_by_itself()
        self.set_started()

    async def _watch(self, program: EndpointProgram) -> None:
        exit_ = await program.process.wait()
        if self.state not in ENDED:
            self.explain_failure(program.why_ended(exit_.status))
            self.fail()

    def hosts_of(self) -> list[HostNode]:
        """Return the hosts on which it makes something."""
        return list(self.peers(HostMachine))

    # The end.

    async def end(self) -> None:
        """Take the ghost away, and with its descriptor the tap of a namespace; end the program on a host."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        ghost, self._ghost = self._ghost, None
        outside, self._outside = self._outside, None
        if ghost is not None:
            await ghost.vanish()
        if outside is not None:
            await outside.close()
        if self.run is not None:
            self.run.leave(self)

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of what was made on hosts, to be given back: the simulation has ended with its controller.

        Raises:
            ConnectError: it was part of that.
        """
        await super().adopt(rows)
        if ResourceState.READY <= self.state < ResourceState.STOPPED:
            raise ConnectError("the simulation has ended with the controller that ran it", backend="ns3")

    def invalid_because(self) -> str:
        """Return why what was measured through it must not be believed: the simulation was slower than the real time; "" if it was not."""
        return self.run.invalid_because() if self.run is not None else ""
