"""The runs of this user on this machine, imported when a command needs them: a command line starts faster so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nepi.results.store import Run, Store


def open_store() -> Store:
    """Return the store of $NEPI_HOME/runs, or ~/.nepi/runs."""
    from nepi.execution.stored import open_store

    return open_store()


def find_run(text: str) -> Run:
    """Return the run that a user means.

    Raises:
        RunError: there is none, or more than one.
    """
    return open_store().find(text)
