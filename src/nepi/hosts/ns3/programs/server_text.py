"""What a simulated iperf3 server prints without --json, in the words of the real one. Pure functions."""

from __future__ import annotations

from typing import Any, Final

_LINE: Final = "-" * 59


def listening(port: int, test: int) -> str:
    """Return what it prints when it waits for its `test`-th test."""
    return f"{_LINE}\nServer listening on {port} (test #{test})\n{_LINE}\n"


def accepted(host: str, port: int) -> str:
    """Return what it prints when a client has come."""
    return f"Accepted connection from {host}, port {port}\n"


def report(document: dict[str, Any]) -> str:
    """Return the lines on a test, from the document that it would print with --json."""
    lines = ["[ ID] Interval           Transfer     Bitrate"]
    for interval in document["intervals"]:
        lines += [_line(stream) for stream in interval["streams"]]
    lines += ["- " * 24 + "-", "[ ID] Interval           Transfer     Bitrate"]
    for stream in document["end"].get("streams", ()):
        lines.append(_last(stream))
    if "error" in document:
        lines.append(f"iperf3: {document['error']}")
    return "\n".join(lines) + "\n"


def _line(part: dict[str, Any], what: str = "") -> str:
    span = f"{part['start']:6.2f}-{part['end']:.2f}"
    size, rate = _size(part["bytes"]), _rate(part["bits_per_second"])
    losses = ""
    if "lost_packets" in part:
        losses = f"  {part['jitter_ms']:.3f} ms  {part['lost_packets']}/{part['packets']} ({part['lost_percent']:.2g}%)"
    return f"[{part['socket']:3}] {span:13} sec  {size:>11}  {rate:>14}{losses}  {what}".rstrip()


def _last(stream: dict[str, Any]) -> str:
    if "udp" in stream:
        return _line(stream["udp"], "sender" if stream["udp"]["sender"] else "receiver")
    sends = stream["sender"]["sender"]
    return _line(stream["sender" if sends else "receiver"], "sender" if sends else "receiver")


def _size(count: float) -> str:
    return _scaled(count, 1024, ("Bytes", "KBytes", "MBytes", "GBytes", "TBytes"))


def _rate(bits: float) -> str:
    return _scaled(bits, 1000, ("bits/sec", "Kbits/sec", "Mbits/sec", "Gbits/sec", "Tbits/sec"))


def _scaled(value: float, step: int, units: tuple[str, ...]) -> str:
    number = 0
    while value >= step and number < len(units) - 1:
        value, number = value / step, number + 1
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {units[number]}"
