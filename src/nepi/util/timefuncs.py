"""Dates as the seed's programs write them: "2s" from now, or 20 digits YYYYmmddHHMMSSffffff in local time.

Only for that vocabulary (`ec.schedule`, condition times, run ids): the engine counts monotonic seconds instead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from time import time
from typing import Final

from nepi.errors import BadValueError
from nepi.units import duration_s

_ABSOLUTE: Final = "%Y%m%d%H%M%S%f"
_ABSOLUTE_DIGITS: Final = 20


_shift_s = 0.0


def wall_clock_s() -> float:
    """Return the wall clock's time, seconds since the epoch. It may jump at any moment: durations are not measured by it."""
    return time() + _shift_s


def shift_wall_clock(seconds: float) -> None:
    """Let this process see the wall clock so many seconds ahead of what it saw before, as if somebody had set it. For fault injection."""
    global _shift_s
    _shift_s += seconds


def tnow() -> datetime:
    """Return the local time, now."""
    return datetime.fromtimestamp(wall_clock_s())


def tdiff(date1: datetime, date2: datetime) -> timedelta:
    """Return `date1` minus `date2`."""
    return date1 - date2


def tdiffsec(date1: datetime, date2: datetime) -> float:
    """Return `date1` minus `date2` in seconds."""
    return (date1 - date2).total_seconds()


def tsformat(date: datetime | None = None) -> str:
    """Write a date (default: now) as 20 digits, YYYYmmddHHMMSSffffff."""
    return (date if date is not None else tnow()).strftime(_ABSOLUTE)


def stformat(sdate: str) -> datetime:
    """Read a date of 20 digits, as `tsformat` writes it.

    Raises:
        BadValueError: not 20 digits, or no such day or hour.
    """
    if len(sdate) != _ABSOLUTE_DIGITS or not (sdate.isascii() and sdate.isdigit()):
        raise BadValueError(f"date {sdate!r}: expected 20 digits, YYYYmmddHHMMSSffffff, such as {tsformat()}")
    fields = (sdate[0:4], sdate[4:6], sdate[6:8], sdate[8:10], sdate[10:12], sdate[12:14], sdate[14:20])
    year, month, day, hour, minute, second, microsecond = map(int, fields)
    try:
        return datetime(year, month, day, hour, minute, second, microsecond)
    except ValueError as error:
        raise BadValueError(f"date {sdate!r}: {error}") from error


def stabsformat(sdate: str | datetime, dbase: datetime | None = None) -> datetime:
    """Read a date, absolute or relative.

    Args:
        sdate: 20 digits, taken as they are; or a duration such as "2s", "1.5h" or "300ms", counted from `dbase`. A
            datetime is returned unchanged.
        dbase: what a relative date counts from; default: now.

    Raises:
        BadValueError: neither the one nor the other.
    """
    if isinstance(sdate, datetime):
        return sdate
    if not isinstance(sdate, str):
        raise BadValueError(f"date {sdate!r}: expected text such as '2s' or 20 digits, not {type(sdate).__name__}")
    if len(sdate) == _ABSOLUTE_DIGITS and sdate.isdigit():
        return stformat(sdate)
    return (dbase if dbase is not None else tnow()) + _relative(sdate)


def compute_delay_ms(timestamp2: str | float, timestamp1: str | float) -> float:
    """Return the milliseconds from `timestamp1` to `timestamp2`, both in seconds since the epoch."""
    return (float(timestamp2) - float(timestamp1)) * 1000.0


@lru_cache(maxsize=1024)
def _relative(text: str) -> timedelta:
    """Read a duration; cached, because thousands of resources are scheduled after the same few delays."""
    try:
        return timedelta(seconds=duration_s(text))
    except BadValueError as error:
        raise BadValueError(f"date {text!r}: {error}; an absolute date has 20 digits, YYYYmmddHHMMSSffffff") from error
