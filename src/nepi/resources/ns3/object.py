"""What all resources that are objects of a simulation have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.errors import ConnectError, NepiError
from nepi.execution.resource import ResourceManager
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation
from nepi.model.states import ResourceState
from nepi.resources.ns3.attributes import Ns3Attribute, pointee
from nepi.resources.ns3.blueprint import Phase
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.run import Ns3Run

if TYPE_CHECKING:
    from nepi.execution.ledger import Row
    from nepi.resources.ns3.simulation_run import SimulationRun

_POINTS_AT_ALL = ("ns3::Object", "ns3::Node", "ns3::NetDevice")
_PACKET_TRACES = ("pcap", "promiscPcap", "ascii")


class Ns3Object(ResourceManager):
    """An object of a simulation. Its number there is its guid.

    Attributes:
        typeid: what ns-3 calls its type.
        lasts_in_simulation: it is finished when nothing is left to happen in its simulation.
    """

    service = True
    lasts_in_simulation: ClassVar[bool] = False
    typeid: ClassVar[str] = ""

    @property
    def is_high_level(self) -> bool:
        """Whether it takes what the high level has in the simulation."""
        return False

    async def simulation(self) -> SimulationRun:
        """Return the simulation that it is in.

        Raises:
            ResourceError: nobody can say in which.
        """
        return await (await Ns3Run.of(self.ec)).simulation_of(self)

    async def deploy(self) -> None:
        """Be built: with all others, or alone when it comes later."""
        await (await self.simulation()).building.built(self)
        self.set_ready()

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Return what is to be done for it in a phase; heirs have more to do."""
        match phase:
            case Phase.CREATE:
                return [protocol.create(self.guid, self.typeid, self.ns3_values())]
            case Phase.JOIN:
                return self.pointers()
            case Phase.TRACE:
                return self.recordings()
        return []

    def own_addresses(self) -> dict[str, int]:
        """Return its IP addresses, each with the number of its node."""
        return {}

    def ns3_values(self) -> dict[str, str]:
        """Return the attributes of ns-3 that were set, as ns-3 takes them."""
        values = {}
        for name in self.values_set():
            attribute = self._attributes.get(name)
            if isinstance(attribute, Ns3Attribute):
                values[name] = attribute.text(self.resolved(name))
        return values

    def pointers(self) -> list[Operation]:
        """Let its attributes that point to something point to what is connected: queues, error models, propagation models."""
        known, free, operations = catalogue(), self._pointers(), []
        for peer in self.get_connected(Ns3Object):
            for name, target in free.items():
                if peer.typeid and known.is_a(peer.typeid, target):
                    operations.append(protocol.set_(self.guid, name, protocol.ref(peer.guid)))
                    del free[name]
                    break
        return operations

    @classmethod
    def pointing(cls) -> dict[str, str]:
        """Return its attributes that may point to another object, with the type of that."""
        found = {}
        for name, attribute in cls._attributes.items():
            if isinstance(attribute, Ns3Attribute) and attribute.info.flags & 2:
                target = pointee(attribute.info).replace(" >", ">")
                if target and target not in _POINTS_AT_ALL:
                    found[name] = target
        return found

    def _pointers(self) -> dict[str, str]:
        return {name: target for name, target in self.pointing().items() if self.get(name) == self._attributes[name].default}

    def recordings(self) -> list[Operation]:
        """Let the traces that are enabled be written."""
        operations = []
        for name, trace in (self._own_trcs or {}).items():
            if trace.enabled:
                path = self.trace_path(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                if name in _PACKET_TRACES:
                    operations.append(protocol.packets(self.guid, str(path), kind=name))
                else:
                    operations.append(protocol.rows(self.guid, name, str(path), self.name))
        return operations

    # While it runs.

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect, between two events."""
        operations = []
        for name, value in values.items():
            attribute = self._attributes.get(name)
            if isinstance(attribute, Ns3Attribute):
                operations.append(protocol.set_(self.guid, name, attribute.text(attribute.converted(value))))
        if operations:
            await (await self.simulation()).ask(*operations)

    async def read(self, name: str) -> Any:
        """Return what an attribute is in the simulation at this moment."""
        attribute = self._attribute(name)
        if not isinstance(attribute, Ns3Attribute) or not self.is_live:
            return super().get(name)
        (text,) = await (await self.simulation()).ask(protocol.get(self.guid, name))
        return attribute.value_of(text)

    async def bring_trace(self, name: str) -> None:
        """Let the file of a trace hold what has happened so far, because somebody asks for it while the simulation runs."""
        with contextlib.suppress(ConnectError):  # it has just ended: what is there is all there is
            await (await self.simulation()).ask(protocol.flush())

    @property
    def is_live(self) -> bool:
        """Whether the simulation has it."""
        return ResourceState.READY <= self.state < ResourceState.FAILED

    def get(self, name: str) -> Any:
        """Return the value of an attribute: in the simulation when the user asks for it, while that has the object."""
        if self.is_live and isinstance(self._attributes.get(name), Ns3Attribute):
            runner = self.ec._running().runner
            if not runner.on_loop:
                try:
                    return runner.call(self.read(name))
                except NepiError:
                    pass  # it cannot be read, or not any more
        return super().get(name)

    def adopt(self, rows: Sequence[Row]) -> None:
        """A simulation ends with its controller."""
        if ResourceState.READY <= self.state < ResourceState.STOPPED:
            raise ConnectError("the simulation has ended with the controller that ran it", backend="ns3")
