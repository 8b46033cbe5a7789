"""A command on a host, as the port has it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from nepi.errors import ResourceError
from nepi.hosts.port import Exit
from nepi.hosts.remote.host_facts import HostClock
from nepi.hosts.remote.mirror import FileMirror, Mirror

if TYPE_CHECKING:
    from nepi.hosts.remote.commands import Commands


class RemoteProcess:
    """A command on a host. Satisfies `nepi.hosts.port.Process`.

    Attributes:
        tag: its name in the run; also in its environment, as NEPI_COMMAND.
        owner: guid of the resource whose command it is.
        node: name of the node that it was started on; several may be on one host.
        is_privileged: it runs as root by sudo.
        mirrors: local copies of its outputs.
        started_at: seconds since the epoch by our clock; 0 until it is known to have started.
        is_starting: its host is being asked to start it, and may not know of it yet.
        left_nothing: it has ended, and then there was no file in the folder that it ran in.
    """

    def __init__(
        self,
        commands: Commands,
        tag: str,
        argv: Sequence[str],
        mirrors: Sequence[Mirror],
        *,
        node: str,
        owner: int = 0,
        is_privileged: bool = False,
    ) -> None:
        self._commands = commands
        self.tag = tag
        self.argv = tuple(argv)
        self.mirrors = tuple(mirrors)
        self.node = node
        self.owner = owner
        self.is_privileged = is_privileged
        self.started_at = 0.0
        self.start_ticks = 0
        self.boot_id = ""
        self.clock: HostClock | None = None
        self.row = 0
        self.left_nothing = False
        self.is_starting = False
        self._pid = 0
        self._following: list[int] = []
        self._writing = asyncio.Lock()
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    def __repr__(self) -> str:
        return f"<{shlex.join(self.argv)!r} on {self.node}, pid {self._pid}>"

    @property
    def pid(self) -> int:
        """The process id, as its host sees it."""
        return self._pid

    @property
    def exit(self) -> Exit | None:
        """How it ended, or None while it runs."""
        return self._exit.result() if self._exit.done() else None

    def begun(self, uptime_s: float, pid: int, start_ticks: int, clock: HostClock, boot_id: str) -> None:
        """Note that it has started."""
        self._pid = pid
        self.start_ticks = start_ticks
        self.clock = clock
        self.boot_id = boot_id
        self.started_at = clock.local(uptime_s)

    def ended(self, exit_: Exit) -> None:
        """Note how it ended, once its outputs are here."""
        self.unfollow()
        if not self._exit.done() and not self._exit.get_loop().is_closed():
            self._exit.set_result(exit_)

    async def wait(self) -> Exit:
        """Wait until it has ended and its outputs are here whole; any number of callers, also after the end."""
        return await asyncio.shield(self._exit)

    async def stop(self, *, grace_s: float = 5.0) -> Exit:
        """End the whole process tree. See the port.

        Raises:
            DeadlineError: something cannot even be killed.
            ConnectError: the host cannot be reached.
        """
        return await self._commands.stop(self, grace_s)

    async def signal(self, number: int) -> None:
        """Send one signal to the process (not its children). Harmless when it has ended."""
        if not self._exit.done():
            await self._commands.signal(self, int(number))

    async def write_stdin(self, data: bytes, *, eof: bool = False) -> None:
        """Write to its standard input. See the port."""
        async with self._writing:  # in the order in which it was asked for
            refused = "it has ended" if self._exit.done() else await self._commands.write_stdin(self, data, eof)
        if refused:
            what = f"{len(data)} bytes cannot be written to {shlex.join(self.argv)!r}: {refused}"
            raise ResourceError(what, resource=self.node, action="write", backend="linux")

    # -- outputs

    async def look(self) -> None:
        """Bring its local outputs up to date.

        Raises:
            ConnectError: the host cannot be reached.
            TraceError: they cannot be written here.
        """
        if not self._exit.done():
            await self._commands.bring(self)

    async def follow(self) -> None:
        """Have the local outputs grow as those on the host do, until it has ended. Harmless when asked again."""
        if not self._following and not self._exit.done():
            self._following = self._commands.follow(self)

    def unfollow(self) -> None:
        """End `follow`."""
        following, self._following = self._following, []
        for number in following:
            self._commands.unfollow(number)

    def stderr_tail(self) -> str:
        """Return the last part of what it wrote to standard error (or to where that goes), as far as it is here."""
        last = self.mirrors[-1]
        if not isinstance(last, FileMirror):
            return ""
        from nepi.hosts.namespace_host import read_tail

        return read_tail(last.local)


def output_mirrors(control: PurePosixPath, tag: str, stdout: Path, stderr: Path | None) -> list[FileMirror]:
    """Return the local copies of a new command's outputs."""
    commands = control / "commands"
    mirrors = [FileMirror(commands / f"{tag}.out", stdout.absolute())]
    return mirrors if stderr is None else [*mirrors, FileMirror(commands / f"{tag}.err", stderr.absolute())]
