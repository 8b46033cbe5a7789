"""Controllers for tests of backends: each run has a folder of its own, and leaves nothing in its ledger."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nepi import ExperimentController
from nepi.execution.ledger import Ledger

MakeController = Callable[..., ExperimentController]


@contextmanager
def controllers(folder: Path, exp_id: str, backend: str) -> Generator[MakeController]:
    """Make controllers; afterwards all of them are over and their ledgers are empty."""
    made: list[ExperimentController] = []

    def make(exp_id: str = exp_id, **options: Any) -> ExperimentController:
        ec = ExperimentController(exp_id, folder, backend=backend, run_id=f"run-{len(made)}", **options)
        made.append(ec)
        return ec

    yield make
    for ec in made:
        ec.shutdown()
        with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
            assert ledger.rows() == []
