"""A connection to one host that is kept: made when it is needed, made anew after a loss, shared by all that use the host.

somebody asks ─▶ connecting ──▶ live ──▶ lost ─▶ (nothing, until somebody asks again)
                   ▲   │ dropped, or not back yet: pause, again
                   └───┘ refused for good, or nobody waits any longer: an error
"""

from __future__ import annotations

import asyncio
import random
from typing import Final, Protocol

import asyncssh

from nepi.errors import ConnectError
from nepi.hosts.remote.ssh_connect import Attempt, find_route, unreadable
from nepi.hosts.remote.ssh_errors import Failure, Hope, where
from nepi.hosts.remote.ssh_live import Live
from nepi.hosts.remote.ssh_options import SshOptions

__all__ = ["Links", "SshLink"]

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


class Links(Protocol):
    """All connections of a run."""

    def link(self, options: SshOptions) -> SshLink:
        """Return the connection to a host; `release` must follow."""

    async def release(self, link: SshLink) -> None:
        """Say that one user of a connection needs it no more."""

    def gate(self, machine: tuple[object, ...], width: int) -> asyncio.Semaphore:
        """Return what lets so many handshakes with a machine be made at once."""


class SshLink:
    """The connection to one host.

    Args:
        options: the host.
        links: all connections of the run, for the hosts on the way.

    Attributes:
        number: how often there has been a connection.
        users: how many need it; the last one that releases it closes it.
        live: the connection, while there is one.
    """

    def __init__(self, options: SshOptions, links: Links) -> None:
        self.options = options
        self.number = 0
        self.users = 0
        self.live: Live | None = None
        self._links = links
        self._via: SshLink | None = None
        self._connecting: asyncio.Task[Live] | None = None
        self._tasks: set[asyncio.Task[Live]] = set()
        self._waiters = 0
        self._limit = options.max_channels
        self._attempt: Attempt | None = None
        self._current: Attempt | None = None
        self._trouble = "other connections to it are being made first"
        self._who = where(options)
        self._closed = False

    async def ready(self) -> Live:
        """Return the connection; make it when there is none.

        Raises:
            ConnectError: there is none within the connect deadline, or it is refused for good.
        """
        if self._closed:
            raise self._closed_error()
        if self.live is not None:
            return self.live
        task = self._connecting or self._begin()
        self._waiters += 1
        try:
            async with asyncio.timeout(self.options.connect_deadline_s):
                return await asyncio.shield(task)
        except TimeoutError:
            raise ConnectError(self.too_late()) from None
        except asyncio.CancelledError:
            if task.cancelled() and not asyncio.current_task().cancelling():  # type: ignore[union-attr]  # there is one
                raise self._closed_error() from None
            raise
        finally:
            self._waiters -= 1
            if not self._waiters and not task.done():
                task.cancel()
                self._connecting = None

    def too_late(self) -> str:
        """Say what is missing, when there is no connection within the deadline."""
        if self._via is not None and self._via.live is None:
            return self._via.too_late()
        missing = self._attempt.stage if self._attempt is not None else self._trouble
        return f"{self._who} could not be connected to within {self.options.connect_deadline_s:g} s: {missing}"

    async def close(self) -> None:
        """End the connection and what is being done to have one."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self.live is not None:
            live, self.live = self.live, None
            await live.close()
        if self._via is not None:
            via, self._via = self._via, None
            await self._links.release(via)

    def _begin(self) -> asyncio.Task[Live]:
        task = self._connecting = asyncio.get_running_loop().create_task(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return task

    def _end(self, task: asyncio.Task[Live]) -> None:
        self._tasks.discard(task)
        if self._connecting is task:
            self._connecting = None
        if not task.cancelled():
            task.exception()  # those who still wait have it, too

    async def _connect(self) -> Live:
        pause_s = FIRST_PAUSE_S
        while True:
            outcome = await self._try()
            if isinstance(outcome, Live):
                return outcome
            self._trouble = outcome.text
            if outcome.hope is Hope.NONE or (outcome.hope is Hope.WHEN_BACK and self.number == 0):
                raise ConnectError(outcome.text)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _try(self) -> Live | Failure:
        try:
            route = await find_route(self.options)
            attempt = Attempt(route, self._lost)
        except (OSError, ValueError, asyncssh.Error) as error:
            return unreadable(self.options, error)
        self._who = route.who
        via = await self._through(route.before())
        async with self._links.gate(route.machine, self.options.max_handshakes):
            self._attempt = attempt
            try:
                connection = await attempt.connect(via)
            finally:
                self._attempt = None
        if isinstance(connection, Failure):
            return connection
        if attempt.ended:
            return Failure(f"{self._who} ended the connection as soon as it was made", Hope.SOON)
        self.number += 1
        self._current = attempt
        self.live = Live(self._who, connection, self.number, self._limit)
        return self.live

    async def _through(self, options: SshOptions | None) -> asyncssh.SSHClientConnection | None:
        """Return the connection to the host before this one."""
        if self._via is not None and self._via.options != options:
            via, self._via = self._via, None
            await self._links.release(via)
        if options is None:
            return None
        if self._via is None:
            self._via = self._links.link(options)
        return (await self._via.ready()).connection

    def _lost(self, attempt: Attempt) -> None:
        if self.live is not None and attempt is self._current:
            live, self.live = self.live, None
            self._limit = live.channels.limit
            self._trouble = f"{self._who}: the connection was lost"
            live.lose()

    def _closed_error(self) -> ConnectError:
        return ConnectError(f"{self._who}: the connection has been closed by this experiment")
