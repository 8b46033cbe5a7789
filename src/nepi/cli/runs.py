"""`nepi runs`: what runs take on the disk, and making room. Runs that still hold something are never removed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from nepi.cli.complete import complete_runs
from nepi.cli.console import FAILED, complain, print_json, print_table, say
from nepi.cli.ps import began_text, run_record, state_text
from nepi.cli.runs_here import find_run, open_store
from nepi.errors import RunError, UsageError

if TYPE_CHECKING:
    from nepi.results.store import Run, Store

app = typer.Typer(help="Disk use of old runs, and removing them.", no_args_is_help=True, rich_markup_mode=None)

_IN_USE: Final = {
    "running": "it is live",
    "kept": "it is kept up; give it back first: nepi release",
    "dead": "its controller is gone and nothing was given back yet; first: nepi gc",
    "lost": "it has not been collected since this machine was started; first: nepi gc",
    "elsewhere": "it belongs to another machine",
    "left behind": "something of it is still there; first: nepi gc",
    "controller failed": "its controller failed and may have left something; first: nepi gc",
}


@app.command("list")
def list_(json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False) -> None:
    """List all runs with their disk use, the largest last."""
    from nepi.results.contents import size_bytes
    from nepi.units import format_size

    store = open_store()
    sized = sorted(((size_bytes(run.path), run) for run in store.runs()), key=lambda pair: pair[0])
    total = sum(size for size, _ in sized)
    if json:
        runs = [{**run_record(run), "bytes": size, "traces_bytes": size_bytes(run.path / "traces")} for size, run in sized]
        print_json({"home": str(store.home), "bytes": total, "runs": runs})
        return
    now = datetime.now()
    rows = [(run.name, state_text(run), began_text(run, now), format_size(size, digits=3)) for size, run in sized]
    if rows:
        print_table(("run", "state", "began", "disk"), rows)
    say(f"{len(rows)} run{'' if len(rows) == 1 else 's'}, {format_size(total, digits=3)} in {store.home}")


@app.command()
def rm(runs: Annotated[list[str], typer.Argument(metavar="RUN", help="The runs.", autocompletion=complete_runs)]) -> None:
    """Remove the folders of runs.

    Refused for what is live or kept, and for runs that still hold something.
    Exit status: 1 when one of them was refused; the others are removed.
    """
    refused = False
    for run in dict.fromkeys(find_run(text) for text in runs):
        why = why_not_removable(run)
        if why:
            complain(f"{run.name} stays: {why}")
            refused = True
        else:
            say(f"removed {run.name} ({_removed(run)})")
    if refused:
        raise typer.Exit(FAILED)


@app.command()
def prune(
    keep: Annotated[int | None, typer.Option(help="Keep so many of the latest runs.", min=0)] = None,
    max_size: Annotated[str, typer.Option(help='Remove the oldest runs until all take no more than this, such as "1GB".')] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Only say what would be removed.")] = False,
) -> None:
    """Remove old runs, by number or by size.

    All but the latest --keep, or the oldest until the rest fits --max-size, or both.
    What is live or kept, or still holds something, stays, and counts for the size.
    """
    if keep is None and not max_size:
        raise UsageError("say what to keep: --keep N, --max-size SIZE, or both")
    store = open_store()
    removed = 0
    for run in _to_remove(store, keep, max_size):
        removed += 1
        say(f"would remove {run.name}" if dry_run else f"removed {run.name} ({_removed(run)})")
    if not dry_run:
        _remove_dangling(store)
    if not removed:
        say("Nothing to remove.")


def why_not_removable(run: Run) -> str:
    """Return why a run's folder must stay, or ""."""
    if run.state in _IN_USE:
        why = _IN_USE[run.state]
        return f"{why} {run.name}" if why.endswith(("release", "gc")) else why
    if (run.path / "ledger.sqlite").exists():
        from nepi.execution.ledger import Ledger

        try:
            with Ledger(run.path / "ledger.sqlite") as ledger:
                rows = len(ledger.rows())
        except RunError as error:
            return str(error)
        if rows:
            return f"its ledger still has {rows} thing{'' if rows == 1 else 's'}; first: nepi gc {run.name}"
    return ""


def _to_remove(store: Store, keep: int | None, max_size: str) -> list[Run]:
    """Return what to remove, the oldest first."""
    from nepi.results.contents import size_bytes
    from nepi.units import size_bytes as parse_size

    runs = store.runs()
    removable = [run for run in runs if not why_not_removable(run)]
    chosen = removable[: max(len(removable) - keep, 0)] if keep is not None else []
    if max_size:
        limit = parse_size(max_size)
        sizes = {run: size_bytes(run.path) for run in runs}
        total = sum(sizes.values()) - sum(sizes[run] for run in chosen)
        for run in removable[len(chosen) :]:
            if total <= limit:
                break
            chosen.append(run)
            total -= sizes[run]
    return chosen


def _removed(run: Run) -> str:
    from nepi.cli.removal import remove_run
    from nepi.results.contents import size_bytes
    from nepi.units import format_size

    size = size_bytes(run.path)
    remove_run(run)
    return format_size(size, digits=3)


def _remove_dangling(store: Store) -> None:
    from nepi.cli.removal import remove_link

    for link in store.dangling():
        remove_link(link)
