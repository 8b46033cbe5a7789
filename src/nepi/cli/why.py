"""`nepi why` and `nepi replay`: a run explained and checked from its journal alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nepi.cli.complete import complete_resources, complete_runs
from nepi.cli.console import FAILED, complain, print_json, say
from nepi.cli.runs_here import find_run

if TYPE_CHECKING:
    from pathlib import Path

    from nepi.engine.core import Engine
    from nepi.results.store import Run

MOST_DIFFERENCES = 20


def why(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, live or over.", autocompletion=complete_runs)],
    resource: Annotated[str, typer.Argument(metavar="RESOURCE", help="Name or guid of a resource.", autocompletion=complete_resources)],
) -> None:
    """Say what a resource waits for, in one sentence."""
    from nepi.errors import UsageError
    from nepi.results.contents import guid_named

    found = find_run(run)
    _say_if_torn(found)
    guid = guid_named(found.path, resource)
    engine = _engine_after(found.path)
    if guid not in engine.members:
        raise UsageError(f"{resource} never became part of the run")
    say(str(engine.why(guid)))


def replay(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run.", autocompletion=complete_runs)],
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Decide a run once more from its journal and compare.

    Exit status: 0 when every decision is the same, 1 when one differs.
    """
    from nepi.engine.replay import replay as replay_lines
    from nepi.execution.journal import batches
    from nepi.execution.quiet import collection_paused

    found = find_run(run)
    _say_if_torn(found)
    with collection_paused():
        result = replay_lines(batches(found.path / "journal.jsonl"), stop_on_abort=_stops_on_abort(found.path))
    if json:
        print_json({"run": found.name, "batches": result.batches, "differences": result.differences})
    else:
        verdict = "the same decisions" if not result.differences else f"{len(result.differences)} decided otherwise"
        say(f"{found.name}: {result.batches} batches, {verdict}")
        for difference in result.differences[:MOST_DIFFERENCES]:
            complain(difference)
    if result.differences:
        raise typer.Exit(FAILED)


def _say_if_torn(run: Run) -> None:
    from nepi.cli.attach import say_if_torn
    from nepi.results.store import RunState

    if run.state != RunState.RUNNING:  # else it is being written this instant
        say_if_torn(run.path)


def _stops_on_abort(run: Path) -> bool:
    from nepi.execution.journal import read_journal

    return bool(next(read_journal(run / "journal.jsonl"), {}).get("stop_on_abort", False))


def _engine_after(run: Path) -> Engine:
    """Return an engine that has been told everything that the journal holds."""
    from nepi.engine.codec import event_from
    from nepi.engine.core import Engine
    from nepi.execution.journal import batches
    from nepi.model.promises import unnamed
    from nepi.results.contents import resource_names

    names = resource_names(run)
    engine = Engine(stop_on_abort=_stops_on_abort(run), label=lambda guid: names.get(guid) or unnamed(guid))
    for line in batches(run / "journal.jsonl"):
        for record in line["ev"]:
            engine.handle(event_from(record), now=line["t"])
    return engine
