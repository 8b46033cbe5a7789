from math import inf

import pytest

from nepi.results.comparison import Compared, Estimate, Tolerance, compare, estimate, t_quantile


def test_a_mean_has_the_interval_of_student() -> None:
    found = estimate([9.0, 10.0, 11.0], 0.95)
    # t(0.975, 2) = 4.303, and the standard error is 1 / sqrt(3).
    assert (found.mean, found.values) == (10.0, (9.0, 10.0, 11.0))
    assert found.half_width == pytest.approx(2.484, abs=0.001)


def test_one_repetition_has_no_interval_and_decides_nothing() -> None:
    (row,) = compare({"a throughput_bps": [10.0]}, {"a throughput_bps": [10.0]})
    assert (row.verdict, row.low, row.first.half_width) == ("undecided", None, None)


def test_means_agree_when_the_whole_interval_is_within_the_tolerance() -> None:
    (row,) = compare({"x": [100.0, 101.0, 99.0]}, {"x": [101.0, 102.0, 100.0]}, tolerance=Tolerance(0.05))
    assert row.verdict == "agree"
    assert (row.difference, row.tolerance) == (1.0, 5.0)


def test_means_differ_when_the_whole_interval_is_outside() -> None:
    (row,) = compare({"x": [100.0, 101.0, 99.0]}, {"x": [121.0, 122.0, 120.0]}, tolerance=Tolerance(0.05))
    assert row.verdict == "differ"


def test_much_noise_decides_nothing() -> None:
    (row,) = compare({"x": [50.0, 150.0]}, {"x": [60.0, 140.0]}, tolerance=Tolerance(0.05))
    assert row.verdict == "undecided"


def test_repetitions_without_variance_agree_when_they_are_equal() -> None:
    (row,) = compare({"x": [3.0, 3.0]}, {"x": [3.0, 3.0]}, tolerance=Tolerance(0.0))
    assert (row.verdict, row.low, row.high) == ("agree", 0.0, 0.0)


def test_loss_has_an_absolute_tolerance_because_its_mean_may_be_0() -> None:
    (row,) = compare({"p loss": [0.0, 0.0]}, {"p loss": [0.01, 0.01]}, tolerance=Tolerance(0.02))
    assert (row.verdict, row.tolerance) == ("agree", 0.02)


def test_what_only_one_has_measured_is_said_to_be_so() -> None:
    assert compare({"x": [1.0]}, {}) == [
        Compared("x", Estimate(1.0, None, (1.0,)), Estimate(None, None, ()), None, None, None, None, "not measured")
    ]


def test_a_figure_may_have_a_tolerance_of_its_own_in_its_unit_or_as_another_part() -> None:
    allowed = Tolerance(0.01, absolute={"jitter_s": 0.001}, parts={"rtt_avg_s": 0.2})
    first = {"c jitter_s": [0.0001, 0.0001], "p rtt_avg_s": [0.010, 0.010], "c throughput_bps": [100.0, 100.0]}
    second = {"c jitter_s": [0.0, 0.0], "p rtt_avg_s": [0.0115, 0.0115], "c throughput_bps": [102.0, 102.0]}
    rows = compare(first, second, tolerance=allowed)
    assert [(row.verdict, row.tolerance) for row in rows] == [("agree", 0.001), ("agree", 0.002), ("differ", 1.0)]


def test_what_not_all_repetitions_have_measured_is_doubtful() -> None:
    (row,) = compare({"x": [3.0, 3.0, 3.0]}, {"x": [3.0, 3.0]}, expected=3)
    assert (row.verdict, row.why) == ("doubtful", "agree, but measured in 3 and 2 of 3 repetitions")


def test_what_follows_from_runs_with_a_warning_is_doubtful_and_what_does_not_stays_undecided() -> None:
    same, noisy = compare({"x": [3.0, 3.0], "y": [50.0, 150.0]}, {"x": [9.0, 9.0], "y": [60.0, 140.0]}, doubt="one lagged")
    assert (same.verdict, same.why) == ("doubtful", "differ, but one lagged")
    assert (noisy.verdict, noisy.why) == ("undecided", "")


def test_without_end_students_t_is_the_normal_distribution() -> None:
    assert t_quantile(0.95, inf) == pytest.approx(1.96, abs=0.001)
