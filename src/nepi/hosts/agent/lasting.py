"""A client that outlives its connections: what it asked for is done once, and what was answered meanwhile is kept for it.

A controller on another machine names itself with a token in its first request (`resume`). When its connection is lost it comes back
with the same token and sends again what was not answered; each request is carried out once, by its id. See docs/design/split.md.
"""

from __future__ import annotations

from typing import Any, Protocol

Message = dict[str, Any]


class Connection(Protocol):
    """What a lasting client talks over at present."""

    def send(self, message: Message) -> None:
        """Send one message; dropped when the client is gone."""

    def close(self) -> None:
        """Close the connection; harmless when closed."""


class LastingClient:
    """One controller, whatever its connection. Takes the place of a connection wherever requests are answered.

    Attributes:
        watching: it wants to be told of exits and the like. What happens while it is away it asks for when it is back.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.watching = False
        self._connection: Connection | None = None
        self._answers: dict[int, Message] = {}
        self._seen: set[int] = set()

    def attach(self, connection: Connection) -> None:
        """Talk over this connection from now on."""
        earlier, self._connection = self._connection, connection
        if earlier is not None and earlier is not connection:
            earlier.close()

    def detach(self, connection: Connection) -> bool:
        """A connection has ended; false when another one has taken its place already."""
        if self._connection is not connection:
            return False
        self._connection = None
        return True

    def is_new(self, message: Message) -> bool:
        """Whether a request was not seen before; one that was answered is answered again, one in hand will be.

        Its field `below` says that all requests with a smaller id were answered and the answers have arrived.
        """
        number, below = message["id"], message.get("below", 0)
        for known in [one for one in self._seen if one < below]:
            self._seen.discard(known)
            self._answers.pop(known, None)
        if number in self._seen:
            if (answer := self._answers.get(number)) is not None and self._connection is not None:
                self._connection.send(answer)
            return False
        self._seen.add(number)
        return True

    def send(self, message: Message) -> None:
        """Send an answer, or keep it until the client is back; events are for those who are there."""
        if "id" in message:
            self._answers[message["id"]] = message
        if self._connection is not None:
            self._connection.send(message)
