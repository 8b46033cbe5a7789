"""The way to a host over SSH, and all such ways of a run: who shares a connection, whose turn it is."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.hosts.remote.ssh_channels import ConnectionGoneError
from nepi.hosts.remote.ssh_files import SshFiles
from nepi.hosts.remote.ssh_link import SshLink
from nepi.hosts.remote.ssh_live import Live, LostMeanwhileError
from nepi.hosts.remote.ssh_options import SshOptions
from nepi.hosts.remote.ssh_session import CollectingSession, LineSession
from nepi.hosts.remote.transport import Files
from nepi.model.commands import Completed, Exit

__all__ = ["SshPool", "SshStream", "SshTransport"]

LONGEST_COMMAND: Final = 120_000
"""Bytes. The kernel takes 131,071 in one argument of a program (MAX_ARG_STRLEN), and the quoting needs some of them."""

LAST_MOMENTS_S: Final = 0.5
"""How long a stream's command may take to end after its standard input has ended, before its channel is closed."""


def as_sent(name: str, command: str) -> str:
    """Return what is sent so that sh(1) executes `command`, whatever the user's login shell is.

    Raises:
        ResourceError: it is too long, or has a character that no command can have.
    """
    if "\0" in command:
        raise ResourceError(f"a command for {name} contains a NUL character, which no command line can have")
    if len(command.encode(errors="surrogateescape")) > LONGEST_COMMAND:
        raise ResourceError(f"a command for {name} is longer than {LONGEST_COMMAND:,} bytes; what is long must go by its standard input")
    return "exec sh -c " + shlex.quote(command)


class SshTransport:
    """`Transport` over SSH.

    Args:
        name: how the host is called in messages.
        link: the connection, which it may share with others.
        pool: where the connection belongs to.
    """

    def __init__(self, name: str, link: SshLink, pool: SshPool) -> None:
        self.name = name
        self.files: Files = SshFiles(self)
        self._link = link
        self._pool = pool
        self._streams: set[SshStream] = set()
        self._closed = False

    async def run(self, command: str, *, stdin: bytes = b"", deadline_s: float | None = None, once: bool = True) -> Completed:
        """As in `Transport`."""
        sent = as_sent(self.name, command)
        argv = ("sh", "-c", command)
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    live = await self.ready()
                    try:
                        return await self._executed(live, sent, argv, stdin)
                    except ConnectionGoneError:
                        continue
                    except LostMeanwhileError:
                        if once:
                            raise ConnectError(f"{self.name}: the connection was lost while a command ran: {brief(command)}") from None
        except TimeoutError:
            raise DeadlineError(f"{self.name}: a command took longer than {deadline_s:g} s: {brief(command)}") from None

    async def open(self, command: str, *, forward_x11: bool = False) -> SshStream:
        """As in `Transport`."""
        sent = as_sent(self.name, command)
        while True:
            live = await self.ready()
            started_at = time.time()
            try:
                session = await live.begin(LineSession, sent, stream=True, forward_x11=forward_x11)
            except (ConnectionGoneError, LostMeanwhileError):  # it ends with the connection, so it may be started again
                continue
            stream = SshStream(self.name, session, live, started_at, self._streams.discard)
            self._streams.add(stream)
            return stream

    async def connected(self) -> int:
        """As in `Transport`."""
        return (await self.ready()).number

    async def lost(self) -> None:
        """As in `Transport`."""
        live = self._link.live
        if live is not None:
            await live.gone.wait()

    async def close(self) -> None:
        """As in `Transport`; a connection that is shared is closed with the last one."""
        if self._closed:
            return
        self._closed = True
        for stream in list(self._streams):
            stream.cut()
        await self._pool.release(self._link)

    async def ready(self) -> Live:
        """Return the connection; for `SshFiles`.

        Raises:
            ConnectError: there is none within the connect deadline, or it has been closed.
        """
        if self._closed:
            raise ConnectError(f"{self.name}: the connection has been closed by this experiment")
        return await self._link.ready()

    async def _executed(self, live: Live, sent: str, argv: tuple[str, ...], stdin: bytes) -> Completed:
        started_at = time.time()
        session = await live.begin(lambda place: CollectingSession(place, stdin), sent)
        try:
            await session.over()
        except asyncio.CancelledError:
            session.kill()
            raise
        if not (session.complete and session.status is not None) and (live.gone.is_set() or live.connection.is_closed()):
            raise LostMeanwhileError
        return Completed(argv, Exit(session.status, started_at, time.time()), session.stdout, session.stderr)


class SshStream:
    """`Stream` over SSH."""

    def __init__(self, name: str, session: LineSession, live: Live, started_at: float, on_closed: Callable[[SshStream], None]) -> None:
        self._name = name
        self._session = session
        self._live = live
        self._started_at = started_at
        self._on_closed = on_closed
        self._rest = b""

    async def lines(self) -> AsyncIterator[bytes]:
        """As in `Stream`. A line that the loss of the connection cut is not yielded."""
        session = self._session
        while True:
            await session.came.wait()
            over = session.over
            *lines, self._rest = (self._rest + session.taken()).split(b"\n")
            for line in lines:
                yield line
            if over:
                session.came.set()  # for whoever asks again
                if self._rest and session.complete:
                    rest, self._rest = self._rest, b""
                    yield rest
                return

    async def write(self, data: bytes) -> None:
        """As in `Stream`."""
        if not await self._session.write(data):
            raise ConnectError(f"{self._name}: what was to read has ended, or the connection is lost{self._why()}")

    def last_words(self) -> bytes:
        """As in `Stream`."""
        return self._session.last_words

    async def close(self) -> Exit | None:
        """As in `Stream`."""
        session = self._session
        await self._end_of_input()
        if not session.ended.is_set():
            try:
                async with asyncio.timeout(LAST_MOMENTS_S):
                    await session.ended.wait()
            except TimeoutError:
                self.cut()
        self._on_closed(self)
        return Exit(session.status, self._started_at, time.time()) if session.status is not None else None

    def cut(self) -> None:
        """Close the channel at once."""
        self._session.close()
        self._on_closed(self)

    async def _end_of_input(self) -> None:
        chan = self._session.chan
        if chan is not None and not self._session.ended.is_set() and not chan.is_closing():
            chan.write_eof()

    def _why(self) -> str:
        words = self._session.last_words.decode(errors="replace").strip()
        return f": {words[-200:]}" if words else ""


class SshPool:
    """All connections of a run: one for each host, as whom, and by which way; and how many are made at once."""

    def __init__(self) -> None:
        self._links: dict[SshOptions, SshLink] = {}
        self._gates: dict[tuple[object, ...], asyncio.Semaphore] = {}

    def transport(self, name: str, options: SshOptions) -> SshTransport:
        """Return the way to a host. Nothing is connected yet.

        Args:
            name: how it is called in messages.
            options: the host; where all is equal the connection is shared.
        """
        return SshTransport(name, self.link(options), self)

    def link(self, options: SshOptions) -> SshLink:
        """Return the connection to a host; `release` must follow."""
        link = self._links.get(options)
        if link is None:
            link = self._links[options] = SshLink(options, self)
        link.users += 1
        return link

    async def release(self, link: SshLink) -> None:
        """Say that one user of a connection needs it no more; the last one closes it."""
        link.users -= 1
        if link.users <= 0 and self._links.get(link.options) is link:
            del self._links[link.options]
            await link.close()

    def gate(self, machine: tuple[object, ...], width: int) -> asyncio.Semaphore:
        """Return what lets so many handshakes with a machine be made at once; the first to ask decides."""
        return self._gates.setdefault(machine, asyncio.Semaphore(width))

    async def close(self) -> None:
        """Close all connections."""
        links = list(self._links.values())
        self._links.clear()
        # Those that lead through others first: each of them closes what it came through.
        await asyncio.gather(*(link.close() for link in links))


def brief(command: str) -> str:
    """Return the beginning of a command, for messages."""
    first = command.strip().partition("\n")[0]
    return repr(first if len(first) <= 120 else first[:117] + "...")
