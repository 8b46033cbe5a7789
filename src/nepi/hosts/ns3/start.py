"""Starting a simulation process on this machine: recorded in the ledger before it is told what it is for.

It may be started ahead (`warm_up`), while it is not yet certain that there will be a run: it imports ns-3 meanwhile, and ends with
whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nepi.errors import ConnectError, DeadlineError
from nepi.execution.ledger import Ledger, Thing
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.epitaph import reason_of_death
from nepi.hosts.ns3.simulator import LONGEST_LINE, Event, Simulator

INSIDE = Path(__file__).parent / "inside" / "__main__.py"
IMPORT_DEADLINE_S = 400.0
END_DEADLINE_S = 10.0
_TAIL = 1 << 16


def missing_wheel() -> str:
    """Return what to do when there is no ns-3 here; "" when there is. Looks for it without importing it."""
    if importlib.util.find_spec("ns") is not None:
        return ""
    return "ns-3 is not installed here: pip install 'nepi[ns3]' (a wheel for CPython 3.8 to 3.13)"


class Started:
    """A process that imports ns-3, or has done so.

    Args:
        argv: its command; another one than the usual in tests of what goes wrong.
    """

    def __init__(self, argv: list[str] | None = None) -> None:
        self.words: Any = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `end`
        # ns-3 searches the working directory, and what is above it, for copies of itself: it gets one in which there is none.
        self._folder = tempfile.TemporaryDirectory(prefix="nepi-ns3-")
        try:
            self.process = subprocess.Popen(
                argv or [sys.executable, "-I", str(INSIDE)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.words,
                cwd=self._folder.name,
                start_new_session=True,
            )
        except OSError:
            self.words.close()
            self._folder.cleanup()
            raise

    def last_words(self) -> str:
        """Return the end of what it has written to standard error."""
        size = self.words.seek(0, 2)
        self.words.seek(max(size - _TAIL, 0))
        text: str = self.words.read().decode(errors="replace")
        return text

    def kill(self) -> None:
        """Kill it and wait for it."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Kill it and let go of everything."""
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self.words.close()
        self._folder.cleanup()


_waiting: list[Started] = []


def warm_up() -> Callable[[], None]:
    """Start a process ahead, for the next run to take; return what ends it if none has."""
    if not _waiting:
        with contextlib.suppress(OSError):  # the run says so when it needs one
            _waiting.append(Started())
    return cool_down


def cool_down() -> None:
    """End what was started ahead and nobody has taken."""
    while _waiting:
        _waiting.pop().end()


async def _one(started: Started | None) -> Started:
    if started is None:
        started = _waiting.pop() if _waiting else await asyncio.to_thread(Started)
    return started


class LocalSimulator:
    """A simulation in a process on this machine.

    Attributes:
        simulator: to be asked.
    """

    def __init__(self, started: Started, ledger: Ledger, row: int) -> None:
        self._started = started
        self._ledger = ledger
        self._row = row
        self._stderr: Path | None = None
        self.simulator: Simulator

    @classmethod
    async def start(cls, ledger: Ledger, *, owner: int, stdout: Path, stderr: Path, started: Started | None = None) -> LocalSimulator:
        """Start one, or take the one that was started ahead, and wait until ns-3 has been imported.

        Args:
            ledger: of the run.
            owner: guid of the resource that it belongs to.
            stdout: file for what ns-3 writes to standard output.
            stderr: file for what it writes to standard error, logs included.
            started: the process, when it is not to be the usual one.

        Raises:
            ConnectError: it cannot be started, or ns-3 cannot be imported.
            DeadlineError: the import takes too long.
        """
        (row,) = ledger.intend([Thing("process", {"what": "ns-3"}, owner)])
        try:
            process = await _one(started)
        except OSError as error:
            ledger.forget([row])
            raise ConnectError(f"the ns-3 process could not be started: {error}", backend="ns3") from error
        self = cls(process, ledger, row)
        try:
            ledger.made([row], [ProcessIdentity.of(process.process.pid).to_json()])
            await self._connect()
            async with asyncio.timeout(IMPORT_DEADLINE_S):
                await self.simulator.greeted()
                await self.simulator.ask(protocol.output(str(stdout), str(stderr)))
            self._stderr = stderr
        except BaseException as error:
            words = process.last_words()
            await self.close()
            if isinstance(error, TimeoutError):
                raise DeadlineError(f"ns-3 was not imported within {IMPORT_DEADLINE_S:g} s", backend="ns3") from None
            if isinstance(error, ProcessLookupError):
                reason = reason_of_death(process.process.returncode, "", words)
                raise ConnectError(f"ns-3 could not be imported: {reason}", backend="ns3") from None
            raise
        return self

    async def _connect(self) -> None:
        loop, process = asyncio.get_running_loop(), self._started.process
        reader = asyncio.StreamReader(limit=LONGEST_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self.simulator = Simulator(reader, writer, self._epitaph)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._started.process.pid

    def _epitaph(self, last: Event | None) -> str:
        """It has closed its output, so it is ending or has ended."""
        try:
            status: int | None = self._started.process.wait(END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            status = None
        words = self._started.last_words()
        if self._stderr is not None:
            with contextlib.suppress(OSError), self._stderr.open("rb") as file:
                file.seek(max(file.seek(0, 2) - _TAIL, 0))
                words = file.read().decode(errors="replace")
        return reason_of_death(status, str(last["what"]) if last else "", words)

    async def close(self) -> None:
        """End it: gently, then by force."""
        if hasattr(self, "simulator"):
            self.simulator.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_DEADLINE_S):
                    await asyncio.shield(self.simulator.lost)
            await asyncio.to_thread(self._started.kill)
            await self.simulator.ended()
        self._started.end()
        self._ledger.forget([self._row])
