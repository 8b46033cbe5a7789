"""Frames that come to an interface, with the kernel's time of their coming: a ring in memory that is read when all is over.

Nothing of this program runs while frames come, so that it neither costs time nor makes a time untrue.

Sources: packet(7), linux/if_packet.h, linux/filter.h, Documentation/networking/packet_mmap.rst of the kernel.
"""

from __future__ import annotations

import ctypes
import mmap
import socket
import struct
import time
from collections.abc import Sequence

from . import frames
from .log import DAMAGED, INTACT, NOT_READ, Arrived

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_IGNORE_OUTGOING = 5, 6, 10, 23
TPACKET_V2 = 1
SO_ATTACH_FILTER = 26
BLOCK_BYTES = 1 << 18
ROOM_BEFORE_FRAME = 66
"""Where a frame begins in its slot: after the slot's header, so that the IP header would be aligned."""

_SLOT = struct.Struct("=IIIHHII")
_LD_HALF, _LD_LEN, _JEQ, _RET = 0x28, 0x80, 0x15, 0x06


def filter_program(whole_sizes: Sequence[int], snap_bytes: int) -> bytes:
    """Return a classic BPF program that lets a probe's frames through.

    Args:
        whole_sizes: frames of these sizes are let through whatever they hold: damage may be anywhere.
        snap_bytes: how much of a frame is kept.
    """
    sizes = list(whole_sizes)
    code = [(_LD_HALF, 0, 0, 12), (_JEQ, 2 + len(sizes) if sizes else 1, 0, frames.ETHERTYPE)]
    if sizes:
        code.append((_LD_LEN, 0, 0, 0))
        code += [(_JEQ, len(sizes) - number, 0, size) for number, size in enumerate(sizes)]
    code += [(_RET, 0, 0, 0), (_RET, 0, 0, snap_bytes)]
    return b"".join(struct.pack("=HBBI", *one) for one in code)


class Ring:
    """Takes in frames from when it is made on.

    Args:
        interface: its name.
        slots: how many frames there is room for.
        snap_bytes: how much of each frame is kept.
        whole_sizes: see `filter_program`.
    """

    def __init__(self, interface: str, *, slots: int, snap_bytes: int, whole_sizes: Sequence[int]) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._slot_bytes = -(-(ROOM_BEFORE_FRAME + snap_bytes) // 16) * 16
        self._slots_in_block = BLOCK_BYTES // self._slot_bytes
        blocks = -(-slots // self._slots_in_block)
        self._slots = blocks * self._slots_in_block
        self._filter(filter_program(whole_sizes, snap_bytes))
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        request = struct.pack("=IIII", BLOCK_BYTES, blocks, self._slot_bytes, self._slots)
        self._socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        self._memory = mmap.mmap(self._socket.fileno(), BLOCK_BYTES * blocks)
        self._offset_ns = wall_offset_ns()
        # Bound last: nothing comes before all is in place.
        self._socket.bind((interface, ETH_P_ALL))

    def _filter(self, program: bytes) -> None:
        buffer = ctypes.create_string_buffer(program)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer)))

    def read(self) -> tuple[Arrived, int, int]:
        """Return what came, how many frames found no room, and how far the wall clock moved."""
        moved_ns = wall_offset_ns() - self._offset_ns
        _, dropped, *_ = struct.unpack("=II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        arrived = Arrived()
        view = memoryview(self._memory)
        for slot in range(self._slots):
            block, within = divmod(slot, self._slots_in_block)
            at = block * BLOCK_BYTES + within * self._slot_bytes
            status, size, kept, start, _, seconds, nanoseconds = _SLOT.unpack_from(view, at)
            if not status:
                break
            at_ns = seconds * 1_000_000_000 + nanoseconds - self._offset_ns
            frame = view[at + start : at + start + kept]
            if kept < size:
                arrived.add(frames.token_of(frame), size, 0, 0, at_ns, NOT_READ)
            else:
                token, number, sent_ns, intact = frames.read(frame)
                arrived.add(token, size, number, sent_ns, at_ns, INTACT if intact else DAMAGED)
        return arrived, dropped, moved_ns


def wall_offset_ns() -> int:
    """Return how far the wall clock is ahead of the monotonic one; of five looks, the one that was interrupted least."""
    looks = []
    for _ in range(5):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        looks.append((after - before, wall - (before + after) // 2))
    return min(looks)[1]
