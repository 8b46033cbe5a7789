"""Where cells are, and which phone was in which."""

from __future__ import annotations

import pytest

from nepi.errors import BadValueError, TraceError
from nepi.resources.ns3.high.cells import MAST_M, Cell, CellRow, parse_cell_rows, parse_cells


def test_cells_are_places_with_the_height_of_a_mast() -> None:
    assert parse_cells(" 0,0  500,-20.5,12 ") == (Cell(0.0, 0.0, MAST_M), Cell(500.0, -20.5, 12.0))


@pytest.mark.parametrize("text", ["0", "0,0,0,0", "here,there", "0, 0"])
def test_what_is_no_place_is_named(text: str) -> None:
    with pytest.raises(BadValueError, match="is no place; write x,y"):
        parse_cells(text)


def test_a_network_has_a_cell() -> None:
    with pytest.raises(BadValueError, match="there is none"):
        parse_cells(" ")


def test_rows_number_the_cells_of_their_network() -> None:
    text = "time_ns\tcontext\tevent\tcell\n20214285\tphone\tconnected\t3\n9260214285\tphone\thandover\t4\n"
    assert parse_cell_rows(text, 3) == (CellRow(0.020214285, "phone", "connected", 1), CellRow(9.260214285, "phone", "handover", 2))


def test_what_is_no_row_is_named() -> None:
    with pytest.raises(TraceError, match="this is no row of cells: 'soon'"):
        parse_cell_rows("time_ns\tcontext\tevent\tcell\nsoon\n", 1)
