"""What `nepi run` and `nepi plan` take: a Python script, or an experiment's file, which is loaded and run."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nepi.errors import NepiError, PlanError, UsageError

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController


class Program(Protocol):
    """Something that makes controllers and runs experiments."""

    path: Path

    def as_main(self) -> contextlib.AbstractContextManager[None]:
        """Make it the main program, for as long as anything that it left running may need that."""

    def execute(self) -> None:
        """Run it to its end, inside of `as_main`."""

    def message(self, error: NepiError) -> str:
        """Return an error as one message, with the place that it came from."""

    def print_traceback(self, error: BaseException) -> None:
        """Print a traceback for who wrote it."""


def program(path: Path, arguments: Sequence[str] = (), backend: str = "") -> Program:
    """Return what a file is, by its name.

    Args:
        path: the file.
        arguments: for a script.
        backend: for an experiment's file, instead of its own.

    Raises:
        UsageError: it cannot be read, or takes no arguments.
    """
    from nepi.formats.files import is_experiment

    if is_experiment(path):
        return ExperimentFile(path, arguments, backend)
    from nepi.cli.script import Script

    return Script(path, arguments)


class ExperimentFile:
    """An experiment's file.

    Args:
        path: the file, as the user wrote it.
        arguments: must be empty.
        backend: instead of the file's own, if not "".

    Raises:
        UsageError: there are arguments.
    """

    def __init__(self, path: Path, arguments: Sequence[str], backend: str) -> None:
        if arguments:
            raise UsageError(f"{path} takes no arguments (got {' '.join(arguments)}); only Python scripts do")
        self.path = path
        self._backend = backend

    @contextlib.contextmanager
    def as_main(self) -> Iterator[None]:
        """Nothing needs it to be the main program."""
        yield

    def execute(self) -> None:
        """Load it and run it."""
        from nepi.cli import collecting
        from nepi.cli.console import note
        from nepi.execution.ec import ExperimentController

        collecting.restore()
        with ExperimentController.load(self.path, backend=self._backend) as ec:
            for one in ec.loading_notes:
                note(f"nepi: note: {one}")
            if not ec.resources:
                raise UsageError(f"{self.path} describes no resources: write nodes, links, applications")
            try:
                ec.run()
            except PlanError as error:
                raise _located(ec, error) from None

    def message(self, error: NepiError) -> str:
        """Return an error as one message; mistakes of the file have their places in it."""
        return str(error)

    def print_traceback(self, error: BaseException) -> None:
        """Print a traceback: of NEPI itself, since a file has no code."""
        traceback.print_exception(error, file=sys.stderr)


def _located(ec: ExperimentController, error: PlanError) -> PlanError:
    return PlanError(ec.source.located(error.mistakes)) if ec.source is not None else error
