"""The client's side of the agent's protocol over a transport: connections are lost and made anew, requests are carried out once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from typing import Any

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.agent_client import Message
from nepi.hosts.remote.transport import Stream, Transport

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
GIVE_UP_S = 300.0
"""How long a lost connection may stay away before the resources behind it fail."""
HURRY_S = 10.0
"""The same, when everything there is being given back."""


class AgentGoneError(ConnectError):
    """The machine itself has said that the agent is not there any more."""


class RemoteConnection:
    """What `AgentConnection` is on this machine.

    Args:
        transport: the way to the machine.
        command: a line of shell that bridges its input and output to the agent (`agent/proxy.py`).
        boot_id: of the machine when the agent was started.
        on_event: is told events.
        give_up_s: see `GIVE_UP_S`.

    Attributes:
        lost: done, with the reason, once there is no agent any more, or no way to it.
        on_back: called when the connection was lost and is there again: events may have been missed.
        connections: how often it was made.
        is_gone: the machine has said that there is no agent any more.
        unreachable: there was no way to the machine in the end: nobody knows whether the agent is there.
    """

    def __init__(
        self,
        transport: Transport,
        command: str,
        boot_id: str,
        on_event: Callable[[Message], None],
        *,
        give_up_s: float = GIVE_UP_S,
    ) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.on_back: Callable[[], None] = lambda: None
        self.connections = 0
        self._transport = transport
        self._command = command
        self._boot_id = boot_id
        self._on_event = on_event
        self._give_up_s = give_up_s
        self._token = secrets.token_hex(8)
        self._last_id = 0
        self._pending: dict[int, tuple[Message, asyncio.Future[Message]]] = {}
        self._unsent: list[Message] = []
        self._something = asyncio.Event()
        self._stream: Stream | None = None
        self._reason = ""
        self._hurry: asyncio.TimerHandle | None = None
        self._is_here = False
        self.is_gone = False
        self.unreachable = False
        self._away_since = asyncio.get_running_loop().time()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    def request(self, op: str, **fields: Any) -> asyncio.Future[Message]:
        """Send a request; the future gets what the agent answers, over this connection or a later one.

        Raises (through the future):
            ResourceError: the agent refused.
            ConnectError: the agent is gone, or cannot be reached any more.
        """
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        if self.lost.done():
            future.set_exception(self._error(self.lost.result()))
            return future
        self._last_id += 1
        message = {"id": self._last_id, "op": op, **fields}
        self._pending[self._last_id] = (message, future)
        self._unsent.append(message)
        self._something.set()
        return future

    @property
    def last_id(self) -> int:
        """The id of the request that was sent last: how many there were."""
        return self._last_id

    def on_event(self, take: Callable[[Message], None]) -> None:
        """Hand events to `take` from now on."""
        self._on_event = take

    def hurry(self) -> None:
        """Everything there is being given back: do not wait long for a connection that is away."""
        if self._hurry is None:
            self._hurry = asyncio.get_running_loop().call_later(HURRY_S, self._give_up_if_away)

    def _give_up_if_away(self) -> None:
        self._give_up_s = HURRY_S  # also if it goes later
        if not self._is_here and not self.lost.done():
            self.unreachable = True
            self._give_up()

    def _give_up(self) -> None:
        if not self.lost.done():
            self._end(f"it could not be reached for {self._give_up_s:g} s ({self._reason or 'the connection was lost'})")

    def close(self, reason: str = "closed") -> None:
        """End the connection; what is pending fails."""
        self._end(reason)
        self._keeper.cancel()
        if self._hurry is not None:
            self._hurry.cancel()

    async def closed(self) -> None:
        """Wait until nothing of it is left."""
        await asyncio.wait({self._keeper})

    # The connection that there is at present.

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_S
        try:
            while not self.lost.done():
                before = self.connections
                try:
                    await self._talk()
                except ConnectError as error:
                    self._reason = str(error)
                now = asyncio.get_running_loop().time()
                if self.connections > before:
                    pause, self._away_since = FIRST_PAUSE_S, now
                elif now - self._away_since > self._give_up_s:
                    self._give_up()
                if not self.lost.done():
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE_S)
        except Exception as error:  # whatever it is, nobody may wait for ever
            self._end(f"{type(error).__name__}: {error}")
            raise

    async def _talk(self) -> None:
        """Talk over one connection until it ends."""
        stream = await self._transport.open(self._command)
        sender: asyncio.Task[None] | None = None
        parts: list[bytes] = []
        try:
            async for line in stream.lines():
                kind, rest = line[:1], line[1:]
                if kind == b"=":
                    self._take(json.loads(b"".join((*parts, rest))))
                    parts.clear()
                elif kind == b"+":
                    parts.append(rest)
                elif rest.startswith(b"gone"):
                    self.is_gone = True
                    self._end(self._why_gone(rest[5:].decode()))
                elif rest == b"here":
                    sender = asyncio.get_running_loop().create_task(self._send(stream))
        finally:
            self._is_here = False
            if sender is not None:
                sender.cancel()
                await asyncio.wait({sender})
            with contextlib.suppress(ConnectError):
                await stream.close()

    def _why_gone(self, boot_id: str) -> str:
        if boot_id != self._boot_id:
            return f"{self._transport.name} was rebooted"
        return "it has ended"

    async def _send(self, stream: Stream) -> None:
        """Say who we are, send again what was not answered, then what comes."""
        self._unsent = [message for message, _ in self._pending.values()]
        self.connections += 1
        self._is_here = True
        if self.connections > 1:
            asyncio.get_running_loop().call_soon(self.on_back)
        with contextlib.suppress(ConnectError):  # then the reading ends, too
            await stream.write(_line({"id": 0, "op": "resume", "token": self._token}))
            while True:
                unsent, self._unsent = self._unsent, []
                below = min(self._pending, default=self._last_id + 1)
                if unsent:
                    await stream.write(b"".join(_line({**message, "below": below}) for message in unsent))
                if not self._unsent:
                    self._something.clear()
                    await self._something.wait()

    # What comes.

    def _take(self, message: Message) -> None:
        if "event" in message:
            self._on_event(message)
            return
        _, future = self._pending.pop(message["id"], (None, None))
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(ResourceError(f"the namespace agent refused: {message['error']['message']}", backend="netns"))
        else:
            future.set_result(message["ok"])

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        pending, self._pending = self._pending, {}
        for _, future in pending.values():
            if not future.done():
                future.set_exception(self._error(reason))

    def _error(self, reason: str) -> ConnectError:
        return ConnectError(f"the namespace agent on {self._transport.name} is gone: {reason}", backend="netns")


def _line(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
