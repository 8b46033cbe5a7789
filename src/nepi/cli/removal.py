"""Removing the folder of a run: exactly this one, and what becomes empty by it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from nepi.errors import RunError

if TYPE_CHECKING:
    from nepi.results.store import Run


def remove_folder(folder: Path) -> None:
    """Remove the folder of a run, and its experiment's when that was the last one.

    Raises:
        RunError: it cannot be removed.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise RunError(f"cannot remove {error.filename or folder}: {error.strerror}") from None
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def remove_run(run: Run) -> None:
    """Remove a run's folder, and the link by which it was found.

    Raises:
        RunError: it cannot be removed.
    """
    remove_folder(run.path)
    if run.link is not None:
        remove_link(run.link)


def remove_link(link: Path) -> None:
    """Remove the link to a run, and its experiment's folder when that was the last one."""
    with contextlib.suppress(OSError):
        link.unlink()
        link.parent.rmdir()
