"""What a simulated ping prints, in the words of the real one, so that the same reader makes the same result of it.

Pure functions from what the simulation told to text. Times in the simulation count from its beginning, at 0. `flow_report.py` is iperf3's.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, Final

from nepi.hosts.ns3.programs.commands import PingCommand

END, HEADER, REPLY, REFUSAL, TOTALS, NO_ROUTE, NO_ANSWER = 0, 1, 2, 3, 4, 5, 6
"""Kinds of a ping's rows; see ping.h."""
_LARGEST_WITHOUT_TIME: Final = 15
"""ping(8): smaller packets have no room for the time at which they were sent."""
_REASONS: Final = {
    (3, 0): "Destination Net Unreachable",
    (3, 1): "Destination Host Unreachable",
    (3, 2): "Destination Protocol Unreachable",
    (3, 3): "Destination Port Unreachable",
    (11, 0): "Time to live exceeded",
    (11, 1): "Frag reassembly time exceeded",
}
_REASONS_SIX: Final = {
    (1, 0): "Destination unreachable: No route",
    (1, 1): "Destination unreachable: Administratively prohibited",
    (1, 2): "Destination unreachable: Beyond scope of source address",
    (1, 3): "Destination unreachable: Address unreachable",
    (1, 4): "Destination unreachable: Port unreachable",
    (3, 0): "Time exceeded: Hop limit",
    (3, 1): "Time exceeded: Defragmentation failure",
}

Row = Sequence[Any]
"""[program, kind, at_ns, a, b, c, d, text]; see telling.h."""


class PingText:
    """Writes what ping prints, as it comes.

    Args:
        command: what was asked.
        address: what the target is.
    """

    def __init__(self, command: PingCommand, address: str) -> None:
        self._command = command
        self._address = address
        self._six = ":" in address
        self._times_ns: list[int] = []
        self._duplicates = 0
        self._first_ns = 0

    def line(self, row: Row) -> str:
        """Return what a row is in text; "" for nothing."""
        _, kind, at_ns, first, second, third, fourth, text = row
        stamp = f"[{at_ns / 1e9:.6f}] " if self._command.timestamps else ""
        match kind:
            case 1:
                self._first_ns = at_ns
                return self._header()
            case 2:
                said = stamp + self._reply(first, second, third, fourth, text)
            case 3:
                said = f"{stamp}From {text} icmp_seq={first} {self._reason(second, third, fourth)}\n"
            case 4:
                return self._statistics(first, second, third, fourth)
            case 5:
                return "ping: connect: Network is unreachable\n"
            case 6:
                said = f"{stamp}no answer yet for icmp_seq={first}\n"
            case _:
                said = ""
        return "" if self._command.quiet or self._command.flood else said

    def _header(self) -> str:
        size, target = self._command.size_bytes, self._command.target
        pattern = f"PATTERN: 0x{self._command.pattern}\n" if self._command.pattern else ""
        if self._six:
            return f"{pattern}PING {target}({self._address}) {size} data bytes\n"
        return f"{pattern}PING {target} ({self._address}) {size}({size + 28}) bytes of data.\n"

    def _reply(self, seq: int, ttl: int, rtt_ns: int, size: int, source: str) -> str:
        again = " (DUP!)" if size < 0 else ""
        self._duplicates += size < 0
        took = ""
        if self._command.size_bytes > _LARGEST_WITHOUT_TIME:
            self._times_ns.append(rtt_ns)
            took = f" time={_milliseconds(rtt_ns)} ms"
        return f"{abs(size)} bytes from {source}: icmp_seq={seq} ttl={ttl}{took}{again}\n"

    def _reason(self, kind: int, code: int, mtu: int) -> str:
        if self._six and kind == 2:
            return f"Packet too big: mtu={mtu}"
        return (_REASONS_SIX if self._six else _REASONS).get((kind, code), f"ICMP type {kind}, code {code}")

    def _statistics(self, sent: int, received: int, errors: int, last_ns: int) -> str:
        lost = 100.0 * (sent - received) / sent if sent else 0.0
        extra = f", +{self._duplicates} duplicates" if self._duplicates else ""
        extra += f", +{errors} errors" if errors else ""
        took_ns = max(last_ns - self._first_ns, 0)  # the real one counts to the last request, too
        # A flood prints a point for each request, and takes it back for each reply.
        text = "." * (sent - received) if self._command.flood and not self._command.quiet else ""
        text += f"\n--- {self._command.target} ping statistics ---\n"
        text += f"{sent} packets transmitted, {received} received{extra}, {lost:.6g}% packet loss, time {took_ns // 1_000_000}ms\n"
        if not self._times_ns:
            return text + "\n"
        mean = sum(self._times_ns) / len(self._times_ns)
        deviation = sqrt(sum((one - mean) ** 2 for one in self._times_ns) / len(self._times_ns))
        figures = (min(self._times_ns), mean, max(self._times_ns), deviation)
        text += "rtt min/avg/max/mdev = " + "/".join(f"{one / 1e6:.3f}" for one in figures) + " ms"
        if self._command.flood and sent > 1:
            text += f", ipg/ewma {took_ns / (sent - 1) / 1e6:.3f}/{self._smoothed_ns() / 1e6:.3f} ms"
        return text + "\n"

    def _smoothed_ns(self) -> float:
        smoothed = float(self._times_ns[0])
        for one in self._times_ns[1:]:
            smoothed += (one - smoothed) / 8
        return smoothed


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.6f}".rstrip("0").rstrip(".")
