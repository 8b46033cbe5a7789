from nepi.apps.iperf3_output import parse_iperf3
from nepi.apps.ping_output import PingRefusal, PingReply, PingResult, parse_ping
from nepi.hosts.ns3.programs.commands import ClientCommand, PingCommand
from nepi.hosts.ns3.programs.output import FlowReport, PingText, Row

S = 1_000_000_000


def text_of(command: PingCommand, *rows: Row) -> str:
    writer = PingText(command, "10.0.0.2")
    return writer.begin(0) + "".join(writer.line(row) for row in rows)


def test_ping_prints_what_the_reader_of_ping_reads() -> None:
    rows = [
        [1, 2, 40_000_000, 1, 64, 40_000_000, 64, "10.0.0.2"],
        [1, 2, 41_000_000, 1, 64, 41_000_000, -64, "10.0.0.2"],
        [1, 3, 2 * S, 2, 3, 1, 0, "10.0.0.9"],
        [1, 4, 3 * S, 2, 1, 1, 0, ""],
    ]
    assert parse_ping(text_of(PingCommand("b", count=2, timestamps=True), *rows)) == PingResult(
        target="b",
        address="10.0.0.2",
        transmitted=2,
        received=1,
        duplicates=1,
        errors=1,
        loss=0.5,
        rtt_min_s=0.04,
        rtt_avg_s=0.0405,
        rtt_max_s=0.041,
        rtt_mdev_s=0.0005,
        replies=(PingReply(1, 64, 0.04, 0.04), PingReply(1, 64, 0.041, 0.041, duplicate=True)),
        refusals=(PingRefusal(2, "10.0.0.9", "Destination Host Unreachable", 2.0),),
        complete=True,
    )


def test_ping_without_replies_is_read_as_total_loss() -> None:
    result = parse_ping(text_of(PingCommand("b"), [1, 4, 11 * S, 1, 0, 0, 0, ""]))
    assert (result.transmitted, result.received, result.loss, result.complete) == (1, 0, 1.0, True)


def test_tcp_report_has_throughput_retransmits_and_intervals() -> None:
    report = FlowReport(ClientCommand("b", duration_ns=2 * S, congestion="ns3::TcpBbr"), [False])
    report.take([1, 2, 5 * S, 0, 0, 0, 0, ""])
    report.take([1, 1, 6 * S, 0, 1000, 500, 1, "0 0 0 0 0 2896 40000000"])
    report.take([1, 1, 7 * S, 0, 3000, 2500, 3, "0 0 0 0 0 5792 60000000"])
    result = parse_iperf3(report.document(""))
    assert (result.throughput_bps, result.sent_bytes, result.received_bytes, result.duration_s) == (10_000.0, 3000, 2500, 2.0)
    assert (result.retransmits, result.congestion, result.complete, result.protocol) == (3, "bbr", True, "TCP")
    assert [(one.start_s, one.end_s, one.bytes, one.retransmits, one.rtt_s, one.cwnd_bytes) for one in result.intervals] == [
        (0.0, 1.0, 1000, 1, 0.04, 2896),
        (1.0, 2.0, 2000, 2, 0.06, 5792),
    ]
    assert (result.streams[0].rtt_min_s, result.streams[0].rtt_max_s, result.streams[0].cwnd_max_bytes) == (0.04, 0.06, 5792)


def test_udp_report_counts_gaps() -> None:
    report = FlowReport(ClientCommand("b", udp=True, rate_bps=8000), [False])
    report.take([1, 2, 0, 0, 0, 0, 0, ""])
    report.take([1, 1, S, 0, 10_000, 9000, 0, "10 9 10 0 2000000 0 0"])
    result = parse_iperf3(report.document(""))
    assert (result.loss, result.lost_packets, result.packets, result.jitter_s, result.sent_packets) == (0.1, 1, 10, 0.002, 10)


def test_both_directions_are_told_apart() -> None:
    report = FlowReport(ClientCommand("b", bidir=True), [False, True])
    report.take([1, 2, 0, 0, 0, 0, 0, ""])
    report.take([1, 1, S, 0, 1000, 800, 0, "0 0 0 0 0 0 0"])
    report.take([1, 1, S, 1, 600, 400, 0, "0 0 0 0 0 0 0"])
    result = parse_iperf3(report.document(""))
    assert result.backward is not None
    assert (result.received_bytes, result.backward.received_bytes) == (800, 400)


def test_a_client_that_finds_no_server_says_so() -> None:
    result = parse_iperf3(FlowReport(ClientCommand("b"), [False]).document("unable to connect to server: Connection refused"))
    assert (result.error, result.complete) == ("unable to connect to server: Connection refused", False)
