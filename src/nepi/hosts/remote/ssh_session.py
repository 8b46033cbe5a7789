"""One command on a channel of its own: what it reads and writes, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any, Final

import asyncssh

from nepi.hosts.remote.ssh_channels import Place

__all__ = ["CollectingSession", "CommandSession", "LineSession", "status_of"]

PIECE: Final = 128 * 1024
"""Bytes of input that are handed over at once."""

LAST_WORDS: Final = 4096
"""Bytes of a stream's standard error that are kept."""

LINES_AHEAD: Final = 1024 * 1024
"""Bytes that a stream may have sent and nobody has read before the host is asked to wait."""


def status_of(name: str) -> int | None:
    """Return minus the number of the signal that SSH calls `name` (RFC 4254 section 6.10), or None if there is no such signal here."""
    number = getattr(signal, f"SIG{name.partition('@')[0]}", None)
    return -int(number) if isinstance(number, signal.Signals) else None


class CommandSession(asyncssh.SSHClientSession[bytes]):
    """What asyncssh tells of a channel.

    Args:
        place: the channel's. When it is open the command may be executed.

    Attributes:
        ended: the channel is closed.
        status: as in `Exit`; None while it is not known.
        complete: all that it wrote has come.
    """

    def __init__(self, place: Place) -> None:
        self.ended = asyncio.Event()
        self.status: int | None = None
        self.complete = False
        self.chan: asyncssh.SSHClientChannel[bytes] | None = None
        self._place = place
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The channel is open; the command goes out in the same turn of the loop."""
        self.chan = chan
        self._place.opened()

    def eof_received(self) -> bool:
        """It writes nothing any more; it may still read."""
        self.complete = True
        return True

    def exit_status_received(self, status: int) -> None:
        """It has ended."""
        self.status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """A signal has ended it."""
        self.status = status_of(signal)

    def pause_writing(self) -> None:
        """It does not keep up with reading."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed."""
        self.ended.set()
        self._may_write.set()
        self._place.leave()

    async def write(self, data: bytes, *, eof: bool = False) -> bool:
        """Hand over what it is to read, as fast as it reads; return False if it ended before."""
        assert self.chan is not None
        for start in range(0, len(data), PIECE):
            if not await self._may_go_on():
                return False
            self.chan.write(data[start : start + PIECE])
        if not await self._may_go_on():
            return False
        if eof:
            self.chan.write_eof()
        return True

    def close(self) -> None:
        """Close the channel, whatever the command does; the end is told as usual."""
        if self.chan is not None and not self.ended.is_set():
            self.chan.close()

    async def _may_go_on(self) -> bool:
        """Wait until it keeps up with reading; return False when it has ended."""
        await self._may_write.wait()
        return self.chan is not None and not self.ended.is_set() and not self.chan.is_closing()

    def kill(self) -> None:
        """Have the server end the command. One that serves root does not; then it goes on unseen until it writes."""
        if self.chan is not None and not self.ended.is_set():
            with contextlib.suppress(OSError):
                self.chan.send_signal("KILL")
            self.chan.close()


class CollectingSession(CommandSession):
    """Gives a command what it reads, and keeps all that it writes.

    Args:
        place: the channel's.
        stdin: what it reads, sent behind the command without waiting for the server's word on that: one round trip less.
    """

    def __init__(self, place: Place, stdin: bytes) -> None:
        super().__init__(place)
        self._stdin = stdin
        self._feeding: asyncio.Task[bool] | None = None
        self._out: list[bytes] = []
        self._err: list[bytes] = []

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The command goes out in this turn of the loop, its input from the next one on."""
        super().connection_made(chan)
        self._feeding = asyncio.get_running_loop().create_task(self.write(self._stdin, eof=True))

    async def over(self) -> None:
        """Wait until the channel is closed and nothing of this is left."""
        await self.ended.wait()
        if self._feeding is not None:
            await self._feeding

    def data_received(self, data: bytes, datatype: Any) -> None:
        """It has written."""
        (self._out if datatype is None else self._err).append(data)

    @property
    def stdout(self) -> bytes:
        """What it wrote to standard output."""
        return b"".join(self._out)

    @property
    def stderr(self) -> bytes:
        """What it wrote to standard error."""
        return b"".join(self._err)


class LineSession(CommandSession):
    """Keeps what a command writes until somebody reads it, and the last words of its standard error."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.last_words = b""
        self.came = asyncio.Event()
        self._pieces: list[bytes] = []
        self._ahead = 0

    def data_received(self, data: bytes, datatype: Any) -> None:
        """It has written."""
        if datatype is not None:
            self.last_words = (self.last_words + data)[-LAST_WORDS:]
            return
        self._pieces.append(data)
        self._ahead += len(data)
        if self._ahead > LINES_AHEAD and self.chan is not None:
            self.chan.pause_reading()
        self.came.set()

    def eof_received(self) -> bool:
        """Nothing more comes."""
        self.came.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nor after this."""
        self.came.set()
        super().connection_lost(exc)

    def taken(self) -> bytes:
        """Return what has come since the last time."""
        data = b"".join(self._pieces)
        paused = self._ahead > LINES_AHEAD
        self._pieces.clear()
        self._ahead = 0
        self.came.clear()
        if paused and self.chan is not None and not self.ended.is_set():
            self.chan.resume_reading()  # last: what has been held back comes before it returns
        return data

    @property
    def over(self) -> bool:
        """Whether nothing more will come than what `taken` returns now."""
        return self.complete or self.ended.is_set()
