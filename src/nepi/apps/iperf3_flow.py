"""The flows of one iperf3 report: the figures of each direction, its intervals and its streams.

Reports of iperf3 contradict themselves; tests/apps/recorded has an example of each case. Here a figure that can be trusted is
taken, or none:

- `end.sum` of UDP counts sent bytes, whoever received: only `sum_sent` and `sum_received` are read.
- After an error the sums in `end` are zero for the other end, and may divide the bytes of a longer time by a shorter one;
  the last interval may be repeated: figures then come from the intervals, each once.
- A server's report has zeros for what the client sent or received.
- 3.12 counts UDP losses of the omitted part, but neither its packets nor its bytes.
- A UDP receiver that got nothing reports 0 of 0 packets lost.
- A receiver reports its sender's round-trip times and windows as 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from nepi.apps.iperf3_json import Value
from nepi.apps.iperf3_result import Iperf3Flow, Iperf3Interval, Iperf3Stream
from nepi.errors import TraceError

FORWARD = ""
BACKWARD = "_bidir_reverse"  # what iperf3 adds to the names of the sums of a test's second direction


class Report:
    """One document, with what its reading depends on: which end made it, and the plan of the test."""

    def __init__(self, top: Value) -> None:
        self.end = top["end"]
        self.intervals = top["intervals"].items()
        plan = top["start"]["test_start"]
        self.at_server = top["start"]["accepted_connection"].data is not None
        self.udp = plan["protocol"].text() == "UDP"
        self.omits = bool(plan["omit"].number())
        self.packet_bytes = plan["blksize"].whole()

    def has(self, direction: str) -> bool:
        """Tell whether anything is reported for that direction."""
        return self.has_end(direction) or any(interval["sum" + direction].data is not None for interval in self.intervals)

    def has_end(self, direction: str = FORWARD) -> bool:
        """Tell whether the sums at the end of a test are there."""
        return self.end["sum_sent" + direction].data is not None or self.end["sum_received" + direction].data is not None

    def flow(self, direction: str, *, from_server: bool, ended: bool) -> Iperf3Flow:
        """Return one direction.

        Args:
            direction: FORWARD or BACKWARD.
            from_server: whether the server sends in it.
            ended: the test ended as planned, so the sums at its end count.
        """
        sends = from_server == self.at_server
        intervals = _without_repeats(i for report in self.intervals if (i := _interval(report, direction, sends, self.udp)))
        if not ended:
            return _sum_of(intervals, sends)
        unknown = Value(None, "")
        sent = self.end["sum_sent" + direction] if sends or not self.at_server else unknown
        received = self.end["sum_received" + direction] if not sends or not self.at_server else unknown
        return self._flow_at_end(sent, received, intervals, sends)

    def _flow_at_end(self, sent: Value, received: Value, intervals: tuple[Iperf3Interval, ...], sends: bool) -> Iperf3Flow:
        packets, lost = self._packets(received)
        return Iperf3Flow(
            throughput_bps=received["bits_per_second"].number(),
            sent_bps=sent["bits_per_second"].number(),
            received_bytes=received["bytes"].whole(),
            sent_bytes=sent["bytes"].whole(),
            duration_s=(sent if received.data is None else received)["seconds"].number(),
            retransmits=sent["retransmits"].whole(),
            jitter_s=_seconds(received["jitter_ms"], 1e-3) if packets else None,
            lost_packets=lost,
            packets=packets,
            sent_packets=sent["packets"].whole(),
            loss=lost / packets if packets and lost is not None else None,
            intervals=intervals,
            streams=self._streams(sends, trust_losses=lost == received["lost_packets"].whole()),
        )

    def _packets(self, received: Value) -> tuple[int | None, int | None]:
        """Return the packets that a UDP receiver knows of, and how many of them were lost."""
        packets, lost, size = received["packets"].whole(), received["lost_packets"].whole(), received["bytes"].whole()
        if packets is None or lost is None or not 0 <= lost <= packets:
            return packets, None
        if self.omits and size is not None and self.packet_bytes:
            missing = packets - size // self.packet_bytes
            return packets, missing if 0 <= missing < lost else lost
        return packets, lost

    def _streams(self, sends: bool, *, trust_losses: bool) -> tuple[Iperf3Stream, ...]:
        sent_known, received_known = sends or not self.at_server, not sends or not self.at_server
        if self.udp:
            parts = [stream["udp"] for stream in self.end["streams"].items()]
            return tuple(
                _udp_stream(part, sent_known, received_known, received_known and trust_losses)
                for part in parts
                if part["sender"].flag() == sends
            )
        return tuple(
            _tcp_stream(stream, sent_known, received_known)
            for stream in self.end["streams"].items()
            if stream["sender"]["sender"].flag() == sends
        )


def _interval(report: Value, direction: str, sends: bool, udp: bool) -> Iperf3Interval | None:
    total = report["sum" + direction]
    if total.data is None:
        return None
    senders = [stream for stream in report["streams"].items() if sends and stream["sender"].flag()]
    rtts = [rtt for stream in senders if (rtt := _seconds(stream["rtt"], 1e-6))]
    windows = [window for stream in senders if (window := stream["snd_cwnd"].whole())]
    return Iperf3Interval(
        start_s=_required(total["start"]),
        end_s=_required(total["end"]),
        bytes=int(_required(total["bytes"])),
        throughput_bps=_required(total["bits_per_second"]),
        retransmits=total["retransmits"].whole(),
        rtt_s=sum(rtts) / len(rtts) if rtts else None,
        cwnd_bytes=sum(windows) if windows else None,
        jitter_s=_seconds(total["jitter_ms"], 1e-3) if udp and not sends else None,
        lost_packets=total["lost_packets"].whole() if udp and not sends else None,
        packets=total["packets"].whole() if udp else None,
        sender=sends,
        omitted=total["omitted"].flag(),
    )


def _without_repeats(intervals: Iterable[Iperf3Interval]) -> tuple[Iperf3Interval, ...]:
    kept: dict[tuple[bool, float], Iperf3Interval] = {}
    for interval in intervals:
        kept.setdefault((interval.omitted, interval.start_s), interval)
    return tuple(kept.values())


def _sum_of(intervals: tuple[Iperf3Interval, ...], sends: bool) -> Iperf3Flow:
    """Return what the intervals of one end say about a test that did not end as planned."""
    counted = [interval for interval in intervals if not interval.omitted]
    duration_s = counted[-1].end_s - counted[0].start_s if counted else 0.0
    if duration_s <= 0:
        return Iperf3Flow(intervals=intervals)
    size = sum(interval.bytes for interval in counted)
    packets = _total(interval.packets for interval in counted)
    if sends:
        retransmits = _total(interval.retransmits for interval in counted)
        sent_bps = size * 8 / duration_s
        return Iperf3Flow(
            sent_bps=sent_bps, sent_bytes=size, duration_s=duration_s, retransmits=retransmits, sent_packets=packets, intervals=intervals
        )
    lost = _total(interval.lost_packets for interval in counted)
    if packets is None or lost is None or not 0 <= lost <= packets:
        lost = None
    return Iperf3Flow(
        throughput_bps=size * 8 / duration_s,
        received_bytes=size,
        duration_s=duration_s,
        jitter_s=counted[-1].jitter_s if packets else None,
        lost_packets=lost,
        packets=packets,
        loss=lost / packets if packets and lost is not None else None,
        intervals=intervals,
    )


def _tcp_stream(stream: Value, sent_known: bool, received_known: bool) -> Iperf3Stream:
    sender, receiver = stream["sender"], stream["receiver"]
    return Iperf3Stream(
        socket=int(_required(sender["socket"])),
        sent_bytes=sender["bytes"].whole() if sent_known else None,
        received_bytes=receiver["bytes"].whole() if received_known else None,
        retransmits=sender["retransmits"].whole() if sent_known else None,
        rtt_min_s=_seconds(sender["min_rtt"], 1e-6) or None,
        rtt_mean_s=_seconds(sender["mean_rtt"], 1e-6) or None,
        rtt_max_s=_seconds(sender["max_rtt"], 1e-6) or None,
        cwnd_max_bytes=sender["max_snd_cwnd"].whole() or None,
    )


def _udp_stream(part: Value, sent_known: bool, received_known: bool, losses_known: bool) -> Iperf3Stream:
    return Iperf3Stream(
        socket=int(_required(part["socket"])),
        sent_bytes=part["bytes"].whole() if sent_known else None,
        sent_packets=part["packets"].whole() if sent_known else None,
        jitter_s=_seconds(part["jitter_ms"], 1e-3) if received_known else None,
        lost_packets=part["lost_packets"].whole() if losses_known else None,
        out_of_order_packets=part["out_of_order"].whole() if received_known else None,
    )


def _required(value: Value) -> float:
    number = value.number()
    if number is None:
        raise TraceError(f"iperf3 output, at {value.path}: missing")
    return number


def _seconds(value: Value, unit_s: float) -> float | None:
    number = value.number()
    return None if number is None else number * unit_s


def _total(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
