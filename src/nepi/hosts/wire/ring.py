"""The one socket through which all frames come in and go out: a packet socket with a ring that the kernel fills.

The far ends of all links are veth ends in the namespace in which the socket was opened. Each frame in the ring has the instant at
which the kernel took it, so that a process that is woken late delays nothing. Source: packet(7), Documentation/networking/packet_mmap.rst.
"""

from __future__ import annotations

import mmap
import socket
import struct

SOL_PACKET = 263
PACKET_RX_RING, PACKET_STATISTICS, PACKET_COPY_THRESH, PACKET_VERSION = 5, 6, 7, 10
PACKET_QDISC_BYPASS, PACKET_IGNORE_OUTGOING = 20, 23
TPACKET_V2 = 1
ETH_P_ALL = 3
BLOCK_BYTES = 1 << 18
SLOT_BYTES = 2048
SLOTS = 8192


class FrameSocket:
    """Takes and sends frames of every interface of the namespace that this process is in.

    Attributes:
        ring: memory shared with the kernel: `slots` of `slot_bytes`; longer frames are read from the socket.

    Raises:
        OSError: no right to it, or no memory.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self.slots, self.slot_bytes = slots, SLOT_BYTES
        # It takes frames from now on, also before the ring is there; but no interface is up yet.
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.htons(ETH_P_ALL))
        try:
            for option, value in (
                (PACKET_VERSION, TPACKET_V2),
                (PACKET_IGNORE_OUTGOING, 1),
                (PACKET_QDISC_BYPASS, 1),
                (PACKET_COPY_THRESH, 1),
            ):
                self.socket.setsockopt(SOL_PACKET, option, value)
            size = slots * SLOT_BYTES
            request = struct.pack("=IIII", min(BLOCK_BYTES, size), max(size // BLOCK_BYTES, 1), SLOT_BYTES, slots)
            self.socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
            self.ring = mmap.mmap(self.socket.fileno(), size)
        except BaseException:
            self.socket.close()
            raise

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self.socket.fileno()

    def drops(self) -> int:
        """Return how many frames found no room in the ring since this was asked last."""
        packets_drops = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        return int(struct.unpack("=II", packets_drops)[1])

    def close(self) -> None:
        """Close the socket; the memory goes with the last who uses it."""
        self.socket.close()
