"""What ethtool(8) is told. Pure functions."""

from __future__ import annotations

from nepi.hosts.devices.words import Line


def offloads(ifname: str, *, on: bool) -> Line:
    """Let a device compute checksums and cut large packets, or not: programs that see its frames then see them as they are on a wire."""
    word = "on" if on else "off"
    return ("-K", ifname, "tx", word, "tso", word, "gso", word, "gro", word)
