"""The kinds of values that command-line options take: switches, whole numbers, seconds, bytes, bit/s, words.

`read` takes both what users write ("200ms", "0x10") and what was read before; it raises BadValueError with the reason alone,
because the caller knows the attribute's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from nepi.errors import BadValueError
from nepi.units import duration_s, format_duration, format_rate, format_size, rate_bps, size_bytes

_DIGITS: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_ANY_BASE: Final = re.compile(r"[0-9]{1,20}|0[xX][0-9a-fA-F]{1,16}", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off; the flag alone when on."""

    def read(self, value: object) -> bool:
        """Return True or False; text is refused."""
        if not isinstance(value, bool):
            raise BadValueError(f"{value!r} is neither True nor False")
        return value

    def words(self, flag: str, value: object) -> list[str]:
        """Return the flag when on."""
        return [flag] if value else []


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, or its decimal digits as text (hexadecimal too, with `hexadecimal`)."""

    low: int
    high: int
    hexadecimal: bool = False

    def read(self, value: object) -> int:
        """Return the number."""
        if isinstance(value, str):
            text = value.strip()
            if not (_ANY_BASE if self.hexadecimal else _DIGITS).fullmatch(text):
                raise BadValueError(f"{value!r} is not a whole number")
            value = int(text, 16 if text[:2] in ("0x", "0X") else 10)
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadValueError(f"{value!r} is not a whole number")
        if not self.low <= value <= self.high:
            raise BadValueError(f"{value} is outside {self.low} to {self.high}")
        return value

    def words(self, flag: str, value: object) -> list[str]:
        """Return the flag and the number."""
        return [flag, str(value)]


@dataclass(frozen=True, slots=True)
class Seconds:
    """A duration; a number, or digits alone as the original's attributes had them, are seconds.

    Attributes:
        low, high: seconds, both allowed; `or_zero` allows 0 below `low`.
        whole: the tool takes whole seconds only; others are refused, not rounded.
        milliseconds: the tool wants milliseconds.
    """

    low: float
    high: float
    whole: bool = False
    or_zero: bool = False
    milliseconds: bool = False

    def read(self, value: object) -> float:
        """Return seconds."""
        if isinstance(value, str):
            seconds = float(value) if _DECIMAL.fullmatch(value.strip()) else duration_s(value)
        elif isinstance(value, int | float):
            seconds = duration_s(value)
        else:
            raise BadValueError(f"{value!r} is not a duration; write it like 2s or 200ms")
        if not self.low <= seconds <= self.high and not (self.or_zero and seconds == 0):
            raise BadValueError(f"{value!r} is outside {format_duration(self.low)} to {format_duration(self.high)}")
        if self.whole and seconds != int(seconds):
            raise BadValueError(f"{value!r} is not a whole number of seconds, and the tool takes no other")
        return seconds

    def words(self, flag: str, value: object) -> list[str]:
        """Return the flag and the number in the tool's unit, never with an exponent."""
        if not isinstance(value, float):
            raise TypeError(value)
        number = Decimal(repr(value)) * (1000 if self.milliseconds else 1)
        if self.milliseconds:
            return [flag, str(max(1, round(number)))]
        text = format(number, "f")
        return [flag, text.rstrip("0").rstrip(".") if "." in text else text]


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes; digits alone, as the original's attributes had them, are bytes."""

    low: int
    high: int

    def read(self, value: object) -> int:
        """Return bytes."""
        if isinstance(value, str):
            size = int(value) if _DIGITS.fullmatch(value.strip()) else size_bytes(value)
        elif isinstance(value, int | float):
            size = size_bytes(value)
        else:
            raise BadValueError(f"{value!r} is not a size; write it like 1500B or 64kB")
        if not self.low <= size <= self.high:
            raise BadValueError(f"{value!r} is outside {format_size(self.low)} to {format_size(self.high)}")
        return size

    def words(self, flag: str, value: object) -> list[str]:
        """Return the flag and the bytes, without a suffix (iperf3 reads K as 1024 here and as 1000 there)."""
        return [flag, str(value)]


@dataclass(frozen=True, slots=True)
class Rate:
    """A data rate in bit/s; text must carry its unit."""

    low: int
    high: int

    def read(self, value: object) -> int:
        """Return bit/s."""
        if not isinstance(value, str | int | float):
            raise BadValueError(f"{value!r} is not a rate; write it like 10Mbit")
        rate = rate_bps(value)
        if not self.low <= rate <= self.high:
            raise BadValueError(f"{value!r} is outside {format_rate(self.low)} to {format_rate(self.high)}")
        return rate

    def words(self, flag: str, value: object) -> list[str]:
        """Return the flag and the bit/s, without a suffix."""
        return [flag, str(value)]


@dataclass(frozen=True, slots=True)
class Word:
    """Text that goes to the tool as one word; never taken for an option, because it cannot begin with a dash.

    Attributes:
        pattern: regular expression that the whole text must match.
        expected: what that is, in words, for the error.
    """

    pattern: str = r"(?s).+"
    expected: str = "text"

    def read(self, value: object) -> str:
        """Return the text without white space around it."""
        if not isinstance(value, str):
            raise BadValueError(f"{value!r} is not text")
        text = value.strip()
        if not text or "\0" in text or text.startswith("-") or not re.fullmatch(self.pattern, text, re.ASCII):
            raise BadValueError(f"{value!r} is not {self.expected}")
        return text

    def words(self, flag: str, value: object) -> list[str]:
        """Return the flag and the text."""
        return [flag, str(value)]


HOST: Final = Word(r"[^\s]{1,255}", "a host's name or address")
INTERFACE: Final = Word(r"[^\s/]{1,255}", "an interface's name or an address")
PORT: Final = Whole(1, 65_535)
