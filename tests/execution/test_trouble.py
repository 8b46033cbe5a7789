"""What went wrong on the way without changing the outcome is told at the end."""

from __future__ import annotations

import json
from pathlib import Path

from nepi import ExperimentController
from nepi.testing import full_disk


class Careless:
    """A session whose ledger could not take something."""

    trouble = ("a row too many",)

    async def close(self) -> None:
        pass


def test_trouble_of_sessions_is_in_the_summary(tmp_path: Path) -> None:
    with ExperimentController("x", tmp_path, backend="dummy") as ec:
        ec.add("Node", name="node")
        ec.deploy()

        async def opened() -> Careless:
            return Careless()

        ec._running().runner.call(ec.session("careless", opened))
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert (summary["outcome"], summary["trouble"]) == ("finished", ["a row too many"])


def test_a_journal_that_was_lost_is_in_the_summary(tmp_path: Path) -> None:
    ec = ExperimentController("x", tmp_path, backend="dummy")
    ec.add("Node", name="node")
    ec.deploy()
    assert ec.wait_started(ec.resources)
    with full_disk(ec):
        ec.shutdown()
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert [one for one in summary["trouble"] if "cannot be written: No space left on device" in one]
