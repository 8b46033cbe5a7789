"""A link's properties over time, from a file: CSV of changes, or a packet-delivery trace as Mahimahi has them. Reading is pure."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nepi.errors import BadValueError, did_you_mean
from nepi.execution.attribute import Attribute
from nepi.units import duration_s

PACKET_BYTES: Final = 1504
"""What one opportunity of a packet-delivery trace carries. Source: mahimahi's mm-link."""
MOST_BYTES: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Changes:
    """What is set when.

    Attributes:
        rows: (seconds since the start, attributes to values), in order of time.
    """

    rows: tuple[tuple[float, dict[str, Any]], ...]

    @property
    def period_s(self) -> float:
        """After which it begins anew, when it is repeated: at the last row."""
        return self.rows[-1][0]

    def states(self, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield all values of the link after each row, beginning with what it has without the file."""
        present = dict(values)
        for _, changed in self.rows:
            present = {**present, **changed}
            yield present

    def steps(self, *, repeat: bool) -> Iterator[tuple[float, dict[str, Any]]]:
        """Yield the changes with their times, for ever if they are to be repeated."""
        began = 0.0
        while True:
            for at, changed in self.rows:
                yield began + at, changed
            began += self.period_s
            if not repeat or not self.period_s:
                return


@dataclass(frozen=True, slots=True)
class Deliveries:
    """When a link delivers packets.

    Attributes:
        times_s: seconds since the start, one for each packet of `PACKET_BYTES`; then it begins anew.
    """

    times_s: tuple[float, ...]

    @property
    def mean_rate_bps(self) -> float:
        """What it carries on average."""
        return len(self.times_s) * PACKET_BYTES * 8 / self.times_s[-1]


def load(path: str | Path, attributes: Mapping[str, Attribute]) -> Changes | Deliveries:
    """Read a file.

    Args:
        path: of the file.
        attributes: what can be changed, by name.

    Raises:
        BadValueError: it cannot be read, or has a mistake; file and line are named.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadValueError(f"timeline {path}: cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise BadValueError(f"timeline {path}: larger than {MOST_BYTES // 1_000_000} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValueError(f"timeline {path}: is no text (byte {error.start})") from None
    return parse(text, str(path), attributes)


def parse(text: str, name: str, attributes: Mapping[str, Attribute]) -> Changes | Deliveries:
    """Read a timeline's text; `name` stands for the file in errors. Otherwise as `load`."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        raise BadValueError(f"timeline {name}: is empty")
    if lines[0][1].isdecimal():
        return _deliveries(lines, name)
    return _changes(lines, name, attributes)


def _deliveries(lines: list[tuple[int, str]], name: str) -> Deliveries:
    times: list[int] = []
    for number, line in lines:
        if not line.isdecimal() or len(line) > 12:
            raise BadValueError(f"{name}:{number}: {line[:40]!r} is no whole number of milliseconds, as lines before are")
        if times and int(line) < times[-1]:
            raise BadValueError(f"{name}:{number}: time goes back from {times[-1]} to {line} ms")
        times.append(int(line))
    if not times[-1]:
        raise BadValueError(f"{name}: all packets at 0 ms: the last line must be later, for there the trace begins anew")
    return Deliveries(tuple([time / 1000 for time in times]))


def _changes(lines: list[tuple[int, str]], name: str, attributes: Mapping[str, Attribute]) -> Changes:
    (first, head), *rest = lines
    columns = [column.strip() for column in next(csv.reader([head]))]
    if columns[0] != "time":
        raise BadValueError(f"{name}:{first}: the first line has the columns' names, and the first of them is time; it is {columns[0]!r}")
    for number, column in enumerate(columns[1:], 1):
        if column not in attributes:
            near = did_you_mean(column, attributes) or f"; there are {', '.join(attributes)}"
            raise BadValueError(f"{name}:{first}: {column!r} is no property of a link that changes{near}")
        if column in columns[:number]:
            raise BadValueError(f"{name}:{first}: there are two columns {column!r}")
    if len(columns) == 1 or not rest:
        what = "property beside time" if len(columns) == 1 else "line below the columns' names"
        raise BadValueError(f"{name}:{first}: has no {what}")
    rows: list[tuple[float, dict[str, Any]]] = []
    for number, line in rest:
        at, values = _row(f"{name}:{number}", line, columns, attributes)
        if rows and at <= rows[-1][0]:
            what = "stands still at" if at == rows[-1][0] else f"goes back from {rows[-1][0]:g} to"
            raise BadValueError(f"{name}:{number}: time {what} {at:g} s")
        rows.append((at, values))
    return Changes(tuple(rows))


def _row(place: str, line: str, columns: list[str], attributes: Mapping[str, Attribute]) -> tuple[float, dict[str, Any]]:
    cells = [cell.strip() for cell in next(csv.reader([line]))]
    if len(cells) != len(columns):
        raise BadValueError(f"{place}: has {len(cells)} values for {len(columns)} columns")
    try:
        at = _time(cells[0])
        # An empty cell leaves a property as it is; "none" takes it away.
        values = {column: _value(attributes[column], cell) for column, cell in zip(columns[1:], cells[1:], strict=True) if cell}
    except BadValueError as error:
        raise BadValueError(f"{place}: {error}") from None
    return at, values


def _time(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        return duration_s(cell)
    return duration_s(number)


def _value(attribute: Attribute, cell: str) -> Any:
    if cell.lower() == "none":
        return None
    if attribute.type == "BOOL":
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if cell.lower() not in words:
            raise BadValueError(f"attribute {attribute.name!r}: expected true or false, got {cell!r}")
        return words[cell.lower()]
    return attribute.converted(cell)
