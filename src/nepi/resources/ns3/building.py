"""Building in a simulation: all that is described at once and in order, or what comes later when it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nepi.errors import ConnectError, ResourceError
from nepi.execution.factory import ResourceFactory
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.programs.programs import rehearsal
from nepi.hosts.ns3.protocol import Operation
from nepi.hosts.ns3.start import expect
from nepi.model.states import ResourceState
from nepi.resources.ns3.blueprint import PHASES
from nepi.resources.ns3.rehearsal import HIGH_LEVEL, high_level

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager
    from nepi.resources.ns3.object import Ns3Object
    from nepi.resources.ns3.simulation_run import SimulationRun


class Building:
    """Who has been built in a simulation, and who was refused."""

    def __init__(self, run: SimulationRun) -> None:
        self._run = run
        self._built: set[int] = set()
        self._refused: dict[int, str] = {}
        self._high_level: asyncio.Task[Any] | None = None

    async def build(self, members: Sequence[Ns3Object]) -> None:
        """Build members, phase by phase; who was refused is told when it asks.

        Raises:
            ConnectError: the process has ended; if that was for one of them, the message says for which.
        """
        owned = [(one, operation) for phase in PHASES for one in members for operation in one.blueprint(phase)]
        operations = [operation for _, operation in owned]
        if any(one.is_high_level for one in members):
            await self.prepare()
        for load in (one for one in operations if one[0] == "load"):
            expect(load[1], [load])  # whoever simulates again is likely to need it again
        for one in members:
            self._run.join(one)
            self._run.programs.node_of.update(one.own_addresses())
            self._built.add(one.guid)
        simulator = self._run.simulator
        number, answering = simulator.request(operations)
        try:
            answers = await answering
        except ConnectError:
            died = simulator.died_doing
            if died is not None and died[0] == number:
                raise ConnectError(f"{owned[died[1]][0].name} ended it: {simulator.lost.result()}", backend="ns3") from None
            raise
        for (one, _), answer in zip(owned, answers, strict=True):
            if isinstance(answer, Exception):
                self._refused.setdefault(one.guid, str(answer))

    async def built(self, member: Ns3Object) -> None:
        """Wait until a member is there.

        Raises:
            ResourceError: ns-3 refused something of it.
            ConnectError: the process has ended.
        """
        if member.guid not in self._built:
            await self.build([member])
        self._run.join(member, lasts=member.lasts_in_simulation)
        if member.guid in self._refused:
            raise ResourceError(self._refused[member.guid], backend="ns3")

    async def prepare(self) -> None:
        """Let the simulation know what the high level needs; once."""
        if self._high_level is None:
            operations: list[Operation] = [protocol.load(header) for header in HIGH_LEVEL]
            expect("high level", high_level())
            if self._run.is_real_time and not self._run.has_begun:
                operations += rehearsal(self._run.new_ref(), self._run.new_ref())
            self._high_level = asyncio.get_running_loop().create_task(self._run.ask(*operations))
        await asyncio.shield(self._high_level)

    def made_last(self, member: ResourceManager, ec: ExperimentController) -> bool:
        """Note that a resource is made; return whether it was the last that the simulation waits for."""
        self._built.add(member.guid)
        simulated = (one for one in ec.registry.managers.values() if one.rtype().startswith(("ns3::", "hybrid::")))
        return all(
            one.guid in self._built or one.state >= ResourceState.READY or ResourceFactory.spec(type(one)).role == "application"
            for one in simulated
        )
