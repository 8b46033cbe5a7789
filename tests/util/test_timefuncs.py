"""Dates in the seed's words."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.util.timefuncs import compute_delay_ms, stabsformat, stformat, tdiff, tdiffsec, tnow, tsformat

BASE = datetime(2026, 2, 27, 23, 59, 59, 250_000)


def test_now_lies_between_two_looks_at_the_clock() -> None:
    assert datetime.now() <= tnow() <= datetime.now()


def test_difference_is_the_first_minus_the_second() -> None:
    later = BASE + timedelta(seconds=1, milliseconds=500)
    assert tdiff(later, BASE) == timedelta(seconds=1.5)
    assert tdiff(BASE, later) == timedelta(seconds=-1.5)
    assert tdiffsec(later, BASE) == 1.5
    assert tdiffsec(BASE, later) == -1.5


def test_date_is_written_with_twenty_digits() -> None:
    assert tsformat(BASE) == "20260227235959250000"
    assert len(tsformat()) == 20


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_written_date_is_read_back_as_a_datetime_exactly(date: datetime) -> None:
    assert stformat(tsformat(date)) == date
    assert stabsformat(tsformat(date), BASE) == date


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2s", 2), ("1.5h", 5400), ("3m", 180), ("300ms", 0.3), ("40us", 40e-6), ("0.000000s", 0), (f"{1.25:f}s", 1.25)],
)
def test_relative_date_counts_from_its_base(written: str, seconds: float) -> None:
    assert stabsformat(written, BASE) == BASE + timedelta(seconds=seconds)


def test_relative_date_without_base_counts_from_now() -> None:
    before = tnow()
    assert before + timedelta(hours=1) <= stabsformat("1h") <= tnow() + timedelta(hours=1)


def test_datetime_is_a_date_already() -> None:
    assert stabsformat(BASE) == BASE


@pytest.mark.parametrize("written", ["2", "", "soon", "-1s", "1x5s", "2s ago", "2026022723595925000", "20261327235959250000", "٢" * 20])
def test_wrong_date_is_refused(written: str) -> None:
    with pytest.raises(BadValueError, match="20 digits|month must be"):
        stabsformat(written, BASE)


def test_wrong_type_is_refused() -> None:
    with pytest.raises(BadValueError, match="not int"):
        stabsformat(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["2s", "20260229000000000000"])
def test_absolute_date_must_be_one(written: str) -> None:
    with pytest.raises(BadValueError, match="^date "):
        stformat(written)


def test_delay_is_in_milliseconds() -> None:
    assert compute_delay_ms("1385000001.5", 1385000000) == 1500.0
