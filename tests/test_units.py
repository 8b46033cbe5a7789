"""Quantities: what is read, what is refused and how, and that what is written is read back as the same value."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.units import (
    MAX_DURATION_S,
    MAX_RATE_BPS,
    MAX_SIZE_BYTES,
    duration_s,
    format_duration,
    format_fraction,
    format_rate,
    format_size,
    fraction,
    rate_bps,
    size_bytes,
)

NOT_A_NUMBER: list[object] = [True, None, b"2s", [], float("nan"), float("inf"), -float("inf"), -1, 10**400]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2s", 2.0),
        ("100ms", 0.1),
        ("1.5m", 90.0),
        ("10min", 600.0),
        ("2h", 7200.0),
        ("50us", 50e-6),
        ("50µs", 50e-6),
        ("7ns", 7e-9),
        ("1m30s", 90.0),
        ("1h 2m 3.5s", 3723.5),
        (" 2 s ", 2.0),
        ("0s", 0.0),
        (timedelta(milliseconds=5), 0.005),
        (3, 3.0),
        (0.25, 0.25),
    ],
)
def test_duration_is_read_in_seconds(written: str | float | timedelta, seconds: float) -> None:
    assert duration_s(written) == seconds


@pytest.mark.parametrize(
    ("written", "part_of_message"),
    [
        ("2", "the unit is missing; write for example 2s"),
        ("", "write a number and its unit"),
        ("s", "write a number and its unit"),
        ("-2s", "must not be negative"),
        (timedelta(seconds=-1), "must not be negative"),
        ("2S", "unknown unit 'S'"),
        ("2 weeks", "unknown unit 'weeks'"),
        ("1e3s", "unknown unit 'e'"),
        ("30s1m", "the larger one first"),
        ("1m1m", "each unit once"),
        ("1m1min", "each unit once"),
        ("1.5m30s", "write it like 2s, 100ms or 1m30s"),
        ("2s!", "write it like 2s, 100ms or 1m30s"),
        ("nan", "not understood"),
        ("٢s", "not understood"),
        ("90000h", "ten years"),
        ("9" * 390 + "s", "ten years"),
        ("9" * 5000 + "s", "too long"),
    ],
)
def test_wrong_duration_is_refused_with_what_to_write(written: str, part_of_message: str) -> None:
    with pytest.raises(BadValueError, match=r"^duration ") as caught:
        duration_s(written)
    assert part_of_message in str(caught.value)


@pytest.mark.parametrize(
    ("written", "bps"),
    [
        ("10Mbit", 10_000_000),
        ("1Gbit/s", 1_000_000_000),
        ("10mbit", 10_000_000),
        ("64 kbitps", 64_000),
        ("0.1Mbit", 100_000),
        ("9600bit", 9600),
        ("10Tbit", MAX_RATE_BPS),
        (10_000_000, 10_000_000),
        (1e6, 1_000_000),
    ],
)
def test_rate_is_read_in_bits_per_second(written: str | float, bps: int) -> None:
    assert rate_bps(written) == bps


@pytest.mark.parametrize(
    ("written", "part_of_message"),
    [
        ("10", "the unit is missing; write for example 10Mbit"),
        ("10mbps", "write 10mbit for bits or 80mbit for bytes"),
        ("10Mbps", "write 10Mbit for bits or 80Mbit for bytes"),
        ("1.5MB/s", "write 1.5Mbit for bits or 12Mbit for bytes"),
        ("10MB", "unknown unit 'MB'"),
        ("fast", "write a number and its unit"),
        ("-1Mbit", "must not be negative"),
        ("11Tbit", "10 Tbit/s"),
    ],
)
def test_wrong_rate_is_refused_with_what_to_write(written: str, part_of_message: str) -> None:
    with pytest.raises(BadValueError, match=r"^rate ") as caught:
        rate_bps(written)
    assert part_of_message in str(caught.value)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("1500B", 1500),
        ("64kB", 64_000),
        ("64KB", 64_000),
        ("10MB", 10_000_000),
        ("1MiB", 1 << 20),
        ("1.5kB", 1500),
        (1500, 1500),
        (2e3, 2000),
    ],
)
def test_size_is_read_in_bytes(written: str | float, size: int) -> None:
    assert size_bytes(written) == size


@pytest.mark.parametrize(
    ("written", "part_of_message"),
    [
        ("1500", "the unit is missing; write for example 1500B"),
        ("0.5B", "not a whole number of bytes"),
        (0.5, "not a whole number of bytes"),
        ("10Mb", "a small b, or bit, means bits"),
        ("64k", "unknown unit 'k'"),
        ("-1B", "must not be negative"),
        ("1001TB", "1000 TB"),
    ],
)
def test_wrong_size_is_refused_with_what_to_write(written: str | float, part_of_message: str) -> None:
    with pytest.raises(BadValueError, match=r"^size ") as caught:
        size_bytes(written)
    assert part_of_message in str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"), [("0.1%", 0.001), ("0.001", 0.001), ("100%", 1.0), ("1", 1.0), (0.25, 0.25), (0, 0.0), (1, 1.0)]
)
def test_fraction_is_read_as_a_part_of_one(written: str | float, value: float) -> None:
    assert fraction(written) == value


@pytest.mark.parametrize(
    ("written", "part_of_message"),
    [("2", "'2%'"), (2, "'2%'"), ("101%", "not be more than 1"), ("-1%", "not understood"), (-0.1, "negative"), ("0.1 percent", "0.1%")],
)
def test_wrong_fraction_is_refused_with_what_to_write(written: str | float, part_of_message: str) -> None:
    with pytest.raises(BadValueError, match=r"^fraction ") as caught:
        fraction(written)
    assert part_of_message in str(caught.value)


@pytest.mark.parametrize("value", NOT_A_NUMBER, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("read", [duration_s, rate_bps, size_bytes, fraction])
def test_what_is_no_sensible_number_is_refused(read: object, value: object) -> None:
    assert callable(read)
    with pytest.raises(BadValueError):
        read(value)


@given(st.text())
def test_any_text_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    for read in (duration_s, rate_bps, size_bytes, fraction):
        try:
            assert read(text) >= 0
        except BadValueError:
            continue


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (format_duration(0), "0s"),
        (format_duration(0.02), "20ms"),
        (format_duration(1.5), "1.5s"),
        (format_duration(61.5), "1m1.5s"),
        (format_duration(5400), "1h30m"),
        (format_duration(2e-9), "2ns"),
        (format_duration(-0.02), "-20ms"),
        (format_duration(0.020317, digits=3), "20.3ms"),
        (format_rate(10_000_000), "10Mbit"),
        (format_rate(0), "0bit"),
        (format_rate(9_438_712, digits=3), "9.44Mbit"),
        (format_size(1500), "1500B"),
        (format_size(64_000), "64kB"),
        (format_size(1 << 20), "1MiB"),
        (format_size(123_456_789, digits=2), "120MB"),
        (format_fraction(0.001), "0.1%"),
        (format_fraction(1), "100%"),
    ],
)
def test_quantity_is_written_as_people_write_it(written: str, expected: str) -> None:
    assert written == expected


@given(st.floats(min_value=0, max_value=MAX_DURATION_S, allow_subnormal=False))
def test_written_duration_is_read_back_exactly(seconds: float) -> None:
    assert duration_s(format_duration(seconds)) == seconds


@given(st.integers(min_value=0, max_value=MAX_RATE_BPS))
def test_written_rate_is_read_back_exactly(bps: int) -> None:
    assert rate_bps(format_rate(bps)) == bps


@given(st.integers(min_value=0, max_value=MAX_SIZE_BYTES))
def test_written_size_is_read_back_exactly(size: int) -> None:
    assert size_bytes(format_size(size)) == size


@given(st.floats(min_value=0, max_value=1, allow_subnormal=False))
def test_written_fraction_is_read_back_exactly(value: float) -> None:
    assert fraction(format_fraction(value)) == value
