"""What a simulated ping and iperf3 print, in the words of the real programs, so that the same readers make the same results of it.

Pure functions from what the simulation told to text. Times in the simulation count from its beginning, at 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from nepi.hosts.ns3.programs.commands import CONGESTION, ClientCommand, PingCommand

END, HEADER, REPLY, REFUSAL, TOTALS, SEND_ERROR = 0, 1, 2, 3, 4, 5
COUNTS, BEGAN = 1, 2
_REASONS: Final = {
    (3, 0): "Destination Net Unreachable",
    (3, 1): "Destination Host Unreachable",
    (3, 3): "Destination Port Unreachable",
    (11, 0): "Time to live exceeded",
}

Row = Sequence[Any]
"""[program, kind, at_ns, a, b, c, d, text]; see measuring.h."""


class PingText:
    """Writes what ping prints, as it comes.

    Args:
        command: what was asked.
        address: what the target is.
    """

    def __init__(self, command: PingCommand, address: str) -> None:
        self._command = command
        self._address = address
        self._times_ns: list[int] = []
        self._duplicates = 0
        self._last_ns = 0
        self._first_ns: int | None = None

    def begin(self, at_ns: int) -> str:
        """Return the first line."""
        self._first_ns = at_ns
        size = self._command.size_bytes
        return f"PING {self._command.target} ({self._address}) {size}({size + 28}) bytes of data.\n"

    def line(self, row: Row) -> str:
        """Return what a row is in text; "" for nothing."""
        _, kind, at_ns, first, second, third, fourth, text = row
        self._last_ns = at_ns
        stamp = f"[{at_ns / 1e9:.6f}] " if self._command.timestamps else ""
        match kind:
            case 2:
                self._times_ns.append(third)
                self._duplicates += fourth < 0
                again = " (DUP!)" if fourth < 0 else ""
                said = f"{stamp}{abs(fourth)} bytes from {text}: icmp_seq={first} ttl={second} time={_milliseconds(third)} ms{again}\n"
                return "" if self._command.quiet else said
            case 3:
                reason = _REASONS.get((second, third), f"ICMP type {second}, code {third}")
                return f"{stamp}From {text} icmp_seq={first} {reason}\n"
            case 4:
                return self._statistics(first, second, third)
        return ""

    def _statistics(self, sent: int, received: int, errors: int) -> str:
        lost = 100.0 * (sent - received) / sent if sent else 0.0
        extra = f", +{self._duplicates} duplicates" if self._duplicates else ""
        extra += f", +{errors} errors" if errors else ""
        took = (self._last_ns - (self._first_ns or 0)) // 1_000_000
        text = f"\n--- {self._command.target} ping statistics ---\n"
        text += f"{sent} packets transmitted, {received} received{extra}, {lost:.6g}% packet loss, time {took}ms\n"
        if self._times_ns:
            mean = sum(self._times_ns) / len(self._times_ns)
            deviation = sqrt(sum((one - mean) ** 2 for one in self._times_ns) / len(self._times_ns))
            figures = (min(self._times_ns), mean, max(self._times_ns), deviation)
            text += "rtt min/avg/max/mdev = " + "/".join(f"{one / 1e6:.3f}" for one in figures) + " ms\n"
        else:
            text += "\n"
        return text


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.6f}".rstrip("0").rstrip(".")


class FlowReport:
    """Collects what streams told and makes the document of iperf3's client of it.

    Args:
        command: what was asked.
        directions: for each stream, whether the server sends.
    """

    def __init__(self, command: ClientCommand, directions: Sequence[bool]) -> None:
        self._command = command
        self._directions = list(directions)
        self._counts: list[dict[int, _Count]] = []
        self._began_ns: int | None = None

    def take(self, row: Row) -> None:
        """Take a row of the client."""
        _, kind, at_ns, number, sent, received, retransmits, text = row
        if kind == BEGAN and self._began_ns is None:
            self._began_ns = at_ns
        elif kind == COUNTS:
            if number == 0:
                self._counts.append({})
            self._counts[-1][number] = _Count(at_ns, sent, received, retransmits, *(int(word) for word in text.split()))

    def document(self, error: str) -> str:
        """Return the report, as JSON text with a line end."""
        began_ns = self._began_ns or 0
        command = self._command
        start = {
            "connected": [],
            "version": "ns-3",
            "timestamp": {"timesecs": began_ns // 1_000_000_000},
            "test_start": {
                "protocol": "UDP" if command.udp else "TCP",
                "num_streams": command.parallel,
                "blksize": command.length_bytes,
                "omit": 0,
                "duration": command.duration_ns / 1e9,
                "bytes": command.amount_bytes,
                "blocks": 0,
                "reverse": int(command.reverse),
            },
        }
        top: dict[str, Any] = {"start": start, "intervals": list(self._intervals(began_ns)), "end": {}}
        if self._began_ns is None:
            top["start"] = {"connected": [], "version": "ns-3"}
        elif self._counts:
            top["end"] = self._end(began_ns)
        if error:
            top["error"] = error
        return json.dumps(top, indent=1) + "\n"

    def _intervals(self, began_ns: int) -> Iterable[dict[str, Any]]:
        before, since_ns = {number: _Count(began_ns) for number in range(len(self._directions))}, began_ns
        for counts in self._counts:
            at_ns = counts[0].at_ns
            if at_ns == since_ns:
                continue
            span = ((since_ns - began_ns) / 1e9, (at_ns - began_ns) / 1e9)
            yield {
                "streams": [self._report(number, counts[number], before[number], span) for number in counts],
                **{name: self._sum(members, counts, before, span) for name, members in self._sums()},
            }
            before, since_ns = counts, at_ns

    def _sums(self) -> list[tuple[str, list[int]]]:
        forward = [number for number, from_server in enumerate(self._directions) if from_server == self._command.reverse]
        backward = [number for number in range(len(self._directions)) if number not in forward]
        return [("sum", forward), *([("sum_bidir_reverse", backward)] if backward else [])]

    def _report(self, number: int, now: _Count, before: _Count, span: tuple[float, float]) -> dict[str, Any]:
        sends = not self._directions[number]
        size = now.sent - before.sent if sends else now.received - before.received
        report = {"socket": number + 5, **_rate(size, span), "omitted": False, "sender": sends}
        if sends and not self._command.udp:
            report |= {"retransmits": now.retransmits - before.retransmits, "snd_cwnd": now.window, "rtt": now.rtt_ns // 1000}
        return report

    def _sum(
        self, members: list[int], now: Mapping[int, _Count], before: Mapping[int, _Count], span: tuple[float, float]
    ) -> dict[str, Any]:
        sends = not self._directions[members[0]]
        size = sum(now[one].sent - before[one].sent if sends else now[one].received - before[one].received for one in members)
        total = {**_rate(size, span), "omitted": False, "sender": sends}
        if not self._command.udp:
            return total | ({"retransmits": sum(now[one].retransmits - before[one].retransmits for one in members)} if sends else {})
        if sends:
            return total | {"packets": sum(now[one].sent_packets - before[one].sent_packets for one in members)}
        packets = sum(now[one].highest - before[one].highest for one in members)
        arrived = sum(now[one].received_packets - before[one].received_packets for one in members)
        jitter = sum(now[one].jitter_ns for one in members) / len(members) / 1e6
        return total | {"packets": packets, "lost_packets": max(packets - arrived, 0), "jitter_ms": jitter}

    def _end(self, began_ns: int) -> dict[str, Any]:
        last = self._counts[-1]
        span = (0.0, (last[0].at_ns - began_ns) / 1e9)
        congestion = {ours: theirs for theirs, ours in CONGESTION.items()}.get(self._command.congestion, "cubic")
        end: dict[str, Any] = {"streams": [self._stream(number, last, span) for number in last]}
        for name, members in self._sums():
            suffix = name.removeprefix("sum")
            sent, received = sum(last[one].sent for one in members), sum(last[one].received for one in members)
            end["sum_sent" + suffix] = _rate(sent, span)
            end["sum_received" + suffix] = _rate(received, span)
            if self._command.udp:
                packets, arrived = sum(last[one].highest for one in members), sum(last[one].received_packets for one in members)
                end["sum_sent" + suffix] |= {"packets": sum(last[one].sent_packets for one in members)}
                jitter = sum(last[one].jitter_ns for one in members) / len(members) / 1e6
                end["sum_received" + suffix] |= {"packets": packets, "lost_packets": packets - arrived, "jitter_ms": jitter}
            else:
                end["sum_sent" + suffix] |= {"retransmits": sum(last[one].retransmits for one in members)}
        return end if self._command.udp else end | {"sender_tcp_congestion": congestion}

    def _stream(self, number: int, last: Mapping[int, _Count], span: tuple[float, float]) -> dict[str, Any]:
        one, sends = last[number], not self._directions[number]
        if self._command.udp:
            lost = {"lost_packets": one.highest - one.received_packets, "out_of_order": one.out_of_order, "jitter_ms": one.jitter_ns / 1e6}
            return {"udp": {"socket": number + 5, **_rate(one.sent, span), "packets": one.sent_packets, **lost, "sender": sends}}
        seen = [each[number] for each in self._counts]
        rtts = [each.rtt_ns // 1000 for each in seen if each.rtt_ns] if sends else []
        figures = {"min_rtt": min(rtts), "max_rtt": max(rtts), "mean_rtt": sum(rtts) // len(rtts)} if rtts else {}
        windows = {"max_snd_cwnd": max(each.window for each in seen)} if sends else {}
        sender = {"socket": number + 5, **_rate(one.sent, span), "retransmits": one.retransmits, **figures, **windows, "sender": sends}
        return {"sender": sender, "receiver": {"socket": number + 5, **_rate(one.received, span), "sender": sends}}


@dataclass(frozen=True, slots=True)
class _Count:
    """What one stream had sent and received at an instant; see `Stream` and `Flow` in measuring.h."""

    at_ns: int
    sent: int = 0
    received: int = 0
    retransmits: int = 0
    sent_packets: int = 0
    received_packets: int = 0
    highest: int = 0
    out_of_order: int = 0
    jitter_ns: int = 0
    window: int = 0
    rtt_ns: int = 0


def _rate(size: int, span: tuple[float, float]) -> dict[str, Any]:
    seconds = span[1] - span[0]
    return {
        "start": span[0],
        "end": span[1],
        "seconds": seconds,
        "bytes": size,
        "bits_per_second": size * 8 / seconds if seconds > 0 else 0.0,
    }
