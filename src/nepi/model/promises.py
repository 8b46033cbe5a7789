"""What a link promises, and what was measured of it: rows of asked against measured. Pure data; docs/design/verification.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nepi.units import format_duration, format_fraction, format_rate

DIGITS: Final = 4
FIRST_GATE: Final = 10**12
"""Starts wait for a verification as for a resource, which it is not: its number lies beyond those that resources have."""
BUDGET: Final = "5s"
"""How long the frames of a verification take at most, unless told."""


def _frames(value: float) -> str:
    return f"{value:.{DIGITS}g} frame{'' if value == 1 else 's'}"


PROPERTIES: Final[Mapping[str, tuple[str, Callable[[float], str]]]] = {
    "rate": ("bit/s", lambda value: format_rate(value, digits=DIGITS)),
    "delay": ("s", lambda value: format_duration(value, digits=DIGITS)),
    "jitter": ("s", lambda value: format_duration(value, digits=DIGITS)),
    "loss": ("", lambda value: format_fraction(value, digits=DIGITS)),
    "burst": ("frames", _frames),
    "duplicate": ("", lambda value: format_fraction(value, digits=DIGITS)),
    "reorder": ("", lambda value: format_fraction(value, digits=DIGITS)),
    "corrupt": ("", lambda value: format_fraction(value, digits=DIGITS)),
}
"""Each property with its unit ("" is a part of one) and how a value of it is written."""


def unnamed(guid: int) -> str:
    """Return what is said of a number that no resource has."""
    return "the verification of links" if guid > FIRST_GATE else f"#{guid}"


@dataclass(frozen=True, slots=True)
class Promise:
    """One property of one direction of a link: asked against measured.

    Attributes:
        link: its name.
        direction: "a > b", by the names of the nodes or switches at its ends.
        what: one of `PROPERTIES`. "jitter" is the standard deviation of the one-way delay, "burst" the mean number of frames that
            are lost one after the other.
        asked: in the property's unit.
        measured: likewise; None when it could not be measured.
        low, high: what `measured` has to lie between, ends included.
        kept: whether it does; None when that cannot be told, and `note` says why.
        note: what else is to be known of it, or "".
    """

    link: str
    direction: str
    what: str
    asked: float
    measured: float | None
    low: float
    high: float
    kept: bool | None
    note: str = ""

    def text(self, value: float | None) -> str:
        """Write a value of this property, with its unit."""
        return "-" if value is None else PROPERTIES[self.what][1](value)

    @property
    def verdict(self) -> str:
        """Return "kept", "BROKEN" or "unknown"."""
        return "unknown" if self.kept is None else "kept" if self.kept else "BROKEN"

    def to_row(self) -> tuple[str, str, str, str, str, str, str]:
        """Return it as texts: link, direction, property, asked, measured, tolerance, verdict."""
        tolerance = f"{self.text(self.low)} to {self.text(self.high)}"
        verdict = f"{self.verdict}: {self.note}" if self.note else self.verdict
        return self.link, self.direction, self.what, self.text(self.asked), self.text(self.measured), tolerance, verdict

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Promise:
        """Return what `to_record` has written."""
        low, high = record["tolerance"]
        asked, measured, kept = record["asked"], record["measured"], record["kept"]
        return cls(record["link"], record["direction"], record["property"], asked, measured, low, high, kept, record["note"])

    def to_record(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "link": self.link,
            "direction": self.direction,
            "property": self.what,
            "unit": PROPERTIES[self.what][0],
            "asked": self.asked,
            "measured": self.measured,
            "tolerance": [self.low, self.high],
            "kept": self.kept,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found. It is true when no promise is broken, and a sequence of its rows.

    Attributes:
        promises: in the order in which links were described.
    """

    promises: tuple[Promise, ...] = ()

    @property
    def broken(self) -> tuple[Promise, ...]:
        """The promises that were not kept."""
        return tuple(one for one in self.promises if one.kept is False)

    @property
    def unknown(self) -> tuple[Promise, ...]:
        """The promises of which nothing can be said."""
        return tuple(one for one in self.promises if one.kept is None)

    def of(self, link: str) -> Verification:
        """Return what was found of one link."""
        return Verification(tuple(one for one in self.promises if one.link == link))

    def __bool__(self) -> bool:
        return not self.broken

    def __iter__(self) -> Iterator[Promise]:
        return iter(self.promises)

    def __len__(self) -> int:
        return len(self.promises)

    def __str__(self) -> str:
        if not self.promises:
            return "nothing was verified"
        links = len({one.link for one in self.promises})
        of = f"of {links} link{'' if links == 1 else 's'}"
        lines = [f"{len(self.broken)} of {len(self.promises)} promises {of} broken" if self.broken else f"all promises {of} kept"]
        if self.unknown:
            lines[0] += f", {len(self.unknown)} unknown"
        for one in self.broken:
            link, direction, what, asked, measured, tolerance, _ = one.to_row()
            lines.append(f"  {link} {direction}: {what} {asked} was asked, {measured} measured ({tolerance} would do)")
        return "\n".join(lines)


def together(several: Iterable[Verification]) -> Verification:
    """Return what several verifications found, as one."""
    return Verification(tuple(one for verification in several for one in verification))
