"""The way to this machine itself, as this user, without sshd: commands in sessions of their own, and plain files."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.hosts.remote.local_files import LocalFiles
from nepi.hosts.remote.transport import Files
from nepi.model.commands import Completed, Exit

__all__ = ["LocalStream", "LocalTransport"]

PIECE: Final = 64 * 1024
LAST_WORDS: Final = 4096
LAST_MOMENTS_S: Final = 0.5
"""How long a stream's command may take to end after its standard input has ended, before it is killed."""


class LocalTransport:
    """`Transport` to this machine. Its connection is never lost.

    Args:
        name: how the host is called in messages.
        home: where commands run and relative paths begin; the user's home unless told otherwise.
    """

    def __init__(self, name: str, home: Path | None = None) -> None:
        self.name = name
        self.home = home if home is not None else Path.home()
        self.files: Files = LocalFiles(name, self.home)
        self._closed = asyncio.Event()
        self._streams: set[LocalStream] = set()

    async def run(self, command: str, *, stdin: bytes = b"", deadline_s: float | None = None, once: bool = True) -> Completed:
        """As in `Transport`."""
        self._check_open()
        started_at = time.time()
        process = await self._started(command)
        try:
            async with asyncio.timeout(deadline_s):
                stdout, stderr = await process.communicate(stdin)
        except TimeoutError:
            raise DeadlineError(f"{self.name}: a command took longer than {deadline_s:g} s: {command[:120]!r}") from None
        finally:
            await ended(process)
        return Completed(("sh", "-c", command), Exit(process.returncode, started_at, time.time()), stdout, stderr)

    async def open(self, command: str, *, forward_x11: bool = False) -> LocalStream:
        """As in `Transport`."""
        self._check_open()
        started_at = time.time()
        stream = LocalStream(self.name, await self._started(command), started_at, self._streams.discard)
        self._streams.add(stream)
        return stream

    async def connected(self) -> int:
        """As in `Transport`: there is always the first one."""
        self._check_open()
        return 1

    async def lost(self) -> None:
        """As in `Transport`: that is when it is closed."""
        await self._closed.wait()

    async def close(self) -> None:
        """As in `Transport`."""
        self._closed.set()
        await asyncio.gather(*(stream.cut() for stream in list(self._streams)))

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise ConnectError(f"{self.name}: the connection has been closed by this experiment")

    async def _started(self, command: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                "sh", "-c", command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=self.home, start_new_session=True
            )
        except (OSError, ValueError) as error:  # too long, a NUL character, no processes left
            raise ResourceError(f"{self.name}: a command could not be started: {error}") from error


class LocalStream:
    """`Stream` on this machine."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, started_at: float, on_closed: Callable[[LocalStream], None]) -> None:
        self._name = name
        self._process = process
        self._started_at = started_at
        self._on_closed = on_closed
        self._words = b""
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def lines(self) -> AsyncIterator[bytes]:
        """As in `Stream`."""
        assert self._process.stdout is not None
        rest = b""
        while data := await self._process.stdout.read(PIECE):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield line
        if rest:
            yield rest

    async def write(self, data: bytes) -> None:
        """As in `Stream`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except (OSError, RuntimeError) as error:
            raise ConnectError(f"{self._name}: what was to read has ended") from error

    def last_words(self) -> bytes:
        """As in `Stream`."""
        return self._words

    async def close(self) -> Exit | None:
        """As in `Stream`."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(LAST_MOMENTS_S):
                await self._process.wait()
        except TimeoutError:
            await self.cut()
            return None
        await self.cut()
        return Exit(self._process.returncode, self._started_at, time.time())

    async def cut(self) -> None:
        """End it at once."""
        await ended(self._process)
        await asyncio.wait([self._listening])
        self._on_closed(self)

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(PIECE):
            self._words = (self._words + data)[-LAST_WORDS:]


async def ended(process: asyncio.subprocess.Process) -> None:
    """Kill what a command has left in its session's first group, if it runs yet, and let go of its pipes."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if process.stdin is not None:
        process.stdin.close()
    transport = process._transport  # type: ignore[attr-defined]  # what has forked may hold the pipes for ever
    transport.close()
