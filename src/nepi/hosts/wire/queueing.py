"""Where frames wait for their turn: first in first out, and RED. `fair.py` has fq_codel. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from .chance import Chance
from .packets import marked
from .parameters import Parameters
from .tally import Tally


class Queue(Protocol):
    """Frames that wait."""

    def adjust(self, parameters: Parameters) -> None:
        """Go by other parameters from now on."""

    def put(self, now_ns: int, frame: bytes) -> None:
        """Take a frame, or drop it or another one."""

    def get(self, now_ns: int) -> bytes | None:
        """Return the frame whose turn it is, or None when no one waits."""

    def drain(self) -> list[bytes]:
        """Return all that wait, and forget them."""

    def __len__(self) -> int:
        """Return how many wait."""


class Fifo:
    """First in first out; who finds the queue full is dropped."""

    __slots__ = ("_limit", "_tally", "_waiting")

    def __init__(self, parameters: Parameters, tally: Tally) -> None:
        self._waiting: deque[bytes] = deque()
        self._limit = parameters.limit
        self._tally = tally

    def __len__(self) -> int:
        return len(self._waiting)

    def adjust(self, parameters: Parameters) -> None:
        """Go by other parameters from now on; what waits already stays."""
        self._limit = parameters.limit

    def put(self, now_ns: int, frame: bytes) -> None:
        """Take a frame if there is room."""
        if len(self._waiting) < self._limit:
            self._waiting.append(frame)
        else:
            self._tally.dropped_queue += 1

    def get(self, now_ns: int) -> bytes | None:
        """Return the first one."""
        return self._waiting.popleft() if self._waiting else None

    def drain(self) -> list[bytes]:
        """Return all in order."""
        frames = list(self._waiting)
        self._waiting.clear()
        return frames


class Red:
    """Random early detection: the longer the queue has been on average, the likelier a frame is dropped or marked.

    Source: Floyd and Jacobson, "Random early detection gateways", 1993; tc-red(8).
    """

    __slots__ = ("_average", "_bytes", "_chance", "_count", "_idle_since", "_p", "_tally", "_waiting")

    def __init__(self, parameters: Parameters, tally: Tally, chance: Chance) -> None:
        self._waiting: deque[bytes] = deque()
        self._p = parameters
        self._tally = tally
        self._chance = chance
        self._bytes = 0
        self._average = 0  # times 2**red_weight
        self._count = -1
        self._idle_since: int | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def adjust(self, parameters: Parameters) -> None:
        """Go by other parameters from now on."""
        self._average = self._average >> self._p.red_weight << parameters.red_weight
        self._p = parameters

    def put(self, now_ns: int, frame: bytes) -> None:
        """Take a frame, mark it, or drop it."""
        p = self._p
        self._reckon(now_ns)
        if len(self._waiting) >= p.limit:
            self._tally.dropped_queue += 1
            return
        if self._is_hit(self._average >> p.red_weight):
            changed = marked(frame) if p.ecn else None
            if changed is None:
                self._tally.dropped_queue += 1
                return
            self._tally.marked += 1
            frame = changed
        self._waiting.append(frame)
        self._bytes += len(frame)

    def _reckon(self, now_ns: int) -> None:
        p = self._p
        if self._idle_since is not None:
            quiet = max(now_ns - self._idle_since, 0) // p.red_idle_ns
            self._average = decayed(self._average, p.red_weight, quiet)
            self._idle_since = None
        self._average += self._bytes - (self._average >> p.red_weight)

    def _is_hit(self, average: int) -> bool:
        p = self._p
        if average < p.red_least:
            self._count = -1
            return False
        if average >= p.red_most:
            self._count = -1
            return True
        self._count += 1
        base = p.red_probability * (average - p.red_least) // (p.red_most - p.red_least)
        rest = (1 << 32) - self._count * base
        if rest <= 0 or self._chance.draw() >> 32 < (base << 32) // rest:
            self._count = 0
            return True
        return False

    def get(self, now_ns: int) -> bytes | None:
        """Return the first one."""
        if not self._waiting:
            if self._idle_since is None:
                self._idle_since = now_ns
            return None
        frame = self._waiting.popleft()
        self._bytes -= len(frame)
        return frame

    def drain(self) -> list[bytes]:
        """Return all in order."""
        frames = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return frames


def decayed(average: int, weight: int, times: int) -> int:
    """Return an average after `times` frames that found the queue empty."""
    factor = (1 << 32) - (1 << 32 - weight)
    while times and average:
        if times & 1:
            average = average * factor >> 32
        factor = factor * factor >> 32
        times >>= 1
    return average
