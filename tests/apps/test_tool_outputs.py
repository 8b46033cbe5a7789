"""What the parsers make of recorded outputs of the real tools."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.apps.dns import DnsAnswer, DnsRecord, DnsResult, parse_dig
from nepi.apps.http import parse_curl
from nepi.apps.irtt import IrttResult, parse_irtt
from nepi.apps.mtr import MtrHop, MtrResult, parse_mtr
from nepi.apps.nping import NPingResult, parse_nping
from nepi.apps.stress import StressResult, StressRow, parse_stress
from nepi.apps.tcp_info import TcpInfoResult, TcpSample, parse_tcp_info
from nepi.apps.traceroute import Probe, TracerouteResult, parse_traceroute
from nepi.apps.video import VideoSent, parse_progress, parse_video
from nepi.errors import TraceError
from tests.apps.recordings import names, recorded

PARSERS: dict[str, Callable[[bytes], Any]] = {
    "traceroute": parse_traceroute,
    "mtr": parse_mtr,
    "nping": parse_nping,
    "irtt": parse_irtt,
    "http": parse_curl,
    "dns": parse_dig,
    "stress-ng": parse_stress,
    "ffmpeg": parse_progress,
}


def probes(address: str, name: str, *milliseconds: float) -> tuple[Probe, ...]:
    return tuple(Probe(address, name, float(f"{time}e-3")) for time in milliseconds)


TARGET = "10.0.0.2", "10.0.0.2"


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("plain", TracerouteResult(*TARGET, ((1, probes("10.0.0.2", "10.0.0.2", 0.343, 0.323, 0.324)),), reached=True)),
        ("silent", TracerouteResult(*TARGET, ((1, (Probe(),) * 3), (2, (Probe(),) * 3)))),
        ("prohibited", TracerouteResult("10.2.0.1", "10.2.0.1", ((1, (Probe("10.0.0.2", "10.0.0.2", 0.000101, "!X"),)),))),
        ("six", TracerouteResult("fd00::2", "fd00::2", ((1, probes("fd00::2", "fd00::2", 0.117, 0.023, 0.021)),), reached=True)),
        ("no_route", TracerouteResult("192.0.2.1", "192.0.2.1")),
        ("unknown_host", TracerouteResult()),
    ],
)
def test_traceroute(name: str, result: TracerouteResult) -> None:
    output = recorded(f"traceroute/{name}")
    assert parse_traceroute(output) == TracerouteResult(*(getattr(result, one) for one in ("target", "address", "hops", "reached")))


def test_a_way_that_goes_on_behind_the_first_router() -> None:
    result = parse_traceroute(recorded("traceroute/loop"))
    assert result.hops[0] == (1, probes("10.0.0.2", "10.0.0.2", 0.071, 0.018, 0.016))
    assert [hop for hop, _ in result.hops] == [1, 2, 3, 4, 5]
    assert not result.reached


def test_repeated_traceroutes_are_runs_with_their_times() -> None:
    result = parse_traceroute(recorded("traceroute/repeated"))
    assert [run.at for run in result.runs] == [1795627818.305997447, 1795627823.312610407]
    assert (result.at, result.hops[-1], result.runs[0].hops[-1]) == (
        1795627823.312610407,
        (17, probes("10.0.0.2", "10.0.0.2", 0.454)),
        (17, probes("10.0.0.2", "10.0.0.2", 0.144)),
    )


def test_mtr() -> None:
    plain = parse_mtr(recorded("mtr/plain"))
    assert plain == MtrResult("10.0.0.2", (MtrHop(1, "10.0.0.2", 3, 0.0, 0.000161, 0.001319, 0.000161, 0.003599, 0.001973),))
    silent_router = parse_mtr(recorded("mtr/loop")).hops[1]
    assert silent_router == MtrHop(2, "", 2, 1.0)
    assert parse_mtr(recorded("mtr/silent")) == MtrResult("10.0.0.2")
    assert parse_mtr(recorded("mtr/interrupted")) == MtrResult()
    error = "Failed to resolve host: no.such.host.invalid: Temporary failure in name resolution"
    assert parse_mtr(recorded("mtr/unknown_host")) == MtrResult(error=error)


@pytest.mark.parametrize(
    ("name", "result", "packets"),
    [
        ("icmp", NPingResult(3, 3, 0.000292, 0.000023, 0.000158), 6),
        ("tcp", NPingResult(2, 2, 0.000035, 0.000019, 0.000027), 4),
        ("udp", NPingResult(2, 2, 0.000150, 0.000129, 0.000139), 4),
        ("arp", NPingResult(2, 2), 4),
        ("traceroute", NPingResult(3, 1, 0.000118, 0.000118, 0.000118), 4),
        ("silent", NPingResult(2, 0), 2),
        ("interrupted", NPingResult(8, 8, 0.000156, 0.000023, 0.000092), 16),
        ("unknown_host", NPingResult(), 0),
    ],
)
def test_nping(name: str, result: NPingResult, packets: int) -> None:
    found = parse_nping(recorded(f"nping/{name}"))
    assert (found.sent, found.received, found.rtt_max_s, found.rtt_min_s, found.rtt_avg_s) == (
        result.sent,
        result.received,
        result.rtt_max_s,
        result.rtt_min_s,
        result.rtt_avg_s,
    )
    assert len(found.packets) == packets


def test_irtt() -> None:
    plain = parse_irtt(recorded("irtt/plain"))
    assert (plain.packets_sent, plain.packets_received, plain.loss, plain.duplicates, plain.complete) == (10, 10, 0.0, 0, True)
    assert plain.rtt is not None
    assert (plain.rtt.min_s, plain.rtt.median_s, plain.rtt.stddev_s) == (0.000275169, 0.000310096, 0.000506183)
    first = plain.round_trips[0]
    assert (first.seq, first.rtt_s, first.send_delay_s, first.receive_delay_s, first.lost) == (0, 0.000275169, 0.00023527, 0.000039899, "")
    assert first.sent_at == pytest.approx(1795627863.017841661)


def test_irtt_tells_on_which_way_a_packet_was_lost() -> None:
    result = parse_irtt(recorded("irtt/loss"))
    lost = [one for one in result.round_trips if one.lost]
    assert result.loss == len(lost) / 10 > 0
    assert {one.lost for one in lost} <= {"up", "?"}
    assert all(one.rtt_s is None for one in lost)
    assert result.loss_down == 0.0


def test_an_irtt_without_a_report_measured_nothing() -> None:
    assert parse_irtt(recorded("irtt/interrupted")) == IrttResult()
    assert parse_irtt(recorded("irtt/refused")) == IrttResult()
    assert parse_irtt(recorded("irtt/plain")[:-200]) == IrttResult()


def test_curl() -> None:
    (fetch,) = parse_curl(recorded("http/plain")).fetches
    assert (fetch.status, fetch.body_bytes, fetch.total_s, fetch.first_byte_s, fetch.error) == (200, 342, 0.010865, 0.010816, "")
    assert fetch.speed_bps == 31477 * 8
    assert len(parse_curl(recorded("http/several")).fetches) == 3
    assert [one.status for one in parse_curl(recorded("http/missing")).fetches] == [404]
    (refused,) = parse_curl(recorded("http/refused")).fetches
    assert (refused.status, refused.error) == (0, "Failed to connect to 10.0.0.2 port 8000 after 0 ms: Couldn't connect to server")


WWW = DnsAnswer("www.test", "A", "NOERROR", (DnsRecord("www.test", 0, "A", "10.0.0.2"),), 0.0)


def test_dig() -> None:
    assert parse_dig(recorded("dns/plain")) == DnsResult((WWW,))
    several = parse_dig(recorded("dns/several")).answers
    assert [(one.name, one.kind, one.status, len(one.records)) for one in several] == [
        ("www.test", "A", "NOERROR", 1),
        ("www.test", "AAAA", "NOERROR", 1),
        ("none.invalid", "A", "REFUSED", 0),
    ]
    assert several[0].query_time_s == 0.004
    assert parse_dig(recorded("dns/silent")) == DnsResult(error="no servers could be reached")
    assert parse_dig(recorded("dns/unknown_server")) == DnsResult(error="couldn't get address for 'no.such.host.invalid': failure")


def stamped() -> bytes:
    """Return the recorded lines of ss as the sampler prints them: two moments, three connections each."""
    lines = [line for line in recorded("ss/two_flows").splitlines(keepends=True) if line.startswith(b"ESTAB")]
    return b"@100.000000000\n" + b"".join(lines[:3]) + b"@100.500000000\n" + b"".join(lines[3:])


def test_tcp_info() -> None:
    result = parse_tcp_info(stamped())
    assert result.moments == 2
    assert [sample.at for sample in result.samples] == [100.0] * 3 + [100.5] * 3
    assert len(result.flows()) == 3
    assert result.samples[1] == TcpSample(
        at=100.0,
        local="10.0.0.1:53406",
        remote="10.0.0.2:5201",
        state="ESTAB",
        receive_queue_bytes=0,
        send_queue_bytes=0,
        congestion="bbr",
        cwnd_segments=155,
        ssthresh_segments=142,
        mss_bytes=1448,
        rtt_s=0.001092,
        rttvar_s=0.00046,
        min_rtt_s=0.000104,
        rto_s=0.204,
        retrans_segments=0,
        retrans_total_segments=7,
        bytes_sent=665533,
        bytes_acked=655398,
        bytes_retrans=10136,
        delivery_rate_bps=127843040,
        pacing_rate_bps=865651392,
    )


def test_a_sample_that_is_cut_is_not_read() -> None:
    whole = stamped()
    for length in range(0, len(whole), 7):
        part = parse_tcp_info(whole[:length])
        assert part.samples == parse_tcp_info(whole).samples[: len(part.samples)]
    assert parse_tcp_info(b"@1.000000000\n@2.000000000\n") == TcpInfoResult(moments=2)


def test_stress() -> None:
    rows = parse_stress(recorded("stress-ng/cpu_memory")).rows
    assert rows == (StressRow("cpu", 766, 1.01, 0.43, 0.0, 758.68), StressRow("vm", 29697, 1.01, 0.21, 0.13, 29476.3))
    assert len(parse_stress(recorded("stress-ng/interrupted")).rows) == 1
    assert parse_stress(recorded("stress-ng/bad")) == StressResult()


def test_video() -> None:
    assert parse_progress(recorded("ffmpeg/sender")) == VideoSent(50, 1.920011, True)
    output = recorded("ffmpeg/receiver_loss")
    psnr = b"n:1 mse_avg:0.00 psnr_avg:inf psnr_y:inf \nn:2 mse_avg:1.80 psnr_avg:45.50 psnr_y:45.79 \nn:3 mse"
    result = parse_video(output, output, psnr)
    assert (result.frames, result.errors, result.psnr_db, result.psnr_mean_db, result.complete) == (49, 2, (100.0, 45.5), 72.75, True)
    nothing = recorded("ffmpeg/receiver_nothing")
    assert parse_video(nothing, nothing, b"").psnr_mean_db is None


@pytest.mark.parametrize("name", [name for folder in PARSERS for name in names(folder)])
def test_every_recording_is_read_and_any_part_of_it(name: str) -> None:
    parse = PARSERS[name.partition("/")[0]]
    output = recorded(name)
    parse(output)
    for length in range(0, len(output), max(1, len(output) // 100)):
        with suppress(TraceError):
            parse(output[:length])


@pytest.mark.parametrize("parse", [parse_traceroute, parse_mtr, parse_nping, parse_irtt, parse_dig, parse_tcp_info])
def test_garbage_is_refused(parse: Callable[[Any], Any]) -> None:
    with pytest.raises(TraceError):
        parse("@1.000000000\ntraceroute to x (y), 1 hops max, 1 byte packets\nhello, world\n")


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    for parse in (*PARSERS.values(), parse_tcp_info):
        with suppress(TraceError):
            parse(data)
