"""`nepi attach RUN`: takes up a run whose controller is gone, and brings it to its end."""

from __future__ import annotations

import contextlib
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nepi.cli.complete import complete_runs
from nepi.cli.console import note
from nepi.cli.runs_here import find_run

if TYPE_CHECKING:
    from nepi.errors import NepiError


def attach(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run that is dead, or was kept.", autocompletion=complete_runs)],
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up at the end; `nepi release` gives it back.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write the summary as JSON to standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")] = False,
    full_traceback: Annotated[bool, typer.Option("--traceback", help="Show every error with its whole traceback.")] = False,
) -> None:
    """Take up a run whose controller died, where it stands, and bring it to its end.

    Commands have gone on meanwhile, and what became due is done at once. What only the program that began it could do is not done:
    its Python code after a wait, its callbacks; those are listed. Resource types of its own must be found by NEPI_SEARCH_PATH.
    Exit status: as of `nepi run`.
    """
    from nepi.cli.run import bring_to_end
    from nepi.execution.invocation import Invocation

    bring_to_end(Attachment(find_run(run).path), Invocation(keep=keep), json=json, quiet=quiet, full=full_traceback)


class Attachment:
    """The work of taking up one run.

    Args:
        path: its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def as_main(self) -> contextlib.AbstractContextManager[None]:
        """Nothing has to be made ready."""
        return contextlib.nullcontext()

    def execute(self) -> None:
        """Take the run up and bring it to its end; what is lost is told with how it ended."""
        from nepi.execution.ec import ExperimentController

        say_if_torn(self.path)
        with ExperimentController.attach(self.path) as ec:
            ec.complete()

    def message(self, error: NepiError) -> str:
        """Return an error as one message."""
        return str(error)

    def print_traceback(self, error: BaseException) -> None:
        """Print a traceback."""
        traceback.print_exception(error)


def say_if_torn(run: Path) -> None:
    """Say that the last line of a run's journal was never written whole, if it was not."""
    from nepi.execution.journal import torn_bytes

    with contextlib.suppress(OSError):
        torn = torn_bytes(run / "journal.jsonl")
        if torn:
            note(f"{run}/journal.jsonl: its last line is torn ({torn} bytes): who wrote it was killed. It counts as not written.")
