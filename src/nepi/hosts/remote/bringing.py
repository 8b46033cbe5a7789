"""Brings outputs of commands here: small ones of many commands in one round trip, large ones as files, checked at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final
from weakref import WeakValueDictionary

from nepi.errors import ResourceError, TraceError
from nepi.hosts.batching import Batcher
from nepi.hosts.remote.asking import ask
from nepi.hosts.remote.mirror import Mirror
from nepi.hosts.remote.quoting import call, script
from nepi.hosts.remote.transport import Transport

INLINE_BYTES: Final = 128 << 10
BLOCK_BYTES: Final = 4 << 20
OUTPUTS_AT_ONCE: Final = 128
DEADLINE_S: Final = 120.0
TRIES: Final = 2


class Bringer:
    """Brings outputs of one host."""

    def __init__(self, transport: Transport, control: PurePosixPath) -> None:
        self._transport = transport
        self._control = control
        # Two at once: what ends while they are under way is asked for together.
        self._asked: Batcher[Mirror, int | None] = Batcher(self._look, size=OUTPUTS_AT_ONCE, in_flight=2)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def bring(self, mirrors: Sequence[Mirror]) -> None:
        """Bring here what the outputs have by now.

        Raises:
            ConnectError: the connection was lost; asked again, it goes on where it was.
            TraceError: it cannot be written here, or what is here is not what is there.
        """
        results = await asyncio.gather(*(self._bring(mirror) for mirror in mirrors), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _bring(self, mirror: Mirror) -> None:
        lock = self._locks.setdefault(id(mirror), asyncio.Lock())  # lives as long as somebody has it or waits for it
        async with lock:  # two at once would write the same twice
            size = await self._asked.add(mirror)
            if size is not None and size > mirror.size:
                await self._bring_large(mirror, size)

    async def _look(self, mirrors: list[Mirror]) -> list[int | None | Exception]:
        """Ask for sizes, and for what is new if that is little."""
        offsets = [mirror.size for mirror in mirrors]
        words = [word for mirror, offset in zip(mirrors, offsets, strict=True) for word in (str(mirror.remote), str(offset))]
        text = script(self._control, [call("nepi_outputs", INLINE_BYTES, *words)])
        done = await ask(self._transport, text, deadline_s=DEADLINE_S)
        results: list[int | None | Exception] = []
        rest = memoryview(done.stdout)
        for mirror, offset in zip(mirrors, offsets, strict=True):
            end = bytes(rest[:64]).find(b"\n")
            try:
                size, length = bytes(rest[:end]).split()
                data, rest = bytes(rest[end + 1 : end + 1 + int(length)]), rest[end + 1 + int(length) :]
                # Who asked may have been cancelled, and another one may have brought some of it meanwhile.
                if data[mirror.size - offset :] and mirror.size >= offset:
                    mirror.append(data[mirror.size - offset :])
                results.append(None if size == b"gone" else int(size))
            except ValueError:
                words_there = done.stderr.decode(errors="replace").strip() or "the answer is not whole"
                results.append(ResourceError(f"outputs of {self._transport.name} cannot be brought: {words_there}", backend="linux"))
            except TraceError as error:
                results.append(error)
        return results

    async def _bring_large(self, mirror: Mirror, size: int) -> None:
        for _ in range(TRIES):
            while mirror.size < size:
                data = await self._transport.files.read(mirror.remote, mirror.size, min(BLOCK_BYTES, size - mirror.size))
                if not data:
                    break
                await asyncio.to_thread(mirror.append, data)
            if await self._is_whole(mirror):
                return
            mirror.restart()
        raise TraceError(f"{mirror.remote} of {self._transport.name} does not arrive as it is there: its SHA-256 differs")

    async def _is_whole(self, mirror: Mirror) -> bool:
        size = mirror.size
        ours = await asyncio.to_thread(mirror.digest)
        text = script(self._control, [call("nepi_digest", str(mirror.remote), str(size))])
        done = await ask(self._transport, text, deadline_s=DEADLINE_S)
        return done.stdout.split()[:1] == [ours.encode()]
