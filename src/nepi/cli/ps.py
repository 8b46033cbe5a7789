"""`nepi ps`: the runs of this user."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nepi.cli.console import note, print_json, print_table, say
from nepi.cli.runs_here import open_store

if TYPE_CHECKING:
    from nepi.results.store import Run

_ADVICE: Final = {
    "kept": "nepi release",
    "dead": "nepi attach, nepi gc",
    "lost": "nepi gc",
    "left behind": "nepi gc",
    "controller failed": "nepi gc",
}


def ps(
    all_: Annotated[bool, typer.Option("--all", "-a", help="Finished runs too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """List runs that are live, kept or dead; with --all, all.

    A run is dead when its controller is gone without having finished: `nepi attach` takes it up, `nepi gc` gives back what it left.
    """
    from nepi.cli.attach import say_if_torn
    from nepi.results.store import OPEN, RunState

    store = open_store()
    found = store.runs()
    shown = [run for run in found if all_ or run.state in OPEN]
    if json:
        print_json([run_record(run) for run in shown])
        return
    if shown:
        now = datetime.now()
        rows = [(run.name, state_text(run), began_text(run, now), _pid_text(run), _advice(run)) for run in shown]
        print_table(("run", "state", "began", "controller", "what to do"), rows)
    elif found:
        say(f"No run is live, kept or dead. `nepi ps --all` lists {len(found)} more in {store.home}.")
    else:
        say(f"There are no runs in {store.home}.")
    for run in shown:
        if run.state == RunState.DEAD:
            say_if_torn(run.path)
    if shown and len(shown) < len(found):
        note(f"{len(found) - len(shown)} finished; `nepi ps --all` lists them too.")


def run_record(run: Run) -> dict[str, Any]:
    """Return a run as plain data. Documented in docs/reference/cli.md."""
    return {
        "run": run.name,
        "exp_id": run.exp_id,
        "run_id": run.run_id,
        "state": str(run.state),
        "began": run.began,
        "controller_pid": run.controller_pid,
        "host": run.host,
        "path": str(run.path),
    }


def state_text(run: Run) -> str:
    """Return the state of a run, with the machine when it is another one."""
    return f"on {run.host}" if run.host else str(run.state)


def began_text(run: Run, now: datetime) -> str:
    """Return when a run began: the time of today, the date of earlier days."""
    at = run.began_at
    if at is None:
        return "-"
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


def _pid_text(run: Run) -> str:
    return f"pid {run.controller_pid}" if run.state == "running" else ""


def _advice(run: Run) -> str:
    return _ADVICE.get(run.state, "")
