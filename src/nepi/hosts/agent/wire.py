"""The agent's side of the user-space links: the namespace that has their far ends, and the conversation with the wire process.

A user-space link is two veth pairs: the near ends are what nodes and switches have, the far ends lie here, and the wire process
(`hosts/wire/`) moves frames from one far end to the other.
"""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Callable, Sequence
from typing import Any

from . import requests
from .netlink import NetlinkSocket

Message = dict[str, Any]

ANSWER_DEADLINE_S = 10.0


class WireLostError(OSError):
    """The wire process has ended or does not answer."""


class Wire:
    """One for a run; made with its namespace when the first user-space link is wanted.

    Attributes:
        fd, socket: of the namespace.
        far_ends: the interfaces whose frames the process moves.
        on_overload: told the far ends at which frames have arrived that were then late or missed.
    """

    def __init__(self, fd: int, netlink: NetlinkSocket) -> None:
        self.fd = fd
        self.socket = netlink
        self._control: socket.socket | None = None
        self._heard = b""
        self._ids = itertools.count(1)
        self._ready: Message | None = None
        self._when_ready: list[Callable[[Message], None]] = []
        self.far_ends: set[int] = set()
        self.on_overload: Callable[[list[int]], None] = lambda _: None

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Return both ends of a new conversation: ours, to be watched, and that of the process that is about to be started."""
        if self._control is not None:
            self._control.close()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        ours.settimeout(ANSWER_DEADLINE_S)
        self._control, self._heard, self._ready = ours, b"", None
        return ours, theirs

    def when_ready(self, tell: Callable[[Message], None]) -> None:
        """Tell what the process has said of itself, as soon as it has, or the error."""
        if self._control is None:
            tell({"error": "it has ended"})
        elif self._ready is not None:
            tell(self._ready)
        else:
            self._when_ready.append(tell)

    def ask(self, steps: Sequence[Message]) -> list[Message]:
        """Have steps carried out; return their results.

        Raises:
            WireLostError: nobody answers.
        """
        if self._control is None:
            raise WireLostError(0, "the wire process, which moves the frames of user-space links, has ended")
        number = next(self._ids)
        try:
            self._control.sendall(json.dumps({"id": number, "do": steps}, separators=(",", ":")).encode() + b"\n")
            while True:
                for message in self._messages():
                    if message.get("id") == number:
                        results: list[Message] = message["results"]
                        return results
        except (OSError, EOFError) as error:
            raise WireLostError(0, f"the wire process, which moves the frames of user-space links, does not answer: {error}") from error

    def _messages(self) -> list[Message]:
        """Wait for messages; those that answer no question are dealt with, the others returned."""
        assert self._control is not None
        data = self._control.recv(1 << 20)
        if not data:
            raise EOFError("it has ended")
        *lines, self._heard = (self._heard + data).split(b"\n")
        answers = []
        for line in lines:
            message = json.loads(line)
            if "id" in message:
                answers.append(message)
            elif "overloaded" in message:
                self.on_overload(message["overloaded"])
            else:
                self._say_ready(message.get("ready") or message)
        return answers

    def _say_ready(self, message: Message) -> None:
        self._ready = message
        waiting, self._when_ready = self._when_ready, []
        for tell in waiting:
            tell(message)

    def hear(self) -> bool:
        """Deal with what the process says unasked; false when it has ended."""
        try:
            self._messages()
        except (OSError, EOFError):
            return False
        return True

    def end(self) -> None:
        """The process has ended: close the conversation, and let nodes see that their cables lead nowhere."""
        if self._control is not None:
            self._control.close()
            self._control = None
        self._say_ready({"error": "the wire process ended while starting"})
        self._ready = None
        self.socket.transact([requests.set_link(index, up=False) for index in sorted(self.far_ends)])
        self.far_ends.clear()
