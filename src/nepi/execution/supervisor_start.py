"""Starting and ending the supervisor of a run, which gives it back when its controller has died and nobody attaches."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

from nepi.errors import RunError
from nepi.execution.ledger import Ledger, Thing
from nepi.execution.process_identity import ProcessIdentity

KIND: Final = "supervisor"
LOG: Final = "supervisor.log"


class Supervisor:
    """The supervisor of one run: a process that waits, and outlives whoever started it.

    Args:
        ledger: the run's.
        row: its row there.
        identity: which process it is.
        process: if it is a child of this one.
    """

    def __init__(self, ledger: Ledger, row: int, identity: ProcessIdentity, process: subprocess.Popen[bytes] | None = None) -> None:
        self.identity = identity
        self._ledger = ledger
        self._row = row
        self._process = process

    @classmethod
    def start(cls, run_dir: Path, ledger: Ledger, lease_s: float) -> Self:
        """Start one; it does nothing before it is in the ledger.

        Raises:
            RunError: it cannot be started.
        """
        (row,) = ledger.intend([Thing(KIND, {"lease_s": lease_s})])
        argv = [sys.executable, "-P", "-m", "nepi.execution.supervisor", str(run_dir.absolute()), str(lease_s)]
        try:
            with (run_dir / LOG).open("ab") as log:
                process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/", start_new_session=True)
        except OSError as error:
            ledger.forget([row])
            raise RunError(f"the supervisor of {run_dir} could not be started: {error.strerror}") from error
        identity = ProcessIdentity.of(process.pid)
        ledger.made([row], [identity.to_json()])
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended already, and its log says why
            process.stdin.write(b"go\n")
            process.stdin.close()
        return cls(ledger, row, identity, process)

    @classmethod
    def found(cls, ledger: Ledger) -> Self | None:
        """Return the one that an earlier controller started, if it lives."""
        for row in ledger.rows():
            identity = ProcessIdentity.from_json(row.identity) if row.kind == KIND else None
            if identity is not None and identity.is_alive():
                return cls(ledger, row.id, identity)
        return None

    def end(self) -> None:
        """End it, because the run is over in order. Harmless when it has ended."""
        self.identity.kill()
        if self._process is not None:
            self._process.wait()
        with contextlib.suppress(RunError):  # a row too many does no harm
            self._ledger.forget([self._row])
