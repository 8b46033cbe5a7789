"""What goes wrong with the real ns-3: it lags, computes for ever, does not answer, or crashes while it is taken apart."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, ExperimentError
from nepi.execution.handle import Handle
from nepi.execution.ledger_kinds import is_alive
from nepi.execution.summary import marks
from nepi.model.states import ResourceState
from nepi.resources.ns3.caching import keep_catalogue
from nepi.resources.ns3.catalogue import SHIPPED, cached, read_catalogue
from nepi.resources.ns3.simulation import Simulation
from nepi.resources.ns3.simulation_run import SimulationRun

DEADLINE = "220s"
FOR_EVER = "ns3::ConstantRandomVariable[Constant=0]"


New = Callable[..., ExperimentController]


@pytest.fixture
def new(tmp_path: Path) -> New:
    return lambda name: ExperimentController(name, backend="ns3", local_dir=str(tmp_path))


def sending(ec: ExperimentController, **simulation: Any) -> tuple[Handle, Handle]:
    """A simulation in which a node sends packets to another for ever; the simulation, and the node."""
    sim = ec.add("Simulation", name="sim", **simulation)
    a, b = (ec.add("Node", sim, name=name) for name in "ab")
    channel = ec.add("PointToPointChannel", name="link")
    for number, node in enumerate((a, b), 1):
        ec.add("PointToPointNetDevice", node, channel, name=f"d{number}", DataRate="5Mbps", ip=f"10.1.1.{number}", prefix="24")
    ec.add("UdpEchoClient", a, name="client", Remote="10.1.1.2:9", MaxPackets=2**32 - 1, Interval="10ms")
    for guid in ec.resources:
        ec.set(guid, "critical", False)
    return sim, a


def burning(ec: ExperimentController) -> Handle:
    """A simulation in which a source of traffic is switched on and off without a pause, so that its time does not pass; the simulation."""
    sim, node = sending(ec)
    ec.add("OnOffApplication", node, name="flicker", Remote="10.1.1.2:9", OnTime=FOR_EVER, OffTime=FOR_EVER, critical=False)
    return sim


def run_of(ec: ExperimentController, sim: Handle) -> SimulationRun:
    found = ec.resource(sim)
    assert isinstance(found, Simulation)
    assert found.run is not None
    return found.run


def pid_of(ec: ExperimentController, sim: Handle) -> int:
    return run_of(ec, sim).process.pid


@pytest.mark.ns3
def test_a_simulation_in_real_time_that_lags_more_than_its_limit_fails_and_its_run_is_marked(new: New) -> None:
    with new("lag") as ec:
        sim, _ = sending(ec, simulatorImplementationType="ns3::RealtimeSimulatorImpl", hardLimit="200ms")
        ec.deploy()
        assert ec.wait_started([sim, "client"], deadline=DEADLINE)
        os.kill(pid_of(ec, sim), signal.SIGSTOP)
        select.select([], [], [], 0.3)  # so long it has to stand still
        os.kill(pid_of(ec, sim), signal.SIGCONT)
        assert ec.wait_for(sim.failed, deadline=DEADLINE)
        assert "behind the clock, more than hardLimit (200ms): what it says of times is wrong" in ec.resource(sim).failure
        (mark,) = marks(ec.resource(sim))
        assert "more than its hard limit of 200ms: what was measured through it is invalid" in mark
        assert ec.resource("client").failure == ec.resource(sim).failure


@pytest.mark.ns3
def test_a_simulation_whose_time_does_not_pass_ends_by_a_deadline_in_real_time_and_by_stop(new: New) -> None:
    with new("burning") as ec:
        sim = burning(ec)
        ec.deploy()
        assert ec.wait_started(sim, deadline=DEADLINE)
        waited = ec.wait_finished(sim, deadline="1s")
        assert not waited
        assert "its deadline of 1 s has passed in real time (0s of the run's own)" in waited.reason
        sim.stop()
        assert ec.wait_for(sim.stopped, deadline=DEADLINE)
    with new("burning-again") as ec:
        sim = burning(ec)
        ec.deploy()
        assert ec.wait_started(sim, deadline=DEADLINE)
        rows = [row for row in ec.ledger.rows() if row.kind == "process"]
        with pytest.raises(ExperimentError, match=r"its deadline of 1 s has passed in real time \(0s of the run's own\)"):
            ec.complete(deadline="1s")
        assert [is_alive(row) for row in rows] == [False]
        assert not ec.left_behind


@pytest.mark.ns3
def test_a_simulation_whose_time_passes_for_ever_ends_by_a_deadline_in_its_own_time(new: New) -> None:
    with new("endless") as ec:
        sim, _ = sending(ec)
        ec.deploy()
        assert ec.wait_started(sim, deadline=DEADLINE)
        before = ec._running().runner.now
        called: list[float] = []
        ec.schedule("30s", lambda: called.append(ec._running().runner.now))
        waited = ec.wait_finished(sim, deadline="60s")
        assert called == [pytest.approx(before + 30.0)]
        assert waited.reason.startswith("its deadline of 60 s has passed, and ")
        assert ec._running().runner.now == pytest.approx(before + 60.0)


@pytest.mark.ns3
def test_a_simulation_that_does_not_answer_is_killed_or_ends_its_action_at_its_deadline(new: New) -> None:
    with new("frozen") as ec:
        sim, _ = sending(ec)
        ec.deploy()
        assert ec.wait_for(sim.started + "1s", deadline=DEADLINE)
        run_of(ec, sim).stop_deadline_s = 0.3
        (row,) = [row for row in ec.ledger.rows() if row.kind == "process"]
        os.kill(pid_of(ec, sim), signal.SIGSTOP)
        sim.stop()
        assert ec.wait_for(sim.failed, deadline=DEADLINE)
        assert "it did not stop within 0.3 s, so it was killed" in ec.resource(sim).failure
        assert not is_alive(row)
    with new("hanging") as ec:
        sim, _ = sending(ec)
        ec.set_deadlines(sim, stop="500ms")
        ec.deploy()
        assert ec.wait_for(sim.started + "1s", deadline=DEADLINE)
        pid = pid_of(ec, sim)
        os.kill(pid, signal.SIGSTOP)
        sim.stop()
        assert ec.wait_for(sim.failed, deadline=DEADLINE)
        assert ec.resource(sim).failure == "stop was not done within 0.5 s"
        os.kill(pid, signal.SIGCONT)


@pytest.mark.ns3
def test_a_crash_while_ns3_is_taken_apart_costs_nothing_and_another_version_has_a_catalogue_of_its_own(
    new: New, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A ping that was not begun divides by the number of its packets when it is disposed of: SIGFPE in Simulator::Destroy."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING), new("crash") as ec:
        sim, node = sending(ec, StopTime="1s")
        ec.resource("client").enable_trace("Tx")
        ec.add("V4Ping", node, name="late", Destination="10.1.1.2", StartTime="100s", critical=False)
        ec.deploy()
        assert ec.wait_for(sim.finished, deadline=DEADLINE)
        run, runner = run_of(ec, sim), ec._running().runner
        run.simulator.version = "3.99"
        assert runner.call(keep_catalogue(run.simulator))
        known = read_catalogue(cached("3.99"))
        assert (known.version, known.resource_types()) == ("3.99", read_catalogue(SHIPPED).resource_types())
        rows = len(ec.trace("client", "Tx").splitlines())
    assert rows == 101  # and the head
    assert ec.ecstate.name == "TERMINATED"
    assert not ec.left_behind
    assert [ec.resource(guid).state for guid in ec.resources] == [ResourceState.RELEASED] * len(ec.resources)
    (said,) = [record.message for record in caplog.records if "crashed" in record.message]
    assert "sim: ns-3 crashed while it was taken apart, after everything had been recorded: " in said
    assert "SIGFPE" in said


WITHOUT = """
import sys
sys.modules["ns"] = None  # as on a machine without the wheel: it cannot be found
from nepi import ExperimentController
from nepi.errors import PlanError
for kind in ("Simulation", "Node"):
    with ExperimentController("without", backend="ns3", local_dir=sys.argv[1]) as ec:
        ec.add(kind)
        try:
            ec.run()
        except PlanError as error:
            print(error)
"""


def test_without_the_wheel_a_plan_is_refused_with_the_line_that_installs_it(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, str(tmp_path)], capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.count("ns-3 is not installed here: pip install 'nepi[ns3]'") == 2, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
