"""The supervisor: `python -m nepi.execution.supervisor RUN_DIR LEASE_S`, started where a lease was asked for (`supervisor_start`).

It sleeps until the run's lock is free, that is until the controller has ended, however that ends. If the run is not over then, it gives
everything back from the ledger alone, unless somebody attaches within the lease. It does nothing before it reads `go`.
"""

from __future__ import annotations

import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from nepi.errors import NepiError, RunError
from nepi.execution.process_identity import boot_id
from nepi.execution.rundir import RunDir
from nepi.execution.runlock import RunLock

OPEN: Final = ("running", "kept")


def main() -> None:
    """Wait for `go`, then watch over the run."""
    if sys.stdin.buffer.readline() != b"go\n":
        return  # whoever started this died before it was in the ledger
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    supervise(RunDir(Path(sys.argv[1])), float(sys.argv[2]))


def supervise(rundir: RunDir, lease_s: float) -> None:
    """Return when the run is over, or was given back."""
    lock = RunLock(rundir.path)
    while True:
        lock.wait()
        before = _open_status(rundir)
        lock.release()
        if before is None:
            return
        time.sleep(lease_s)
        try:
            lock.acquire()
        except RunError:
            continue  # somebody has attached
        try:
            now = _open_status(rundir)
            if now == before:
                give_back(rundir, now, lease_s)
                return
        finally:
            lock.release()


def _open_status(rundir: RunDir) -> dict[str, Any] | None:
    """Return what `run.json` says, or None when nothing of the run is up any more."""
    try:
        status = rundir.read_status()
    except RunError:
        return None  # its folder was removed
    controller = status.get("controller") or {}
    return status if status.get("state") in OPEN and controller.get("boot_id") == boot_id() else None


def give_back(rundir: RunDir, status: dict[str, Any], lease_s: float) -> None:
    """Give everything back that the ledger names, in order, and write down that this was done."""
    state, why = "collected", f"nobody attached within its lease of {lease_s:g} s"
    try:
        if rundir.ledger.exists():
            from nepi.execution.ledger_kinds import collect

            if collect(rundir.ledger).left:
                state = "left behind"
    except NepiError as error:
        state, why = "left behind", str(error)
    rundir.reserve.unlink(missing_ok=True)
    rundir.write_status(**{**status, "state": state, "why": why, "at": datetime.now().isoformat()})


if __name__ == "__main__":
    main()
