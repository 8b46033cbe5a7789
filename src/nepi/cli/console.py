"""How the command line speaks: tables, JSON, notes, errors. What was asked for goes to standard output, all else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any, Final

from nepi.errors import DescriptionError, NepiError, RunError, UsageError

FINE: Final = 0
FAILED: Final = 1
WRONG: Final = 2
"""Exit status for a wrong description or usage."""
UNTRUE: Final = 3
"""Exit status of a run that went well but whose links, verified, do not do what was asked of them."""


def say(text: str = "") -> None:
    """Write a line to standard output."""
    print(text)


def note(text: str = "") -> None:
    """Write a line to standard error."""
    print(text, file=sys.stderr, flush=True)


def complain(error: BaseException | str) -> None:
    """Write an error as one message."""
    note(f"nepi: {error}")


def status_of(error: NepiError) -> int:
    """Return the exit status for an error: the user's mistakes are WRONG, the world's FAILED."""
    return WRONG if isinstance(error, DescriptionError | UsageError | RunError) else FAILED


def print_json(value: Any) -> None:
    """Write a value as JSON to standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", file: IO[str] | None = None) -> None:
    """Write a table: drawn on a terminal, plain and never cut elsewhere, so that it can be searched.

    Args:
        columns: heads; all empty for no head.
        rows: as many texts each as there are columns.
        title: a line above it.
        file: standard output by default.
    """
    out = file if file is not None else sys.stdout
    listed = [tuple(row) for row in rows]
    if out.isatty():
        _draw(columns, listed, title, out)
        return
    if title:
        print(title, file=out)
    print(plain_table(columns, listed, indent="  " if title else ""), file=out, flush=True)


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    """Return a table as text, columns aligned; later lines of a cell go below it."""
    heads = [list(columns)] if any(columns) else []
    cells = [*heads, *(line for row in rows for line in _lines(row))]
    widths = [max((len(line[column]) for line in cells), default=0) for column in range(len(columns))]
    return "\n".join(indent + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells)


def _lines(row: Sequence[str]) -> list[list[str]]:
    parts = [cell.split("\n") for cell in row]
    return [[part[number] if number < len(part) else "" for part in parts] for number in range(max(map(len, parts)))]


def _draw(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str, out: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=any(columns), header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    console = Console(file=out, highlight=False, soft_wrap=False)
    if title:
        console.print(Text(title, style="bold"))
    console.print(table)


_STYLES: Final = {
    "running": "green",
    "finished": "green",
    "kept": "cyan",
    "dead": "red",
    "failed": "red",
    "aborted": "red",
    "invalid": "red",
    "left behind": "red",
    "controller failed": "red",
    "damaged": "red",
    "missing": "yellow",
    "lacking": "yellow",
}


def _style(cell: str) -> str:
    return _STYLES.get(cell.lower(), "")
