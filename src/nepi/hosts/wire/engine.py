"""Moves frames between interfaces as the model says: the interface of an engine, and the one in Python.

What an engine costs for each frame decides how many it can move: here the model's methods are called with as little around them
as can be. `engine.c` is the compiled one.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import ClassVar

from .direction import Direction
from .parameters import Parameters
from .ring import PACKET_QDISC_BYPASS, SOL_PACKET, FrameSocket

LATE_NS = 1_000_000
BATCH = 64
COUNT_EVERY = 1024  # frames, until it is looked again how many are on their way
SECOND = 1_000_000_000
TP_STATUS_USER, TP_STATUS_COPY, TP_STATUS_LOSING = 0x1, 0x2, 0x4
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 0x10, 0x40
_HEADER = struct.Struct("=IIHHIIHH")  # struct tpacket2_hdr behind its status: len, snaplen, mac, net, sec, nsec, vlan_tci, vlan_tpid
_FROM_AT = 32  # where the struct sockaddr_ll stands
_IFINDEX_AT = _FROM_AT + 4
_LONGEST = 65_600


class Engine(ABC):
    """Directions of links, found by the interface at which their frames arrive.

    Attributes:
        name: "python" or "compiled".
    """

    name: ClassVar[str]

    @abstractmethod
    def add(self, ifindex: int, out_ifindex: int, seed: int, parameters: Parameters) -> None:
        """Let frames that arrive at one interface leave by another one."""

    @abstractmethod
    def remove(self, ifindex: int) -> None:
        """Forget a direction and the frames in it; harmless when it is not known."""

    @abstractmethod
    def change(self, ifindex: int, parameters: Parameters) -> None:
        """Change what a direction does.

        Raises:
            KeyError: there is no such direction.
        """

    @abstractmethod
    def set_trace(self, ifindex: int, times_ns: Sequence[int] | None, packet_bytes: int) -> None:
        """Let frames of a direction leave at these times, counted from now; None ends that.

        Raises:
            KeyError: there is no such direction.
        """

    @abstractmethod
    def counted(self, ifindex: int) -> tuple[int, ...]:
        """Return what became of a direction's frames, in the order of `COUNTED`.

        Raises:
            KeyError: there is no such direction.
        """

    @abstractmethod
    def run(self, control: int) -> list[int]:
        """Move frames until `control` can be read; or until directions are overloaded for the first time, which are returned."""


class _Way:
    """A direction with where its frames go and when it is to be looked at."""

    __slots__ = ("direction", "ifindex", "out", "scheduled", "was_news")

    def __init__(self, ifindex: int, direction: Direction, out: socket.socket) -> None:
        self.ifindex = ifindex
        self.direction = direction
        self.out = out
        self.scheduled: int | None = None
        self.was_news = False


class PythonEngine(Engine):
    """The engine for where the compiled part was not built.

    Args:
        most_frames: how many frames may be on their way; more are missed.
    """

    name = "python"

    def __init__(self, frames: FrameSocket, most_frames: int) -> None:
        self._frames = frames
        # Words, because a status must be written at once: `pack_into` clears first and writes then, and in between the kernel may have
        # put the next frame there.
        self._words = memoryview(frames.ring).cast("I")
        self._most = most_frames
        self._ways: dict[int, _Way] = {}
        self._heap: list[tuple[int, int, _Way]] = []
        self._order = 0
        self._at = 0
        self._uncounted = 0
        self._is_full = False
        self._news: list[int] = []

    def add(self, ifindex: int, out_ifindex: int, seed: int, parameters: Parameters) -> None:
        """See `Engine.add`."""
        out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        out.bind((socket.if_indextoname(out_ifindex), 0))
        out.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)  # straight to the interface, past its queue
        out.setblocking(False)
        self._ways[ifindex] = _Way(ifindex, Direction(seed, parameters), out)

    def remove(self, ifindex: int) -> None:
        """See `Engine.remove`."""
        way = self._ways.pop(ifindex, None)
        if way is not None:
            way.scheduled = None
            way.out.close()

    def change(self, ifindex: int, parameters: Parameters) -> None:
        """See `Engine.change`."""
        way = self._ways[ifindex]
        way.direction.change(time.monotonic_ns(), parameters)
        self._schedule(way)

    def set_trace(self, ifindex: int, times_ns: Sequence[int] | None, packet_bytes: int) -> None:
        """See `Engine.set_trace`."""
        way = self._ways[ifindex]
        way.direction.set_trace(time.monotonic_ns(), times_ns, packet_bytes)
        self._schedule(way)

    def counted(self, ifindex: int) -> tuple[int, ...]:
        """See `Engine.counted`."""
        return self._ways[ifindex].direction.tally.values()

    def run(self, control: int) -> list[int]:
        """See `Engine.run`."""
        files = [control, self._frames.fileno()]
        turn = 0
        while True:
            turn += 1
            moved = self._receive()
            moved += self._deliver()
            if self._news:
                news, self._news = self._news, []
                return news
            if moved and turn % 8:
                continue
            patience = 0.0 if moved else self._patience()
            # select, because its time-out is exact to the microsecond; that of epoll is of milliseconds
            if control in select.select(files, (), (), patience)[0]:
                return []

    def _patience(self) -> float | None:
        while self._heap:
            at, _, way = self._heap[0]
            if way.scheduled == at:
                return max(at - time.monotonic_ns(), 0) / SECOND
            heappop(self._heap)
        return None

    def _schedule(self, way: _Way) -> None:
        at = way.direction.next_at()
        if at is not None and at != way.scheduled:
            self._order += 1
            heappush(self._heap, (at, self._order, way))
        way.scheduled = at

    def _receive(self) -> int:
        ring, size, words = self._frames.ring, self._frames.slot_bytes, self._words
        offset = time.monotonic_ns() - time.time_ns()
        for count in range(BATCH):
            at = self._at * size
            status = words[at >> 2]
            if not status & TP_STATUS_USER:
                return count
            _, length, mac, _, seconds, nanoseconds, tci, tpid = _HEADER.unpack_from(ring, at + 4)
            way = self._ways.get(words[at + _IFINDEX_AT >> 2])
            frame = ring[at + mac : at + mac + length]
            if status & ~TP_STATUS_USER:
                frame = self._special(way, frame, status, tci, tpid)
            words[at >> 2] = 0
            self._at = (self._at + 1) % self._frames.slots
            if way is not None:
                self._take_in(way, seconds * SECOND + nanoseconds + offset, frame)
        return BATCH

    def _take_in(self, way: _Way, at_ns: int, frame: bytes) -> None:
        self._uncounted += 1
        if self._uncounted == COUNT_EVERY:
            self._uncounted = 0
            self._is_full = sum(one.direction.held for one in self._ways.values()) >= self._most
        if self._is_full:
            way.direction.tally.missed += 1
            self._overloaded(way)
            return
        way.direction.arrive(at_ns, frame)
        self._schedule(way)

    def _special(self, way: _Way | None, frame: bytes, status: int, tci: int, tpid: int) -> bytes:
        """Return a frame that is longer than its slot, or whose VLAN tag the kernel keeps apart; note what was missed before it."""
        if status & TP_STATUS_COPY:
            frame = self._frames.socket.recv(_LONGEST, socket.MSG_DONTWAIT)
        if status & TP_STATUS_VLAN_VALID:
            kind = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
            frame = frame[:12] + struct.pack("!HH", kind, tci) + frame[12:]
        if status & TP_STATUS_LOSING and way is not None:
            way.direction.tally.missed += self._frames.drops()
            self._overloaded(way)
        return frame

    def _deliver(self) -> int:
        heap, now, count = self._heap, time.monotonic_ns(), 0
        while heap and heap[0][0] <= now and count < BATCH:
            at, _, way = heappop(heap)
            if way.scheduled != at:
                continue
            way.scheduled = None
            frames = way.direction.due(now)
            count += max(len(frames), 1)
            for due, frame in frames:
                self._send(way, due, frame)
            self._schedule(way)
        return count

    def _send(self, way: _Way, due_ns: int, frame: bytes) -> None:
        try:
            way.out.send(frame)
        except BlockingIOError:
            way.direction.tally.missed += 1
            self._overloaded(way)
        except OSError:
            pass  # an interface that is down or gone delivers nothing, and that is no fault of ours
        late = time.monotonic_ns() - due_ns
        tally = way.direction.tally
        if late > tally.worst_late_ns:
            tally.worst_late_ns = late
        if late > LATE_NS:
            tally.late += 1
            self._overloaded(way)

    def _overloaded(self, way: _Way) -> None:
        if not way.was_news:
            way.was_news = True
            self._news.append(way.ifindex)
