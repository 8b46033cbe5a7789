"""A program in a simulation: what it prints, and when it ends. Satisfies `nepi.hosts.port.Process`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.ns3.programs import server_text
from nepi.hosts.ns3.programs.commands import ServerCommand
from nepi.hosts.ns3.programs.flow_report import BEGAN, FlowReport
from nepi.hosts.ns3.programs.output import END, NO_ROUTE, PingText, Row
from nepi.hosts.port import Exit

if TYPE_CHECKING:
    from nepi.hosts.ns3.programs.programs import Programs


@dataclass(slots=True)
class Serving:
    """What a server does.

    Attributes:
        node: number of the node that it runs on.
        tests: how many tests it has waited for, with the present one.
    """

    node: int
    command: ServerCommand
    tests: int = 1


class SimulatedProcess:
    """A program in the simulation. Its times are simulated ones, in seconds since the beginning of the simulation.

    Attributes:
        text: what a ping prints.
        report: what a client measures.
        server: of a server, what it does; None of others.
        serving: the client whose test a server is in.
    """

    def __init__(self, programs: Programs, number: int, argv: Sequence[str], stdout: Path, stderr: Path | None = None) -> None:
        self._programs = programs
        self.number = number
        self.argv = tuple(argv)
        self.stdout = stdout
        self.stderr = stderr or stdout
        self.owner = 0
        self.started_at = programs.simulator.now_s
        self.text: PingText | None = None
        self.report: FlowReport | None = None
        self.server: Serving | None = None
        self.serving: SimulatedProcess | None = None
        self._served_by: SimulatedProcess | None = None
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        """Its number in the simulation; not one of this machine's."""
        return self.number

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._exit.done()

    async def wait(self) -> Exit:
        """Wait until it has ended."""
        return await asyncio.shield(self._exit)

    async def stop(self, *, grace_s: float = 5.0) -> Exit:
        """End it, at this instant of simulated time."""
        await self.signal(15)
        return await self.wait()

    async def signal(self, number: int) -> None:
        """End it: it prints what it knows, as for SIGINT."""
        if self.is_over:
            return
        try:
            await self._programs.interrupt(self)
        except ConnectError:
            self.end(None)

    async def write_stdin(self, data: bytes, *, eof: bool = False) -> None:
        """Refuse: nothing in a simulation reads standard input.

        Raises:
            ResourceError: always.
        """
        raise ResourceError(f"{' '.join(self.argv)!r} runs in a simulation and reads nothing", action="write", backend="ns3")

    def take(self, row: Row) -> None:
        """Take what the simulation told of it."""
        kind = row[1]
        if kind == END:
            self._finish(int(row[3]), str(row[7]))
        elif self.text is not None:
            self.write(self.text.line(row), is_complaint=kind == NO_ROUTE)
        elif self.report is not None:
            self.report.take(row)
            if kind == BEGAN and self._served_by is not None:
                self._served_by.accept(self.report)

    def _finish(self, status: int, error: str) -> None:
        if self.report is not None:
            self.write(self.report.at_client(error))
            if self._served_by is not None:
                self._served_by.conclude(self.report, error)
        self.end(status)

    # What a server does.

    def serve(self, node: int, command: ServerCommand) -> None:
        """Be a server from now on."""
        self.server = Serving(node, command)

    def listen(self, refusal: str) -> None:
        """Wait for the first test; or, with a reason why that cannot be, say so and end."""
        if refusal:
            self.server = None
            self.write(f"iperf3: error - {refusal}\niperf3: exiting\n")
            self.end(1)
        elif self.server is not None:
            self._say(server_text.listening(self.server.command.port, 1))

    def client_of(self, server: SimulatedProcess) -> None:
        """Measure with a server, which has no time for others until that is over."""
        self._served_by, server.serving = server, self

    def accept(self, report: FlowReport) -> None:
        """A client's test has begun."""
        self._say(server_text.accepted(report.client, report.port))

    def conclude(self, report: FlowReport, error: str) -> None:
        """A client's test is over: report on it, and wait for the next one."""
        self.serving = None
        server, document = self.server, report.at_server(error)
        if server is None or not document:
            return
        if server.command.json:
            self.write(document)
        else:
            self.write(server_text.report(json.loads(document)))
        if server.command.one_off:
            self.end(0)
            return
        server.tests += 1
        self._say(server_text.listening(server.command.port, server.tests))

    def _say(self, text: str) -> None:
        if self.server is not None and not self.server.command.json:
            self.write(text)

    def write(self, text: str, *, is_complaint: bool = False) -> None:
        """Write to its standard output, or to standard error."""
        if text:
            with (self.stderr if is_complaint else self.stdout).open("a", encoding="utf-8") as file:
                file.write(text)

    def end(self, status: int | None) -> None:
        """Note that it has ended; None when nobody saw how."""
        if not self._exit.done():
            self._exit.set_result(Exit(status, self.started_at, self._programs.simulator.now_s))
            self._programs.forget(self.number)
