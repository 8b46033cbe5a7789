"""A transport for these tests: OpenSSH's client, a process for each command. It never comes back by itself, and counts what it did."""

from __future__ import annotations

import asyncio
import contextlib
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, cast

from nepi.errors import ConnectError
from nepi.hosts.remote.transport import Files, Transport
from nepi.lab import Lab
from nepi.model.commands import Completed, Exit

if TYPE_CHECKING:
    from nepi.hosts.remote.transport import Stream

CONNECT = ("-o", "ConnectTimeout=5", "-o", "BatchMode=yes")


class OpenSsh:
    """The way to one host of a lab.

    Attributes:
        commands: how many commands were executed, streams included.
        streams: those that were opened, so that a test can cut them.
    """

    files: Files  # nobody here asks for them

    def __init__(self, lab: Lab, name: str) -> None:
        self.name = name
        self.commands = 0
        self.streams: list[OpenStream] = []
        self._lab = lab

    def _argv(self, command: str) -> list[str]:
        program, *rest = self._lab.ssh(self.name, command)
        return [program, *CONNECT, *rest]

    async def run(self, command: str, *, stdin: bytes = b"", deadline_s: float | None = None, once: bool = True) -> Completed:
        self.commands += 1
        started = time.time()
        process = await asyncio.create_subprocess_exec(*self._argv(command), stdin=PIPE, stdout=PIPE, stderr=PIPE)
        try:
            async with asyncio.timeout(deadline_s):
                out, err = await process.communicate(stdin)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        if process.returncode == 255:
            raise ConnectError(f"{self.name}: {err.decode(errors='replace').strip()}")
        return Completed((command,), Exit(process.returncode, started, time.time()), out, err)

    async def open(self, command: str, *, forward_x11: bool = False) -> Stream:
        self.commands += 1
        process = await asyncio.create_subprocess_exec(
            *self._argv(command), stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL, limit=1 << 20
        )
        stream = OpenStream(process, self.name)
        self.streams.append(stream)
        return stream

    async def connected(self) -> int:
        return 1

    async def lost(self) -> None:
        raise AssertionError("not asked here")

    async def close(self) -> None:
        for stream in self.streams:
            await stream.close()


class OpenStream:
    def __init__(self, process: Process, name: str) -> None:
        self.process = process
        self._name = name

    async def lines(self) -> AsyncIterator[bytes]:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            yield line.removesuffix(b"\n")

    def last_words(self) -> bytes:
        return b""

    async def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(data)
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ConnectError(f"{self._name}: {error}") from error

    def cut(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def close(self) -> Exit | None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(2):
                await self.process.wait()
        except TimeoutError:
            self.cut()
            await self.process.wait()
        return None


def transport(lab: Lab, name: str) -> tuple[OpenSsh, Transport]:
    """Return a transport as itself, and as what sessions take."""
    made = OpenSsh(lab, name)
    return made, cast(Transport, made)
