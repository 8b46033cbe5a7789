"""rtnetlink: a socket that sends many requests at once, and the framing of messages.

The requests themselves (links, addresses, routes, queues) are built in `requests.py`. Source: netlink(7), rtnetlink(7).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple

NETLINK_ROUTE = 0
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200

NLMSG_ERROR = 2
NLMSGERR_ATTR_MSG = 1
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

# One send holds at most this many requests, so that even if each of them fails the answers fit in a stock receive buffer.
CHUNK_REQUESTS = 100
CHUNK_BYTES = 48 * 1024

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Request(NamedTuple):
    """One message to the kernel, without its header."""

    kind: int
    flags: int
    body: bytes


class NetlinkError(OSError):
    """The kernel refused a request; `strerror` holds its own explanation when it gave one."""


def attribute(kind: int, data: bytes) -> bytes:
    """Return one attribute: length, type, data, padding to 4 bytes."""
    size = len(data)
    return _ATTRIBUTE.pack(size + 4, kind) + data + _PADDING[size & 3]


def nested(kind: int, *parts: bytes) -> bytes:
    """Return an attribute that holds other attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """Return an attribute that holds a zero-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """Return an attribute that holds an unsigned 32-bit number."""
    return attribute(kind, struct.pack("=I", value))


def frame(request: Request, sequence: int, *, more_flags: int = 0) -> bytes:
    """Return a whole message with its header; bodies are multiples of 4 bytes, so messages can be joined."""
    size = _HEADER.size + len(request.body)
    return _HEADER.pack(size, request.kind, request.flags | NLM_F_REQUEST | more_flags, sequence, 0) + request.body


def parse_attributes(data: bytes) -> dict[int, bytes]:
    """Return the attributes of a flat sequence by type; of several of one type, the last."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[at + 4 : at + size]
        at += (size + 3) & ~3
    return found


def parse_error(flags: int, payload: bytes) -> NetlinkError | None:
    """Return what an NLMSG_ERROR message says, or None when it acknowledges."""
    code = -_ERROR.unpack_from(payload)[0]
    if code == 0:
        return None
    explanation = ""
    if flags & NLM_F_ACK_TLVS:
        (echoed,) = struct.unpack_from("=I", payload, 4)
        skip = 4 + (_HEADER.size if flags & NLM_F_CAPPED else (echoed + 3) & ~3)
        explanation = parse_attributes(payload[skip:]).get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode(errors="replace")
    return NetlinkError(code, explanation or os.strerror(code))


class NetlinkSocket:
    """A socket that stays in the network namespace in which it was opened.

    Only the last request of a send asks for an acknowledgement: the kernel works through them in order and answers each
    that fails, so one that was not answered when the last one is has succeeded.
    """

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._sequence = 0

    def fileno(self) -> int:
        """Return its descriptor, which stands for its namespace in ioctls, too."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket; harmless when closed."""
        self._socket.close()

    def transact(self, requests: Sequence[Request]) -> list[NetlinkError | None]:
        """Send requests in order; one that fails does not stop the next. Return the error of each, or None."""
        errors: list[NetlinkError | None] = [None] * len(requests)
        start = 0
        while start < len(requests):
            first = self._sequence + 1
            frames: list[bytes] = []
            size = 0
            for request in requests[start : start + CHUNK_REQUESTS]:
                if frames and size + len(request.body) > CHUNK_BYTES:
                    break
                self._sequence = (self._sequence + 1) & 0x7FFFFFFF
                frames.append(frame(request, self._sequence))
                size += len(frames[-1])
            count = len(frames)
            frames[-1] = frame(requests[start + count - 1], self._sequence, more_flags=NLM_F_ACK)
            self._socket.send(b"".join(frames))
            self._collect(errors, start - first, self._sequence)
            start += count
        return errors

    def _collect(self, errors: list[NetlinkError | None], offset: int, last: int) -> None:
        while True:
            data = self._socket.recv(65536)
            at = 0
            while at + _HEADER.size <= len(data):
                size, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
                if kind == NLMSG_ERROR:
                    errors[sequence + offset] = parse_error(flags, data[at + _HEADER.size : at + size])
                    if sequence == last:
                        return
                at += (size + 3) & ~3

    def dump(self, request: Request) -> list[bytes]:
        """Send a request for a list and return the body of each answer.

        Raises:
            NetlinkError: the kernel refused.
        """
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        self._socket.send(frame(request, self._sequence, more_flags=NLM_F_DUMP))
        bodies: list[bytes] = []
        while True:
            data = self._socket.recv(65536)
            at = 0
            while at + _HEADER.size <= len(data):
                size, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
                payload = data[at + _HEADER.size : at + size]
                at += (size + 3) & ~3
                if sequence != self._sequence:
                    continue
                if kind == NLMSG_ERROR and (error := parse_error(flags, payload)) is not None:
                    raise error
                if kind == 3:  # NLMSG_DONE
                    return bodies
                bodies.append(payload)
