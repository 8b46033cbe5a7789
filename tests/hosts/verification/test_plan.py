from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.hosts.linkprobe.train import Train
from nepi.hosts.verification.asked import Asked
from nepi.hosts.verification.plan import Measurement, plan_measurement

BARE = Asked()


def planned(asked: Asked, budget_s: float = 5.0) -> Measurement:
    return plan_measurement((asked, BARE), budget_s)


def path_of(asked: Asked, budget_s: float = 5.0) -> Train:
    train = planned(asked, budget_s).paths[0]
    assert train is not None
    return train


def test_a_delay_takes_a_second_of_small_frames() -> None:
    assert path_of(Asked(delay_s=0.01)) == Train(0, 200, 5_000_000, 60, False)
    assert planned(Asked(delay_s=0.01)).floods == (None, None)


def test_the_rarer_a_loss_the_more_frames_as_far_as_time_allows() -> None:
    frames = [path_of(Asked(loss=loss)).frames for loss in (0.1, 0.01, 0.001)]
    assert frames[:2] == [956, 10_510]
    assert frames[2] == 50_000  # five seconds of them, where 106,000 were wanted
    assert path_of(Asked(loss=0.001), budget_s=20).frames > 100_000


def test_bursts_take_more_frames_than_the_same_loss_by_itself() -> None:
    assert path_of(Asked(bursts=(0.01, 0.25, 1.0, 0.0))).frames > 5 * path_of(Asked(loss=0.01 / 0.26)).frames


def test_frames_of_a_slow_link_do_not_wait_for_each_other() -> None:
    train = path_of(Asked(rate_bps=100_000, loss=0.01))
    assert train.size_bytes * 8e9 / train.gap_ns <= 50_000 * 1.001


def test_frames_are_far_apart_where_a_late_one_holds_up_those_behind_it() -> None:
    assert path_of(Asked(delay_s=0.1, jitter_s=0.01, rate_bps=10e6)).gap_ns >= 19_900_000
    assert path_of(Asked(delay_s=0.1, jitter_s=0.01)).gap_ns < 10_000_000


def test_damage_is_looked_for_in_longer_frames_which_are_kept_whole() -> None:
    measurement = planned(Asked(corrupt=0.01))
    assert path_of(Asked(corrupt=0.01)).size_bytes == 509
    assert (measurement.snap_bytes, measurement.whole_sizes) == (509, (509,))


def test_a_flood_is_a_second_of_full_frames_and_a_fifth_more_than_the_rate() -> None:
    flood = planned(Asked(rate_bps=100e6)).floods[0]
    assert flood is not None
    assert (flood.size_bytes, flood.flood) == (1514, True)
    assert flood.size_bytes * 8e9 / flood.gap_ns == pytest.approx(120e6, rel=1e-3)
    assert flood.frames * flood.gap_ns == pytest.approx(1e9, rel=1e-3)


def test_a_slow_link_is_flooded_by_short_frames() -> None:
    flood = planned(Asked(rate_bps=256_000)).floods[0]
    assert flood is not None
    assert 61 <= flood.size_bytes < 1514
    assert flood.frames >= 150


def test_a_link_that_lets_next_to_nothing_through_is_not_measured() -> None:
    measurement = planned(Asked(rate_bps=100))
    assert (measurement.paths[0], measurement.floods[0]) == (None, None)


def test_floods_of_both_directions_come_one_after_the_other_and_after_the_rest() -> None:
    asked = Asked(rate_bps=10e6, delay_s=0.3)
    measurement = plan_measurement((asked, asked), 5.0)
    first, second = measurement.floods
    assert first is not None
    assert second is not None
    assert first.at_ns > 1.3e9
    assert second.at_ns > first.at_ns + first.frames * first.gap_ns + 0.3e9
    assert measurement.lasts_s > second.at_ns / 1e9 + 1.3


ASKED = st.builds(
    Asked,
    rate_bps=st.none() | st.floats(8, 1e10),
    delay_s=st.floats(0, 2),
    jitter_s=st.floats(0, 0.5),
    distribution=st.sampled_from(["uniform", "normal", "pareto", "paretonormal"]),
    loss=st.floats(0, 1),
    duplicate=st.floats(0, 1),
    reorder=st.floats(0, 1),
    corrupt=st.floats(0, 1),
    mtu_bytes=st.integers(68, 9000),
)


@given(st.tuples(ASKED, ASKED))
def test_every_plan_is_bounded_and_tells_its_trains_apart(asked: tuple[Asked, Asked]) -> None:
    measurement = plan_measurement(asked, 5.0)
    assert measurement.lasts_s < 5 + 4 * 2 * 12 + 4 * 5
    for side in (0, 1):
        trains = measurement.trains(side)
        assert len({train.size_bytes for train in trains}) == len(trains)
        for train in trains:
            assert train.frames >= 20
            assert train.gap_ns > 0
            assert 60 <= train.size_bytes <= max(asked[side].mtu_bytes + 14, 61)
            assert train.frames <= measurement.slots(1 - side)
