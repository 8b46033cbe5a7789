"""What comes on a channel is held back while nobody reads it, and nothing of it is lost."""

import asyncio
from collections import deque
from typing import Any, cast

import asyncssh

from nepi.hosts.remote.ssh_channels import Channels
from nepi.hosts.remote.ssh_session import LINES_AHEAD, LineSession, status_of


class HeldBack:
    """A channel as asyncssh's: what comes while reading is paused is delivered by `resume_reading`, before that returns."""

    def __init__(self, session: LineSession, pieces: list[bytes]) -> None:
        self._session = session
        self._left = deque(pieces)
        self._paused = False

    def deliver(self) -> None:
        while self._left and not self._paused:
            self._session.data_received(self._left.popleft(), None)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self.deliver()


def test_what_was_held_back_comes_although_it_comes_while_reading_goes_on() -> None:
    pieces = [bytes([65 + number]) * (LINES_AHEAD // 2 + 1) for number in range(9)]

    async def main() -> list[int]:
        session = LineSession(await Channels(1).take())
        channel = HeldBack(session, pieces)
        session.connection_made(cast("asyncssh.SSHClientChannel[bytes]", cast(Any, channel)))
        channel.deliver()
        sizes = []
        while session.came.is_set():
            sizes.append(len(session.taken()))
        return sizes

    sizes = asyncio.run(main())
    two = 2 * (LINES_AHEAD // 2 + 1)
    assert sizes == [two, two, two, two, two // 2]


def test_signals_have_the_numbers_that_they_have_here() -> None:
    assert [status_of(name) for name in ("TERM", "KILL", "SEGV", "SOMETHING@openssh.com")] == [-15, -9, -11, None]
