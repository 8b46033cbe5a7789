"""The frames that a probe sends: how they look, and how one that comes is told from others. Pure functions.

    destination, source, EtherType | token | filling | number, time of sending, CRC-32 of all before it
               14 bytes              4 bytes                  16 bytes

Sources: IEEE 802.1Q-2018 table 8-1 (an address that no bridge passes on), IEEE 802-2014 section 9.2 (EtherType for experiments).
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

ETHERTYPE = 0x88B5
NEAREST_BRIDGE = bytes.fromhex("0180c200000e")
HEAD_BYTES = 18
SMALLEST_BYTES = 60
"""What an Ethernet frame has at least, without its checksum."""

_HEAD = struct.Struct("!6s6sHI")
_TAIL = struct.Struct("!IQI")


class Seen(NamedTuple):
    """What a frame says.

    Attributes:
        token: of the verification that it belongs to; of a damaged frame, whatever stands there.
        number: in its train, from 0.
        sent_ns: monotonic time of the sender.
        intact: whether it is as it was sent.
    """

    token: int
    number: int
    sent_ns: int
    intact: bool


class FrameMaker:
    """Makes the frames of one train; the buffer that it returns is the same each time.

    Args:
        source: MAC address of the sender.
        size_bytes: header included, checksum not.
    """

    def __init__(self, token: int, source: bytes, size_bytes: int) -> None:
        if size_bytes < HEAD_BYTES + _TAIL.size:
            raise ValueError(f"a probe's frame of {size_bytes} bytes: it needs {HEAD_BYTES + _TAIL.size}")
        self._frame = bytearray(size_bytes)
        _HEAD.pack_into(self._frame, 0, NEAREST_BRIDGE, source, ETHERTYPE, token)
        self._tail = size_bytes - _TAIL.size
        self._crc = zlib.crc32(self._frame[: self._tail])

    def make(self, number: int, now_ns: int) -> bytearray:
        """Return a frame with its number, and the time at which it is sent."""
        frame, tail = self._frame, self._tail
        _TAIL.pack_into(frame, tail, number, now_ns, 0)
        struct.pack_into("!I", frame, tail + 12, zlib.crc32(frame[tail : tail + 12], self._crc))
        return frame


def token_of(frame: bytes | memoryview) -> int:
    """Return the token of a frame, of which the head is enough."""
    return int.from_bytes(frame[14:HEAD_BYTES], "big")


def read(frame: bytes | memoryview) -> Seen:
    """Return what a whole frame says; it may be damaged in any place."""
    number, sent_ns, crc = _TAIL.unpack_from(frame, len(frame) - _TAIL.size)
    return Seen(token_of(frame), number, sent_ns, zlib.crc32(frame[:-4]) == crc)
