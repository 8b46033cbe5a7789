"""Sending the same frame many times with one call of the kernel, which Python's own library has not: sendmmsg(2)."""

from __future__ import annotations

import ctypes
import errno
import os
import socket

AT_ONCE = 32
MSG_DONTWAIT = 0x40
_FULL = (errno.EAGAIN, errno.ENOBUFS)


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("pieces", ctypes.POINTER(_Piece)),
        ("piece_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("sent", ctypes.c_uint32),
    )


class Repeated:
    """A frame that is sent again and again.

    Args:
        sending: a bound packet socket.
        frame: all of it.
    """

    def __init__(self, sending: socket.socket, frame: bytes) -> None:
        self._fd = sending.fileno()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._buffer = ctypes.create_string_buffer(frame, len(frame))
        self._piece = _Piece(ctypes.addressof(self._buffer), len(frame))
        one = _Message(None, 0, ctypes.pointer(self._piece), 1, None, 0, 0, 0)
        self._messages = (_Message * AT_ONCE)(*([one] * AT_ONCE))

    def send(self, count: int) -> int:
        """Send it so many times, `AT_ONCE` at most, without waiting; return how often the kernel took it.

        Raises:
            OSError: it cannot be sent at all.
        """
        taken: int = self._libc.sendmmsg(self._fd, self._messages, min(count, AT_ONCE), MSG_DONTWAIT)
        if taken >= 0:
            return taken
        number = ctypes.get_errno()
        if number in _FULL:
            return 0
        raise OSError(number, os.strerror(number))
