"""Promises of links that do what was asked, and of links that do not, from what probes would say of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nepi.hosts.verification.asked import Asked
from nepi.hosts.verification.measure import Look, direction_figures, judged
from nepi.hosts.verification.plan import plan_measurement
from nepi.hosts.verification.verdict import Place, promises
from nepi.model.promises import Promise
from tests.hosts.verification.links import TOKEN, logs_of

PLACE = Place("l", "a > b")
SEEDS = 60


def look(asked: Asked, true: Asked, seed: int = 1, budget_s: float = 5.0) -> dict[str, Promise]:
    measurement = plan_measurement((asked, Asked()), budget_s)
    logs = logs_of(measurement, (true, Asked()), seed)
    return {one.what: one for one in promises(PLACE, asked, *direction_figures(measurement, 0, logs, TOKEN, overtakers=not asked.reorder))}


def verdicts(rows: dict[str, Promise]) -> dict[str, bool | None]:
    return {what: one.kept for what, one in rows.items()}


def test_a_link_that_is_asked_nothing_promises_no_delay_and_no_loss() -> None:
    rows = look(Asked(), Asked())
    assert list(rows.values()) == [
        Promise("l", "a > b", "delay", 0.0, 0.0, 0.0, 1e-3, True),
        Promise("l", "a > b", "loss", 0.0, 0.0, 0.0, 0.0, True),
    ]


@pytest.mark.parametrize("mbit", [0.064, 1, 10, 100, 1000])
def test_a_rate_is_measured_beyond_the_first_burst(mbit: float) -> None:
    asked = Asked(rate_bps=mbit * 1e6)
    assert look(asked, asked)["rate"].measured == pytest.approx(mbit * 1e6, rel=0.01)
    assert verdicts(look(asked, asked)) == {"rate": True, "delay": True, "loss": True}


@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_a_rate_that_is_five_per_cent_off_is_broken(factor: float) -> None:
    asked = Asked(rate_bps=10e6)
    assert look(asked, Asked(rate_bps=10e6 * factor))["rate"].kept is False


def test_a_link_without_the_rate_that_was_asked_is_broken() -> None:
    assert look(Asked(rate_bps=10e6), Asked())["rate"].kept is False


def test_a_sender_that_could_not_send_enough_breaks_no_promise() -> None:
    asked = Asked(rate_bps=10e6)
    measurement = plan_measurement((asked, Asked()), 5.0)
    slow = replace(measurement, floods=(measurement.floods[0] and measurement.floods[0]._replace(gap_ns=2_000_000, frames=500), None))
    path, flood = direction_figures(slow, 0, logs_of(slow, (Asked(), Asked()), 1), TOKEN, overtakers=True)
    rate = promises(PLACE, asked, path, flood)[0]
    assert rate.kept is None
    assert rate.measured == pytest.approx(6.056e6, rel=0.01)
    assert "could not send more" in rate.note


def test_a_sender_that_was_held_up_breaks_no_promise() -> None:
    asked = Asked(rate_bps=10e6)
    measurement = plan_measurement((asked, Asked()), 5.0)
    first, second = logs_of(measurement, (Asked(rate_bps=8e6), Asked()), 1)
    held_up = first._replace(sent=[one._replace(stalled_ns=90_000_000) for one in first.sent])
    path, flood = direction_figures(measurement, 0, (held_up, second), TOKEN, overtakers=True)
    assert promises(PLACE, asked, path, flood)[0].kept is None


@pytest.mark.parametrize("delay_ms", [1, 10, 100, 300])
@pytest.mark.parametrize(("off_ms", "kept"), [(0.9, True), (-0.9, True), (1.1, False), (-1.1, False)])
def test_a_delay_is_kept_within_a_millisecond(delay_ms: float, off_ms: float, kept: bool) -> None:
    true = Asked(delay_s=max(delay_ms + off_ms, 0) / 1e3)
    row = look(Asked(delay_s=delay_ms / 1e3), true)["delay"]
    assert row.kept is (kept if delay_ms + off_ms >= 0 else row.measured == 0.0)


def test_a_shaper_may_count_the_time_of_the_frame_itself() -> None:
    asked = Asked(rate_bps=1e6, delay_s=0.01)
    row = look(asked, replace(asked, delay_s=0.0114))["delay"]
    assert row.high == pytest.approx(0.01148)
    assert row.kept


@pytest.mark.parametrize("distribution", ["uniform", "normal", "pareto", "paretonormal"])
@pytest.mark.parametrize("jitter_ms", [1, 5, 20])
def test_jitter_is_kept_when_it_varies_as_asked(distribution: str, jitter_ms: float) -> None:
    asked = Asked(delay_s=0.1, jitter_s=jitter_ms / 1e3, distribution=distribution)
    rows = look(asked, asked)
    assert verdicts(rows) == {"delay": True, "jitter": True, "loss": True}
    assert rows["jitter"].measured == pytest.approx(rows["jitter"].asked, rel=0.1)


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_jitter_that_varies_otherwise_is_broken(factor: float) -> None:
    asked = Asked(delay_s=0.1, jitter_s=0.01)
    assert look(asked, replace(asked, jitter_s=0.01 * factor))["jitter"].kept is False


def test_jitter_from_few_frames_has_the_tolerance_that_they_leave() -> None:
    asked = Asked(delay_s=0.1, jitter_s=0.02, rate_bps=10e6)
    row = look(asked, asked, budget_s=2.0)["jitter"]
    assert (row.kept, row.note) == (True, "from 50 frames")
    assert row.high > 1.1 * row.asked


@pytest.mark.parametrize("loss", [0.001, 0.01, 0.1, 0.5])
def test_a_true_loss_is_kept_in_nearly_all_looks(loss: float) -> None:
    asked = Asked(loss=loss)
    kept = sum(look(asked, asked, seed, 0.5)["loss"].kept is True for seed in range(SEEDS))
    assert kept >= SEEDS - 3


@pytest.mark.parametrize(("loss", "true"), [(0.01, 0.02), (0.01, 0.0), (0.1, 0.15), (0.0, 0.01)])
def test_another_loss_than_asked_is_broken(loss: float, true: float) -> None:
    assert look(Asked(loss=loss), Asked(loss=true))["loss"].kept is False


GILBERT = (0.01, 0.25, 1.0, 0.0)


def test_bursts_are_kept_in_nearly_all_looks() -> None:
    asked = Asked(bursts=GILBERT)
    rows = [look(asked, asked, seed, 2.0) for seed in range(SEEDS // 6)]
    assert sum(row["loss"].kept is True for row in rows) >= SEEDS // 6 - 1
    assert sum(row["burst"].kept is True for row in rows) >= SEEDS // 6 - 1
    assert rows[0]["burst"].asked == pytest.approx(4.0)


def test_the_same_loss_without_its_bursts_is_broken() -> None:
    rows = look(Asked(bursts=GILBERT), Asked(loss=0.01 / 0.26))
    assert (rows["loss"].kept, rows["burst"].kept) == (True, False)


def test_copies_and_damage_and_order_are_kept_as_asked() -> None:
    for asked in (Asked(duplicate=0.02), Asked(corrupt=0.02), Asked(delay_s=0.02, reorder=0.05)):
        assert set(verdicts(look(asked, asked)).values()) == {True}
        assert len(look(asked, asked)) == 3


@pytest.mark.parametrize(
    ("asked", "true", "what"),
    [
        (Asked(duplicate=0.02), Asked(duplicate=0.04), "duplicate"),
        (Asked(corrupt=0.02), Asked(), "corrupt"),
        (Asked(delay_s=0.02, reorder=0.05), Asked(delay_s=0.02), "reorder"),
        (Asked(), Asked(duplicate=0.02), "duplicate"),
        (Asked(delay_s=0.02), Asked(delay_s=0.02, reorder=0.05), "reorder"),
    ],
)
def test_other_copies_damage_or_order_than_asked_are_broken(asked: Asked, true: Asked, what: str) -> None:
    assert look(asked, true)[what].kept is False


def test_damaged_frames_are_not_lost() -> None:
    rows = look(Asked(corrupt=0.1), Asked(corrupt=0.1))
    assert (rows["loss"].measured, rows["loss"].kept) == (0.0, True)


def test_the_delay_is_that_of_frames_that_did_not_overtake() -> None:
    asked = Asked(delay_s=0.02, reorder=0.4)
    assert look(asked, asked)["delay"].measured == pytest.approx(0.02)


def test_a_link_that_loses_everything_has_no_delay_to_tell() -> None:
    rows = look(Asked(loss=1.0, delay_s=0.01), Asked(loss=1.0))
    assert (rows["loss"].kept, rows["delay"].kept) == (True, None)
    assert rows["delay"].note == "0 frames came, too few to tell"


def test_a_rate_that_lets_too_little_through_is_unknown() -> None:
    rows = look(Asked(rate_bps=100), Asked(rate_bps=100))
    assert verdicts(rows) == {"rate": None, "delay": None}
    assert "budget=" in rows["rate"].note


def test_kept_is_what_one_of_two_looks_found_kept() -> None:
    good = Promise("l", "a > b", "loss", 0.1, 0.1, 0.05, 0.15, True)
    bad = replace(good, measured=0.2, kept=False)
    unknown = replace(bad, kept=None)
    assert judged([Look((bad,), {}), Look((bad,), {})]) == (bad,)
    assert judged([Look((bad,), {}), Look((good,), {})]) == (good,)
    assert judged([Look((good,), {}), Look((bad,), {})]) == (good,)
    assert judged([Look((good,), {}), Look((unknown,), {})]) == (good,)
    assert judged([Look((unknown,), {}), Look((bad,), {})]) == (bad,)
