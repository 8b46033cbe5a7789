"""A simulated node as a host: the two programs that it knows run in it, in simulated time. Satisfies `nepi.hosts.port.Host`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nepi.errors import BadValueError, CommandError
from nepi.hosts.ns3.programs.commands import ClientCommand, PingCommand, ServerCommand, read_command
from nepi.hosts.ns3.programs.process import SimulatedProcess
from nepi.hosts.port import Completed, Process

if TYPE_CHECKING:
    from nepi.hosts.ns3.programs.programs import Programs

PROGRAMS = ("ping", "iperf3")


class SimulatedHost:
    """A node of a simulation as a place where commands run. Files are this machine's."""

    def __init__(self, programs: Programs, name: str, node: int, scratch: Path) -> None:
        self._programs = programs
        self._name = name
        self.node = node
        self._scratch = scratch

    @property
    def name(self) -> str:
        """The resource's name."""
        return self._name

    @property
    def scratch(self) -> Path:
        """The folder that the run has for this node."""
        return self._scratch

    async def start(
        self,
        argv: Sequence[str],
        *,
        stdout: Path,
        stderr: Path | None = None,
        stdin: Path | None = None,
        open_stdin: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        owner: int = 0,
    ) -> SimulatedProcess:
        """Start a program, at this instant of simulated time. See the port.

        Raises:
            CommandError: a simulated node has no such program, or the program not such an option.
        """
        try:
            command = read_command(argv)
            if not isinstance(command, ServerCommand):
                self._programs.address_of(command)
        except BadValueError as error:
            raise CommandError(tuple(argv), None, str(error), resource=self._name, action="start", backend="ns3") from None
        for path in (stdout, *([stderr] if stderr else [])):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        process = self._programs.new_process(argv, stdout, stderr)
        process.owner = owner
        match command:
            case PingCommand():
                await self._programs.start_ping(process, self.node, command)
            case ClientCommand():
                await self._programs.start_client(process, self.node, command)
            case ServerCommand():
                await self._programs.start_server(process, self.node, command)
        return process

    def processes_of(self, owner: int) -> Sequence[SimulatedProcess]:
        """Return the programs of a resource that run."""
        return [one for one in self._programs.running if one.owner == owner]

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        deadline_s: float | None = None,
    ) -> Completed:
        """Refuse: a program in a simulation ends only when simulated time goes on, which who asks here would hold up.

        Raises:
            CommandError: always.
        """
        what = "commands cannot be run by hand on a simulated node: add a Ping or an Iperf3Client"
        raise CommandError(tuple(argv), None, what, resource=self._name, action="run", backend="ns3")

    async def wait_listening(self, port: int, *, protocol: str = "tcp", process: Process | None = None) -> None:
        """Return at once: a simulated server listens from its start."""

    async def read_file(self, path: Path) -> bytes:
        """Return a file, whole."""
        return await asyncio.to_thread(path.read_bytes)

    async def write_file(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file, whole, making its folder."""
        await asyncio.to_thread(_write, path, data, mode)

    def missing_tools(self, tools: Sequence[str]) -> list[str]:
        """Return those of `tools` that simulated nodes do not know."""
        return missing_tools(tools)


def _write(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def missing_tools(tools: Sequence[str]) -> list[str]:
    """Return those of `tools` that simulated nodes do not know."""
    return [tool for tool in tools if tool not in PROGRAMS]
