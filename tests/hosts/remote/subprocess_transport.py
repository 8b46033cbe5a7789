# ruff: noqa: ASYNC230, ASYNC240 - files of this machine
"""This machine as a host whose connection can be cut, whose shell can be another one, and whose files can say something else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.hosts.remote.transport import FileFacts, Files
from nepi.model.commands import Completed, Exit


class LocalFiles:
    async def facts(self, path: PurePosixPath) -> FileFacts | None:
        try:
            status = Path(path).stat()
        except FileNotFoundError:
            return None
        return FileFacts(status.st_size, status.st_mode & 0o7777, status.st_mtime, Path(path).is_dir())

    async def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        try:
            with Path(path).open("rb") as file:
                file.seek(offset)
                return file.read(-1 if size is None else size)
        except OSError as error:
            raise ResourceError(f"here: {path}: {error.strerror}") from error

    async def write(self, path: PurePosixPath, data: bytes, *, mode: int = 0o644) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)
        Path(path).chmod(mode)

    async def put(self, source: Path, path: PurePosixPath, *, mode: int | None = None) -> bool:
        await self.write(path, source.read_bytes(), mode=mode or 0o644)
        return True

    async def get(self, path: PurePosixPath, target: Path, *, resume: bool = True) -> int:
        data = await self.read(path)
        target.write_bytes(data)
        return len(data)

    async def list(self, path: PurePosixPath) -> Sequence[str]:
        return sorted(os.listdir(path))  # noqa: PTH208

    async def remove(self, path: PurePosixPath) -> None:
        shutil.rmtree(path)


class LocalStream:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.is_cut = False

    async def lines(self) -> AsyncIterator[bytes]:
        assert self.process.stdout is not None
        while raw := await self.process.stdout.readline():
            if self.is_cut:
                return
            yield raw.removesuffix(b"\n")

    async def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        if self.is_cut or self.process.stdin.is_closing():
            raise ConnectError("here: the connection is lost")
        self.process.stdin.write(data)
        with contextlib.suppress(ConnectionError):
            await self.process.stdin.drain()

    def last_words(self) -> bytes:
        return b""

    def cut(self) -> None:
        """As a lost connection ends it: its standard input ends, and nobody reads what it says."""
        self.is_cut = True
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.feed_eof()

    async def close(self) -> Exit | None:
        self.cut()
        await self.process.wait()
        return None


class SubprocessTransport:
    """See above.

    Attributes:
        scripts: what was executed.
        swallow_next_answer: the connection counts as lost when the next answer is there.
        cut_off_next_outputs: half of the next outputs arrive, and nobody knows how the command that sent them has ended.
        replaced: texts that are replaced by others in all that is executed.
    """

    def __init__(self, *, shell: str = "/bin/sh", env: Mapping[str, str] | None = None, replaced: Mapping[str, str] | None = None) -> None:
        self.name = "here"
        self.files: Files = LocalFiles()
        self.scripts: list[bytes] = []
        self.replaced = {"/bin/sh": shell, **(replaced or {})}
        self._env = {**os.environ, **(env or {})}
        self._streams: list[LocalStream] = []
        self._up = asyncio.Event()
        self._up.set()
        self._down = asyncio.Event()
        self._number = 1
        self.swallow_next_answer = False
        self.cut_off_next_outputs = False

    def _changed(self, text: str) -> str:
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        return text

    async def _started(self, command: str) -> asyncio.subprocess.Process:
        if not self._up.is_set():
            raise ConnectError(f"{self.name} cannot be reached")
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", self._changed(command), stdin=pipe, stdout=pipe, stderr=pipe, env=self._env, start_new_session=True
        )

    async def run(self, command: str, *, stdin: bytes = b"", deadline_s: float | None = None, once: bool = True) -> Completed:
        while True:
            started_at = time.time()
            process = await self._started(command)
            text = self._changed(stdin.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
            self.scripts.append(text or command.encode())
            talking = asyncio.create_task(process.communicate(text))
            cut = asyncio.create_task(self._down.wait())
            done, _ = await asyncio.wait({talking, cut}, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
            cut.cancel()
            swallowed, self.swallow_next_answer = self.swallow_next_answer and talking in done, False
            if talking in done and not swallowed:
                out, err = talking.result()
                assert process.returncode is not None
                if self.cut_off_next_outputs and b"\nnepi_outputs " in text:
                    self.cut_off_next_outputs = False
                    return Completed((command,), Exit(None, started_at, time.time()), out[: len(out) // 2], err)
                return Completed((command,), Exit(process.returncode, started_at, time.time()), out, err)
            if talking not in done:
                process.kill()
                await talking
            if not done:
                raise DeadlineError(f"{self.name}: {deadline_s} s")
            if once:
                raise ConnectError(f"{self.name}: the connection was lost")
            await self._up.wait()

    async def open(self, command: str, *, forward_x11: bool = False) -> LocalStream:
        stream = LocalStream(await self._started(command))
        self._streams.append(stream)
        return stream

    async def connected(self) -> int:
        await self._up.wait()
        return self._number

    async def lost(self) -> None:
        await self._down.wait()

    def cut(self) -> None:
        """Lose the connection."""
        self._up.clear()
        self._down.set()
        for stream in self._streams:
            stream.cut()
        self._streams.clear()

    def heal(self) -> None:
        """Let there be a connection again."""
        self._number += 1
        self._down.clear()
        self._up.set()

    async def close(self) -> None:
        for stream in self._streams:
            await stream.close()
