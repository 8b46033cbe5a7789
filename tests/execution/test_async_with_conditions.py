from __future__ import annotations

from pathlib import Path

from nepi import ExperimentController


def test_the_seeds_start_with_conditions_starts_an_async_resource_too(tmp_path: Path) -> None:
    with ExperimentController("x", tmp_path, backend="dummy") as ec:
        first, second = ec.add("Application", duration="1h"), ec.add("Application")
        second.start_when(first.finished)
        ec.deploy()
        assert ec.wait_for(first.started & second.ready, "10s")
        second.manager.start_with_conditions()
        assert ec.wait_for(second.finished, "10s")
