"""fq_codel: a queue for each flow, served in turn, each kept short by CoDel. Sources: RFC 8289, RFC 8290. Pure: time is an argument."""

from __future__ import annotations

from collections import deque
from math import isqrt

from .packets import flow_of, marked
from .parameters import Parameters
from .tally import Tally

FLOWS = 1024
QUANTUM_BYTES = 1514
TARGET_NS = 5_000_000
INTERVAL_NS = 100_000_000
_NEVER = -1


class _Flow:
    """One flow's queue and the state of its CoDel."""

    __slots__ = ("bytes", "count", "deficit", "dropping", "first_above", "last_count", "listed", "next_drop", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, bytes]] = deque()
        self.bytes = 0
        self.deficit = 0
        self.listed = False
        self.count = self.last_count = 0
        self.dropping = False
        self.first_above = _NEVER
        self.next_drop = 0


class FqCodel:
    """New flows go first, then all in turn by bytes; a flow whose frames have waited too long for too long has some dropped or marked."""

    __slots__ = ("_bytes", "_ecn", "_flows", "_length", "_limit", "_new", "_old", "_salt", "_tally")

    def __init__(self, parameters: Parameters, tally: Tally, salt: int) -> None:
        self._tally = tally
        self._salt = salt
        self._flows: dict[int, _Flow] = {}
        self._new: deque[_Flow] = deque()
        self._old: deque[_Flow] = deque()
        self._length = self._bytes = 0
        self._limit, self._ecn = parameters.limit, parameters.ecn

    def __len__(self) -> int:
        return self._length

    def adjust(self, parameters: Parameters) -> None:
        """Go by other parameters from now on."""
        self._limit, self._ecn = parameters.limit, parameters.ecn

    def put(self, now_ns: int, frame: bytes) -> None:
        """Take a frame; when there are too many, the longest queue loses its first."""
        number = flow_of(frame, self._salt, FLOWS)
        flow = self._flows.get(number)
        if flow is None:
            flow = self._flows[number] = _Flow()
        flow.waiting.append((now_ns, frame))
        flow.bytes += len(frame)
        self._bytes += len(frame)
        self._length += 1
        if not flow.listed:
            flow.listed = True
            flow.deficit = QUANTUM_BYTES
            self._new.append(flow)
        if self._length > self._limit:
            self._shorten()

    def _shorten(self) -> None:
        _, fattest = max(self._flows.items(), key=lambda item: (item[1].bytes, -item[0]))
        self._take(fattest)
        self._tally.dropped_queue += 1

    def _take(self, flow: _Flow) -> tuple[int, bytes]:
        since, frame = flow.waiting.popleft()
        flow.bytes -= len(frame)
        self._bytes -= len(frame)
        self._length -= 1
        return since, frame

    def get(self, now_ns: int) -> bytes | None:
        """Return the frame whose turn it is."""
        while self._new or self._old:
            line = self._new or self._old
            flow = line[0]
            if flow.deficit <= 0:
                flow.deficit += QUANTUM_BYTES
                line.popleft()
                self._old.append(flow)
                continue
            frame = self._codel(flow, now_ns)
            if frame is not None:
                flow.deficit -= len(frame)
                return frame
            line.popleft()
            if line is self._new and self._old:
                self._old.append(flow)  # so that a flow that comes and goes does not always go first
            else:
                flow.listed = False
        return None

    def _codel(self, flow: _Flow, now_ns: int) -> bytes | None:
        """Return the flow's next frame after CoDel has dropped what it must."""
        frame, late = self._next(flow, now_ns)
        if frame is None:
            flow.dropping = False
            return None
        if flow.dropping:
            return self._go_on_dropping(flow, now_ns, frame, late)
        if late:
            changed = self._mark(frame)
            if changed is not None:
                frame = changed
            else:
                self._tally.dropped_queue += 1
                frame, _ = self._next(flow, now_ns)
            flow.dropping = True
            since_last = flow.count - flow.last_count
            recently = now_ns - flow.next_drop < 16 * INTERVAL_NS
            flow.count = since_last if since_last > 1 and recently else 1
            flow.last_count = flow.count
            flow.next_drop = _after(now_ns, flow.count)
        return frame

    def _go_on_dropping(self, flow: _Flow, now_ns: int, frame: bytes, late: bool) -> bytes | None:
        if not late:
            flow.dropping = False
            return frame
        head: bytes | None = frame
        while head is not None and flow.dropping and now_ns >= flow.next_drop:
            flow.count += 1
            changed = self._mark(head)
            if changed is not None:
                flow.next_drop = _after(flow.next_drop, flow.count)
                return changed
            self._tally.dropped_queue += 1
            head, late = self._next(flow, now_ns)
            if late:
                flow.next_drop = _after(flow.next_drop, flow.count)
            else:
                flow.dropping = False
        return head

    def _mark(self, frame: bytes) -> bytes | None:
        changed = marked(frame) if self._ecn else None
        if changed is not None:
            self._tally.marked += 1
        return changed

    def _next(self, flow: _Flow, now_ns: int) -> tuple[bytes | None, bool]:
        """Return a flow's first frame, and whether its frames have waited longer than the target for a whole interval."""
        if not flow.waiting:
            flow.first_above = _NEVER
            return None, False
        since, frame = self._take(flow)
        if now_ns - since < TARGET_NS or self._bytes <= QUANTUM_BYTES:
            flow.first_above = _NEVER
            return frame, False
        if flow.first_above == _NEVER:
            flow.first_above = now_ns + INTERVAL_NS
            return frame, False
        return frame, now_ns >= flow.first_above

    def drain(self) -> list[bytes]:
        """Return all, flow by flow."""
        frames = [frame for flow in (*self._new, *self._old) for _, frame in flow.waiting]
        self._flows.clear()
        self._new.clear()
        self._old.clear()
        self._length = self._bytes = 0
        return frames


def _after(since_ns: int, count: int) -> int:
    """Return when the next frame is dropped: the square root makes a sender's rate fall in a straight line."""
    return since_ns + isqrt(INTERVAL_NS * INTERVAL_NS // count)
