"""`nepi gc` and `nepi release`: give back what runs hold, from their ledgers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nepi.cli.complete import complete_runs
from nepi.cli.console import FAILED, complain, print_json, say
from nepi.cli.runs_here import find_run, open_store
from nepi.errors import NepiError, UsageError

if TYPE_CHECKING:
    from nepi.execution.ledger import Row
    from nepi.results.store import Run

_KINDS: Final = {"netns": "namespace"}


@dataclass(slots=True)
class GivenBack:
    """What was done for one run.

    Attributes:
        run: the run.
        released: how many things of each kind are gone now.
        left: (kind, reason) of those that are not.
        problem: why nothing could be done, or "".
    """

    run: Run
    released: Counter[str] = field(default_factory=Counter)
    left: list[tuple[str, str]] = field(default_factory=list)
    problem: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing of the run is left."""
        return not self.left and not self.problem

    def to_record(self) -> dict[str, Any]:
        """Return it as plain data. Documented in docs/reference/cli.md."""
        left = [{"kind": kind, "reason": reason} for kind, reason in self.left]
        return {"run": self.run.name, "released": dict(self.released), "left": left, "problem": self.problem}


def gc(
    runs: Annotated[list[str] | None, typer.Argument(metavar="RUN", help="Only these runs.", autocompletion=complete_runs)] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Give back what dead runs have left.

    Processes, namespaces, links, files: whatever their ledgers name. Live runs are never touched, kept ones only when named.
    Harmless when done twice. Exit status: 0 when nothing is left, 1 when something could not be given back.
    """
    from nepi.results.store import LEFT

    if runs:
        chosen = [_not_live(find_run(text), "gc") for text in runs]
    else:
        chosen = [run for run in open_store().runs() if run.state in LEFT]
    done = [give_back(run) for run in chosen]
    if json:
        print_json([one.to_record() for one in done])
    else:
        _tell(done)
        _mention_kept(runs)
    if not all(one.fine for one in done):
        raise typer.Exit(FAILED)


def release(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run that was kept.", autocompletion=complete_runs)],
    json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """End a run that was left up with --keep.

    Everything that it holds is given back; its folder with all results stays.
    """
    done = give_back(_not_live(find_run(run), "release"))
    if json:
        print_json(done.to_record())
    else:
        _tell([done])
    if not done.fine:
        raise typer.Exit(FAILED)


def give_back(run: Run) -> GivenBack:
    """Give back everything in a run's ledger, and write down that this was done. The run must not be live; nobody can attach meanwhile."""
    from nepi.execution.attaching import LOOKERS_S
    from nepi.execution.ledger_kinds import collect
    from nepi.execution.rundir import RunDir
    from nepi.execution.runlock import RunLock

    done = GivenBack(run)
    lock = RunLock(run.path)
    try:
        lock.acquire(LOOKERS_S)
        if (run.path / "ledger.sqlite").exists():
            collected = collect(run.path / "ledger.sqlite")
            done.released.update(row.kind for row in collected.released)
            done.left = [(_what(row), row.note) for row in collected.left]
        state = _state_after(run, done)
        if state is not None:
            folder = RunDir(run.path)
            folder.write_status(**{**folder.read_status(), "state": state, "at": datetime.now().isoformat()})
        (run.path / ".reserve").unlink(missing_ok=True)
    except (NepiError, OSError) as error:
        done.problem = str(error)
    finally:
        lock.release()
    return done


def _state_after(run: Run, done: GivenBack) -> str | None:
    """Return what is to be written down of the run; None when that does not change."""
    from nepi.results.store import LEFT, RunState

    if done.left:
        return RunState.LEFT_BEHIND
    if run.state == RunState.KEPT:
        return RunState.RELEASED
    return RunState.COLLECTED if run.state in LEFT else None


def _not_live(run: Run, verb: str) -> Run:
    from nepi.results.store import RunState

    if run.state == RunState.RUNNING:
        pid = run.controller_pid
        raise UsageError(f"{verb}: run {run.name} is live; end it with Ctrl-C where it runs, or with: kill {pid}")
    if run.state == RunState.ELSEWHERE:
        raise UsageError(f"{verb}: run {run.name} is one of machine {run.host}; do it there")
    return run


def _what(row: Row) -> str:
    owner = f" of resource {row.owner}" if row.owner else ""
    return f"{row.kind}{owner}"


def _tell(done: Iterable[GivenBack]) -> None:
    listed = list(done)
    for one in listed:
        what = counted(one.released)
        if not one.problem:
            say(f"{one.run.name}: " + (f"gave back {what}" if what else "nothing was left" if one.fine else "nothing could be given back"))
        for kind, reason in one.left:
            complain(f"{one.run.name}: still there: {kind}: {reason}")
        if one.problem:
            complain(f"{one.run.name}: {one.problem}")
    if not listed:
        say("No dead run has left anything.")


def counted(kinds: Counter[str]) -> str:
    """Return "1 agent, 3 links, 2 namespaces" for a count of kinds."""
    named = [(_KINDS.get(kind, kind), count) for kind, count in sorted(kinds.items())]
    return ", ".join(f"{count} {kind}{'' if count == 1 else 's'}" for kind, count in named)


def _mention_kept(named: list[str] | None) -> None:
    from nepi.results.store import RunState

    if not named:
        for run in open_store().runs():
            if run.state == RunState.KEPT:
                say(f"{run.name} was kept on purpose; end it with: nepi release {run.name}")
