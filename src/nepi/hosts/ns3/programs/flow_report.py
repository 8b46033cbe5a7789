"""What the streams of one measurement told, and the reports that both of its ends make of it, as iperf3's --json writes them.

Pure functions from what the simulation told to documents. Times in the simulation count from its beginning, at 0. Reports contradict
themselves nowhere: the mistakes of iperf3 that `nepi.apps.iperf3_flow` works around are not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nepi.hosts.ns3.programs.commands import CONGESTION, ClientCommand
from nepi.hosts.ns3.programs.output import Row

COUNTS, BEGAN, OMITTED, CLIENT_END, SERVER_END = 1, 2, 3, 4, 5
"""Kinds of a measurement's rows; see flow.h."""
VERSION: Final = "ns-3"
SERVER_GONE: Final = "the server has terminated"
CLIENT_GONE: Final = "the client has terminated"
INTERRUPT: Final = "interrupt - "


@dataclass(frozen=True, slots=True)
class Count:
    """What one stream had sent and received at an instant; see stream.h."""

    at_ns: int = 0
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


Counts = Mapping[int, Count]
_NOTHING: Final = Count()


@dataclass(slots=True)
class FlowReport:
    """Collects what streams told.

    Attributes:
        command: what was asked.
        client, server: the addresses of both ends.
        port: of the client's end, of the connection that the test begins with.
        began_ns: when the test began; None while it has not.
        length: bytes in each write or packet.
    """

    command: ClientCommand
    client: str = ""
    server: str = ""
    port: int = 0
    began_ns: int | None = None
    length: int = 0
    _counts: list[dict[int, Count]] = field(default_factory=list)
    _open: dict[int, Count] = field(default_factory=dict)
    _omitted: int | None = None
    _client_end: Counts | None = None
    _server_end: Counts | None = None

    def take(self, row: Row) -> None:
        """Take a row of the client."""
        _, kind, at_ns, first, sent, received, retransmits, text = row
        match kind:
            case 2:
                self.began_ns, self.length, self.port = at_ns, first, sent
            case 1:
                self._open[first] = Count(at_ns, sent, received, retransmits, *(int(word) for word in text.split()))
                if len(self._open) == len(self.command.directions()):
                    self._counts.append(self._open)
                    self._open = {}
            case 3:
                self._omitted = len(self._counts)
            case 4:
                self._client_end = self._counts[-1]
            case 5:
                self._server_end = self._counts.pop()  # no report at an interval

    def at_client(self, error: str) -> str:
        """Return the client's document, as JSON text with a line end; `error` is why the test did not end as planned, or ""."""
        return self._document(error, at_server=False)

    def at_server(self, error: str) -> str:
        """Return the server's document; "" when it has not seen a test begin."""
        if self.began_ns is None:
            return ""
        if error.startswith(INTERRUPT):  # who was interrupted says so of itself; the other one has heard of it
            error = CLIENT_GONE
        elif error == SERVER_GONE:
            error = INTERRUPT + SERVER_GONE
        return self._document(error, at_server=True)

    # Parts of a document.

    def _document(self, error: str, *, at_server: bool) -> str:
        view = _View(self, at_server)
        began = self.began_ns is not None
        top: dict[str, Any] = {
            "start": view.start() if began else {"connected": [], "version": VERSION},
            "intervals": list(view.intervals()) if began else [],
            "end": view.end() if began and self._client_end is not None else {},
        }
        if error:
            top["error"] = error
        return json.dumps(top, indent=1) + "\n"

    @property
    def zero_ns(self) -> int:
        """When what counts began."""
        return self.base[0].at_ns if self._omitted else self.began_ns or 0

    @property
    def base(self) -> Counts:
        """What had been counted by then."""
        return self._counts[self._omitted - 1] if self._omitted else dict.fromkeys(range(len(self.command.directions())), _NOTHING)

    def reports(self) -> Iterable[tuple[Counts, Counts, int, bool]]:
        """Return for each interval: counts at its end and at its start, when counting began, whether it was omitted."""
        if self.command.interval_ns == 0:
            return
        nothing = dict.fromkeys(self.base, Count(self.began_ns or 0))
        before: Counts = nothing
        for number, counts in enumerate(self._counts):
            omitted = self._omitted is not None and number < self._omitted
            if counts[0].at_ns > before[0].at_ns:
                yield counts, before, (self.began_ns or 0) if omitted else self.zero_ns, omitted
            before = counts

    def ends(self) -> tuple[Counts, Counts]:
        """Return the last counts of the client's end, and those of the server's."""
        assert self._client_end is not None
        return self._client_end, self._server_end or self._client_end

    def samples(self, number: int) -> Sequence[Count]:
        """Return the counts of one stream at all reports."""
        return [each[number] for each in self._counts]


class _View:
    """The report of one of the two ends."""

    def __init__(self, report: FlowReport, at_server: bool) -> None:
        self._report = report
        self._command = report.command
        self._at_server = at_server
        self._from_server = report.command.directions()
        forward = [number for number, from_server in enumerate(self._from_server) if from_server == self._command.reverse]
        backward = [number for number in range(len(self._from_server)) if number not in forward]
        self._sums = [("sum", forward), *([("sum_bidir_reverse", backward)] if backward else [])]

    def _sends(self, number: int) -> bool:
        return self._from_server[number] == self._at_server

    def start(self) -> dict[str, Any]:
        report, command = self._report, self._command
        local, remote = (report.server, report.client) if self._at_server else (report.client, report.server)
        ends = {"local_host": local, "remote_host": remote, ("local_port" if self._at_server else "remote_port"): command.port}
        end = {"host": report.client, "port": report.port} if self._at_server else {"host": report.server, "port": command.port}
        return {
            "connected": [{"socket": number + 5, **ends} for number in range(len(self._from_server))],
            "version": VERSION,
            "timestamp": {"timesecs": (report.began_ns or 0) // 1_000_000_000},
            ("accepted_connection" if self._at_server else "connecting_to"): end,
            "target_bitrate": command.rate_bps,
            "sock_bufsize": command.window_bytes,
            "test_start": {
                "protocol": "UDP" if command.udp else "TCP",
                "num_streams": command.parallel,
                "blksize": report.length,
                "omit": command.omit_ns // 1_000_000_000,
                "duration": command.duration_ns // 1_000_000_000,
                "bytes": command.amount_bytes,
                "blocks": 0,
                "reverse": int(command.reverse),
                "tos": command.tos,
                "target_bitrate": command.rate_bps,
            },
        }

    def intervals(self) -> Iterable[dict[str, Any]]:
        for counts, before, zero_ns, omitted in self._report.reports():
            span = ((before[0].at_ns - zero_ns) / 1e9, (counts[0].at_ns - zero_ns) / 1e9)
            streams = [self._interval([number], counts, before, span, omitted, number + 5) for number in counts]
            yield {"streams": streams} | {name: self._interval(members, counts, before, span, omitted) for name, members in self._sums}

    def _interval(
        self, members: list[int], now: Counts, before: Counts, span: tuple[float, float], omitted: bool, socket: int = 0
    ) -> dict[str, Any]:
        sends = self._sends(members[0])
        size = sum(now[one].sent - before[one].sent if sends else now[one].received - before[one].received for one in members)
        found = ({"socket": socket} if socket else {}) | _rate(size, span)
        if self._command.udp:
            sent = sum(now[one].sent_packets - before[one].sent_packets for one in members)
            found |= {"packets": sent} if sends else _losses([now[one] for one in members], [before[one] for one in members])
        elif sends:
            found["retransmits"] = sum(now[one].retransmits - before[one].retransmits for one in members)
            found |= {"snd_cwnd": now[members[0]].window, "rtt": now[members[0]].rtt_ns // 1000} if socket else {}
        return found | {"omitted": omitted, "sender": sends}

    def end(self) -> dict[str, Any]:
        end: dict[str, Any] = {"streams": [self._stream(number) for number in range(len(self._from_server))]}
        for name, members in self._sums:
            suffix = name.removeprefix("sum")
            end["sum_sent" + suffix] = self._sent(members) | {"sender": True}
            end["sum_received" + suffix] = self._received(members) | {"sender": False}
        if self._command.udp:
            return end
        ours = {theirs: name for name, theirs in CONGESTION.items()}.get(self._command.congestion, "cubic")
        sends = any(self._sends(number) for number in range(len(self._from_server)))
        roles = ("sender", "receiver") if not self._at_server else ("sender",) if sends else ("receiver",)
        return end | {f"{role}_tcp_congestion": ours for role in roles}

    def _of(self, members: list[int], *, sends: bool) -> list[Count]:
        """Return the last counts of streams, at the end that sends or at the one that receives, with what was counted before taken off."""
        client, server = self._report.ends()
        return [(server if self._from_server[one] == sends else client)[one] for one in members]

    def _known(self, ours: bool) -> bool:
        """Tell whether this report knows the figures of an end: the client learns the server's, but not the other way round."""
        return ours or not self._at_server

    def _sent(self, members: list[int]) -> dict[str, Any]:
        senders, bases = self._of(members, sends=True), [self._report.base[one] for one in members]
        known = self._known(self._sends(members[0]))
        size = sum(one.sent - base.sent for one, base in zip(senders, bases, strict=True))
        total = _rate(size if known else 0, self._span(senders[0]))
        if self._command.udp:
            packets = sum(one.sent_packets - base.sent_packets for one, base in zip(senders, bases, strict=True))
            return total | {"jitter_ms": 0, "lost_packets": 0, "packets": packets if known else 0, "lost_percent": 0}
        retransmits = sum(one.retransmits - base.retransmits for one, base in zip(senders, bases, strict=True))
        return total | ({"retransmits": retransmits} if known else {})

    def _received(self, members: list[int]) -> dict[str, Any]:
        receivers, bases = self._of(members, sends=False), [self._report.base[one] for one in members]
        known = self._known(not self._sends(members[0]))
        size = sum(one.received - base.received for one, base in zip(receivers, bases, strict=True))
        total = _rate(size if known else 0, self._span(receivers[0]))
        if self._command.udp:
            return total | (_losses(receivers, bases) if known else {"packets": 0, "lost_packets": 0, "jitter_ms": 0, "lost_percent": 0})
        return total

    def _span(self, count: Count) -> tuple[float, float]:
        return 0.0, (count.at_ns - self._report.zero_ns) / 1e9

    def _stream(self, number: int) -> dict[str, Any]:
        report, sends = self._report, self._sends(number)
        (sender,), (receiver,) = self._of([number], sends=True), self._of([number], sends=False)
        base = report.base[number]
        sent = _rate(sender.sent - base.sent if self._known(sends) else 0, self._span(sender))
        socket = {"socket": number + 5}
        if self._command.udp:
            losses = _losses([receiver], [base]) | {"out_of_order": receiver.out_of_order - base.out_of_order}
            packets = sender.sent_packets - base.sent_packets if self._known(sends) else losses["packets"]
            return {"udp": socket | sent | losses | {"packets": packets, "sender": sends}}
        got = _rate(receiver.received - base.received if self._known(not sends) else 0, self._span(receiver))
        figures = _seen(report.samples(number)) | {"retransmits": sender.retransmits - base.retransmits} if sends else {}
        if not sends and not self._at_server:
            figures = {"retransmits": sender.retransmits - base.retransmits}
        return {"sender": socket | sent | figures | {"sender": sends}, "receiver": socket | got | {"sender": sends}}


def _seen(counts: Sequence[Count]) -> dict[str, int]:
    """Return the round-trip times and windows that a sender has seen at its reports."""
    rtts = [each.rtt_ns // 1000 for each in counts if each.rtt_ns]
    figures = {"max_snd_cwnd": max((each.window for each in counts), default=0)}
    return figures | ({"min_rtt": min(rtts), "max_rtt": max(rtts), "mean_rtt": sum(rtts) // len(rtts)} if rtts else {})


def _losses(now: Sequence[Count], before: Sequence[Count]) -> dict[str, Any]:
    """Return what a receiver of UDP saw: gaps in the numbering, and packets numbered."""
    packets = sum(one.highest - base.highest for one, base in zip(now, before, strict=True))
    arrived = sum(one.received_packets - base.received_packets for one, base in zip(now, before, strict=True))
    lost = max(packets - arrived, 0)
    jitter_ms = sum(one.jitter_ns for one in now) / len(now) / 1e6
    return {"jitter_ms": jitter_ms, "lost_packets": lost, "packets": packets, "lost_percent": 100 * lost / packets if packets else 0}


def _rate(size: int, span: tuple[float, float]) -> dict[str, Any]:
    seconds = span[1] - span[0]
    return {
        "start": span[0],
        "end": span[1],
        "seconds": seconds,
        "bytes": size,
        "bits_per_second": size * 8 / seconds if seconds > 0 else 0.0,
    }
