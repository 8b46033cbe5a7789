"""A run's session on one simulation: its process, the programs in it, and its clock."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

from nepi.errors import BadValueError, ConnectError, ResourceError
from nepi.execution.ledger import Ledger
from nepi.hosts.ns3.high_child import Message, SimulationChild
from nepi.hosts.ns3.programs.commands import ClientCommand, PingCommand, ServerCommand
from nepi.hosts.ns3.programs.host import SimulatedProcess
from nepi.hosts.ns3.programs.output import FlowReport, PingText

FIRST_DATA_PORT = 50_000
CONNECT_TIMEOUT_NS = 120_000_000_000
CLOSE_DEADLINE_S = 30.0
# What Linux does: segments that fill an Ethernet frame with time stamps, buffers that grow to some megabytes, and its shortest time-out.
DEFAULTS = {
    "ns3::TcpSocket::SegmentSize": "1448",
    "ns3::TcpSocket::SndBufSize": "4194304",
    "ns3::TcpSocket::RcvBufSize": "6291456",
    "ns3::TcpSocketBase::MinRto": "200ms",
    "ns3::TcpSocket::InitialCwnd": "10",
    "ns3::ArpCache::PendingQueueSize": "100",
}


class SimulationSession:
    """One simulation. Methods are called on one event loop.

    Attributes:
        child: its process.
        realtime: whether simulated time follows the real one.
        now_ns: the simulated time, as of the last answer.
        lag_ns: in real time, how far the simulation was behind at most.
        resolve: turns a name into an address.
        node_of: number of the simulated node that has an address; None when it is somebody else's.
    """

    def __init__(self, child: SimulationChild, *, realtime: bool) -> None:
        self.child = child
        self.realtime = realtime
        self.now_ns = 0
        self.lag_ns = 0
        self.resolve: Callable[[str], str] = lambda name: name
        self.node_of: dict[str, int] = {}
        self.runs = False
        self._numbers = itertools.count(1)
        self._ports = itertools.count(FIRST_DATA_PORT)
        self._processes: dict[int, SimulatedProcess] = {}
        child.on_rows = self._take
        child.lost.add_done_callback(lambda _: self._lost())

    @classmethod
    async def open(cls, run_dir: Path, ledger: Ledger, *, realtime: bool, seed: int, run: int) -> Self:
        """Start a simulation.

        Raises:
            ConnectError: there is no ns-3.
        """
        child = await SimulationChild.open(run_dir, ledger)
        try:
            await child.ask("begin", realtime=realtime, seed=seed, run=run, defaults=DEFAULTS)
        except BaseException:
            await child.close()
            raise
        return cls(child, realtime=realtime)

    @property
    def now_s(self) -> float:
        """The simulated time in seconds."""
        return self.now_ns / 1e9

    @property
    def processes(self) -> list[SimulatedProcess]:
        """The programs that run."""
        return list(self._processes.values())

    @property
    def waits_for_time(self) -> bool:
        """Whether a program runs that does something by itself."""
        return any(one.listens is None for one in self._processes.values())

    # Programs.

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
        self._processes[process.number] = process
        return process

    def forget(self, number: int) -> None:
        """A program has ended."""
        self._processes.pop(number, None)

    async def start_ping(self, process: SimulatedProcess, node: int, command: PingCommand) -> None:
        """Start a ping."""
        address = self.address_of(command.target)
        process.text = PingText(command, address)
        process.write(process.text.begin(self.now_ns))
        times = (command.interval_ns, command.size_bytes, command.timeout_ns, command.deadline_ns, command.ttl, command.tos)
        await self.child.call(("StartPing", process.number, node, address, command.count, *times))

    async def start_client(self, process: SimulatedProcess, node: int, command: ClientCommand) -> None:
        """Start a measurement to a server in the simulation; without one it ends at once, as the real one does."""
        address = self.address_of(command.target)
        far = self.node_of.get(address)
        directions = [command.reverse] * command.parallel + ([True] * command.parallel if command.bidir else [])
        process.report = FlowReport(command, directions)
        if far is None or not any(one.listens == (far, command.port) for one in self._processes.values()):
            process.write(process.report.document("unable to connect to server: Connection refused"))
            process.end(1)
            return
        near_address = next((text for text, number in self.node_of.items() if number == node and ":" not in text), "")
        patience = command.connect_timeout_ns or CONNECT_TIMEOUT_NS
        calls: list[tuple[Any, ...]] = [("PrepareFlow", process.number, node, command.duration_ns, command.interval_ns, patience)]
        share = (command.length_bytes, -(-command.amount_bytes // command.parallel), command.no_delay)
        for from_server in directions:
            ends = (far, node, near_address) if from_server else (node, far, address)
            calls.append(("AddStream", process.number, *ends, next(self._ports), command.congestion, command.udp, command.rate_bps, *share))
        await self.child.call(*calls, ("StartFlow", process.number))

    def start_server(self, process: SimulatedProcess, node: int, command: ServerCommand) -> None:
        """Start a server: clients find it from now on."""
        process.listens = (node, command.port)

    async def interrupt(self, number: int) -> None:
        """End a program at this instant."""
        await self.child.call(("Interrupt", number))
        self._take(await self.child.ask("status"))

    # Time.

    async def go(self) -> None:
        """In real time: let simulated time follow the real one from now on."""
        if self.realtime and not self.runs:
            self.runs = True
            await self.child.ask("run")
            await self.child.ask("status")  # which is answered when it does run

    async def advance(self, until_ns: int | None, budget_s: float) -> bool:
        """Let simulated time go on until an instant, until a program ends, or for so much real time; return whether nothing will happen."""
        answer = await self.child.ask("advance", until=until_ns, budget_s=budget_s)
        self._take(answer)
        return bool(answer["dry"])

    def _take(self, message: Message) -> None:
        self.now_ns = message["now"]
        self.lag_ns = max(self.lag_ns, message.get("lag", 0))
        for row in message["rows"]:
            process = self._processes.get(row[0])
            if process is not None:
                process.take(row)

    def _lost(self) -> None:
        for process in self.processes:
            process.end(None)

    async def close(self) -> None:
        """End the simulation, by force if it does not listen."""
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await self.child.call(("CloseFiles",))
        except (ConnectError, ResourceError, TimeoutError):
            pass
        finally:
            await self.child.close()
