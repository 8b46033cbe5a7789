"""One connection that exists, or did: its channels, its client for files, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from typing import Any, Final, TypeVar

import asyncssh

from nepi.errors import ConnectError
from nepi.hosts.remote.ssh_channels import Channels, ConnectionGoneError, Place
from nepi.hosts.remote.ssh_session import CommandSession

__all__ = ["Live", "LostMeanwhileError"]

S = TypeVar("S", bound=CommandSession)
T = TypeVar("T")

CLOSE_S: Final = 2.0
"""How long the host may take to hear that the connection is closed, before it is closed without that."""

AT_ONCE: Final = 6
"""How often a channel that was refused is asked for again at once.

OpenSSH frees a session only after it has read all that has come, and a request that comes together with the end of another session is
refused. That costs a round trip, and is not what MaxSessions means.
"""

BELIEVED: Final = 9
"""How often in a row it must be refused until the limit is believed. The later ones wait a little longer each time."""

LATER_S: Final = 0.02

NEEDED_SESSIONS: Final = 2
"""One for files and one for commands."""


class LostMeanwhileError(Exception):
    """The connection was lost after a command had been sent: nobody knows whether it was executed."""


class PermitsFewerError(Exception):
    """The server permits fewer channels; the place has been given back."""


class Live:
    """A connection to a host.

    Args:
        who: the host, in messages.
        connection: asyncssh's.
        number: how often there has been one to this host.
        limit: channels at once.

    Attributes:
        channels: who may open one.
        gone: it is lost.
    """

    def __init__(self, who: str, connection: asyncssh.SSHClientConnection, number: int, limit: int) -> None:
        self.who = who
        self.connection = connection
        self.number = number
        self.channels = Channels(limit)
        self.gone = asyncio.Event()
        self._files: asyncio.Task[tuple[asyncssh.SFTPClient, Place]] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it is lost, even if asyncssh has not yet said so."""
        return self.gone.is_set() or self.connection.is_closed()

    def lose(self) -> None:
        """Say that it is lost."""
        self.gone.set()
        self.channels.gone()

    async def begin(self, make: Callable[[Place], S], command: str, *, stream: bool = False, forward_x11: bool = False) -> S:
        """Start a command on a channel of its own, when it is its turn.

        Args:
            make: makes the session that has the place.
            command: what the host executes.
            stream: it stays.
            forward_x11: as for `Transport.open`.

        Raises:
            ConnectionGoneError: the connection was lost before the command was sent.
            LostMeanwhileError: it was lost afterwards.
            ConnectError: the host refuses.
        """
        while True:
            place = await self.channels.take(stream=stream)
            session = make(place)
            task = asyncio.get_running_loop().create_task(self._open(place, self._session(session, command, forward_x11)))
            task.add_done_callback(_taken_note_of)
            try:
                # Cancelled in the middle, asyncssh would forget a channel that the server is about to open.
                await asyncio.shield(task)
            except PermitsFewerError:
                continue
            except ConnectError:
                session.close()  # it may be open for all that
                raise
            except asyncio.CancelledError:
                task.add_done_callback(lambda _, left=session: left.kill())  # type: ignore[misc]  # a default's type is not inferred
                raise
            return session

    async def files(self) -> asyncssh.SFTPClient:
        """Return the one client for files, which has a channel for itself.

        Raises:
            ConnectionGoneError: the connection is lost.
            ConnectError: the host has no SFTP.
        """
        task = self._files
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._files = asyncio.get_running_loop().create_task(self._start_files())
            task.add_done_callback(_taken_note_of)
        client, _ = await asyncio.shield(task)
        return client

    def forget_files(self, client: asyncssh.SFTPClient) -> None:
        """Say that the client for files does not work any more, although the connection does."""
        if self._files is not None and self._files.done() and self._files.result()[0] is client:
            _, place = self._files.result()
            self._files = None
            client.exit()
            place.leave()

    async def close(self) -> None:
        """End it, and wait until nothing of it is left."""
        self.lose()
        if self._files is not None and not self._files.done():
            self._files.cancel()
            await asyncio.wait([self._files])
        self.connection.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.connection.wait_closed()
        except TimeoutError:
            self.connection.abort()
            await self.connection.wait_closed()

    def _session(self, session: CommandSession, command: str, forward_x11: bool) -> Callable[[], Awaitable[object]]:
        # asyncssh takes bytes, too, and what came from a file's name need not be UTF-8.
        sent: Any = command.encode(errors="surrogateescape")
        return lambda: self.connection.create_session(lambda: session, sent, request_pty=False, x11_forwarding=forward_x11, encoding=None)

    async def _start_files(self) -> tuple[asyncssh.SFTPClient, Place]:
        while True:
            place = await self.channels.take()
            try:
                start = partial(self.connection.start_sftp_client, path_errors="surrogateescape")
                client = await self._open(place, start, "has no SFTP that works (Subsystem sftp in its sshd_config)")
            except PermitsFewerError:
                continue
            place.opened()
            return client, place

    async def _open(self, place: Place, start: Callable[[], Awaitable[T]], asked: str = "does not execute what it is asked to") -> T:
        """Open the channel of a place, which is left if that fails.

        Args:
            place: its place.
            start: asks for it.
            asked: what to say of the host when it does not do that.

        Raises:
            PermitsFewerError: there are too many places.
            ConnectionGoneError, LostMeanwhileError, ConnectError: as for `begin`.
        """
        try:
            for refusals in count(1):
                try:
                    return await start()
                except (asyncssh.Error, OSError) as error:
                    self._judge(error, place, refusals, asked)
                await asyncio.sleep(0 if refusals < AT_ONCE else LATER_S * 2 ** (refusals - AT_ONCE))
        except BaseException:
            if not place.is_open:
                place.leave()
            raise
        raise AssertionError("count() ends never")

    def _judge(self, error: Exception, place: Place, refusals: int, asked: str) -> None:
        """Raise what follows from a channel that was not to be had, or return if it may be had yet."""
        if self.is_over or isinstance(error, asyncssh.DisconnectError):
            raise (LostMeanwhileError if place.is_open else ConnectionGoneError) from error
        is_refusal = isinstance(error, asyncssh.ChannelOpenError) and error.code < asyncssh.OPEN_REQUEST_X11_FORWARDING_FAILED
        if place.is_open or not is_refusal:
            raise ConnectError(f"{self.who} {asked}: {error}") from error
        if refusals >= BELIEVED:
            if not self.channels.shrink() or self.channels.limit < NEEDED_SESSIONS:
                raise ConnectError(f"{self.who} permits too few sessions (MaxSessions in its sshd_config): {error}") from error
            raise PermitsFewerError from error


def _taken_note_of(task: asyncio.Task[Any]) -> None:
    """Keep asyncio from complaining of an error that nobody waits for."""
    if not task.cancelled():
        task.exception()
