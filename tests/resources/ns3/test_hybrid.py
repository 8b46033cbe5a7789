"""Namespaces that talk through a simulation, in real time."""

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError
from nepi.execution.ledger import Ledger

pytestmark = [pytest.mark.netns, pytest.mark.slow, pytest.mark.timeout(600)]


def resource(ec: ExperimentController, name: str) -> Any:
    return ec.resource(name)


def test_a_hybrid_ping_over_20_ms_takes_40_ms_and_nothing_is_left(tmp_path: Path) -> None:
    ec = ExperimentController("hybrid", tmp_path, backend="netns")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    router = ec.add("ns3::Node", name="router")
    ec.add("hybrid::Link", a, router, delay="20ms")
    ec.add("hybrid::Link", router, b)
    inside = ec.add("ns3::Ping", router, name="inside", target=b, count=3, interval="200ms")
    through = ec.add("Ping", a, name="through", target=b, count=20, interval="100ms")
    through.start_when(inside.finished)
    # A machine that many share wakes a process late at times: that makes packets late, never early.
    try:
        ec.run()
    finally:
        ec.shutdown()
    times = [reply.rtt_s for reply in resource(ec, "through").result.replies]
    assert min(times) >= 0.040
    assert median(times) == pytest.approx(0.040, abs=0.010)
    assert resource(ec, "through").result.loss == 0.0
    assert resource(ec, "inside").result.received == 3
    assert resource(ec, "inside").result.rtt_min_s < 0.010
    with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
        assert ledger.rows() == []


@pytest.mark.parametrize("backend", ["netns", "ns3"])
def test_a_link_between_the_two_is_a_hybrid_one_by_itself(tmp_path: Path, backend: str) -> None:
    with ExperimentController("between", tmp_path, backend=backend) as ec:
        real, simulated = ec.add("netns::Node", name="a"), ec.add("ns3::Node", name="b")
        kinds = [ec.resource(ec.add("Link", *ends)).rtype() for ends in ((real, simulated), (simulated, real), (real, real))]
        assert kinds[:2] == ["hybrid::Link", "hybrid::Link"]
        assert (kinds[2] == "hybrid::Link") == (backend == "ns3")


def test_a_hybrid_link_wants_one_end_of_each_kind(tmp_path: Path) -> None:
    with ExperimentController("wrong", tmp_path, backend="netns") as ec:
        ec.add("hybrid::Link", ec.add("Node", name="a"), ec.add("Node", name="b"))
        with pytest.raises(PlanError, match=r"joins a simulated node or switch and a netns::Node, not a \(netns::Node\) and b"):
            ec.deploy()
