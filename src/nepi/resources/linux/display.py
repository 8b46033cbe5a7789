"""This machine's display, as commands on a host reach it over the run's connection while some of them want it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.port import Process

if TYPE_CHECKING:
    from nepi.hosts.remote.transport import Stream, Transport

ANSWER_DEADLINE_S: Final = 30.0
_ASK: Final = 'printf "%s\\n" "$DISPLAY" "${XAUTHORITY:-$HOME/.Xauthority}"; exec cat >/dev/null'
"""The SSH server has put its cookie into that file, with xauth; root finds it only when told so."""


class Display:
    """One stream with X11 forwarding to a host, from the first command that wants it to the last one.

    When the connection is lost, those who draw are on their own, as with `ssh -X`; the next one to ask gets another display.

    Args:
        transport: the way to the host.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._changing = asyncio.Lock()
        self._users = 0
        self._stream: Stream | None = None
        self._listening: asyncio.Task[None] | None = None
        self._variables: dict[str, str] = {}
        self._waiting: set[asyncio.Task[None]] = set()

    async def use(self) -> dict[str, str]:
        """Return the variables by which a command finds the display; `leave` or `leave_with` must follow.

        Raises:
            ConnectError: the host cannot be reached, or does not forward X11.
            ResourceError: there is no display here, or the host has not said which one it is there.
        """
        async with self._changing:
            if self._listening is None or self._listening.done():
                await self._end()
                await self._begin()
            self._users += 1
            return dict(self._variables)

    async def leave(self) -> None:
        """Say that one command needs it no more."""
        async with self._changing:
            self._users -= 1
            if self._users <= 0:
                await self._end()

    def leave_with(self, process: Process) -> None:
        """Leave when a command has ended."""

        async def wait() -> None:
            await process.wait()
            await self.leave()

        task = asyncio.get_running_loop().create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """End it, whoever draws still."""
        waiting = list(self._waiting)
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)
        async with self._changing:
            self._users = 0
            await self._end()

    async def _begin(self) -> None:
        name = self._transport.name
        if not os.environ.get("DISPLAY"):
            raise ResourceError("forwardX11: this machine has no display that windows could appear on (DISPLAY is not set)")
        try:
            self._stream = await self._transport.open(_ASK, forward_x11=True)
        except ConnectError as error:
            raise ConnectError(f"forwardX11: {error}; X11Forwarding must be yes in the sshd_config of {name}") from error
        lines = self._stream.lines()
        try:
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                display, file = [(await anext(lines, b"")).decode("utf-8", "surrogateescape") for _ in range(2)]
        except TimeoutError:
            display = file = ""
        if not display:
            await self._end()
            raise ResourceError(f"forwardX11: {name} gives commands no display; is xauth installed there, and X11Forwarding on?")
        self._variables = {"DISPLAY": display, "XAUTHORITY": file}
        self._listening = asyncio.get_running_loop().create_task(_until_the_end(lines))

    async def _end(self) -> None:
        listening, self._listening = self._listening, None
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()
        if listening is not None:
            listening.cancel()
            await asyncio.wait({listening})


async def _until_the_end(lines: AsyncIterator[bytes]) -> None:
    async for _ in lines:
        pass
