"""Objects of ns-3 on nodes of the high level: mobility, applications, devices with error models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import PlanError

WAY: dict[str, Any] = {"Bounds": "0|100|0|100", "Distance": 5, "Speed": "ns3::ConstantRandomVariable[Constant=2]"}


def described(folder: Path) -> ExperimentController:
    """Two computers on a wire, two on Wi-Fi that walk, two that ns-3's own devices join."""
    ec = ExperimentController("mixed", folder, backend="ns3", seed=3)
    a, b, far = (ec.add("Node", name=name) for name in ("a", "b", "far"))
    walker = ec.add("Node", name="walker", x=30.0, y=10.0)
    ec.add("Link", a, b, rate="10Mbit", delay="2ms")
    air = ec.add("WifiNetwork", adhoc=True, standard="n", dataMode="HtMcs4", channelWidth=40, channel=5, txPower=20, networks="10.9.0.0/24")
    for node in (b, walker):
        ec.add("Station", node, air)
    walk = ec.add("ns3::RandomWalk2dMobilityModel", walker, name="walk", **WAY)
    channel = ec.add("ns3::PointToPointChannel", Delay="1ms")
    ec.add("ns3::PointToPointNetDevice", b, channel, name="near-end")
    device = ec.add("ns3::PointToPointNetDevice", far, channel, name="far-end")
    ec.add("ns3::RateErrorModel", device, ErrorRate=0.3, ErrorUnit="ERROR_UNIT_PACKET")
    sink = ec.add("ns3::PacketSink", b, name="sink", Local="0.0.0.0:9", Protocol="ns3::TcpSocketFactory", StopTime="6s")
    ec.add("ns3::BulkSendApplication", a, Remote="10.0.0.2:9", Protocol="ns3::TcpSocketFactory", MaxBytes=500_000, StopTime="6s")
    ec.add("ns3::UdpEchoServer", walker, Port=7, StopTime="6s")
    echo = ec.add("ns3::UdpEchoClient", b, name="echo", Remote="10.9.0.2:7", MaxPackets=4, StartTime="500ms", StopTime="6s")
    for one, source in ((walk, "CourseChange"), (sink, "Rx"), (echo, "Rx")):
        ec.enable_trace(one, source)
    ec.add("Ping", a, name="ping", target=walker, count=5, interval="200ms")
    ec.add("Ping", b, name="lossy", target=far, count=50, interval="20ms")
    wire = ec.add("ns3::CsmaChannel", DataRate="10Mbps")
    for number, node in enumerate((a, far), 1):
        ec.add("ns3::CsmaNetDevice", node, wire, ip=f"10.8.0.{number}", prefix="24")
    server = ec.add("Iperf3Server", far, name="far-server")
    ec.add("Iperf3Client", a, name="over-devices", target="10.8.0.2", duration="1s").start_when(server.started)
    for number in range(2):
        ec.add("Recording", name=f"recording{number}")
    return ec


def result(ec: ExperimentController, name: str) -> Any:
    """Return what a resource measured."""
    manager: Any = ec.resource(name)
    return manager.result


def rows(ec: ExperimentController, name: str, source: str) -> list[list[str]]:
    """Return the rows of a trace source."""
    return [line.split("\t") for line in ec.trace(name, source).splitlines()[1:]]


def test_a_node_moves_in_one_way(tmp_path: Path) -> None:
    with ExperimentController("moving", tmp_path, backend="ns3") as ec:
        node = ec.add("Node", name="node")
        for number in range(2):
            ec.add("ns3::RandomWalk2dMobilityModel", node, name=f"walk{number}")
        other = ec.add("Node", name="other", speedX=1.0)
        ec.add("ns3::GaussMarkovMobilityModel", other, name="wandering")
        with pytest.raises(PlanError) as caught:
            ec.check()
    assert "has 2 mobility models (walk0, walk1): it moves by one" in str(caught.value)
    assert "here wandering says how it moves" in str(caught.value)


def test_wifi_without_such_a_mode_or_channel_is_refused(tmp_path: Path) -> None:
    with ExperimentController("wifi", tmp_path, backend="ns3") as ec:
        ec.add("WifiNetwork", adhoc=True, standard="b", dataMode="OfdmRate54Mbps")
        ec.add("WifiNetwork", adhoc=True, channel=36)
        with pytest.raises(PlanError) as caught:
            ec.check()
    assert "802.11b has no dataMode 'OfdmRate54Mbps'" in str(caught.value)
    assert "802.11g has no channel 36 of 20 MHz" in str(caught.value)


@pytest.mark.ns3
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_objects_of_ns3_work_on_nodes_of_the_high_level_and_twice_the_same(tmp_path: Path) -> None:
    with described(tmp_path) as ec:
        ec.deploy()
        ec.wait_started("walk")
        begins_at = ec.get("walk", "Position")
        ec.run()
        assert begins_at == "30:10:0"
        turns = rows(ec, "walk", "CourseChange")
        # Time stands still when the last application has come to its StopTime, although a walk goes on for ever.
        assert 2 <= len(turns) < 10
        assert sum(int(row[2]) for row in rows(ec, "sink", "Rx")) == 500_000
        assert len(rows(ec, "echo", "Rx")) == 4
        assert result(ec, "ping").received == 5
        assert 8e6 < result(ec, "over-devices").throughput_bps < 10e6
        loss = result(ec, "lossy").loss
        assert 0.1 < loss < 0.6  # 30 % of what arrives at one of the two ends
        first, second = (result(ec, f"recording{number}") for number in range(2))
        assert first == second
        assert {row.protocol for row in first} == {6, 17}
    with described(tmp_path) as again:
        again.run()
        assert rows(again, "walk", "CourseChange") == turns
        assert result(again, "lossy").loss == loss
