"""Quantities as people write them ("2s", "10Mbit", "64kB", "0.1%"), parsed once, at the edge, and written back.

Text must carry its unit. A Python number is taken in the base unit: seconds, bit/s, bytes, or a fraction of one. Nothing
here knows what a quantity is for; a range narrower than "sensible at all" belongs to the attribute that holds it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import isfinite
from typing import Final, TypeVar

from nepi.errors import BadValueError

_NumberT = TypeVar("_NumberT", bound=float | Fraction)

MAX_DURATION_S: Final = 10 * 365.25 * 86_400
MAX_RATE_BPS: Final = 10**13
MAX_SIZE_BYTES: Final = 10**15
_MAX_TEXT: Final = 400  # no honest quantity is longer, and Python refuses to read numbers of thousands of digits

_DURATION_UNITS: Final = {
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 10**3),
    "us": Fraction(1, 10**6),
    "ns": Fraction(1, 10**9),
}
_DURATION_SPELLINGS: Final = {"min": "m", "µs": "us", "μs": "us"}  # the micro sign and the Greek letter
_RATE_PREFIXES: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE_UNITS: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) *([^\W\d_]+)")
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(.*)")
_BIT_UNIT: Final = re.compile(r"([kmgt]?)bit(?:/s|ps)?", re.IGNORECASE)
_BPS_UNIT: Final = re.compile(r"([kmgt]?)(?:bps|b/s)", re.IGNORECASE)


def duration_s(value: str | float | timedelta) -> float:
    """Return a duration in seconds.

    Args:
        value: text such as "2s", "100ms", "1.5m", "2h", "50us", "1m30s" (m is minutes), a timedelta, or seconds.

    Raises:
        BadValueError: not a duration, no unit, negative, not finite, or longer than ten years.
    """
    seconds: float | Fraction
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        seconds = _duration_from_text(value)
    else:
        seconds = _python_number(value, "duration")
    return float(_within(seconds, MAX_DURATION_S, "duration", value, "ten years"))


def rate_bps(value: str | float) -> int:
    """Return a data rate in bit/s.

    Args:
        value: text such as "10Mbit", "1Gbit/s", "64 kbit/s" (decimal prefixes, any case), or bit/s.

    Raises:
        BadValueError: not a rate, no unit, negative, not finite, above 10 Tbit/s, or written in "bps", which means bits
            to most people and bytes to tc(8).
    """
    if isinstance(value, str):
        number, unit = _number_and_unit(value, "rate", "Mbit")
        if ambiguous := _BPS_UNIT.fullmatch(unit):
            prefix = ambiguous[1]
            raise BadValueError(
                f"rate {value!r}: {unit!r} is read as bits by some tools and as bytes by others (tc); "
                f"write {_plain(number)}{prefix}bit for bits or {_plain(number * 8)}{prefix}bit for bytes"
            )
        match = _BIT_UNIT.fullmatch(unit)
        if match is None:
            raise BadValueError(f"rate {value!r}: unknown unit {unit!r}; use bit, kbit, Mbit, Gbit or Tbit, with or without /s")
        bits = number * _RATE_PREFIXES[match[1].lower()]
    else:
        bits = Fraction(_python_number(value, "rate"))
    return round(_within(bits, MAX_RATE_BPS, "rate", value, "10 Tbit/s"))


def size_bytes(value: str | float) -> int:
    """Return a size in bytes.

    Args:
        value: text such as "1500B", "64kB", "10MB" (powers of 1000), "1MiB" (powers of 1024), or bytes.

    Raises:
        BadValueError: not a size, no unit, negative, not whole bytes, or above 1000 TB.
    """
    if isinstance(value, str):
        number, unit = _number_and_unit(value, "size", "B")
        if unit not in _SIZE_UNITS:
            bits = " (a small b, or bit, means bits)" if "b" in unit else ""
            raise BadValueError(f"size {value!r}: unknown unit {unit!r}{bits}; use B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")
        size = number * _SIZE_UNITS[unit]
    else:
        size = Fraction(_python_number(value, "size"))
    if size.denominator != 1:
        raise BadValueError(f"size {value!r}: not a whole number of bytes")
    return int(_within(size, MAX_SIZE_BYTES, "size", value, "1000 TB"))


def fraction(value: str | float) -> float:
    """Return a fraction in [0, 1], such as a loss probability.

    Args:
        value: text such as "0.1%" or "0.001", or a number in [0, 1].

    Raises:
        BadValueError: not a number, or outside [0, 1]; a bare 2 is never taken for 2 %.
    """
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value.strip())
        if match is None or len(value) > _MAX_TEXT or match[2] not in ("", "%"):
            raise BadValueError(f"fraction {value!r}: not understood; write a percentage like 0.1% or a number from 0 to 1 like 0.001")
        number: float | Fraction = Fraction(match[1]) / (100 if match[2] else 1)
    else:
        number = _python_number(value, "fraction")
    return float(_within(number, 1, "fraction", value, "1 (per cent is written with its sign: '2%')"))


def format_duration(seconds: float, *, digits: int | None = None) -> str:
    """Write seconds as `duration_s` reads them: "1m30s", "20ms". Exact, or rounded to `digits` significant digits."""
    value = _decimal(seconds, digits)
    if value == 0:
        return "0s"
    if value >= 60:
        minutes, rest = divmod(value, 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
        return "".join(f"{_plain(part)}{unit}" for part, unit in parts if part)
    for exponent, unit in ((0, "s"), (3, "ms"), (6, "us")):
        if abs(value).scaleb(exponent) >= 1:
            return f"{_plain(value.scaleb(exponent))}{unit}"
    return f"{_plain(value.scaleb(9))}ns"


def format_rate(bps: float, *, digits: int | None = None) -> str:
    """Write bit/s as `rate_bps` reads them: "10Mbit". Exact, or rounded to `digits` significant digits."""
    value = _decimal(bps, digits)
    for exponent, unit in ((12, "Tbit"), (9, "Gbit"), (6, "Mbit"), (3, "kbit")):
        if abs(value).scaleb(-exponent) >= 1:
            return f"{_plain(value.scaleb(-exponent))}{unit}"
    return f"{_plain(value)}bit"


def format_size(size: int, *, digits: int | None = None) -> str:
    """Write bytes as `size_bytes` reads them: "1500B", "1MiB", "64kB". Exact, or rounded to `digits` significant digits."""
    value = _decimal(size, digits)
    if value < 10_000:
        return f"{_plain(value)}B"
    if value % 1000:
        for unit in ("TiB", "GiB", "MiB", "KiB"):
            if value % _SIZE_UNITS[unit] == 0:
                return f"{_plain(value / _SIZE_UNITS[unit])}{unit}"
    for exponent, unit in ((12, "TB"), (9, "GB"), (6, "MB")):
        if abs(value).scaleb(-exponent) >= 1:
            return f"{_plain(value.scaleb(-exponent))}{unit}"
    return f"{_plain(value.scaleb(-3))}kB"


def format_fraction(value: float, *, digits: int | None = None) -> str:
    """Write a fraction as `fraction` reads it: "0.1%". Exact, or rounded to `digits` significant digits."""
    return f"{_plain(_decimal(value, digits).scaleb(2))}%"


def _duration_from_text(text: str) -> Fraction:
    """Add up parts such as 1m30s: each unit once, the larger first, a decimal point only in the last part."""
    stripped = text.strip()[: _MAX_TEXT + 1]
    total, position, smallest = Fraction(0), 0, Fraction(10**9)
    while match := _PART.match(stripped, position):
        unit = _DURATION_SPELLINGS.get(match[2], match[2])
        if unit not in _DURATION_UNITS:
            raise BadValueError(f"duration {text!r}: unknown unit {match[2]!r}; use h, m (minutes), s, ms, us or ns")
        if _DURATION_UNITS[unit] >= smallest:
            raise BadValueError(f"duration {text!r}: each unit once, the larger one first, like 1m30s")
        smallest = _DURATION_UNITS[unit]
        total += Fraction(match[1]) * smallest
        position = match.end()
        if "." in match[1]:
            break
        while stripped[position : position + 1] == " ":
            position += 1
    if position and position == len(stripped) <= _MAX_TEXT:
        return total
    _number_and_unit(text, "duration", "s")
    raise BadValueError(f"duration {text!r}: not understood; write it like 2s, 100ms or 1m30s")


def _number_and_unit(text: str, what: str, example_unit: str) -> tuple[Fraction, str]:
    """Split "10Mbit" in two; a sign, a missing number or a missing unit is refused here."""
    stripped = text.strip()
    match = _QUANTITY.fullmatch(stripped)
    if len(text) > _MAX_TEXT:
        raise BadValueError(f"{what} {text[:40]!r}...: too long")
    if match is None:
        if re.fullmatch(r"-[0-9.]+.*", stripped):
            raise BadValueError(f"{what} {text!r}: must not be negative")
        raise BadValueError(f"{what} {text!r}: not understood; write a number and its unit, like 10{example_unit}")
    if not match[2]:
        raise BadValueError(f"{what} {text!r}: the unit is missing; write for example {match[1]}{example_unit}")
    return Fraction(match[1]), match[2]


def _python_number(value: object, what: str) -> int | float:
    """Take a finite int or float; everything else is refused by its type."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValueError(f"{what} {value!r}: expected text or a number, not {type(value).__name__}")
    if isinstance(value, float) and not isfinite(value):
        raise BadValueError(f"{what} {value!r}: must be a finite number")
    return value


def _within(number: _NumberT, largest: float, what: str, written: object, limit: str) -> _NumberT:
    """Return `number` when it is finite and in [0, largest]."""
    if number < 0:
        raise BadValueError(f"{what} {written!r}: must not be negative")
    if number > largest:
        raise BadValueError(f"{what} {written!r}: must not be more than {limit}")
    return number


def _decimal(value: float, digits: int | None) -> Decimal:
    exact = Decimal(value) if isinstance(value, int) else Decimal(repr(float(value)))
    return exact if digits is None else Context(prec=digits, rounding=ROUND_HALF_EVEN).plus(exact)


def _plain(value: Decimal | Fraction) -> str:
    """Write a number without exponent and without trailing zeros."""
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
