"""How much application data a link's rate leaves after headers. Pure functions.

A link's rate counts Ethernet frames without preamble and checksum (DESIGN §8), so a full frame is MTU + 14 bytes.
"""

from __future__ import annotations

ETHERNET_HEADER_BYTES = 14
IP_HEADER_BYTES = {4: 20, 6: 40}
TCP_HEADER_BYTES = 32  # with time stamps, which Linux uses by default; RFC 7323
UDP_HEADER_BYTES = 8


def tcp_share(mtu_bytes: int, *, version: int = 4, mss_bytes: int | None = None) -> float:
    """Return the part of a link's rate that TCP can use for data.

    Args:
        mtu_bytes: of the way.
        version: of IP, 4 or 6.
        mss_bytes: maximum segment size when another one was asked for (the time stamps are taken from it).
    """
    largest = mtu_bytes - IP_HEADER_BYTES[version] - TCP_HEADER_BYTES
    payload = largest if mss_bytes is None else min(largest, mss_bytes - 12)
    return payload / (payload + TCP_HEADER_BYTES + IP_HEADER_BYTES[version] + ETHERNET_HEADER_BYTES)


def udp_share(payload_bytes: int, mtu_bytes: int, *, version: int = 4) -> float:
    """Return the part of a link's rate that UDP packets with so much data can use for it; fragments count with their headers."""
    ip = IP_HEADER_BYTES[version]
    datagram = payload_bytes + UDP_HEADER_BYTES
    room = mtu_bytes - ip
    fragments = 1 if datagram <= room else -(-datagram // (room // 8 * 8))
    return payload_bytes / (datagram + fragments * (ip + ETHERNET_HEADER_BYTES))
