"""What one direction of a link does to its frames: the model, without clock and without I/O.

A frame that arrives is lost, doubled or corrupted by chance, waits for its turn, takes its time at the rate, and then the delay.
`direction.c` is the same, step by step; a test compares each decision and each nanosecond of both.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from heapq import heappop, heappush

from .chance import Chance
from .distributions import SCALE_BITS, table
from .fair import FqCodel
from .parameters import DISTRIBUTIONS, FIFO, FQ_CODEL, Parameters
from .queueing import Fifo, Queue, Red
from .tally import Tally

SECOND = 1_000_000_000
ETHERNET_HEADER = 14
MAHIMAHI_HEADER = 4  # of the tun device: Mahimahi counts 1504 bytes for a packet of 1500


@cache
def _table(distribution: int) -> list[int]:
    return table(DISTRIBUTIONS[distribution])


class Opportunities:
    """A Mahimahi trace: instants at which up to so many bytes may leave; it repeats after the last one."""

    __slots__ = ("_base", "_index", "_times", "packet_bytes")

    def __init__(self, now_ns: int, times_ns: Sequence[int], packet_bytes: int) -> None:
        self._base = now_ns
        self._times = list(times_ns)
        self._index = 0
        self.packet_bytes = packet_bytes

    def next(self) -> int:
        """Return when the next one is."""
        return self._base + self._times[self._index]

    def use(self) -> None:
        """Go on to the one after it."""
        self._index += 1
        if self._index == len(self._times):
            self._index = 0
            self._base += self._times[-1]

    def skip_to(self, now_ns: int) -> None:
        """Those before `now_ns` were of no use: nobody waited."""
        if self.next() >= now_ns:
            return
        self._base += (now_ns - self._base) // self._times[-1] * self._times[-1]
        self._index = bisect_left(self._times, now_ns - self._base)


class Direction:
    """Frames in, frames out. Times are nanoseconds of any monotonic clock.

    Args:
        seed: decides all that is left to chance.

    Attributes:
        tally: what became of the frames.
    """

    __slots__ = (
        "_chance",
        "_flights",
        "_is_bad",
        "_last_out",
        "_left_at",
        "_number",
        "_p",
        "_queue",
        "_served",
        "_served_since",
        "_trace",
        "_unsent",
        "_virtual",
        "tally",
    )

    def __init__(self, seed: int, parameters: Parameters | None = None) -> None:
        self.tally = Tally()
        self._chance = Chance(seed)
        self._p = parameters or Parameters()
        self._queue: Queue = self._new_queue()
        self._flights: list[tuple[int, int, bytes]] = []
        self._number = 0
        self._is_bad = False
        self._trace: Opportunities | None = None
        self._served: bytes | None = None  # the frame that is being sent at the rate
        self._served_since = self._left_at = 0
        self._unsent = 0  # bytes of it that no opportunity has taken yet
        self._virtual = 0  # when all that was sent would have left at the rate alone, without a burst
        self._last_out = 0

    @property
    def held(self) -> int:
        """How many frames are in it."""
        return len(self._queue) + len(self._flights) + (self._served is not None)

    # -- what comes from outside

    def change(self, now_ns: int, parameters: Parameters) -> None:
        """Let other parameters hold from now on.

        Frames on their way are not touched; those that wait or are being sent go at the new rate.
        """
        self._advance(now_ns)
        before, self._p = self._p, parameters
        if parameters.discipline != before.discipline:
            waiting = self._queue.drain()
            self._queue = self._new_queue()
            for frame in waiting:
                self._queue.put(now_ns, frame)
        else:
            self._queue.adjust(parameters)
        if self._trace is None and parameters.rate != before.rate:
            self._change_rate(now_ns, before.rate, parameters.rate)

    def set_trace(self, now_ns: int, times_ns: Sequence[int] | None, packet_bytes: int) -> None:
        """Let frames leave at the opportunities of a trace instead of at the rate; None ends that."""
        self._advance(now_ns)
        if times_ns is not None:
            self._trace = Opportunities(now_ns, times_ns, packet_bytes)
            self._unsent = 0 if self._served is None else _counted(self._served)
        elif self._trace is not None:
            self._trace = None
            served, self._served = self._served, None
            self._virtual = now_ns
            if not self._p.rate:
                self._let_go(now_ns, served)
            elif served is not None:
                self._send(now_ns, served)
            else:
                self._serve(now_ns)

    def arrive(self, now_ns: int, frame: bytes) -> None:
        """Take a frame."""
        p, tally = self._p, self.tally
        tally.frames_in += 1
        tally.bytes_in += len(frame)
        self._advance(now_ns)
        copies = 1 + self._chance.hit(p.duplicate)
        tally.duplicated += copies - 1
        if self._is_lost():
            tally.dropped_loss += 1
            copies -= 1
        for _ in range(copies):
            changed = self._corrupt(frame) if self._chance.hit(p.corrupt) else frame
            if p.rate or self._trace is not None:
                self._line_up(now_ns, changed)
            else:
                self._launch(now_ns, changed, 0)

    def next_at(self) -> int | None:
        """Return when something is due, or None when nothing is."""
        at = self._turn_at()
        if self._flights and (at is None or self._flights[0][0] < at):
            return self._flights[0][0]
        return at

    def due(self, now_ns: int) -> list[tuple[int, bytes]]:
        """Return the frames that are to be delivered by now, each with its time, in order."""
        self._advance(now_ns)
        flights, tally = self._flights, self.tally
        out = []
        while flights and flights[0][0] <= now_ns:
            at, _, frame = heappop(flights)
            out.append((at, frame))
            tally.frames_out += 1
            tally.bytes_out += len(frame)
        return out

    # -- chance

    def _is_lost(self) -> bool:
        p, hit = self._p, self._chance.hit
        if not p.bursty:
            return hit(p.loss)
        # As netem: the state moves first, and the loss is drawn for the state before.
        if self._is_bad:
            self._is_bad = not hit(p.to_good)
            return hit(p.loss_bad)
        self._is_bad = hit(p.to_bad)
        return hit(p.loss_good)

    def _corrupt(self, frame: bytes) -> bytes:
        bit = self._chance.draw() % (len(frame) * 8)
        changed = bytearray(frame)
        changed[bit >> 3] ^= 1 << (bit & 7)
        self.tally.corrupted += 1
        return bytes(changed)

    # -- waiting and being sent

    def _new_queue(self) -> Queue:
        p = self._p
        if p.discipline == FIFO:
            return Fifo(p, self.tally)
        if p.discipline == FQ_CODEL:
            return FqCodel(p, self.tally, self._chance.draw() >> 32)
        return Red(p, self.tally, self._chance)

    def _line_up(self, now_ns: int, frame: bytes) -> None:
        if self._trace is not None and self._served is None and not len(self._queue):
            self._trace.skip_to(now_ns)
        self._queue.put(now_ns, frame)
        if self._trace is None and self._served is None:
            self._serve(now_ns)

    def _serve(self, now_ns: int) -> None:
        frame = self._queue.get(now_ns)
        if frame is not None:
            self._send(now_ns, frame)

    def _send(self, now_ns: int, frame: bytes) -> None:
        p = self._p
        takes = (len(frame) * 8 * SECOND + p.rate // 2) // p.rate
        self._virtual = max(self._virtual, now_ns) + takes
        ahead = p.burst_bytes * 8 * SECOND // p.rate
        self._served, self._served_since = frame, now_ns
        self._left_at = max(now_ns, self._virtual - ahead)

    def _turn_at(self) -> int | None:
        """Return when the frame being sent has left, or the next opportunity comes for those that wait."""
        if self._trace is not None:
            return self._trace.next() if self._served is not None or len(self._queue) else None
        return self._left_at if self._served is not None else None

    def _advance(self, now_ns: int) -> None:
        if self._trace is not None:
            while (at := self._turn_at()) is not None and at <= now_ns:
                self._use_opportunity(self._trace, at)
        else:
            while self._served is not None and self._left_at <= now_ns:
                frame, self._served = self._served, None
                self._launch(self._left_at, frame, self._left_at - self._served_since)
                self._serve(self._left_at)

    def _use_opportunity(self, trace: Opportunities, at_ns: int) -> None:
        room = trace.packet_bytes
        trace.use()
        while room:
            if self._served is None:
                self._served = self._queue.get(at_ns)
                if self._served is None:
                    return
                self._unsent = _counted(self._served)
            if self._unsent > room:
                self._unsent -= room
                return
            room -= self._unsent
            frame, self._served = self._served, None
            self._launch(at_ns, frame, 0)

    def _change_rate(self, now_ns: int, before: int, after: int) -> None:
        if after == 0:
            served, self._served = self._served, None
            self._virtual = now_ns
            self._let_go(now_ns, served)
        elif before:
            # What is left of the frame that is being sent goes at the new rate.
            self._virtual = now_ns + max(self._virtual - now_ns, 0) * before // after
            self._left_at = now_ns + max(self._left_at - now_ns, 0) * before // after

    def _let_go(self, now_ns: int, served: bytes | None) -> None:
        """Nothing needs to wait any more."""
        for frame in ([] if served is None else [served]) + self._queue.drain():
            self._launch(now_ns, frame, 0)

    # -- on the way

    def _launch(self, at_ns: int, frame: bytes, took_ns: int) -> None:
        """Let a frame that has left at `at_ns`, after being sent for `took_ns`, be delivered after the delay."""
        p = self._p
        out = at_ns
        if not self._chance.hit(p.reorder):
            out += max(p.delay_ns + (self._variation() if p.jitter_ns else 0), 0)
            if p.rate or self._trace is not None:
                # As netem: what has a rate keeps its order and its rate.
                out = self._last_out = max(out - took_ns, self._last_out) + took_ns
        self._number += 1
        heappush(self._flights, (out, self._number, frame))

    def _variation(self) -> int:
        p, drawn = self._p, self._chance.draw()
        if p.distribution == 0:
            return drawn % (2 * p.jitter_ns + 1) - p.jitter_ns
        values = _table(p.distribution)
        return p.jitter_ns * values[drawn % len(values)] >> SCALE_BITS


def _counted(frame: bytes) -> int:
    return max(len(frame) - ETHERNET_HEADER, 0) + MAHIMAHI_HEADER
