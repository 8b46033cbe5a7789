"""What an iperf3 test measured, as values. How they are read from iperf3's reports is in `iperf3_output`.

Rates and sizes are of application data (goodput): headers are not counted. None always means "not known", never 0.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Iperf3Interval:
    """One report, over all streams, as the end that made it saw it: what it gave to the kernel if it sends, else what it read.

    Attributes:
        start_s, end_s: seconds since the start of the test, or since the end of the omitted part.
        bytes: application bytes in this time.
        throughput_bps: those, in bit/s.
        retransmits: TCP segments sent again; only a sender knows.
        rtt_s: smoothed round-trip time of the kernel at the end of the interval, mean over the streams; TCP sender only.
        cwnd_bytes: congestion window likewise, sum over the streams.
        jitter_s: as RFC 1889, mean over the streams; UDP receiver only.
        lost_packets, packets: of a UDP receiver, gaps in the numbering and packets numbered; a sender knows `packets` only.
        sender: whether the end that made the report sends.
        omitted: in the part at the start that does not count.
    """

    start_s: float
    end_s: float
    bytes: int
    throughput_bps: float
    retransmits: int | None = None
    rtt_s: float | None = None
    cwnd_bytes: int | None = None
    jitter_s: float | None = None
    lost_packets: int | None = None
    packets: int | None = None
    sender: bool = False
    omitted: bool = False


@dataclass(frozen=True, slots=True)
class Iperf3Stream:
    """One connection (TCP) or flow (UDP) over the whole test.

    Attributes:
        socket: iperf3's number for it.
        sent_bytes, received_bytes: application bytes at either end; iperf3 3.12 does not report the latter for one UDP flow.
        retransmits: TCP segments sent again.
        rtt_min_s, rtt_mean_s, rtt_max_s: of the kernel's smoothed round-trip time, sampled at each report of the sender.
        cwnd_max_bytes: largest congestion window seen at a report of the sender.
        sent_packets: UDP.
        jitter_s, lost_packets, out_of_order_packets: UDP, as the receiver saw them; packets after the last that arrived are not
            among the lost.
    """

    socket: int
    sent_bytes: int | None = None
    received_bytes: int | None = None
    retransmits: int | None = None
    rtt_min_s: float | None = None
    rtt_mean_s: float | None = None
    rtt_max_s: float | None = None
    cwnd_max_bytes: int | None = None
    sent_packets: int | None = None
    jitter_s: float | None = None
    lost_packets: int | None = None
    out_of_order_packets: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Iperf3Flow:
    """All streams of a test in one direction, the omitted part at the start left out.

    Attributes:
        throughput_bps: application bits that the receiver read, divided by the receiver's own measuring time: what arrived,
            not what was sent. Source: `end.sum_received.bits_per_second` of the client's report, for TCP and UDP alike (the
            field `end.sum` of UDP reports counts sent bytes, and is not used). None when the receiver's count is not known.
        sent_bps: application bits that the sender gave to its kernel, divided by the sender's time (`end.sum_sent`); a
            TCP sender's buffers make it larger than `throughput_bps` on short tests.
        received_bytes, sent_bytes: what was divided.
        duration_s: the receiver's measuring time when `throughput_bps` is known, else the sender's.
        retransmits: TCP segments sent again.
        jitter_s: UDP interarrival jitter (RFC 1889) at the receiver's end of the test, mean over the streams.
        lost_packets, packets: UDP; gaps in the numbering that the receiver saw, and the highest number. Packets lost after the last
            that arrived are in neither: compare `sent_packets`.
        sent_packets: UDP packets sent.
        loss: lost_packets / packets, a fraction; None when no packet arrived.
        intervals, streams: the parts.
    """

    throughput_bps: float | None = None
    sent_bps: float | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    duration_s: float | None = None
    retransmits: int | None = None
    jitter_s: float | None = None
    lost_packets: int | None = None
    packets: int | None = None
    sent_packets: int | None = None
    loss: float | None = None
    intervals: tuple[Iperf3Interval, ...] = ()
    streams: tuple[Iperf3Stream, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Iperf3Result(Iperf3Flow):
    """One test; the figures of the flow are of its main direction: client to server, with `reverse` server to client.

    Attributes:
        protocol: "TCP", "UDP", "SCTP"; "" when no test began.
        reverse: the server was the sender.
        congestion: TCP congestion control of the sender; "" when not reported.
        backward: of a bidirectional test, the flow from server to client.
        started_at: wall-clock time of the test's start, whole seconds since the epoch, at the end that made the report.
        version: such as "iperf 3.12".
        error: why the test did not happen or did not end as planned, in iperf3's words, or "".
        complete: the test ran to its planned end. Otherwise all figures are sums over the intervals that were reported, and what
            only the other end knows is None.
    """

    protocol: str = ""
    reverse: bool = False
    congestion: str = ""
    backward: Iperf3Flow | None = None
    started_at: float | None = None
    version: str = ""
    error: str = ""
    complete: bool = False
