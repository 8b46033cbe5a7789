"""Cells of an LTE network as text, and the record of which phone was in which: pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nepi.errors import BadValueError, TraceError

MAST_M: Final = 30.0
"""How high a base station is when that is not said."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A base station: where it is, in metres."""

    x: float
    y: float
    z: float = MAST_M


@dataclass(frozen=True, slots=True)
class CellRow:
    """A change of a phone's cell.

    Attributes:
        at_s: simulated seconds from the beginning.
        node: name of the phone's node.
        event: "connected", "handover", "handover failed" or "lost".
        cell: number of the cell, from 1, in the order of `cells`; where it was, when it was lost.
    """

    at_s: float
    node: str
    event: str
    cell: int


def parse_cells(text: str) -> tuple[Cell, ...]:
    """Return the cells that a text names: "0,0 500,0,25".

    Raises:
        BadValueError: a place is no two or three numbers, or there is none.
    """
    cells = []
    for word in text.split():
        try:
            place = [float(part) for part in word.split(",")]
        except ValueError:
            place = []
        if len(place) not in (2, 3):
            raise BadValueError(f"cells: {word!r} is no place; write x,y or x,y,z in metres, and a space between two cells")
        cells.append(Cell(*place))
    if not cells:
        raise BadValueError("cells: there is none; write where they are, such as '0,0 500,0'")
    return tuple(cells)


def parse_cell_rows(text: str, first_cell: int) -> tuple[CellRow, ...]:
    """Return the rows of a trace of cells.

    Args:
        text: the trace.
        first_cell: ns-3's number of the network's first cell.

    Raises:
        TraceError: it is no such trace.
    """
    rows = []
    for line in text.splitlines()[1:]:
        fields = line.split("\t")
        try:
            at, node, event, cell = fields
            rows.append(CellRow(int(at) / 1e9, node, event, int(cell) - first_cell + 1))
        except ValueError:
            raise TraceError(f"this is no row of cells: {line!r}") from None
    return tuple(rows)
