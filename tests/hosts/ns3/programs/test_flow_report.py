import json
from typing import Any

from nepi.apps.iperf3_output import Iperf3Result, parse_iperf3, parse_iperf3_server
from nepi.hosts.ns3.programs.commands import ClientCommand
from nepi.hosts.ns3.programs.flow_report import FlowReport
from nepi.hosts.ns3.programs.server_text import accepted, listening, report
from tests.apps.recordings import recorded

S = 1_000_000_000


def told(command: ClientCommand, *rows: list[Any]) -> FlowReport:
    """Return a report of rows [kind, at_ns, a, b, c, d, text], without what is left out at the end."""
    flow = FlowReport(command, "10.0.0.1", "10.0.0.2")
    for kind, at_ns, *rest in rows:
        flow.take([1, kind, at_ns, *rest, *([0, 0, 0, 0, ""][len(rest) :])])
    return flow


def tcp_test() -> FlowReport:
    return told(
        ClientCommand("b", duration_ns=2 * S, congestion="ns3::TcpBbr"),
        [2, 5 * S, 131_072, 49_153],
        [1, 6 * S, 0, 1000, 500, 1, "0 0 0 0 0 2896 40000000"],
        [1, 7 * S, 0, 3000, 2500, 3, "0 0 0 0 0 5792 60000000"],
        [4, 7 * S],
        [1, 7 * S + S // 2, 0, 3000, 2750, 3, "0 0 0 0 0 5792 60000000"],
        [5, 7 * S + S // 2],
    )


def only(results: tuple[Iperf3Result, ...]) -> Iperf3Result:
    (result,) = results
    return result


def test_a_client_divides_what_arrived_by_the_time_of_the_server() -> None:
    result = parse_iperf3(tcp_test().at_client(""))
    assert (result.throughput_bps, result.sent_bytes, result.received_bytes, result.duration_s) == (8800.0, 3000, 2750, 2.5)
    assert (result.sent_bps, result.retransmits, result.congestion, result.complete, result.protocol) == (12_000.0, 3, "bbr", True, "TCP")
    assert [(one.start_s, one.end_s, one.bytes, one.retransmits, one.rtt_s, one.cwnd_bytes) for one in result.intervals] == [
        (0.0, 1.0, 1000, 1, 0.04, 2896),
        (1.0, 2.0, 2000, 2, 0.06, 5792),
    ]
    assert (result.streams[0].rtt_min_s, result.streams[0].rtt_max_s, result.streams[0].cwnd_max_bytes) == (0.04, 0.06, 5792)


def test_a_server_knows_its_own_end_only() -> None:
    result = only(parse_iperf3_server(tcp_test().at_server("")))
    assert (result.throughput_bps, result.received_bytes, result.sent_bytes, result.duration_s) == (8800.0, 2750, None, 2.5)
    assert (result.retransmits, result.complete) == (None, True)
    assert [(one.bytes, one.sender) for one in result.intervals] == [(500, False), (2000, False)]


def keys(value: Any) -> Any:
    """Return the names in a document, of lists those of the first element."""
    if isinstance(value, dict):
        return {name: keys(one) for name, one in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else None


def missing(real: Any, ours: Any, path: str = "") -> list[str]:
    """Return the paths of names that the real document has and ours not."""
    if isinstance(real, list):
        return missing(real[0], ours[0], path) if ours else [path]
    if not isinstance(real, dict):
        return []
    gone = [f"{path}.{name}" for name in real if name not in ours]
    return gone + [one for name in real if name in ours for one in missing(real[name], ours[name], f"{path}.{name}")]


def test_the_documents_have_what_recorded_ones_have() -> None:
    real = json.loads(recorded("iperf3/at_server_tcp"))
    gone = missing(keys(real), keys(json.loads(tcp_test().at_server(""))))
    # What a computer is and what its kernel has chosen: there is none of that in a simulation, and no reader of ours asks for it.
    assert sorted(gone) == [
        ".end.cpu_utilization_percent",
        ".start.connected.remote_port",
        ".start.cookie",
        ".start.rcvbuf_actual",
        ".start.sndbuf_actual",
        ".start.system_info",
        ".start.tcp_mss_default",
        ".start.timestamp.time",
    ]


def test_what_was_omitted_does_not_count() -> None:
    flow = told(
        ClientCommand("b", udp=True, rate_bps=8000, duration_ns=S, omit_ns=S),
        [2, 0, 1000],
        [1, S, 0, 10_000, 9000, 0, "10 9 10 1 2000000 0 0"],
        [3, S],
        [1, 2 * S, 0, 20_000, 17_000, 0, "20 17 20 4 2000000 0 0"],
        [4, 2 * S],
        [1, 2 * S, 0, 20_000, 17_000, 0, "20 17 20 4 2000000 0 0"],
        [5, 2 * S],
    )
    for result in (parse_iperf3(flow.at_client("")), only(parse_iperf3_server(flow.at_server("")))):
        assert (result.loss, result.lost_packets, result.packets, result.jitter_s) == (0.2, 2, 10, 0.002)
        assert [(one.start_s, one.end_s, one.omitted) for one in result.intervals] == [(0.0, 1.0, True), (0.0, 1.0, False)]
        assert result.streams[0].out_of_order_packets == 3
    assert parse_iperf3(flow.at_client("")).sent_packets == 10


def test_both_directions_are_told_apart() -> None:
    flow = told(
        ClientCommand("b", bidir=True),
        [2, 0, 131_072],
        [1, S, 0, 1000, 800, 0, "0 0 0 0 0 0 0"],
        [1, S, 1, 600, 400, 2, "0 0 0 0 0 0 0"],
        [4, S],
        [1, 2 * S, 0, 1000, 900, 0, "0 0 0 0 0 0 0"],
        [1, 2 * S, 1, 700, 400, 2, "0 0 0 0 0 0 0"],
        [5, 2 * S],
    )
    result = parse_iperf3(flow.at_client(""))
    assert result.backward is not None
    assert (result.received_bytes, result.duration_s) == (900, 2.0)
    assert (result.backward.received_bytes, result.backward.sent_bytes, result.backward.duration_s) == (400, 700, 1.0)
    seen = only(parse_iperf3_server(flow.at_server("")))
    assert seen.backward is not None
    assert (seen.received_bytes, seen.backward.sent_bytes, seen.backward.retransmits, seen.backward.received_bytes) == (900, 700, 2, None)


def test_a_test_that_was_cut_short_is_told_by_both_ends() -> None:
    flow = told(
        ClientCommand("b"),
        [2, 0, 131_072],
        [1, S, 0, 1000, 800, 0, "0 0 0 0 0 0 0"],
        [1, S + S // 2, 0, 1600, 1400, 0, "0 0 0 0 0 0 0"],
        [4, S + S // 2],
        [1, S + S // 2, 0, 1600, 1400, 0, "0 0 0 0 0 0 0"],
        [5, S + S // 2],
    )
    client = parse_iperf3(flow.at_client("interrupt - the client has terminated"))
    server = only(parse_iperf3_server(flow.at_server("interrupt - the client has terminated")))
    assert (client.error, client.sent_bytes, client.duration_s) == ("interrupt - the client has terminated", 1600, 1.5)
    assert (server.error, server.received_bytes, server.complete) == ("the client has terminated", 1400, False)
    assert json.loads(flow.at_server("the server has terminated"))["error"] == "interrupt - the server has terminated"


def test_a_client_that_finds_no_server_says_so() -> None:
    flow = FlowReport(ClientCommand("b"))
    result = parse_iperf3(flow.at_client("unable to connect to server: Connection refused"))
    assert (result.error, result.complete) == ("unable to connect to server: Connection refused", False)
    assert flow.at_server("") == ""


def test_a_server_without_json_prints_lines() -> None:
    text = listening(5201, 1) + accepted("10.0.0.1", 38_816) + report(json.loads(tcp_test().at_server("")))
    real = recorded("iperf3/at_server_text").decode()
    assert text.splitlines()[:4] == real.splitlines()[:4]
    assert "[  5]   0.00-2.50   sec  2.69 KBytes  8.80 Kbits/sec  receiver" in text
