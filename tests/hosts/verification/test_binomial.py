from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.hosts.verification.binomial import count_bounds, deviations, part_bounds


def exact_bounds(trials: int, part: Fraction) -> tuple[int, int]:
    """The same by fractions, from the definition: both tails have more than half a per cent."""
    chances = [comb(trials, count) * part**count * (1 - part) ** (trials - count) for count in range(trials + 1)]
    tail = Fraction(1, 200)
    low = next(count for count in range(trials + 1) if sum(chances[: count + 1]) > tail)
    high = next(count for count in range(trials, -1, -1) if sum(chances[count:]) > tail)
    return low, high


@given(st.integers(1, 60), st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=50))
def test_bounds_are_those_of_the_definition(trials: int, part: Fraction) -> None:
    assert count_bounds(trials, float(part)) == exact_bounds(trials, part)


@pytest.mark.parametrize(("trials", "part", "bounds"), [(100, 0.0, (0, 0)), (100, 1.0, (100, 100)), (1, 0.5, (0, 1))])
def test_what_is_certain_has_no_tolerance(trials: int, part: float, bounds: tuple[int, int]) -> None:
    assert count_bounds(trials, part) == bounds


@given(st.integers(100, 100_000), st.floats(0.001, 0.999))
def test_bounds_lie_around_the_mean_as_far_as_the_normal_distribution_says(trials: int, part: float) -> None:
    low, high = count_bounds(trials, part)
    deviation = (trials * part * (1 - part)) ** 0.5
    assert low <= trials * part <= high
    assert high - low <= 2 * deviations() * deviation + 6


def test_correlated_losses_are_worth_fewer_trials() -> None:
    low, high = part_bounds(10_000, 0.01)
    wide_low, wide_high = part_bounds(10_000, 0.01, inflation=9.0)
    assert (low, high) == (75 / 10_000, 127 / 10_000)
    assert 0 < wide_low < low < high < wide_high < 0.02


def test_ninety_nine_per_cent_are_two_point_six_deviations() -> None:
    assert deviations() == pytest.approx(2.5758, abs=1e-4)
