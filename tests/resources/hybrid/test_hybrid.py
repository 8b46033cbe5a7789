"""Namespaces that talk through a simulation, in real time."""

import json
import os
import re
import signal
import threading
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.cli.outcome import outcome_of
from nepi.execution.ledger import Ledger
from nepi.results.store import RunState

pytestmark = [pytest.mark.netns, pytest.mark.ns3, pytest.mark.timeout(600)]
# A machine that many share wakes a process late at times: that makes packets late, never early.


def resource(ec: ExperimentController, name: str) -> Any:
    return ec.resource(name)


def assert_nothing_is_left(ec: ExperimentController) -> None:
    with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
        assert ledger.rows() == []


def test_a_hybrid_ping_over_20_ms_takes_40_ms_and_nothing_is_left(tmp_path: Path) -> None:
    ec = ExperimentController("hybrid", tmp_path, backend="netns")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    router = ec.add("ns3::Node", name="router")
    link = ec.add("Link", a, router, delay="20ms")
    ec.add("Link", router, b, rate="50Mbit", queueDiscipline="fq_codel")  # which takes headers off, and writes their checksums anew
    inside = ec.add("ns3::Ping", router, name="inside", target=b, count=3, interval="200ms")
    through = ec.add("Ping", a, name="through", target=b, count=20, interval="100ms")
    through.start_when(inside.finished)
    link.set_when(through.finished, up=False)
    unplugged = ec.add("Ping", a, name="unplugged", target=b, count=3, interval="100ms", deadline="1s", expectedStatus="0,1")
    unplugged.start_when(through.finished + "100ms")
    try:
        ec.run()
    finally:
        ec.shutdown()
    times = [reply.rtt_s for reply in resource(ec, "through").result.replies]
    assert min(times) >= 0.040
    assert median(times) == pytest.approx(0.040, abs=0.010)
    assert resource(ec, "through").result.loss == 0.0
    assert resource(ec, "unplugged").result.received == 0
    assert resource(ec, "inside").result.received == 3
    assert resource(ec, "inside").result.rtt_min_s < 0.010
    assert_nothing_is_left(ec)


def test_namespaces_are_stations_of_simulated_networks(tmp_path: Path) -> None:
    ec = ExperimentController("stations", tmp_path, backend="netns")
    phone, gateway, server = (ec.add("Node", name=name) for name in ("phone", "gateway", "server"))
    simulated = ec.add("ns3::Node", name="simulated", x=5.0)
    air, wire = ec.add("ns3::WifiNetwork", dataMode="ErpOfdmRate24Mbps"), ec.add("ns3::CsmaNetwork", rate="100Mbit")
    station = ec.add("Station", phone, air, name="station", x=10.0)
    ec.add("Station", gateway, air, accessPoint=True)
    ec.add("Station", simulated, air)
    ec.add("Station", gateway, wire)
    ec.add("Station", server, wire)
    found = ec.add("Ping", phone, name="found", target=gateway, count=30, interval="100ms")
    through = ec.add("Ping", phone, name="through", target=server, count=10, interval="100ms")
    inside = ec.add("ns3::Ping", simulated, name="inside", target=server, count=5, interval="100ms")
    for ping in (through, inside):
        ping.start_when(found.finished)
    try:
        ec.deploy()
        ec.wait_finished([found, through, inside])
        far = ec.add("Ping", phone, name="far", target=gateway, count=3, interval="100ms", deadline="1s", expectedStatus=1)
        ec.set(station.guid, "x", 1e6)
        ec.deploy([far])
        ec.wait_finished([far])
    finally:
        ec.shutdown()
    # What was sent before the station had found its access point is lost.
    assert 0 < resource(ec, "found").result.received <= 30
    assert (resource(ec, "through").result.received, resource(ec, "inside").result.received) == (10, 5)
    assert resource(ec, "far").result.received == 0
    assert_nothing_is_left(ec)


def test_a_link_leads_to_nodes_of_a_simulation_made_of_ns3s_own_types(tmp_path: Path) -> None:
    ec = ExperimentController("low", tmp_path, backend="netns")
    simulation = ec.add("ns3::Simulation", simulatorImplementationType="ns3::RealtimeSimulatorImpl", checksumEnabled=True, hardLimit="10s")
    near, far = (ec.add("ns3::Node", simulation, name=name) for name in ("near", "far"))
    channel = ec.add("ns3::PointToPointChannel", Delay="10ms")
    for node in (near, far):
        ec.add("ns3::PointToPointNetDevice", node, channel, DataRate="10Mbps")
    outside = ec.add("Node", name="outside")
    ec.add("Link", outside, near, delay="5ms")
    ec.add("Ping", outside, name="ping", target=far, count=10, interval="100ms", deadline="10s")
    try:
        ec.deploy()
        assert ec.wait_finished(["ping"])
    finally:
        ec.shutdown()
    times = [reply.rtt_s for reply in resource(ec, "ping").result.replies]
    assert len(times) == 10
    assert 0.030 <= min(times) < 0.050
    assert_nothing_is_left(ec)


def test_a_run_whose_simulation_was_held_up_is_invalid(tmp_path: Path) -> None:
    ec = ExperimentController("late", tmp_path, backend="netns")
    router = ec.add("ns3::Node", name="router")
    link = ec.add("Link", ec.add("Node", name="a"), router)
    ec.add("Ping", "a", name="ping", target=router, count=10, interval="50ms", deadline="5s")
    try:
        ec.deploy()
        assert ec.wait_started(["ping"])
        simulation = resource(ec, link.name).run.process.pid
        os.kill(simulation, signal.SIGSTOP)
        threading.Event().wait(0.3)  # this is what is tested: real time goes by, and nothing happens in the simulation
        os.kill(simulation, signal.SIGCONT)
        assert ec.wait_finished(["ping"])
    finally:
        ec.shutdown()
    (reason,) = ec.invalid
    assert re.fullmatch(r"the simulation lagged \d+\S+ behind the real time, more than its hard limit of 100ms: .* is invalid", reason)
    outcome = outcome_of(Path(ec.run_dir), kept=False)
    assert outcome is not None
    assert (outcome.summary["outcome"], outcome.summary["invalid"], outcome.fine) == ("invalid", [reason], False)
    assert json.loads((Path(ec.run_dir) / "run.json").read_text(encoding="utf-8"))["state"] == RunState.INVALID
