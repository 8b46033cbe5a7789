"""RED and fq_codel in front of a rate, Python and compiled."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from nepi.hosts.wire.queueing import decayed
from tests.hosts.wire.engines import MODELS, MS, counters, direction
from tests.hosts.wire.frames import checksum, ipv4, ipv6, plain

both = pytest.mark.parametrize("model", MODELS)


def flows_of(out: list[tuple[int, bytes]]) -> Counter[int]:
    return Counter(int.from_bytes(frame[34:36], "big") for _, frame in out)


def offer(one: Any, *, frames: int, every_ns: int, ecn: int = 0) -> list[tuple[int, bytes]]:
    """Let frames of one flow arrive evenly; return what was delivered."""
    out: list[tuple[int, bytes]] = []
    for number in range(frames):
        out += one.due(number * every_ns)
        one.arrive(number * every_ns, ipv4(size=1216, ecn=ecn))
    out += one.due(1 << 60)
    return out


@both
def test_fq_codel_shares_the_rate_evenly_between_flows_of_different_greed(model: str) -> None:
    with direction(model, rate_bps=10e6, discipline="fq_codel") as one:
        out = []
        for number in range(3000):
            now = number * MS // 2
            out += one.due(now)
            for flow in (1, 1, 1, 2):  # three to one
                one.arrive(now, ipv4(size=1216, flow=flow))
    shares = flows_of(out)
    assert shares[1] / shares[2] == pytest.approx(1, abs=0.05)


@both
def test_fq_codel_lets_a_sparse_flow_pass_a_full_queue(model: str) -> None:
    with direction(model, rate_bps=10e6, discipline="fq_codel") as one:
        for _ in range(100):
            one.arrive(0, ipv4(size=1216, flow=1))
        one.arrive(10, ipv4(size=50, flow=2))
        [(at, _)] = [(at, frame) for at, frame in one.due(1 << 60) if frame[34:36] == b"\x00\x02"]
    assert at < 3 * MS


@both
def test_codel_keeps_a_standing_queue_short(model: str) -> None:
    """Offered 10 % more than the rate, a fifo of this length would make frames wait for seconds."""
    with direction(model, rate_bps=10e6, discipline="fq_codel") as one:
        out = offer(one, frames=20_000, every_ns=900_000)
        dropped = counters(one)["dropped_queue"]
    assert dropped == pytest.approx(2000, rel=0.1)
    assert out[-1][0] - 20_000 * 900_000 < 150 * MS


@both
def test_fq_codel_marks_instead_of_dropping_when_asked(model: str) -> None:
    with direction(model, rate_bps=10e6, discipline="fq_codel", ecn=True) as one:
        out = offer(one, frames=3000, every_ns=900_000, ecn=2)
        counted = counters(one)
    assert "dropped_queue" not in counted
    assert counted["marked"] == sum(frame[15] & 3 == 3 for _, frame in out) > 10
    assert all(checksum(frame[14:34]) == 0 for _, frame in out)


@both
def test_fq_codel_drops_from_the_longest_queue_when_all_is_full(model: str) -> None:
    with direction(model, rate_bps=10e6, discipline="fq_codel", queue_packets=10) as one:
        for flow in (2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1):
            one.arrive(0, ipv4(size=1216, flow=flow))
        assert flows_of(one.due(1 << 60)) == {1: 10, 2: 1}


@both
def test_red_drops_more_the_longer_the_queue_is_on_average(model: str) -> None:
    def dropped(every_ns: int) -> int:
        with direction(model, rate_bps=10e6, discipline="red", queue_packets=100) as one:
            offer(one, frames=5000, every_ns=every_ns)
            return counters(one).get("dropped_queue", 0)

    few, some, many = dropped(1_050_000), dropped(970_000), dropped(700_000)
    assert few == 0 < some < many
    assert some == pytest.approx(5000 * 0.03, rel=0.3)


@both
def test_red_keeps_the_queue_far_below_its_limit(model: str) -> None:
    with direction(model, rate_bps=10e6, discipline="red", queue_packets=400) as one:
        out = offer(one, frames=20_000, every_ns=950_000)
    assert out[-1][0] - 20_000 * 950_000 < 150 * MS  # a fifo: 400 ms


@both
@pytest.mark.parametrize(("frame", "marked"), [(ipv4(size=1216, ecn=1), b"\x03"), (ipv6(size=1196, ecn=2), b"\x30")])
def test_red_marks_what_speaks_ecn(model: str, frame: bytes, marked: bytes) -> None:
    with direction(model, rate_bps=10e6, discipline="red", queue_packets=100, ecn=True) as one:
        out = []
        for number in range(2000):
            out += one.due(number * 970_000)
            one.arrive(number * 970_000, frame)
        counted = counters(one)
    assert "dropped_queue" not in counted
    assert sum(bytes((got[15] & marked[0],)) == marked for _, got in out) > 10


@both
def test_frames_that_are_no_ip_are_dropped_where_others_are_marked(model: str) -> None:
    with direction(model, rate_bps=10e6, discipline="red", queue_packets=100, ecn=True) as one:
        for number in range(2000):
            one.arrive(number * 800_000, plain(size=1250))
        counted = counters(one)
    assert "marked" not in counted
    assert counted["dropped_queue"] > 100


def test_an_idle_queue_is_forgotten_as_so_many_empty_frames_would_do() -> None:
    average, weight = 1_000_000, 4
    by_hand = average
    for _ in range(37):
        by_hand -= by_hand >> weight
    assert decayed(average, weight, 37) == pytest.approx(by_hand, rel=0.001)
    assert decayed(average, weight, 10**12) == 0
