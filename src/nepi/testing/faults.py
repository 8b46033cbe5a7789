"""Faults of the machine, made for real: nothing is patched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from nepi.execution.ec import ExperimentController


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
