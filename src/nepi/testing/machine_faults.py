"""Faults of the machine, made for real: nothing is patched, and everything is as before at the end of the block."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nepi.errors import UsageError
from nepi.execution.ec import ExperimentController
from nepi.util.timefuncs import shift_wall_clock

MOST_BALLAST_BYTES: Final = 256 * 1024 * 1024
"""A file system with more free space than this is not filled: it is somebody's disk, and no test's."""
_PIECE: Final = 1024 * 1024


@contextlib.contextmanager
def full_disk(ec: ExperimentController) -> Iterator[None]:
    """Let every write to the journal of a run fail with ENOSPC inside this block, as on a full disk.

    The run must have begun (`ec.deploy` or any wait).
    """
    journal = ec._running().runner.journal
    kept = os.dup(journal._fd)
    full = os.open("/dev/full", os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(full, journal._fd, inheritable=False)
    os.close(full)
    try:
        yield
    finally:
        if journal._fd >= 0:
            os.dup2(kept, journal._fd, inheritable=False)
        os.close(kept)


@contextlib.contextmanager
def filled_disk(folder: Path) -> Iterator[None]:
    """Fill the file system of a folder to its last byte: journal, ledger and traces there get ENOSPC.

    Raises:
        UsageError: it has so much free space that it must be a real one; use a small tmpfs as the run's `local_dir`.
    """
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    if free > MOST_BALLAST_BYTES:
        raise UsageError(f"{folder} has {free // _PIECE} MB free and is not filled: let runs be kept on a small tmpfs (mount -o size=16m)")
    ballast = folder / ".ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                if file.write(bytes(_PIECE)) < _PIECE:
                    file.write(bytes(4096))  # the rest of the last page, and then the error
        yield
    finally:
        ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def no_files() -> Iterator[None]:
    """Let this process have no file descriptor left: every open, pipe and socket fails with EMFILE inside this block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    taken = [probe]
    try:
        # What is open has lower numbers, or stays open all the same: the limit is of new ones.
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, probe + 1), hard))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


@contextlib.contextmanager
def jumped_clock(seconds: float) -> Iterator[None]:
    """Let this process see the wall clock `seconds` ahead (or behind), as when somebody sets it."""
    shift_wall_clock(seconds)
    try:
        yield
    finally:
        shift_wall_clock(-seconds)
