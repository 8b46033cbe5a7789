"""The programs that run in one simulation: started, told what the simulation says of them, ended."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from nepi.errors import BadValueError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.programs.commands import ClientCommand, PingCommand, ServerCommand
from nepi.hosts.ns3.programs.host import SimulatedProcess
from nepi.hosts.ns3.programs.output import FlowReport, PingText
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.hosts.ns3.simulator import Event, Simulator

FIRST_DATA_PORT: Final = 50_000
CONNECT_TIMEOUT_NS: Final = 120_000_000_000


class Programs:
    """The programs of one simulation. Nodes go by their numbers there. Methods are called on one event loop.

    Attributes:
        simulator: where they run.
        resolve: turns a name into an address.
        node_of: number of the simulated node that has an address; None when it is somebody else's.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.resolve: Callable[[str], str] = lambda name: name
        self.node_of: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._ports = itertools.count(FIRST_DATA_PORT)
        self._running: dict[int, SimulatedProcess] = {}
        simulator.on_event(self._take)
        simulator.lost.add_done_callback(lambda _: self._lost())

    @property
    def running(self) -> list[SimulatedProcess]:
        """Those that run."""
        return list(self._running.values())

    @property
    def wait_for_time(self) -> bool:
        """Whether one runs that does something by itself."""
        return any(one.listens is None for one in self._running.values())

    def address_of(self, target: str) -> str:
        """Return the IPv4 address of what a program is to talk to.

        Raises:
            BadValueError: it has none; ns-3 itself would end the whole simulation.
        """
        address = self.resolve(target)
        try:
            return str(IPv4Address(address))
        except ValueError:
            raise BadValueError(f"{target} has no IPv4 address in the simulation") from None

    def new_process(self, argv: Sequence[str], stdout: Path) -> SimulatedProcess:
        """Return a program that is about to be started."""
        process = SimulatedProcess(self, next(self._numbers), argv, stdout)
        self._running[process.number] = process
        return process

    def forget(self, number: int) -> None:
        """A program has ended."""
        self._running.pop(number, None)

    async def start_ping(self, process: SimulatedProcess, node: int, command: PingCommand) -> None:
        """Start a ping."""
        address = self.address_of(command.target)
        process.text = PingText(command, address)
        await self._note_beginning(process)
        process.write(process.text.begin(self.simulator.now_ns))
        times = (command.interval_ns, command.size_bytes, command.timeout_ns, command.deadline_ns, command.ttl, command.tos)
        await self.simulator.ask(protocol.static("nepi::StartPing", process.number, ref(node), address, command.count, *times))

    async def start_client(self, process: SimulatedProcess, node: int, command: ClientCommand) -> None:
        """Start a measurement to a server in the simulation; without one it ends at once, as the real one does."""
        address = self.address_of(command.target)
        far = self.node_of.get(address)
        directions = [command.reverse] * command.parallel + ([True] * command.parallel if command.bidir else [])
        process.report = FlowReport(command, directions)
        await self._note_beginning(process)
        if far is None or not any(one.listens == (far, command.port) for one in self._running.values()):
            process.write(process.report.document("unable to connect to server: Connection refused"))
            process.end(1)
            return
        near_address = next((text for text, number in self.node_of.items() if number == node and ":" not in text), "")
        patience = command.connect_timeout_ns or CONNECT_TIMEOUT_NS
        flow = (command.duration_ns, command.interval_ns, patience)
        operations = [protocol.static("nepi::PrepareFlow", process.number, ref(node), *flow)]
        for from_server in directions:
            ends = (far, node, near_address) if from_server else (node, far, address)
            operations.append(self._stream(process.number, ends, command))
        await self.simulator.ask(*operations, protocol.static("nepi::StartFlow", process.number))

    def _stream(self, number: int, ends: tuple[int, int, str], command: ClientCommand) -> Operation:
        source, sink, address = ends
        how = (next(self._ports), command.congestion, command.udp, command.rate_bps)
        share = (command.length_bytes, -(-command.amount_bytes // command.parallel), command.no_delay)
        return protocol.static("nepi::AddStream", number, ref(source), ref(sink), address, *how, *share)

    async def start_server(self, process: SimulatedProcess, node: int, command: ServerCommand) -> None:
        """Start a server: clients find it from now on."""
        await self._note_beginning(process)
        process.listens = (node, command.port)

    async def _note_beginning(self, process: SimulatedProcess) -> None:
        """Ask for the time: in real time what is known of it may be old."""
        (now_ns,) = await self.simulator.ask(protocol.now())
        self.simulator.now_ns = max(self.simulator.now_ns, now_ns)
        process.started_at = self.simulator.now_s

    async def interrupt(self, number: int) -> None:
        """End a program at this instant; what it has to say has been taken when this returns."""
        await self.simulator.ask(protocol.static("nepi::Interrupt", number))

    async def interrupt_all(self) -> None:
        """End all of them: no time will pass any more."""
        for process in self.running:
            await process.signal(2)

    def _take(self, event: Event) -> None:
        if event["event"] == "row":
            row = event["row"]
            process = self._running.get(row[0])
            if process is not None:
                process.take(row)

    def _lost(self) -> None:
        for process in self.running:
            process.end(None)


def rehearsal(first: int, second: int) -> list[Operation]:
    """Return operations that start and end each kind of program once, so that it is compiled before time goes on.

    Args:
        first, second: free numbers.
    """
    near, far = ref(first), ref(second)
    made = [protocol.create(number, "ns3::Node") for number in (first, second)]
    made += [protocol.check("nepi::BecomeComputer", one, True, "") for one in (near, far)]
    programs = [
        protocol.static("nepi::StartPing", -1, near, "10.0.0.1", 1, 1, 56, 1, 0, 0, 0),
        protocol.static("nepi::PrepareFlow", -2, near, 1, 1, 1),
        protocol.static("nepi::AddStream", -2, near, far, "10.0.0.1", 1, "", False, 0, 1, 0, False),
        protocol.static("nepi::StartFlow", -2),
        *(protocol.static("nepi::Interrupt", number) for number in (-1, -2)),
    ]
    ends = [protocol.static("nepi::EndAnimation"), protocol.statistics()]
    return [*made, *programs, *ends, protocol.rehearse(), protocol.forget(first), protocol.forget(second)]
