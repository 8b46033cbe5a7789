"""How many channels a connection may have at once, and who gets the next one. No I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

__all__ = ["Channels", "ConnectionGoneError", "Place"]

KEPT_FROM_STREAMS: Final = 2
"""Channels that streams leave to commands and files."""

GROWS_AFTER: Final = 200
"""After so many channels were granted one more at once is tried, where the server had permitted fewer."""


class ConnectionGoneError(Exception):
    """The connection was lost before anything was sent over it; nothing was done."""


class Place:
    """A channel's place among those that may be open at once.

    Attributes:
        is_open: the server has granted the channel.
    """

    def __init__(self, channels: Channels, stream: bool) -> None:
        self.is_open = False
        self._channels = channels
        self._stream = stream
        self._left = False

    def opened(self) -> None:
        """The server has granted the channel."""
        self.is_open = True
        self._channels.granted += 1
        self._channels.count_success()

    def leave(self) -> None:
        """The channel is closed, or there never was one. Harmless when said twice."""
        if not self._left:
            self._left = True
            self._channels.granted -= self.is_open
            self._channels.give_back(self._stream)


class Channels:
    """Lets at most `limit` channels be open; what is more waits, first come first served.

    Args:
        limit: at first; it shrinks to what the server permits, and grows again.

    Attributes:
        taken: how many places are taken.
        granted: of these, how many channels the server has opened.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self.granted = 0
        self._streams = 0
        self._most = limit
        self._successes = 0
        self._gone = False
        self._queues: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}

    async def take(self, *, stream: bool = False) -> Place:
        """Wait for a place.

        Raises:
            ConnectionGoneError: the connection is lost.
        """
        if self._gone:
            raise ConnectionGoneError
        queue = self._queues[stream]
        if not queue and self._has_room(stream):
            return self._new_place(stream)
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in queue:
                queue.remove(turn)
            elif not turn.cancelled() and turn.exception() is None:  # its turn came at the same moment
                self.give_back(stream)
            raise
        return Place(self, stream)

    def give_back(self, stream: bool) -> None:
        """A place is free."""
        self.taken -= 1
        self._streams -= stream
        self._go_on()

    def shrink(self) -> bool:
        """Believe the server that it permits no more channels than it has granted; return False if it grants none at all."""
        self._successes = 0
        if self.granted == 0:
            return False
        self.limit = min(self.limit, self.granted)
        return True

    def count_success(self) -> None:
        """See whether it is time to try whether the server permits more."""
        self._successes += 1
        if self.limit < self._most and self._successes >= GROWS_AFTER:
            self._successes = 0
            self.limit += 1
            self._go_on()

    def gone(self) -> None:
        """The connection is lost: nobody needs to wait any more."""
        self._gone = True
        for queue in self._queues.values():
            for turn in queue:
                if not turn.done():
                    turn.set_exception(ConnectionGoneError())
            queue.clear()

    def _has_room(self, stream: bool) -> bool:
        most_streams = max(1, self.limit - KEPT_FROM_STREAMS)
        return self.taken < self.limit and not (stream and self._streams >= most_streams)

    def _new_place(self, stream: bool) -> Place:
        self.taken += 1
        self._streams += stream
        return Place(self, stream)

    def _go_on(self) -> None:
        for stream, queue in self._queues.items():
            while queue and self._has_room(stream):
                turn = queue.popleft()
                if not turn.done():
                    self.taken += 1
                    self._streams += stream
                    turn.set_result(None)
