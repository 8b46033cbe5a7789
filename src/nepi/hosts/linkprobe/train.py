"""Sending trains of frames, each at its time."""

from __future__ import annotations

import errno
import socket
import time
from typing import NamedTuple

from .frames import FrameMaker
from .log import SentTrain
from .many import Repeated

DISTURBED_NS = 200_000
"""A frame whose sending took longer than this was held up by something else than the link."""
SPIN_NS = 60_000
"""Waits that are shorter than the kernel's timers are exact are not left to them."""
_FULL = (errno.EAGAIN, errno.ENOBUFS)


class Train(NamedTuple):
    """Frames at even distances.

    Attributes:
        at_ns: of the first, after the beginning of the measurement.
        frames: how many.
        gap_ns: from one to the next.
        size_bytes: of each, header included, checksum not.
        flood: more is sent than the link carries; its frames bear no numbers and no times.
    """

    at_ns: int
    frames: int
    gap_ns: int
    size_bytes: int
    flood: bool


class Sender:
    """Sends by one interface.

    Args:
        interface: its name.
        token: of the verification.
    """

    def __init__(self, interface: str, token: int) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((interface, 0))
        self._token = token
        self._source: bytes = self._socket.getsockname()[4]

    def send(self, train: Train, begin_ns: int) -> SentTrain:
        """Send a train; it takes as long as its count and gap say."""
        maker = FrameMaker(self._token, self._source, train.size_bytes)
        return self._flood(train, maker, begin_ns + train.at_ns) if train.flood else self._pace(train, maker, begin_ns + train.at_ns)

    def _pace(self, train: Train, maker: FrameMaker, begin_ns: int) -> SentTrain:
        send, make, now = self._socket.send, maker.make, time.monotonic_ns
        disturbed: list[int] = []
        refused = first = stamp = 0
        due = begin_ns
        for number in range(train.frames):
            wait_until(due)
            stamp = now()
            try:
                send(make(number, stamp))
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                refused += 1
            if now() - stamp > DISTURBED_NS:
                disturbed.append(number)
            first = first or stamp
            due += train.gap_ns
        return SentTrain(train.size_bytes, train.frames - refused, refused, first, stamp, disturbed)

    def _flood(self, train: Train, maker: FrameMaker, begin_ns: int) -> SentTrain:
        send, now = Repeated(self._socket, bytes(maker.make(0, 0))).send, time.monotonic_ns
        end_ns = begin_ns + train.frames * train.gap_ns
        wait_until(begin_ns)
        due = refused = sent = stalled_ns = 0
        at = before = now()
        while at < end_ns:
            due = min((at - begin_ns) // train.gap_ns + 1, train.frames)
            while sent + refused < due:
                taken = send(due - sent - refused)
                sent += taken
                if not taken:
                    # What was due and found no room is not sent later: that would be a burst.
                    refused = due - sent
            wait_until(begin_ns + due * train.gap_ns)
            at = now()
            stalled_ns = max(stalled_ns, at - before - train.gap_ns)
            before = at
        return SentTrain(train.size_bytes, sent, refused, begin_ns, at, [], stalled_ns)


def wait_until(due_ns: int) -> None:
    """Wait until a monotonic time."""
    now = time.monotonic_ns
    left = due_ns - now()
    if left > SPIN_NS:
        time.sleep((left - SPIN_NS // 2) / 1e9)
    while now() < due_ns:
        pass
