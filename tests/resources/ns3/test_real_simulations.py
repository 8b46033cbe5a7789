"""Experiments in the real ns-3. Each starts a process that imports it (6 to 9 s alone), so there are few, and each tells much."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.execution.handle import Handle
from nepi.execution.ledger_kinds import is_alive
from nepi.hosts.ns3.simulator import SimulatorProcess
from nepi.resources.ns3.simulation import Simulation
from tests.docs.pages import blocks_of

pytestmark = pytest.mark.ns3
HOWTO = Path(__file__).parents[3] / "docs" / "howto" / "ns3.md"
DEADLINE = "220s"


@pytest.fixture
def new(tmp_path: Path) -> Callable[..., ExperimentController]:
    return lambda name: ExperimentController(name, backend="ns3", local_dir=str(tmp_path))


def manager(ec: ExperimentController, handle: Handle) -> Simulation:
    found = ec.resource(handle)
    assert isinstance(found, Simulation)
    return found


def process_of(simulation: Simulation) -> SimulatorProcess:
    assert simulation.run is not None
    return simulation.run.process


def pair(ec: ExperimentController, tag: str, **simulation: Any) -> tuple[Handle, Handle, Handle, Handle]:
    """Two nodes on a lossy point-to-point link, one sends to the other; the simulation, the channel, the device and the client."""
    sim = ec.add("Simulation", name=f"sim-{tag}", **simulation)
    a, b = (ec.add("Node", sim, name=f"{name}-{tag}") for name in "ab")
    channel = ec.add("PointToPointChannel", name=f"link-{tag}", Delay="2ms")
    device = ec.add("PointToPointNetDevice", a, channel, name=f"da-{tag}", DataRate="5Mbps", ip="10.1.1.1", prefix="24")
    other = ec.add("PointToPointNetDevice", b, channel, name=f"db-{tag}", DataRate="5Mbps", ip="10.1.1.2", prefix="24")
    ec.add("RateErrorModel", other, name=f"loss-{tag}", ErrorRate=0.2, ErrorUnit="ERROR_UNIT_PACKET")
    ec.add("UdpEchoServer", b, name=f"server-{tag}", Port=9)
    client = ec.add("UdpEchoClient", a, name=f"client-{tag}", Remote="10.1.1.2:9", MaxPackets=2**32 - 1, Interval="10ms")
    return sim, channel, device, client


def test_the_program_of_the_page_prints_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    blocks = blocks_of(HOWTO, "ns3.md")
    at = next(index for index, one in enumerate(blocks) if one.language == "python")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks[at].text, "ns3.md", "exec"), {})
    assert printed.getvalue() == blocks[at + 1].text
    (run,) = (tmp_path / "runs" / "first").glob("2*")
    assert json.loads((run / "environment.json").read_text())["ns3"] == {"simulation-1": {"version": "3.44.post0", "seed": 1, "run": 1}}


def test_the_same_description_gives_the_same_bytes(new: Callable[..., ExperimentController]) -> None:
    files: list[list[bytes]] = []
    for name in ("once", "again"):
        with new(name) as ec:
            _, _, device, client = pair(ec, "x", StopTime="3s", runNumber=3)
            for trace in ("pcap", "promiscPcap", "ascii", "PhyTxEnd"):
                device.enable_trace(trace)
            client.enable_trace("RxWithAddresses")
            ec.run(deadline=DEADLINE)
            paths = [ec.trace_path(device.guid, one) for one in ("pcap", "promiscPcap", "ascii", "PhyTxEnd")]
            files.append([path.read_bytes() for path in (*paths, ec.trace_path(client.guid, "RxWithAddresses"))])
    assert all(len(one) > 1000 for one in files[0])
    assert files[0] == files[1]


def test_attributes_are_set_and_read_while_it_runs_and_what_does_not_end_is_stopped(new: Callable[..., ExperimentController]) -> None:
    with new("live") as ec:
        sim, channel, _, client = pair(ec, "x", simulatorImplementationType="ns3::RealtimeSimulatorImpl", hardLimit="100s")
        late = ec.add("UdpEchoClient", "a-x", name="late", Remote="10.1.1.2:9", MaxPackets=3, StopTime="200ms", Interval="10ms")
        late.start_when(sim.started + "100ms")
        late.enable_trace("Tx")
        ec.deploy()
        assert ec.wait_started([sim.guid, late.guid], deadline=DEADLINE)
        assert ec.get(channel.guid, "Delay") == 0.002
        ec.set(channel.guid, "Delay", "30ms")
        assert ec.get(channel.guid, "Delay") == 0.03
        with pytest.raises(Exception, match="can be set before it is deployed only"):
            ec.set(sim.guid, "StopTime", "1s")
        assert ec.wait_finished(late.guid, deadline=DEADLINE)
        lines = ec.trace_path(late.guid, "Tx").read_text().splitlines()
        assert len(lines) == 4
        assert int(lines[1].partition("\t")[0]) >= 100e6
        process = process_of(manager(ec, sim))
        rows = [row for row in ec.ledger.rows() if row.kind == "process"]
        assert [(row.identity["pid"], row.owner, is_alive(row)) for row in rows] == [(process.pid, sim.guid, True)]
        client.stop()
        sim.stop()
        assert ec.wait_for(sim.stopped & client.stopped, deadline=DEADLINE)
    assert not is_alive(rows[0])


def test_one_without_a_stop_time_ends_where_nothing_is_left_however_patient_who_waits_is(new: Callable[..., ExperimentController]) -> None:
    ends = []
    for name, patience in (("patient", "12h"), ("endless", None)):
        with new(name) as ec:
            sim, _, _, client = pair(ec, "x")
            ec.set(client, "MaxPackets", 3)
            sim.start_when(client.ready + "1h")  # before it begins, time passes all the same
            ec.run(deadline=patience)
            ends.append(manager(ec, sim).statistics)
    patient, endless = ends
    assert patient is not None
    assert endless is not None
    assert patient["now_ns"] == endless["now_ns"] < 120 * 10**9  # the last to happen is that an ARP entry is old


def test_why_a_simulation_has_ended_is_said_of_all_that_is_in_it(new: Callable[..., ExperimentController]) -> None:
    """One is killed while it runs; another gives up by itself."""
    with new("faults") as ec:
        killed, _, _, victim = pair(ec, "y", simulatorImplementationType="ns3::RealtimeSimulatorImpl", hardLimit="100s")
        wrong = ec.add("Simulation", name="wrong", StopTime="1s")
        node = ec.add("Node", wrong, name="n", enableStack=True)
        bad = ec.add("UdpEchoClient", node, name="aimless")
        for one in (killed, victim, wrong, bad, node):
            one.set(critical=False)
        for name in ("a-y", "b-y", "link-y", "da-y", "db-y", "loss-y", "server-y"):
            ec.set(name, "critical", False)
        ec.deploy()
        assert ec.wait_started(killed.guid, deadline=DEADLINE)
        process = process_of(manager(ec, killed))
        os.kill(process.pid, signal.SIGKILL)
        assert ec.wait_for(killed.failed & wrong.failed & victim.failed & bad.failed, deadline=DEADLINE)
        assert [ec.resource(one).failure for one in (killed, victim)] == ["the ns-3 process was killed (SIGKILL)"] * 2
        assert [ec.resource(one).failure for one in (wrong, bad)] == ["ns-3 gave up: Remote address not properly set"] * 2


def test_wifi_stations_that_move_reach_their_access_point(new: Callable[..., ExperimentController]) -> None:
    with new("wifi") as ec:
        sim = ec.add("Simulation", StopTime="4s")
        channel = ec.add("YansWifiChannel", name="air")
        for kind in ("ConstantSpeedPropagationDelayModel", "LogDistancePropagationLossModel"):
            ec.add(kind, channel)
        devices = []
        for number, mac in enumerate(("ApWifiMac", "StaWifiMac")):
            node = ec.add("Node", sim, name=f"w{number}")
            ec.add("ConstantVelocityMobilityModel", node, Position=f"{5 * number}:0:0")
            phy = ec.add("YansWifiPhy", channel, Standard="802.11n", TxPowerStart=15, TxPowerEnd=15)
            device = ec.add("WifiNetDevice", node, phy, ip=f"10.3.0.{number + 1}", prefix="24")
            ec.add(mac, device, Ssid="here")
            ec.add("MinstrelHtWifiManager", device)
            devices.append(device)
        ec.add("PacketSink", "w0", Local="0.0.0.0:9", Protocol="ns3::UdpSocketFactory").enable_trace("Rx")
        ec.add(
            "OnOffApplication", "w1", Remote="10.3.0.1:9", DataRate="1Mbit", Protocol="ns3::UdpSocketFactory", StartTime="1s", name="source"
        )
        devices[0].enable_trace("pcap")
        ec.run(deadline=DEADLINE)
        received = ec.trace_path(ec.resource(ec.filter_resources("ns3::PacketSink")[0]).guid, "Rx").read_text().splitlines()
        assert len(received) > 200
        assert ec.trace_path(devices[0].guid, "pcap").stat().st_size > 100_000
