"""What a probe says when it has ended: one line of JSON, and a table of the frames that came. Pure functions, both ways."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

VERSION = 1
DAMAGED, INTACT, NOT_READ = 0, 1, 2
"""What is known of a frame: its checksum is wrong, is right, or it was not kept whole."""


class SentTrain(NamedTuple):
    """What became of a train at its sender.

    Attributes:
        size_bytes: of its frames; tells trains of one direction apart.
        sent: frames that the kernel took.
        refused: frames that were due and that the kernel did not take, because its queue was full.
        first_ns, last_ns: monotonic times of the first and the last frame.
        disturbed: numbers of frames whose sending took so long that their time is not true.
        stalled_ns: the longest time in which a flood sent nothing although something was due.
    """

    size_bytes: int
    sent: int
    refused: int
    first_ns: int
    last_ns: int
    disturbed: list[int]
    stalled_ns: int = 0


class Arrived:
    """The frames that came, in the order of their coming, as columns.

    Attributes:
        tokens, sizes, numbers: of each frame; the number of one that was not kept whole is 0.
        sent_ns, at_ns: monotonic times; `at_ns` is the kernel's.
        states: DAMAGED, INTACT or NOT_READ.
    """

    __slots__ = ("at_ns", "numbers", "sent_ns", "sizes", "states", "tokens")

    def __init__(self) -> None:
        self.tokens = array("I")
        self.sizes = array("I")
        self.numbers = array("I")
        self.sent_ns = array("q")
        self.at_ns = array("q")
        self.states = array("B")

    def add(self, token: int, size_bytes: int, number: int, sent_ns: int, at_ns: int, state: int) -> None:
        """Note one frame. Times of a damaged one may be out of all bounds."""
        self.tokens.append(token)
        self.sizes.append(size_bytes)
        self.numbers.append(number)
        self.sent_ns.append(sent_ns if sent_ns < 1 << 63 else 0)
        self.at_ns.append(at_ns)
        self.states.append(state)

    @property
    def columns(self) -> tuple[array[int], ...]:
        """All columns, in the order in which they are written."""
        return self.tokens, self.sizes, self.numbers, self.sent_ns, self.at_ns, self.states

    def __len__(self) -> int:
        return len(self.states)

    def rows(self, token: int, size_bytes: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield (number, sent, at, state) of the frames of a train; of damaged ones, all of its size: their token may be damaged."""
        for one, size, number, sent_ns, at_ns, state in zip(*self.columns, strict=True):
            if size == size_bytes and (one == token or state == DAMAGED):
                yield number, sent_ns, at_ns, state


class ProbeLog(NamedTuple):
    """All that one end says.

    Attributes:
        sent: the trains that it sent.
        arrived: what came to it.
        dropped: frames that came and for which there was no room.
        clock_moved_ns: how far the wall clock, by which the kernel tells arrivals, moved against the monotonic one.
    """

    sent: list[SentTrain]
    arrived: Arrived
    dropped: int
    clock_moved_ns: int


def encode(log: ProbeLog) -> list[bytes]:
    """Return a log as pieces to be written one after the other."""
    head = {
        "version": VERSION,
        "sent": [one._asdict() for one in log.sent],
        "arrived": len(log.arrived),
        "dropped": log.dropped,
        "clock_moved_ns": log.clock_moved_ns,
    }
    return [json.dumps(head, separators=(",", ":")).encode() + b"\n", *(column.tobytes() for column in log.arrived.columns)]


def decode(data: bytes) -> ProbeLog:
    """Return the log that `encode` wrote on a machine of the same byte order.

    Raises:
        ValueError: it is no whole log.
    """
    line, found, table = data.partition(b"\n")
    try:
        head: dict[str, Any] = json.loads(line)
        count = head["arrived"]
        sent = [SentTrain(**one) for one in head["sent"]]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"not a probe's log: {line[:80]!r} ({error})") from None
    arrived = Arrived()
    at = 0
    for column in arrived.columns:
        size = column.itemsize * count
        column.frombytes(table[at : at + size])
        at += size
    if not found or at != len(table):
        raise ValueError(f"not a whole log of a probe: {len(table)} of {at} bytes")
    return ProbeLog(sent, arrived, head["dropped"], head["clock_moved_ns"])
