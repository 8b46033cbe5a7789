"""What a link does to frames: the model alone, in pure time, Python and compiled."""

from __future__ import annotations

from statistics import fmean, stdev

import pytest

from tests.hosts.wire.engines import MODELS, MS, counters, departures, direction
from tests.hosts.wire.frames import plain

pytestmark = pytest.mark.parametrize("model", MODELS)
FRAME = plain(size=1250)  # 10,000 bits: 1 ms at 10 Mbit/s


def test_without_a_shape_a_frame_is_delivered_at_once(model: str) -> None:
    with direction(model) as one:
        one.arrive(5, FRAME)
        assert one.next_at() == 5
        assert one.due(5) == [(5, FRAME)]
        assert one.next_at() is None


def test_a_delayed_frame_is_delivered_to_the_nanosecond_and_not_before(model: str) -> None:
    with direction(model, delay_s=0.0123) as one:
        one.arrive(1000, FRAME)
        assert one.next_at() == 12_301_000
        assert one.due(12_300_999) == []
        assert one.due(12_301_000) == [(12_301_000, FRAME)]


def test_a_rate_counts_whole_ethernet_frames_one_after_the_other(model: str) -> None:
    with direction(model, rate_bps=10e6) as one:
        for _ in range(3):
            one.arrive(0, FRAME)
        one.arrive(10 * MS, FRAME)
        assert departures(one) == [MS, 2 * MS, 3 * MS, 11 * MS]


def test_rate_comes_before_delay(model: str) -> None:
    with direction(model, rate_bps=10e6, delay_s=0.1) as one:
        one.arrive(0, FRAME)
        one.arrive(0, FRAME)
        assert departures(one) == [101 * MS, 102 * MS]


def test_a_burst_leaves_at_once_and_is_earned_back_at_the_rate(model: str) -> None:
    with direction(model, rate_bps=10e6, burst_bytes=2500) as one:
        for at in (0, 0, 0, 0, 3 * MS, 20 * MS, 20 * MS, 20 * MS):
            one.arrive(at, FRAME)
            one.due(at - 1)
        assert departures(one) == [20 * MS, 20 * MS, 21 * MS]
        assert counters(one)["frames_out"] == 8


def test_who_finds_the_queue_full_is_dropped_and_the_frame_being_sent_does_not_count(model: str) -> None:
    with direction(model, rate_bps=10e6, queue_packets=3) as one:
        for _ in range(10):
            one.arrive(0, FRAME)
        assert departures(one) == [MS, 2 * MS, 3 * MS, 4 * MS]
        assert counters(one)["dropped_queue"] == 6


def test_frames_on_their_way_do_not_fill_the_queue(model: str) -> None:
    with direction(model, rate_bps=10e6, delay_s=1.0, queue_packets=1) as one:
        for number in range(500):
            one.arrive(number * MS, FRAME)
        assert len(departures(one)) == 500


def test_without_a_queue_length_100_ms_of_the_rate_may_wait(model: str) -> None:
    with direction(model, rate_bps=100e6) as one:
        for _ in range(2000):
            one.arrive(0, FRAME)
        assert len(departures(one)) == 1 + int(100e6 * 0.1 / 8 / 1514)


def test_independent_loss_is_what_was_asked(model: str) -> None:
    with direction(model, loss=0.1) as one:
        for number in range(20_000):
            one.arrive(number, FRAME)
        lost = counters(one)["dropped_loss"]
        assert len(departures(one)) == 20_000 - lost
        assert lost == pytest.approx(2000, abs=110)  # 2.6 standard deviations


def test_the_same_seed_loses_the_same_frames(model: str) -> None:
    def survivors(seed: int) -> list[int]:
        with direction(model, seed=seed, loss=0.3) as one:
            for number in range(200):
                one.arrive(number, FRAME)
            return departures(one)

    assert survivors(5) == survivors(5) != survivors(6)


@pytest.mark.parametrize(("loss", "delivered"), [(0.0, 50), (1.0, 0)])
def test_certain_and_no_loss_are_exact(model: str, loss: float, delivered: int) -> None:
    with direction(model, loss=loss) as one:
        for number in range(50):
            one.arrive(number, FRAME)
        assert len(departures(one)) == delivered


def test_bursts_of_loss_have_the_length_and_the_share_that_gilbert_and_elliott_say(model: str) -> None:
    """To bad 1 %, back 20 %, all lost while bad: a burst is 5 frames long on average, and 1/21 of the frames are lost."""
    with direction(model, bursts=(0.01, 0.2, 1.0, 0.0)) as one:
        for number in range(100_000):
            one.arrive(number, FRAME)
        there = set(departures(one))
    lost = [number for number in range(100_000) if number not in there]
    bursts = sum(number - 1 in there for number in lost)
    assert len(lost) / 100_000 == pytest.approx(1 / 21, rel=0.1)
    assert len(lost) / bursts == pytest.approx(5, rel=0.1)


def test_a_duplicate_comes_with_the_original(model: str) -> None:
    with direction(model, duplicate=1.0, delay_s=0.001) as one:
        one.arrive(0, FRAME)
        assert one.due(MS) == [(MS, FRAME), (MS, FRAME)]
        assert counters(one) == {"frames_in": 1, "bytes_in": 1250, "frames_out": 2, "bytes_out": 2500, "duplicated": 1}


def test_a_corrupted_frame_differs_by_one_bit(model: str) -> None:
    with direction(model, corrupt=1.0) as one:
        for number in range(500):
            one.arrive(number, FRAME)
        delivered = [frame for _, frame in one.due(500)]
    flipped = {int.from_bytes(frame, "big") ^ int.from_bytes(FRAME, "big") for frame in delivered}
    assert {bits.bit_count() for bits in flipped} == {1}
    assert len(flipped) > 400


def test_a_reordered_frame_overtakes_those_before_by_skipping_the_delay(model: str) -> None:
    with direction(model, seed=3, delay_s=0.01, reorder=0.25) as one:
        for number in range(4000):
            one.arrive(number * 10, FRAME)
        at_once = sum(at < 10 * MS for at in departures(one))
    assert at_once / 4000 == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    ("distribution", "mean", "deviation", "least", "most"),
    [
        # of a jitter of 1 ms: uniform is plus or minus it, the others have it as their scale (see tc-netem(8))
        ("uniform", 0.0, 0.577, -1.0, 1.0),
        ("normal", 0.0, 1.0, -4.0, 4.0),
        ("pareto", -0.03, 0.87, -0.667, 4.0),  # cut off at 4, as in iproute2
        ("paretonormal", -0.025, 0.835, -1.42, 3.92),  # the table that Debian's iproute2 installs has 0.834
    ],
)
def test_jitter_has_the_distribution_that_was_asked(
    model: str, distribution: str, mean: float, deviation: float, least: float, most: float
) -> None:
    with direction(model, delay_s=0.05, jitter_s=0.001, distribution=distribution) as one:
        delays = []
        for number in range(20_000):
            one.arrive(number * 100 * MS, FRAME)
            delays += [(at - number * 100 * MS) / MS - 50 for at in departures(one, (number + 1) * 100 * MS - 1)]
    assert len(delays) == 20_000
    assert fmean(delays) == pytest.approx(mean, abs=0.03)
    assert stdev(delays) == pytest.approx(deviation, rel=0.07)
    assert least - 0.001 <= min(delays) < least + 1.1
    assert most - 2.5 < max(delays) <= most + 0.001


def test_jitter_alone_lets_frames_overtake_each_other(model: str) -> None:
    with direction(model, delay_s=0.01, jitter_s=0.005) as one:
        frames = [plain(size=100) + bytes((number,)) for number in range(50)]
        for number, frame in enumerate(frames):
            one.arrive(number * 1000, frame)
        order = [frame[-1] for _, frame in one.due(1 << 60)]
    assert sorted(order) == list(range(50)) != order


def test_with_a_rate_jitter_keeps_order_and_rate(model: str) -> None:
    with direction(model, rate_bps=10e6, delay_s=0.01, jitter_s=0.005) as one:
        frames = [FRAME[:-1] + bytes((number,)) for number in range(50)]
        for frame in frames:
            one.arrive(0, frame)
        out = one.due(1 << 60)
    assert [frame[-1] for _, frame in out] == list(range(50))
    assert min(later - sooner for (sooner, _), (later, _) in zip(out, out[1:], strict=False)) >= MS


def test_a_delay_that_jitter_would_make_negative_is_none(model: str) -> None:
    with direction(model, delay_s=0.001, jitter_s=0.1) as one:
        for number in range(100):
            one.arrive(1000 + number, FRAME)
        assert min(departures(one)) >= 1000


# -- changes while frames are in it


def test_frames_on_their_way_keep_their_time_when_the_delay_changes(model: str) -> None:
    from nepi.hosts.wire.parameters import parameters

    with direction(model, delay_s=0.1) as one:
        one.arrive(0, FRAME)
        one.change(MS, parameters({"delay_s": 0.01}))
        one.arrive(2 * MS, FRAME)
        assert departures(one) == [12 * MS, 100 * MS]


def test_a_new_rate_holds_for_the_frame_that_is_being_sent_and_those_that_wait(model: str) -> None:
    from nepi.hosts.wire.parameters import parameters

    with direction(model, rate_bps=1e6) as one:
        one.arrive(0, FRAME)
        one.arrive(0, FRAME)
        one.change(5 * MS, parameters({"rate_bps": 10e6}))
        assert departures(one) == [5_500_000, 6_500_000]


def test_a_rate_that_is_taken_away_lets_go_what_waits(model: str) -> None:
    from nepi.hosts.wire.parameters import parameters

    with direction(model, rate_bps=8) as one:
        for _ in range(3):
            one.arrive(0, FRAME)
        one.change(MS, parameters(None))
        assert departures(one) == [MS] * 3


def test_another_discipline_takes_over_what_waits(model: str) -> None:
    from nepi.hosts.wire.parameters import parameters

    with direction(model, rate_bps=10e6) as one:
        for _ in range(5):
            one.arrive(0, FRAME)
        one.change(MS // 2, parameters({"rate_bps": 10e6, "discipline": "fq_codel"}))
        assert departures(one) == [n * MS for n in range(1, 6)]


# -- delivery traces


def test_a_trace_lets_a_full_packet_go_at_each_instant_and_repeats(model: str) -> None:
    full = plain(size=1514)
    with direction(model) as one:
        one.set_trace(0, [2 * MS, 5 * MS, 6 * MS], 1504)
        for _ in range(5):
            one.arrive(0, full)
        assert departures(one) == [2 * MS, 5 * MS, 6 * MS, 8 * MS, 11 * MS]


def test_several_small_packets_share_an_instant_and_a_large_one_takes_several(model: str) -> None:
    with direction(model) as one:
        one.set_trace(0, [MS], 1504)
        for size in (110, 110, 3000, 110):
            one.arrive(0, plain(size=size))
        # 1504 = 100 + 100 + 1304 of 2990; then 1504; the last 182 and the small one.
        assert departures(one) == [MS, MS, 3 * MS, 3 * MS]


def test_instants_at_which_nobody_waits_are_lost(model: str) -> None:
    with direction(model) as one:
        one.set_trace(0, [MS, 2 * MS, 10 * MS], 1504)
        one.arrive(25 * MS, FRAME)
        one.arrive(25 * MS, FRAME)
        assert departures(one) == [30 * MS, 31 * MS]


def test_delay_and_queue_hold_with_a_trace_too(model: str) -> None:
    with direction(model, delay_s=0.02, queue_packets=2) as one:
        one.set_trace(0, [MS], 1504)
        for _ in range(4):
            one.arrive(0, plain(size=1514))
        assert departures(one) == [21 * MS, 22 * MS]
        assert counters(one)["dropped_queue"] == 2


def test_when_a_trace_ends_the_rate_holds_again(model: str) -> None:
    with direction(model, rate_bps=10e6) as one:
        one.set_trace(0, [3600 * 1000 * MS], 1504)
        one.arrive(0, FRAME)
        one.arrive(0, FRAME)
        one.set_trace(7 * MS, None, 1504)
        assert departures(one) == [8 * MS, 9 * MS]
