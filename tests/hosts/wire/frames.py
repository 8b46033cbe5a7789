"""Ethernet frames for tests."""

from __future__ import annotations

import struct

_ETHERNET = bytes.fromhex("020000000001 020000000002")


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(*, size: int = 100, flow: int = 0, ecn: int = 0) -> bytes:
    """A UDP packet with `size` bytes behind the headers of Ethernet and IP; `flow` is its source port."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, ecn, 20 + size, 1, 0x4000, 64, 17, 0, bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return _ETHERNET + b"\x08\x00" + header + (struct.pack("!HHHH", flow, 7, size, 0) + bytes(size))[:size]


def ipv6(*, size: int = 100, flow: int = 0, ecn: int = 0) -> bytes:
    """The same with IPv6."""
    header = struct.pack("!IHBB16s16s", 6 << 28 | ecn << 20, size, 17, 64, bytes(15) + b"\x01", bytes(15) + b"\x02")
    return _ETHERNET + b"\x86\xdd" + header + (struct.pack("!HHHH", flow, 7, size, 0) + bytes(size))[:size]


def plain(*, size: int = 64) -> bytes:
    """A frame of no protocol that anybody knows."""
    return (_ETHERNET + b"\x88\xb5").ljust(size, b"\x5a")[:size]
