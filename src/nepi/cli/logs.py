"""`nepi logs RUN`: the journal of a run for people, or its lines as they are."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nepi.cli.complete import complete_runs
from nepi.cli.console import say
from nepi.cli.runs_here import find_run, open_store
from nepi.errors import RunError

if TYPE_CHECKING:
    from nepi.results.store import Run


def logs(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run; by default the last one.", autocompletion=complete_runs)] = "last",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is over.")] = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also conditions, needs and waits.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write the lines of the journal as they are (docs/reference/journal.md).")] = False,
) -> None:
    """Show what happened in a run, with names and times."""
    from nepi.cli.following import chunks, lines
    from nepi.cli.journal_text import JournalText
    from nepi.results.store import RunState

    found = find_run(run)
    store = open_store()

    def over() -> bool:
        return store.read(found.path).state != RunState.RUNNING

    journal = found.path / "journal.jsonl"
    if not journal.exists() and not follow:
        raise RunError(f"run {found.name} has no journal")
    text = JournalText(Names(found).of, everything=everything)
    for number, line in enumerate(lines(chunks(journal, over if follow else None)), 1):
        if json:
            say(line.decode("utf-8", "replace"))
            continue
        for told in text.lines(_decoded(line, journal, number)):
            say(told)


def _decoded(line: bytes, journal: Path, number: int) -> dict[str, Any]:
    try:
        record = json_.loads(line)
    except ValueError as error:
        raise RunError(f"{journal}, line {number}: damaged: {error}") from None
    if not isinstance(record, dict):
        raise RunError(f"{journal}, line {number}: damaged: no object")
    return record


class Names:
    """The names of a run's resources, read again when one appears that was not there before."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._names: dict[int, str] = {}
        self._unknown: set[int] = set()

    def of(self, guid: int) -> str:
        """Return the name of a resource."""
        from nepi.model.promises import unnamed
        from nepi.results.contents import resource_names

        if guid not in self._names and guid not in self._unknown:
            self._names = resource_names(self._run.path)
            if guid not in self._names:
                self._unknown.add(guid)
        return self._names.get(guid) or unnamed(guid)
