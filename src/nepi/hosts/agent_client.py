"""The client's side of the agent's protocol: requests, replies, events. What they mean is in `namespace.py`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from nepi.errors import ConnectError, ResourceError

Message = dict[str, Any]
SOCKET_NAME = "agent.sock"


class Requests(Protocol):
    """A way to ask an agent, on this machine or another one.

    Attributes:
        lost: done, with the reason, once nothing can be asked any more.
    """

    lost: asyncio.Future[str]

    def request(self, op: str, **fields: Any) -> asyncio.Future[Message]:
        """Send a request; the future gets what the agent answers."""

    @property
    def last_id(self) -> int:
        """The id of the request that was sent last."""

    def on_event(self, take: Callable[[Message], None]) -> None:
        """Hand events to `take` from now on."""

    def close(self, reason: str = "closed") -> None:
        """End it; what is pending fails."""


def open_socket(run_dir: Path) -> socket.socket:
    """Return a socket connected to the agent of a run.

    The path of a UNIX socket must be shorter than 108 bytes, a run's folder need not: it is reached through a descriptor.

    Raises:
        ConnectError: nobody listens there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        folder = os.open(run_dir, os.O_PATH | os.O_DIRECTORY)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{SOCKET_NAME}")
        finally:
            os.close(folder)
    except OSError as error:
        connection.close()
        raise ConnectError(
            f"cannot reach the namespace agent of {run_dir}: {error.strerror or error}; the run has ended or belongs to another user",
            backend="netns",
        ) from error
    return connection


class AgentConnection(asyncio.Protocol):
    """One connection to an agent, on the running loop.

    Attributes:
        lost: done, with the reason, once the connection has ended.
    """

    def __init__(self, on_event: Callable[[Message], None]) -> None:
        self._on_event = on_event
        self._transport: asyncio.Transport | None = None
        self._incoming: list[bytes] = []
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._last_id = 0
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, run_dir: Path, on_event: Callable[[Message], None]) -> AgentConnection:
        """Connect.

        Raises:
            ConnectError: nobody listens there.
        """
        connection = open_socket(run_dir)
        connection.setblocking(False)
        _, protocol = await asyncio.get_running_loop().create_connection(lambda: cls(on_event), sock=connection)
        return protocol

    def request(self, op: str, **fields: Any) -> asyncio.Future[Message]:
        """Send a request; the future gets what the agent answers.

        Raises (through the future):
            ResourceError: the agent refused.
            ConnectError: the connection ended first.
        """
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        if self._transport is None or self.lost.done():
            future.set_exception(_lost(self.lost.result() if self.lost.done() else "not connected"))
            return future
        self._last_id += 1
        self._pending[self._last_id] = future
        self._transport.write(json.dumps({"id": self._last_id, "op": op, **fields}, separators=(",", ":")).encode() + b"\n")
        return future

    @property
    def last_id(self) -> int:
        """The id of the request that was sent last."""
        return self._last_id

    def on_event(self, take: Callable[[Message], None]) -> None:
        """Hand events to `take` from now on."""
        self._on_event = take

    def close(self, reason: str = "closed") -> None:
        """End the connection; what is pending fails."""
        if self._transport is not None:
            self._transport.abort()
        self._end(reason)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio calls this)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came: whole lines are messages (asyncio calls this)."""
        self._incoming.append(data)
        if b"\n" not in data:
            return
        *lines, rest = b"".join(self._incoming).split(b"\n")
        self._incoming = [rest] if rest else []
        for line in lines:
            self._take(json.loads(line))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is pending (asyncio calls this)."""
        self._end(str(exc) if exc else "it closed the connection")

    def _take(self, message: Message) -> None:
        if "event" in message:
            self._on_event(message)
            return
        future = self._pending.pop(message["id"], None)
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
        for future in pending.values():
            if not future.done():
                future.set_exception(_lost(reason))


def _lost(reason: str) -> ConnectError:
    return ConnectError(f"the namespace agent of the run is gone: {reason}; see agent.log in the run's folder", backend="netns")
