"""What a run's record says of chance: with it, and the same ns-3, the same bytes come out again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.resources.ns3.catalogue import installed_version

pytestmark = pytest.mark.ns3


def lossy(folder: Path, seed: int | None) -> tuple[dict[str, Any], bytes]:
    """Ping over a link that loses every other packet; what the record says of it, and what the ping printed."""
    with ExperimentController("lossy", folder, backend="ns3", seed=seed) as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        ec.add("Link", a, b, loss=0.5, delay="1ms")
        ping = ec.add("Ping", a, target=b, count=40, interval="10ms", timeout="100ms")
        ec.run(deadline="220s")
        printed = Path(ec.trace_path(ping.guid, "stdout")).read_bytes()
        return json.loads((Path(ec.run_dir) / "environment.json").read_text()), printed


def test_the_seed_of_a_high_level_simulation_is_recorded_and_gives_the_same_bytes_again(tmp_path: Path) -> None:
    record, printed = lossy(tmp_path, None)
    facts = record["ns3"]["simulation"]
    assert facts == {"version": installed_version(), "seed": record["seed"] % (2**32 - 1) + 1, "run": 1}
    again, printed_again = lossy(tmp_path, record["seed"])
    assert (again["seed"], again["ns3"], printed_again) == (record["seed"], record["ns3"], printed)
    other, printed_otherwise = lossy(tmp_path, record["seed"] ^ 1)
    assert other["ns3"]["simulation"]["seed"] != facts["seed"]
    assert printed_otherwise != printed
