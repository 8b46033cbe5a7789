"""What `nepi run` says at the end: what was measured against what was asked, failures, what is still there, where the folder is."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nepi.cli.console import note, print_table
from nepi.errors import RunError, UsageError
from nepi.model.promises import Promise
from nepi.results.contents import read_record, size_bytes
from nepi.units import format_size
from nepi.units import size_bytes as parse_size

FORMAT: Final = 1
MOST_FIELDS: Final = 8
MOST_PROMISES: Final = 40
LARGE_TRACES: Final = "NEPI_LARGE_TRACES"
LARGE_BY_DEFAULT: Final = "1GB"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one run ended.

    Attributes:
        run_dir: its folder.
        kept: it was left up.
        summary: what `summary.json` holds.
        traces_bytes: what its traces take on the disk.
    """

    run_dir: Path
    kept: bool
    summary: dict[str, Any]
    traces_bytes: int

    @property
    def name(self) -> str:
        """Return exp_id/run_id."""
        return f"{self.summary['exp_id']}/{self.summary['run_id']}"

    @property
    def fine(self) -> bool:
        """Whether it did what was described, has measured what it seems to have, and gave everything back."""
        return bool(self.summary["outcome"] == "finished")

    @property
    def broken(self) -> list[dict[str, Any]]:
        """The promises of links that were verified and not kept."""
        return [row for row in self.summary.get("promises") or [] if row["kept"] is False]

    def to_record(self) -> dict[str, Any]:
        """Return it as plain data, for `--json`."""
        return {**self.summary, "run_dir": str(self.run_dir), "kept": self.kept, "traces_bytes": self.traces_bytes}


def outcome_of(run_dir: Path, *, kept: bool) -> Outcome | None:
    """Return how a run ended; None when it has no summary."""
    try:
        summary = read_record(run_dir / "summary.json")
    except RunError:
        return None
    return Outcome(run_dir, kept, summary, size_bytes(run_dir / "traces"))


def show_outcome(one: Outcome) -> None:
    """Write it to standard error."""
    summary = one.summary
    note()
    count = f"{summary['resources']} resource{'' if summary['resources'] == 1 else 's'}"
    why = f": {summary['abort_reason']}" if summary["abort_reason"] else ""
    note(f"{one.name}: {summary['outcome']}, {count}{why}")
    _show_marks(summary.get("marks") or [])
    _show_promises(summary.get("promises") or [])
    _show_measured(summary)
    _show_pairs("Failed", summary["failed"])
    _show_pairs("Left behind", summary["left_behind"])
    for what in ("lost", "trouble"):
        for sentence in summary.get(what) or []:
            note(f"{what}: {sentence}")
    if summary["left_behind"]:
        note(f"Try again to give it back with: nepi gc {one.name}")
    if one.kept:
        note(f"Left up. Look into it with: nepi shell {one.name} NODE\nGive it back with:      nepi release {one.name}")
    note(f"Run's folder: {one.run_dir}")
    _warn_of_size(one)


def _show_marks(marks: list[dict[str, str]]) -> None:
    if marks:
        rows = [(mark["resource"], mark["what"]) for mark in marks]
        note()
        print_table(("resource", ""), rows, title="To be known of this run", file=sys.stderr)


def _show_promises(promises: list[dict[str, Any]]) -> None:
    if not promises:
        return
    shown = promises if len(promises) <= MOST_PROMISES else [row for row in promises if not row["kept"]]
    note()
    if shown:
        columns = ("link", "direction", "what", "asked", "measured", "tolerance", "verdict")
        print_table(columns, [Promise.from_record(row).to_row() for row in shown], title="Promises", file=sys.stderr)
    if len(shown) < len(promises):
        note(f"{len(promises) - len(shown)} promises of links were kept; all of them are in summary.json")


def _show_measured(summary: dict[str, Any]) -> None:
    measured = summary.get("measured") or []
    if measured:
        rows = [(row["resource"], row["what"], row["asked"], row["measured"]) for row in measured]
        note()
        print_table(("resource", "what", "asked", "measured"), rows, title="Measured", file=sys.stderr)
    shown = {row["resource"] for row in measured}
    rows_of_results = [
        (name, field, value)
        for name, result in (summary.get("results") or {}).items()
        if name not in shown and isinstance(result, dict)
        for field, value in _plain_fields(result)
    ]
    if rows_of_results:
        note()
        print_table(("resource", "what", "value"), rows_of_results, title="Results", file=sys.stderr)


def _plain_fields(result: dict[str, Any]) -> list[tuple[str, str]]:
    fields = [(name, value) for name, value in result.items() if isinstance(value, int | float | str) and value != ""]
    return [(name, f"{value:g}" if isinstance(value, float) else str(value)) for name, value in fields[:MOST_FIELDS]]


def _show_pairs(title: str, pairs: dict[str, str]) -> None:
    if pairs:
        note()
        print_table(("", ""), [(name, reason or "it says no reason") for name, reason in pairs.items()], title=title, file=sys.stderr)


def _warn_of_size(one: Outcome) -> None:
    limit = large_traces_bytes()
    if one.traces_bytes > limit:
        much = f"{format_size(one.traces_bytes, digits=3)}, more than {format_size(limit, digits=3)} ({LARGE_TRACES})"
        note(f"Its traces take {much}; make room with: nepi runs rm {one.name}, or nepi runs prune --max-size SIZE")


def large_traces_bytes() -> int:
    """Return from which size on traces are warned of: $NEPI_LARGE_TRACES, or 1 GB.

    Raises:
        UsageError: the variable holds no size.
    """
    text = os.environ.get(LARGE_TRACES) or LARGE_BY_DEFAULT
    try:
        return parse_size(text)
    except ValueError as error:
        raise UsageError(f"{LARGE_TRACES}: {error}") from None
