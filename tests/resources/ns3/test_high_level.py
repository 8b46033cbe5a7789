"""One topology, simulated: the same handles and results as elsewhere. ns-3 is imported once for all."""

import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.errors import ExperimentError, PlanError
from nepi.execution.ledger import Ledger
from nepi.hosts.ns3.start import end_nursery, held
from nepi.topologies.elements import TopologyLink, TopologyNode
from nepi.topologies.topology import Topology

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # an import of ns-3 takes a minute where many share the machine


def two_switched_hosts_and_one_behind_a_router() -> Topology:
    return Topology.of(
        ["a", "c", TopologyNode("s", "switch"), TopologyNode("r", "router"), "b"],
        [
            ("a", "s"),
            ("c", "s"),
            TopologyLink("access", ("s", "r"), "", {"rate": "50Mbit", "delay": "1ms"}),
            TopologyLink("bottleneck", ("r", "b"), "", {"rate": "10Mbit", "delay": "9ms"}),
        ],
    )


def simulate(folder: Path, run_id: str) -> ExperimentController:
    ec = ExperimentController("simulated", folder, backend="ns3", run_id=run_id, seed=7)
    net = ec.build(two_switched_hosts_and_one_behind_a_router())
    a, b, c = net.node("a"), net.node("b"), net.node("c")
    ec.enable_trace(net.link("bottleneck"), "pcap")
    ping = ec.add("Ping", a, name="ping", target=b, count=5)
    ec.add("Iperf3Server", b, name="server")
    client = ec.add("Iperf3Client", a, name="client", target=b, duration="4s")
    client.start_when(ping.finished + "2s")
    again = ec.add("Iperf3Client", a, name="again", target=b, duration="4s")
    again.start_when(client.finished + "10ms")
    # While many frames wait, fewer may.
    narrow = ec.add("Iperf3Client", a, name="narrow", target=b, duration="4s")
    narrow.start_when(again.finished + "10ms")
    net.link("bottleneck").set_when(narrow.started + "2s", queue=5)
    udp = ec.add("Iperf3Client", c, name="udp", target=b, udp=True, rate="2Mbit", duration="2s")
    udp.start_when(narrow.finished + "1s")
    net.link("bottleneck").set_when(udp.finished + "1s", delay="19ms")
    late = ec.add("Ping", a, name="late", target=b, count=3)
    late.start_when(udp.finished + "5s")
    try:
        ec.run()
    finally:
        ec.shutdown()
    return ec


def resource(ec: ExperimentController, name: str) -> Any:
    return ec.resource(name)


def digests(ec: ExperimentController) -> dict[str, str]:
    """Return a digest of each trace."""
    root = Path(ec.run_dir) / "traces"
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_a_simulated_experiment_measures_what_was_asked_and_twice_the_same(tmp_path: Path) -> None:
    end_nursery()  # the first is forked from one in which nothing has been done, the second after a rehearsal
    first = simulate(tmp_path, "first")
    ping, client, again, narrow, udp, late = (resource(first, name) for name in ("ping", "client", "again", "narrow", "udp", "late"))
    # 10 ms each way, and what sending 98 bytes takes at 50 and 10 Mbit/s, there and back.
    assert ping.result.loss == 0.0
    assert ping.result.rtt_min_s == pytest.approx(0.020, abs=0.0003)
    assert ping.result.replies[0].ttl == 63
    assert client.result.throughput_bps == pytest.approx(9.4e6, rel=0.05)
    # The server measures until it has heard that the client has ended.
    assert client.result.intervals[-1].end_s == 4.0
    assert 4.0 < client.result.duration_s < 4.2
    # What the first one had in its buffers has gone with it: the second finds the link free.
    assert again.result.throughput_bps == pytest.approx(client.result.throughput_bps, rel=0.05)
    assert 4e6 < narrow.result.throughput_bps < 0.95 * client.result.throughput_bps
    assert udp.result.loss == 0.0
    assert late.result.rtt_min_s == pytest.approx(0.040, abs=0.0003)
    # Simulated time is the run's: 4 s of pings, 2 s, thrice 4 s, 1 s, 2 s, 5 s, and round trips.
    assert late.process.started_at == pytest.approx(26.5, abs=0.4)
    with Ledger(Path(first.run_dir) / "ledger.sqlite") as ledger:
        assert ledger.rows() == []

    nursery = held()
    second = simulate(tmp_path, "second")
    assert held() == nursery  # it has survived the rehearsal
    assert digests(first) == digests(second)
    assert any(name.endswith("pcap") for name in digests(first))


def test_what_a_simulation_cannot_do_is_told_by_the_plan(tmp_path: Path) -> None:
    with ExperimentController("wrong", tmp_path, backend="ns3") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        ec.add("Link", a, b, jitter="1ms")
        ec.add("Ping", a, target=b, recordRoute=True)
        air = ec.add("WifiNetwork", name="air")
        for node in (a, b):
            ec.add("Station", node, air)
        with pytest.raises(PlanError) as caught:
            ec.deploy()
    assert "jitter needs a delay, which it varies" in str(caught.value)
    assert "ping has no option -R in a simulation: ns-3 writes no options into IP headers" in str(caught.value)
    assert "none of its stations is an accessPoint" in str(caught.value)


def test_a_killed_simulation_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    ec = ExperimentController("killed", tmp_path, backend="ns3")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b)
    ec.add("Ping", a, name="ping", target=b)
    ec.deploy()
    ec.wait_started("ping")
    os.kill(resource(ec, "a").run.process.pid, signal.SIGKILL)
    with pytest.raises(ExperimentError):
        ec.run()
    assert "the ns-3 process was killed (SIGKILL)" in ec.resource("ping").failure
    ec.shutdown()
