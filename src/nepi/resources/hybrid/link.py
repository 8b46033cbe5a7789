"""hybrid::Link: a link between a simulated node or network and a namespace, through a tap that the simulation reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from nepi.errors import CommandError, ConnectError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.agent.queues import queue_packets
from nepi.hosts.impairments import Impairments
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import ref
from nepi.hosts.ns3.taps import passed, tap_on
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.plan.result import InterfacePlan
from nepi.resources.netns.node import Node as NamespaceNode
from nepi.resources.netns.run import NamespaceRun
from nepi.resources.ns3.high_link import DEFAULT_MTU, ETHERNET_BYTES, UNLIMITED_QUEUE, check_link, simulated_rate
from nepi.resources.ns3.high_node import Node as SimulatedNode
from nepi.resources.ns3.high_switch import Switch as SimulatedSwitch
from nepi.resources.ns3.run import Ns3Run
from nepi.resources.ns3.settings import REAL_TIME_SIMULATOR
from nepi.resources.ns3.simulation_run import SimulationRun
from nepi.util.timefuncs import tnow

_READY = ResourceState.READY
DEADLINE_S: Final = 20.0
PORT_MAC: Final = "02:00:00:ff:ff:fe"  # of a port of a switch, which nobody sends to


def check_hybrid(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what a hybrid link cannot be."""
    yield from check_link(one, peers, facts)
    simulated = [peer for peer in peers if peer.rtype.startswith("ns3::")]
    real = [peer for peer in peers if peer.rtype == "netns::Node"]
    if len(peers) == 2 and not (len(simulated) == 1 and len(real) == 1):
        names = " and ".join(f"{peer.name} ({peer.rtype})" for peer in peers)
        yield f"joins a simulated node or switch and a netns::Node, not {names}"


class Link(Impairments, rtype="hybrid::Link"):
    """A cable from a simulated node or switch to a namespace: rate, queue, delay and loss are the simulation's, in real time.

    The simulation runs in real time then; when it lags by more than 100 ms, the run's summary says that it is invalid.
    """

    service = True
    role: ClassVar[Role] = "link"
    wants: ClassVar = {NamespaceNode: _READY, SimulatedNode: _READY, SimulatedSwitch: _READY}
    check: ClassVar[Check | None] = staticmethod(check_hybrid)

    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; 1500 when not set.", range=(68, 65_535), flags=Flags.Design)
    addressing = Attribute.boolean(True, help="Give addresses to its ends if they have none.", flags=Flags.Design)
    networks = Attribute.string(
        help="Networks for their addresses, '10.1.0.0/16 fd01::/48'; the experiment's when not set.", flags=Flags.Design
    )
    weight = Attribute.number(
        help="What it costs to send over it, for static routes; 1 when not set.", range=(1e-9, 1e9), flags=Flags.Design
    )

    changed_at: datetime | None = None
    _ends: tuple[int, ...] = ()
    _simulation: SimulationRun | None = None
    _namespaces: NamespaceRun | None = None
    _devices: tuple[int, int] = (0, 0)
    _channel: int = 0

    def connect(self, guid: int) -> None:
        """Remember which end came first."""
        self._ends = (*self._ends, guid)

    def disconnect(self, guid: int) -> None:
        """Forget an end."""
        self._ends = tuple(end for end in self._ends if end != guid)

    def connections_in_order(self) -> tuple[int, ...]:
        """Return the ends in the order in which they were connected."""
        return self._ends

    # Making it.

    async def deploy(self) -> None:
        """Make the tap in the namespace, the simulated cable, and the bridge between them.

        Raises:
            ResourceError: there is no TUN device.
        """
        ends = self.ec.plan.interfaces[self.guid]
        real = next(end for end in ends if isinstance(self.ec.resource(end.node), NamespaceNode))
        simulated = next(end for end in ends if end is not real)
        simulations = await Ns3Run.of(self.ec)
        simulation = self._simulation = await simulations.simulation_of(self.ec.resource(simulated.node))
        await simulation.prepare()
        namespaces = self._namespaces = await NamespaceRun.of(self.ec)
        simulation.join(self)
        await namespaces.join(self)
        if not simulation.is_real_time:
            what = f"{simulation.name} is not in real time: set its simulatorImplementationType to {REAL_TIME_SIMULATOR}"
            raise ResourceError(f"link {self.name}: {what}")
        await self._make_cable(simulation, simulated)
        await self._make_tap(simulation, real)
        await simulation.furnish(simulated, self._devices[0])
        await self._furnish(namespaces, real)
        if simulation.is_last(self):
            await simulation.go_by_itself()
        self.set_ready()

    async def start(self) -> None:
        """Let time go on in the simulation, if it does not yet: all that is deployed together is there."""
        if self._simulation is not None:
            await self._simulation.go_by_itself()
        self.set_started()

    async def _make_cable(self, simulation: SimulationRun, end: InterfacePlan) -> None:
        """Make the cable from the simulated end to a bridge of two ports, of which the tap will be the other one."""
        self._channel, self._bridge, near, far = (simulation.new_ref() for _ in range(4))
        self._devices = (near, far)
        await simulation.ask(
            protocol.static("nepi::AddChannel", self._delay_ns(), store=self._channel),
            protocol.static("nepi::AddSwitch", store=self._bridge),
            protocol.static("nepi::AddEnd", ref(end.node), ref(self._channel), end.mac, self._mtu, store=near),
            protocol.static("nepi::AddEnd", ref(self._bridge), ref(self._channel), PORT_MAC, self._mtu, store=far),
        )
        await self._shape(simulation)

    async def _make_tap(self, simulation: SimulationRun, end: InterfacePlan) -> None:
        node = self.ec.resource(end.node)
        assert isinstance(node, NamespaceNode)
        async with tap_on(node.host, end.ifname, mac=end.mac, mtu_bytes=self._mtu) as descriptor:
            there = await passed(descriptor, simulation.simulator)
            tap = protocol.static("nepi::AddTap", ref(self._bridge), there, PORT_MAC, self._mtu, store=simulation.new_ref())
            await simulation.ask(tap)

    async def _furnish(self, namespaces: NamespaceRun, end: InterfacePlan) -> None:
        """Give the tap what the plan has for it: addresses, neighbours, and the node's routes over them."""
        host = namespaces.session.host(self.ec.resource(end.node).name, owner=self.guid)
        lines = [f"link set dev {end.ifname} up", *(f"address add {address} dev {end.ifname}" for address in end.addresses)]
        lines += [f"neigh replace {ip} lladdr {mac} dev {end.ifname} nud permanent" for ip, mac in end.neighbours]
        done = await host.run(["ip", "-batch", "-"], stdin="".join(f"{line}\n" for line in lines).encode(), deadline_s=DEADLINE_S)
        if done.exit.status:
            raise CommandError(done.argv, done.exit.status, done.stderr.decode(errors="replace"), resource=self.name)
        await namespaces.routing.lay(self.ec, (end.node, (*end.addresses, *end.given)))

    # Shape.

    _bridge: int = 0

    @property
    def _mtu(self) -> int:
        return int(self.get("mtu") or DEFAULT_MTU)

    def _delay_ns(self) -> int:
        return round((self.get("delay") or 0.0) * 1e9)

    async def _shape(self, simulation: SimulationRun) -> None:
        first, second = self.shapes()
        simulated_first = not isinstance(self.ec.resource(self._ends[0]), NamespaceNode)
        own, other = (first, second) if simulated_first else (second, first)
        operations = [protocol.static("nepi::SetDelay", ref(self._channel), self._delay_ns())]
        for end, leaving, arriving in ((0, own, other), (1, other, own)):
            waiting = queue_packets(leaving, self._mtu + ETHERNET_BYTES) if leaving.rate_bps else UNLIMITED_QUEUE
            limits = (simulated_rate(leaving.rate_bps, self._mtu), waiting, float(arriving.loss or 0.0))
            stream = SimulationRun.stream_of(self.guid, end)
            operations.append(protocol.static("nepi::Shape", ref(self._devices[end]), *limits, stream))
        await simulation.ask(*operations)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect, as one change."""
        mistakes = list(check_link(ResourceDescription(self.guid, self.rtype(), self.name, dict(values)), (), {}))
        if mistakes:
            raise ResourceError(f"link {self.name}: {'; '.join(mistakes)}")
        if self._simulation is not None and self._channel:
            await self._shape(self._simulation)
            self.changed_at = tnow()

    # The end.

    async def release(self) -> None:
        """Take it away: the tap ends with the simulation, and what the namespace has goes with it."""
        simulation, namespaces = self._simulation, self._namespaces
        if simulation is not None:
            if self._bridge:
                try:
                    await simulation.ask(protocol.static("nepi::Unplug", ref(self._bridge)))
                except ConnectError as error:
                    self.debug(f"nothing to give back: {error}")
            simulation.leave(self)
        if namespaces is not None:
            namespaces.leave(self)
        self.set_released()

    def warnings_of_run(self) -> list[str]:
        """Return that the simulation was slower than the real time, if it was."""
        lag = self._simulation.check_lag() if self._simulation is not None else ""
        return [lag] if lag else []
