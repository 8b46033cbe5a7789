"""What fair queueing and ECN read and write in a frame: the flow that it belongs to, and its congestion bits."""

from __future__ import annotations

_MASK = 0xFFFFFFFF
_PORTS = (6, 17, 132)  # TCP, UDP, SCTP


def flow_of(frame: bytes, salt: int, flows: int) -> int:
    """Return which of `flows` queues a frame goes to: by addresses, protocol and ports, or by its Ethernet header."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == 0x0800 and len(frame) >= 34:
        header = 14 + (frame[14] & 15) * 4
        protocol = frame[23]
        key = frame[26:34]
        first_fragment = not (frame[20] & 0x3F or frame[21])
    elif kind == 0x86DD and len(frame) >= 54:
        header, protocol, key, first_fragment = 54, frame[20], frame[22:54], True
    else:
        return _hash(frame[:14], salt) % flows
    if protocol in _PORTS and first_fragment and len(frame) >= header + 4:
        key += frame[header : header + 4]
    return _hash(key + bytes((protocol,)), salt) % flows


def _hash(data: bytes, salt: int) -> int:
    """FNV-1a, 32 bits, from a salt, with a last mixing step."""
    value = 0x811C9DC5 ^ salt
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & _MASK
    value ^= value >> 15
    value = (value * 0x2C1B3C6D) & _MASK
    return value ^ (value >> 13)


def marked(frame: bytes) -> bytes | None:
    """Return the frame with "congestion experienced" (RFC 3168), or None when its sender does not speak ECN."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == 0x0800 and len(frame) >= 34:
        bits = frame[15] & 3
        if bits == 0:
            return None
        if bits == 3:
            return frame
        old, new = frame[14] << 8 | frame[15], frame[14] << 8 | frame[15] | 3
        # RFC 1624: the new checksum from the old one and the word that changed.
        total = (~int.from_bytes(frame[24:26], "big") & 0xFFFF) + (~old & 0xFFFF) + new
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        return frame[:15] + bytes((new & 0xFF,)) + frame[16:24] + (~total & 0xFFFF).to_bytes(2, "big") + frame[26:]
    if kind == 0x86DD and len(frame) >= 54:
        bits = frame[15] >> 4 & 3
        if bits == 0:
            return None
        return frame[:15] + bytes((frame[15] | 0x30,)) + frame[16:]
    return None
