"""The programs that run in one simulation: started, told what the simulation says of them, ended."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from nepi.errors import BadValueError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.programs.commands import ClientCommand, PingCommand, ServerCommand
from nepi.hosts.ns3.programs.flow_report import CLIENT_GONE, INTERRUPT, SERVER_GONE, FlowReport
from nepi.hosts.ns3.programs.output import PingText
from nepi.hosts.ns3.programs.process import SimulatedProcess
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.hosts.ns3.simulator import Event, Simulator

FIRST_DATA_PORT: Final = 50_000
BUSY: Final = "the server is busy running a test. try again later"


class Programs:
    """The programs of one simulation. Nodes go by their numbers there. Methods are called on one event loop.

    Attributes:
        simulator: where they run.
        resolve: turns a name into its addresses, in the order of the plan; what is no name is returned as it is.
        node_of: number of the simulated node that has an address; None when it is somebody else's.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.resolve: Callable[[str], Sequence[str]] = lambda name: [name]
        self.node_of: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._ports = itertools.cycle(range(FIRST_DATA_PORT, 1 << 16))  # what is in use there is passed over
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
        return any(one.server is None for one in self._running.values())

    def address_of(self, command: PingCommand | ClientCommand) -> str:
        """Return the address of what a program is to talk to: the first that the plan gave it, or, where that was asked, of IPv6.

        Raises:
            BadValueError: it has none; ns-3 itself would end the whole simulation.
        """
        addresses = self.resolve(command.target)
        found = next((one for one in addresses if ":" in one or not command.six), None)
        try:
            return str(ip_address(found or ""))
        except ValueError:
            version = "IPv6 address" if command.six else "address"
            raise BadValueError(f"{command.target} has no {version} in the simulation") from None

    def new_process(self, argv: Sequence[str], stdout: Path, stderr: Path | None) -> SimulatedProcess:
        """Return a program that is about to be started."""
        process = SimulatedProcess(self, next(self._numbers), argv, stdout, stderr)
        self._running[process.number] = process
        return process

    def forget(self, number: int) -> None:
        """A program has ended."""
        self._running.pop(number, None)

    async def start_ping(self, process: SimulatedProcess, node: int, command: PingCommand) -> None:
        """Start a ping."""
        address = self.address_of(command)
        process.text = PingText(command, address)
        await self._note_beginning(process)
        await self.simulator.ask(protocol.static("nepi::StartPing", process.number, ref(node), address, command.words()))

    async def start_client(self, process: SimulatedProcess, node: int, command: ClientCommand) -> None:
        """Start a measurement. Whether something listens there, and answers, is seen by the connection that it begins with."""
        address = self.address_of(command)
        server = self._server_at(self.node_of.get(address), command.port)
        # As the real one's: all connections are between the two addresses of the first one.
        now_ns, near = await self.simulator.ask(protocol.now(), protocol.static("nepi::SourceTowards", ref(node), address))
        self._begin(process, now_ns)
        process.report = FlowReport(command, near, address)
        if server is not None and server.serving is not None:
            process.write(process.report.at_client(BUSY))
            process.end(1)
            return
        flow = (process.number, ref(node), address, command.port, command.words())
        operations = [protocol.static("nepi::PrepareFlow", *flow)]
        if server is not None and server.server is not None and near:
            process.client_of(server)
            far = (server.server.node, address)
            operations += self._streams(process.number, command, (node, near), far)
        await self.simulator.ask(*operations, protocol.static("nepi::StartFlow", process.number))

    def _server_at(self, node: int | None, port: int) -> SimulatedProcess | None:
        found = (one for one in self._running.values() if one.server is not None)
        return next((one for one in found if one.server is not None and (one.server.node, one.server.command.port) == (node, port)), None)

    def _streams(self, program: int, command: ClientCommand, client: tuple[int, str], server: tuple[int, str]) -> list[Operation]:
        operations = []
        for number, from_server in enumerate(command.directions()):
            (source, near), (sink, far) = (server, client) if from_server else (client, server)
            ends = (ref(source), near, ref(sink), far, next(self._ports))
            operations.append(protocol.static("nepi::AddStream", program, *ends, command.stream_words(number)))
        return operations

    async def start_server(self, process: SimulatedProcess, node: int, command: ServerCommand) -> None:
        """Start a server: it listens from now on, so that clients which are started together with it find it."""
        process.serve(node, command)
        start = protocol.static("nepi::StartServer", process.number, ref(node), command.port, command.one_off)
        now_ns, refusal = await self.simulator.ask(protocol.now(), start)
        self._begin(process, now_ns)
        process.listen(str(refusal or ""))

    async def _note_beginning(self, process: SimulatedProcess) -> None:
        """Ask for the time: in real time what is known of it may be old."""
        (now_ns,) = await self.simulator.ask(protocol.now())
        self._begin(process, now_ns)

    def _begin(self, process: SimulatedProcess, now_ns: int) -> None:
        self.simulator.now_ns = max(self.simulator.now_ns, now_ns)
        process.started_at = self.simulator.now_s

    async def interrupt(self, process: SimulatedProcess, *, status: int = 1) -> None:
        """End a program at this instant, a server with this status; what it has to say has been taken when this returns."""
        if process.server is None:
            await self.simulator.ask(protocol.static("nepi::Interrupt", process.number, INTERRUPT + CLIENT_GONE))
            return
        operations = [protocol.static("nepi::Interrupt", process.number, "")]
        if process.serving is not None:  # its client hears of it
            operations.insert(0, protocol.static("nepi::Interrupt", process.serving.number, SERVER_GONE))
        await self.simulator.ask(*operations)
        process.end(status)

    async def interrupt_all(self) -> None:
        """End all of them, clients first: no time will pass any more. That is no failure of a server, which would never end by itself."""
        for process in sorted(self.running, key=lambda one: one.server is not None):
            if not process.is_over:
                await self.interrupt(process, status=0)

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
    test = ClientCommand("10.0.0.1", interval_ns=0)
    programs = [
        protocol.static("nepi::StartPing", -1, near, "10.0.0.1", PingCommand("10.0.0.1").words()),
        protocol.static("nepi::StartServer", -3, far, 5201, False),
        protocol.static("nepi::SourceTowards", near, "10.0.0.1"),
        protocol.static("nepi::PrepareFlow", -2, near, "10.0.0.1", 5201, test.words()),
        protocol.static("nepi::AddStream", -2, near, "10.0.0.2", far, "10.0.0.1", 1, test.stream_words(0)),
        protocol.static("nepi::StartFlow", -2),
        *(protocol.static("nepi::Interrupt", number, "") for number in (-1, -2, -3)),
    ]
    ends = [protocol.static("nepi::EndAnimation"), protocol.statistics()]
    return [*made, *programs, *ends, protocol.rehearse(), protocol.forget(first), protocol.forget(second)]
