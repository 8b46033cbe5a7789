"""What iperf3 reported, recorded and damaged."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nepi.apps.iperf3_output import Iperf3Flow, Iperf3Interval, Iperf3Result, Iperf3Stream, parse_iperf3, parse_iperf3_server
from nepi.errors import TraceError
from tests.apps.recordings import names, recorded

ALL = [name for folder in ("iperf3", "iperf3-3.17") for name in names(folder) if not name.endswith("_text")]
CLIENTS = [name for name in ALL if "at_server" not in name]
BLOCK_BYTES = 1448  # of one UDP packet, in every recording


def report(name: str) -> Any:
    return json.loads(recorded(name))


def test_tcp() -> None:
    assert parse_iperf3(recorded("iperf3/tcp")) == Iperf3Result(
        throughput_bps=20445514.57677555,
        sent_bps=20446230.1347234,
        received_bytes=5111808,
        sent_bytes=5111808,
        duration_s=2.000168,
        retransmits=0,
        intervals=(
            Iperf3Interval(0, 1.000084, 2621440, 20969757.648112547, 0, 617 * 1e-6, 346072, sender=True),
            Iperf3Interval(1.000084, 2.000098, 2490368, 19922666.1288756, 0, 1062 * 1e-6, 346072, sender=True),
        ),
        streams=(Iperf3Stream(5, 5111808, 5111808, 0, 617 * 1e-6, 839 * 1e-6, 1062 * 1e-6, 346072),),
        protocol="TCP",
        congestion="bbr",
        started_at=report("iperf3/tcp")["start"]["timestamp"]["timesecs"],
        version="iperf 3.12",
        complete=True,
    )


@pytest.mark.parametrize("folder", ["iperf3", "iperf3-3.17"])
@pytest.mark.parametrize("name", ["udp_loss", "udp_reverse_loss", "udp_omit_loss"])
def test_udp_throughput_is_what_arrived_and_every_tenth_packet_was_lost(folder: str, name: str) -> None:
    result = parse_iperf3(recorded(f"{folder}/{name}"))
    assert result.packets is not None
    assert result.lost_packets == result.packets // 10
    assert result.loss == pytest.approx(0.1, abs=1e-3)
    assert result.received_bytes == (result.packets - result.lost_packets) * BLOCK_BYTES
    assert result.throughput_bps == pytest.approx(4.5e6, rel=2e-3)
    assert result.sent_bps == pytest.approx(5e6, rel=2e-3)
    assert result.jitter_s is not None
    assert 0 < result.jitter_s < 5e-3


def test_nothing_arrived_is_not_no_loss() -> None:
    result = parse_iperf3(recorded("iperf3/udp_all_lost"))
    figures = (result.throughput_bps, result.received_bytes, result.packets, result.sent_packets, result.loss, result.jitter_s)
    assert figures == (0, 0, 0, 432, None, None)


def test_reverse() -> None:
    result = parse_iperf3(recorded("iperf3/tcp_reverse"))
    assert (result.reverse, result.throughput_bps, result.retransmits) == (True, 788342526.1886382, 684)
    assert [interval.sender for interval in result.intervals] == [False, False]
    assert result.streams == (Iperf3Stream(5, 198691664, 197095880, 684),)  # a receiver knows no round-trip times


def test_both_directions() -> None:
    result = parse_iperf3(recorded("iperf3/tcp_bidir_parallel"))
    end = report("iperf3/tcp_bidir_parallel")["end"]
    assert result.backward is not None
    assert result.throughput_bps == end["sum_received"]["bits_per_second"]
    assert result.backward.throughput_bps == end["sum_received_bidir_reverse"]["bits_per_second"]
    assert [[stream.socket for stream in flow.streams] for flow in (result, result.backward)] == [[5, 7], [9, 11]]
    assert [[i.sender for i in flow.intervals] for flow in (result, result.backward)] == [[True], [False]]


def test_both_directions_of_udp_have_their_own_losses() -> None:
    result = parse_iperf3(recorded("iperf3/udp_bidir_loss"))
    assert result.backward is not None
    assert (result.lost_packets, result.backward.lost_packets) == (80, 6)
    assert (result.received_bytes, result.backward.received_bytes) == ((432 - 80) * BLOCK_BYTES, (432 - 6) * BLOCK_BYTES)


def test_windows_and_times_of_parallel_streams() -> None:
    result = parse_iperf3(recorded("iperf3/tcp_parallel"))
    streams = report("iperf3/tcp_parallel")["intervals"][0]["streams"]
    assert len(result.streams) == 3
    assert result.intervals[0].cwnd_bytes == sum(stream["snd_cwnd"] for stream in streams)
    assert result.intervals[0].rtt_s == pytest.approx(sum(stream["rtt"] for stream in streams) / 3e6)


def test_the_omitted_part_does_not_count() -> None:
    result = parse_iperf3(recorded("iperf3/tcp_omit"))
    assert [interval.omitted for interval in result.intervals] == [True, False, False]
    assert result.sent_bytes == sum(interval.bytes for interval in result.intervals if not interval.omitted)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("refused", "unable to connect to server: Connection refused"),
        ("no_route", "unable to connect to server: Network is unreachable"),
        ("connect_timeout", "unable to connect to server: Connection timed out"),
        ("busy", "the server is busy running a test. try again later"),
        ("bad_option", "number of parallel streams too large (maximum = 128)"),
        ("killed", "there is no report"),
    ],
)
def test_a_test_that_did_not_happen_has_no_figures(name: str, error: str) -> None:
    result = parse_iperf3(recorded(f"iperf3/{name}"))
    assert result == Iperf3Result(error=error, version=result.version)


@pytest.mark.parametrize("name", ["iperf3/interrupted", "iperf3-3.17/interrupted", "iperf3-3.17/stream_interrupted"])
def test_an_interrupted_sender_does_not_know_what_arrived(name: str) -> None:
    result = parse_iperf3(recorded(name))
    assert (result.throughput_bps, result.received_bytes, result.complete) == (None, None, False)
    assert result.sent_bytes == 1572864
    assert result.sent_bps == pytest.approx(5.04e6, rel=2e-3)
    assert result.error == "interrupt - the client has terminated"


def test_an_interrupted_receiver_knows_what_arrived() -> None:
    result = parse_iperf3(recorded("iperf3/interrupted_reverse"))
    assert result.throughput_bps == pytest.approx(5041222.69)
    assert (result.received_bytes, result.duration_s) == (1572864, 2.496004)
    assert (result.sent_bps, result.sent_bytes, result.complete) == (None, None, False)


def test_an_interrupted_test_in_both_directions() -> None:
    result = parse_iperf3(recorded("iperf3/interrupted_bidir"))
    assert result.backward is not None
    assert (result.sent_bytes, result.received_bytes) == (1572864, None)
    assert (result.backward.sent_bytes, result.backward.received_bytes) == (None, 1572864)


@pytest.mark.parametrize("folder", ["iperf3", "iperf3-3.17"])
@pytest.mark.parametrize("name", ["server_died", "server_interrupted"])
def test_a_report_that_divides_bytes_by_another_time_is_not_believed(folder: str, name: str) -> None:
    result = parse_iperf3(recorded(f"{folder}/{name}"))
    assert len(result.intervals) == 1  # the report has it twice
    assert (result.sent_bytes, result.throughput_bps) == (655360, None)
    assert result.sent_bps == pytest.approx(655360 * 8 / result.intervals[0].end_s)


def test_a_killed_stream_of_events_keeps_its_intervals() -> None:
    result = parse_iperf3(recorded("iperf3-3.17/stream_killed"))
    assert (len(result.intervals), result.sent_bytes, result.error) == (2, 1310720, "the report is cut off")


def test_server_side() -> None:
    (received,) = parse_iperf3_server(recorded("iperf3/at_server_tcp"))
    assert (received.throughput_bps, received.sent_bps, received.sent_bytes) == (20440108.62214518, None, None)
    (sent,) = parse_iperf3_server(recorded("iperf3/at_server_tcp_reverse"))
    assert (sent.throughput_bps, sent.received_bytes, sent.sent_bps) == (None, None, 20445248.810865346)
    (both,) = parse_iperf3_server(recorded("iperf3/at_server_bidir"))
    assert both.backward is not None
    assert (both.received_bytes, both.sent_bytes) == (1310720, None)
    assert (both.backward.received_bytes, both.backward.sent_bytes) == (None, 1310720)


@pytest.mark.parametrize("name", ["at_server_twice", "at_server_twice_killed", "at_server_twice_killed_forceflush"])
def test_a_server_reports_every_test(name: str) -> None:
    results = parse_iperf3_server(recorded(f"iperf3/{name}"))
    assert [(result.received_bytes, result.complete) for result in results] == [(655360, True)] * 2


def test_a_server_whose_client_died() -> None:
    (result,) = parse_iperf3_server(recorded("iperf3/at_server_client_died"))
    assert (result.received_bytes, result.error) == (655360, "the client has unexpectedly closed the connection")


def test_a_server_that_cannot_listen() -> None:
    (result,) = parse_iperf3_server(recorded("iperf3/at_server_port_taken"))
    assert result.error.endswith("unable to start listener for connections: Address already in use")
    assert parse_iperf3_server("iperf3: error - no more ports\n") == (Iperf3Result(error="no more ports"),)
    assert parse_iperf3_server(b"") == ()


@pytest.mark.parametrize("name", ALL)
def test_every_figure_is_bytes_over_time(name: str) -> None:
    for result in parse_iperf3_server(recorded(name)):
        for flow in filter(None, (result, result.backward)):
            if flow.throughput_bps:
                assert flow.received_bytes is not None
                assert flow.duration_s
                assert flow.throughput_bps == pytest.approx(flow.received_bytes * 8 / flow.duration_s, rel=1e-5)
            for interval in flow.intervals:
                assert interval.throughput_bps == pytest.approx(interval.bytes * 8 / (interval.end_s - interval.start_s), rel=1e-3)


def figures(flow: Iperf3Flow) -> tuple[object, ...]:
    return (flow.throughput_bps, flow.sent_bps, flow.loss, flow.retransmits)


@pytest.mark.parametrize("name", ["iperf3/tcp", "iperf3/udp_reverse_loss", "iperf3/tcp_bidir", "iperf3-3.17/stream_tcp"])
def test_cut_anywhere_the_intervals_are_those_of_the_whole(name: str) -> None:
    output = recorded(name)
    whole = parse_iperf3(output)
    for length in range(0, len(output.rstrip()), 7):
        part = parse_iperf3(output[:length])
        assert not part.complete
        assert part.error
        assert part.intervals == whole.intervals[: len(part.intervals)]
        assert not part.throughput_bps or not whole.intervals[0].sender
        assert part.streams == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "iperf3 output, line 1 column 1: 'hello' is nothing that iperf3 prints"),
        ('{"start": {}, oops', "iperf3 output, line 1 column 15: Expecting property name"),
        ('{"start": {}}}', "iperf3 output, line 1 column 14: '}' is nothing"),
        ("{}", "iperf3 output: a JSON document, but not a report"),
        ("[1]", "iperf3 output, line 1 column 1: "),
        ('{"start": 5}', "iperf3 output, at start: '5' is not an object"),
        ('{"start": {}, "intervals": [{"sum": {"start": 0}}]}', r"iperf3 output, at intervals\[0\]\.sum\.end: missing"),
        ('{"start": {}, "end": {"sum_sent": {"bytes": "many"}}}', r"iperf3 output, at end\.sum_sent\.bytes: 'many' is not a number"),
        ('{"start": {}, "end": {"sum_sent": {"bytes": 0.5}}}', r"end\.sum_sent\.bytes: '0\.5' is not a whole number"),
        ('{"start": {}, "end": {"sum_sent": {"bytes": 1e400}}}', "not a number of sensible size"),
        ("[" * 100_000, "iperf3 output, line 1 column 1: "),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"start": {"a": ' + "9" * 5000 + "}}", "iperf3 output, line 1 column 1: "),
        (b"{\xff", "byte 1 "),
    ],
)
def test_garbage_is_refused_with_its_place(text: str | bytes, message: str) -> None:
    for parse in (parse_iperf3, parse_iperf3_server):
        with pytest.raises(TraceError, match=message):
            parse(text)


def answered(data: bytes | str) -> None:
    for parse in (parse_iperf3, parse_iperf3_server):
        with suppress(TraceError):
            parse(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    answered(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda e: st.lists(e) | st.dictionaries(st.text(max_size=5), e),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


@settings(max_examples=200)
@given(st.sampled_from(["tcp_bidir", "udp_omit_loss", "at_server_udp_loss", "interrupted"]), st.data(), JSON)
def test_any_value_in_any_place_is_answered(name: str, data: st.DataObject, value: object) -> None:
    document = report(f"iperf3/{name}")
    *path, last = data.draw(st.sampled_from([place for place in places(document) if place]))
    parent = document
    for key in path:
        parent = parent[key]
    parent[last] = value
    answered(json.dumps(document))


@given(st.integers(0, 3000), st.binary(max_size=3))
def test_any_bytes_in_any_place_are_answered(position: int, data: bytes) -> None:
    output = recorded("iperf3/udp")
    answered(output[:position] + data + output[position + len(data) :])


@given(size=st.integers(0, 10**15), duration_s=st.floats(0.01, 1e5), retransmits=st.integers(0, 10**6))
def test_sums_are_read_back(size: int, duration_s: float, retransmits: int) -> None:
    rate = size * 8 / duration_s
    total = {"bytes": size, "seconds": duration_s, "bits_per_second": rate, "retransmits": retransmits}
    document = {"start": {"test_start": {"protocol": "TCP"}}, "intervals": [], "end": {"sum_sent": total, "sum_received": total}}
    result = parse_iperf3(json.dumps(document))
    assert figures(result) == (rate, rate, None, retransmits)
    assert (result.received_bytes, result.sent_bytes, result.duration_s, result.complete) == (size, size, duration_s, True)
