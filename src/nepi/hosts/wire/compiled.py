"""The compiled model and engine (the C files), through ctypes, where they were built; the same interface as the Python ones."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence

from . import VERSION
from .distributions import SIZE, table
from .engine import Engine
from .parameters import DISTRIBUTIONS, Parameters
from .ring import FrameSocket
from .tally import COUNTED

LONGEST_FRAME = 65_600
_Values = ctypes.c_int64 * len(Parameters._fields)
_Counted = ctypes.c_uint64 * len(COUNTED)
_pointer, _int, _i64, _u64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_uint64
_SIGNATURES: dict[str, tuple[type | None, list[type]]] = {
    "wire_table": (None, [_int, ctypes.c_void_p]),
    "wire_direction_new": (_pointer, [_u64, _Values]),
    "wire_direction_free": (None, [_pointer]),
    "wire_direction_change": (None, [_pointer, _i64, _Values]),
    "wire_direction_trace": (_int, [_pointer, _i64, ctypes.c_void_p, _i64, _i64]),
    "wire_direction_arrive": (None, [_pointer, _i64, ctypes.c_char_p, ctypes.c_uint32]),
    "wire_direction_next": (_i64, [_pointer]),
    "wire_direction_due": (_i64, [_pointer, _i64, ctypes.POINTER(_i64), ctypes.c_char_p]),
    "wire_direction_tally": (None, [_pointer, _Counted]),
    "wire_direction_held": (_i64, [_pointer]),
    "wire_open": (_pointer, [_int, _pointer, ctypes.c_uint32, ctypes.c_uint32, _u64]),
    "wire_add": (_int, [_pointer, _int, _int, _u64, _Values]),
    "wire_remove": (None, [_pointer, _int]),
    "wire_change": (_int, [_pointer, _int, _Values]),
    "wire_trace": (_int, [_pointer, _int, ctypes.c_void_p, _i64, _i64]),
    "wire_counters": (_int, [_pointer, _int, _Counted]),
    "wire_news": (_int, [_pointer]),
    "wire_run": (_int, [_pointer, _int]),
}


def load(folder: str | None = None) -> ctypes.CDLL | None:
    """Return the compiled part, or None where it was not built, or built of other sources or for another machine.

    Args:
        folder: where it lies; beside this module unless told.
    """
    folder = folder or os.path.dirname(os.path.abspath(__file__))
    for name in sorted(os.listdir(folder)):
        if not (name.startswith("_wire.") and name.endswith(".so")):
            continue
        try:
            library = ctypes.CDLL(os.path.join(folder, name), use_errno=True)
            if library.wire_version() != VERSION:
                continue
        except (OSError, AttributeError):
            continue
        return _declared(library)
    return None


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    for number, distribution in enumerate(DISTRIBUTIONS):
        if distribution != "uniform":
            library.wire_table(number, (ctypes.c_int32 * SIZE)(*table(distribution)))
    return library


def _values(parameters: Parameters) -> ctypes.Array[ctypes.c_int64]:
    return _Values(*parameters)


def _times(times_ns: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(times_ns))(*times_ns)


class CompiledDirection:
    """`Direction`, compiled. For tests: the engine holds its directions itself."""

    def __init__(self, library: ctypes.CDLL, seed: int, parameters: Parameters | None = None) -> None:
        self._library = library
        self._direction = library.wire_direction_new(seed, _values(parameters or Parameters()))
        self._buffer = ctypes.create_string_buffer(LONGEST_FRAME)

    def close(self) -> None:
        """Free it and the frames in it."""
        self._library.wire_direction_free(self._direction)

    def change(self, now_ns: int, parameters: Parameters) -> None:
        """See `Direction.change`."""
        self._library.wire_direction_change(self._direction, now_ns, _values(parameters))

    def set_trace(self, now_ns: int, times_ns: Sequence[int] | None, packet_bytes: int) -> None:
        """See `Direction.set_trace`."""
        times = None if times_ns is None else _times(times_ns)
        self._library.wire_direction_trace(self._direction, now_ns, times, len(times_ns or ()), packet_bytes)

    def arrive(self, now_ns: int, frame: bytes) -> None:
        """See `Direction.arrive`."""
        self._library.wire_direction_arrive(self._direction, now_ns, frame, len(frame))

    def next_at(self) -> int | None:
        """See `Direction.next_at`."""
        at = int(self._library.wire_direction_next(self._direction))
        return None if at < 0 else at

    def due(self, now_ns: int) -> list[tuple[int, bytes]]:
        """See `Direction.due`."""
        out, at = [], ctypes.c_int64()
        while (length := self._library.wire_direction_due(self._direction, now_ns, ctypes.byref(at), self._buffer)) >= 0:
            out.append((at.value, self._buffer.raw[:length]))
        return out

    @property
    def counted(self) -> tuple[int, ...]:
        """What became of the frames, in the order of `COUNTED`."""
        values = _Counted()
        self._library.wire_direction_tally(self._direction, values)
        return tuple(values)

    @property
    def held(self) -> int:
        """How many frames are in it."""
        return int(self._library.wire_direction_held(self._direction))


class CompiledEngine(Engine):
    """The engine whose loop and model are compiled."""

    name = "compiled"

    def __init__(self, library: ctypes.CDLL, frames: FrameSocket, most_bytes: int) -> None:
        self._library = library
        self._frames = frames
        ring = ctypes.addressof(ctypes.c_char.from_buffer(frames.ring))
        self._engine = library.wire_open(frames.fileno(), ring, frames.slots, frames.slot_bytes, most_bytes)
        if not self._engine:
            raise MemoryError("no memory for the wire's engine")

    def add(self, ifindex: int, out_ifindex: int, seed: int, parameters: Parameters) -> None:
        """See `Engine.add`."""
        if self._library.wire_add(self._engine, ifindex, out_ifindex, seed, _values(parameters)) < 0:
            raise MemoryError("no memory for another link")

    def remove(self, ifindex: int) -> None:
        """See `Engine.remove`."""
        self._library.wire_remove(self._engine, ifindex)

    def change(self, ifindex: int, parameters: Parameters) -> None:
        """See `Engine.change`."""
        if self._library.wire_change(self._engine, ifindex, _values(parameters)) < 0:
            raise KeyError(ifindex)

    def set_trace(self, ifindex: int, times_ns: Sequence[int] | None, packet_bytes: int) -> None:
        """See `Engine.set_trace`."""
        times = None if times_ns is None else _times(times_ns)
        if self._library.wire_trace(self._engine, ifindex, times, len(times_ns or ()), packet_bytes) < 0:
            raise KeyError(ifindex)

    def counted(self, ifindex: int) -> tuple[int, ...]:
        """See `Engine.counted`."""
        values = _Counted()
        if self._library.wire_counters(self._engine, ifindex, values) < 0:
            raise KeyError(ifindex)
        return tuple(values)

    def run(self, control: int) -> list[int]:
        """See `Engine.run`."""
        if not self._library.wire_run(self._engine, control):
            return []
        news = []
        while ifindex := self._library.wire_news(self._engine):
            news.append(int(ifindex))
        return news
