"""A simulation in a process on another machine: the same conversation over a command that talks with us, files brought here.

`inside/keeper.py` runs there between the connection and the simulation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nepi.errors import ConnectError, DeadlineError, NepiError, ResourceError
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.epitaph import reason_of_death
from nepi.hosts.ns3.protocol import Operation
from nepi.hosts.ns3.simulator import LONGEST_LINE, Event, Simulator
from nepi.hosts.ns3.start import IMPORT_DEADLINE_S
from nepi.hosts.ns3.there_files import ThereFiles
from nepi.hosts.ns3.there_python import prepare
from nepi.hosts.port import Exit
from nepi.hosts.remote.remote_host import RemoteHost
from nepi.hosts.remote.talking import Talk

BEAT_S: Final = 15.0
SILENCE_S: Final = 60.0
"""Without a sign of life for so long a simulation ends: an SSH connection that is cut is given up here after 40 s."""
END_DEADLINE_S: Final = 10.0
CLOSE_DEADLINE_S: Final = 20.0
"""More than the keeper takes to end what does not end by itself."""
BRING_DEADLINE_S: Final = 120.0
_TAIL: Final = 1 << 16


class _Pen:
    """What the simulation is told, in order, and a sign of life when there is nothing to tell. A `Writer`."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._lines: list[bytes] = []
        self._something = asyncio.Event()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def write(self, data: bytes, /) -> None:
        """Send bytes."""
        if not self._closed:
            self._lines.append(data)
            self._something.set()

    def close(self) -> None:
        """Send no more, which ends the simulation."""
        self.write(b"end\n")
        self._closed = True

    async def stop(self) -> None:
        """Let go of everything."""
        self._closed = True
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        with contextlib.suppress(ConnectError):  # then nothing is read any more, either
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await self._something.wait()
                lines, self._lines = self._lines or [b"\n"], []
                self._something.clear()
                await self._talk.write(b"".join(lines))


class _Afar(Simulator):
    """A simulation whose files are elsewhere."""

    def __init__(
        self, reader: asyncio.StreamReader, pen: _Pen, epitaph: Callable[[Event | None], Awaitable[str]], name: str, files: ThereFiles
    ) -> None:
        super().__init__(reader, pen, epitaph)
        self._name = name
        self._files = files
        self._bringing: set[asyncio.Task[None]] = set()

    def request(self, operations: Sequence[Operation]) -> tuple[int, asyncio.Future[list[Any]]]:
        """As on this machine; what writes files is answered when these are here."""
        if any(one[0] == "descriptor" for one in operations):
            refused: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
            refused.set_exception(
                ResourceError(f"the simulation is on {self._name}: no interface of this machine can be joined to it", backend="ns3")
            )
            return 0, refused
        placed = [self._files.placed(one) for one in operations]
        number, answering = super().request(placed)
        if not self._files.are_written_by(operations, placed):
            return number, answering
        whole: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        task = asyncio.get_running_loop().create_task(self._answer(answering, whole))
        self._bringing.add(task)
        task.add_done_callback(self._bringing.discard)
        return number, whole

    async def _answer(self, answering: asyncio.Future[list[Any]], whole: asyncio.Future[list[Any]]) -> None:
        try:
            answers = await answering
            await self._files.bring_or_tell()
        except NepiError as error:
            if not whole.done():
                whole.set_exception(error)
        else:
            if not whole.done():
                whole.set_result(answers)
        finally:
            whole.cancel()

    async def ended(self) -> None:
        """Wait until it has said everything, and nothing of it is left here."""
        await super().ended()
        if self._bringing:
            await asyncio.wait(self._bringing)


class RemoteSimulator:
    """A simulation in a process on another machine. What `LocalSimulator` is on this one.

    Attributes:
        simulator: to be asked.
        pid: the process's number there.
    """

    def __init__(self, name: str, talk: Talk, files: ThereFiles) -> None:
        self._name = name
        self._talk = talk
        self._files = files
        self._pen = _Pen(talk)
        self._reader = asyncio.StreamReader(limit=LONGEST_LINE)
        self._exited: Event | None = None
        self._exit: Exit | None = None
        self._stderr: Path | None = None
        self.pid = 0
        self.simulator: Simulator = _Afar(self._reader, self._pen, self._epitaph, name, files)
        self._hearing = asyncio.get_running_loop().create_task(self._hear())

    @classmethod
    async def start(
        cls, host: RemoteHost, *, owner: int, run_dir: Path, stdout: Path, stderr: Path, python: str = "python3", install: bool = False
    ) -> RemoteSimulator:
        """Start one and wait until ns-3 has been imported.

        Args:
            host: the machine, in the run's ledger as all commands there.
            owner: guid of the resource that it belongs to.
            run_dir: the run's folder here.
            stdout: file here for what ns-3 writes to standard output.
            stderr: file here for what it writes to standard error, logs included.
            python: the interpreter there that has the wheel.
            install: make an environment with the wheel when it has none.

        Raises:
            ConnectError: it cannot be started, or there is no ns-3.
            CommandError: ns-3 could not be installed.
            DeadlineError: the import takes too long.
        """
        found = await prepare(host, python, install=install)
        folder = PurePosixPath(host.scratch) / f"ns3-{owner}"
        argv = [found.path, "-I", "-S", found.inside("keeper.py"), str(folder), "import.log", f"{SILENCE_S:g}"]
        talk = await host.talk([*argv, found.path, "-I", found.inside("__main__.py")], cwd=folder, owner=owner)
        self = cls(host.transport.name, talk, ThereFiles(run_dir, folder, host))
        try:
            async with asyncio.timeout(IMPORT_DEADLINE_S):
                await self.simulator.greeted()
                await self.simulator.ask(protocol.output(str(stdout), str(stderr)))
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                raise DeadlineError(f"{self._name}: ns-3 was not imported within {IMPORT_DEADLINE_S:g} s", backend="ns3") from None
            if isinstance(error, ConnectError) and self._name not in str(error):
                raise ConnectError(f"{self._name}: {error}", backend="ns3") from None
            raise
        self._stderr = stderr
        return self

    # What comes.

    async def _hear(self) -> None:
        """Hand on what is said there; what its keeper says is for us. All is here, if that can be, before its end is told."""
        try:
            async for line in self._talk.lines():
                if line.startswith(b'{"event": "kept"'):
                    self.pid = json.loads(line)["pid"]
                    self._talk.made(self.pid)
                elif line.startswith(b'{"event": "exited"'):
                    self._exited = json.loads(line)
                else:
                    self._reader.feed_data(line + b"\n")
            await self._pen.stop()
            self._exit = await self._talk.hang_up()
            if self._exited is not None:
                await self._bring()
        finally:
            self._reader.feed_eof()
        # Where nobody has said how it ended, the machine may be out of reach for a while; that must not keep back the news.
        await self._talk.close()
        if self._exited is None:
            await self._bring()

    async def _bring(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BRING_DEADLINE_S if self._exited is not None else END_DEADLINE_S):
                await self._files.bring_or_tell()

    async def _epitaph(self, last: Event | None) -> str:
        what = str(last["what"]) if last else ""
        if self._exited is None:
            return self._why_nothing_comes(what)
        words = _end_of(self._stderr) if self._stderr is not None else str(self._exited["words"])
        return f"{self._name}: {reason_of_death(self._exited['status'], what, words)}"

    def _why_nothing_comes(self, what: str) -> str:
        if what:
            return f"{self._name}: {what}"
        if self._exit is None or self._exit.status is None:
            return f"{self._name}: the connection was lost, and with it the simulation"
        words = self._talk.last_words().decode(errors="replace").strip().splitlines()
        return f"{self._name}: what starts simulations there has ended with status {self._exit.status}" + (
            f": {words[-1]}" if words else ""
        )

    async def close(self) -> None:
        """End it, gently, then by force; what it has written is here then."""
        self.simulator.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await asyncio.shield(self.simulator.lost)
        if not self.simulator.lost.done():
            await self._talk.hang_up()
        await asyncio.wait({self._hearing})
        await self.simulator.ended()


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, 2) - _TAIL, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
