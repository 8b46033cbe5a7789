"""One topology over several hosts, each with a real sshd: who reaches whom, what links do, what becomes of it when a host goes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle, Topology
from nepi.execution.ledger import Ledger
from nepi.execution.ledger_kinds import collect
from nepi.hosts.remote_agent.connection import RemoteConnection
from nepi.lab import Lab
from nepi.model.states import ResourceState
from tests.resources.controllers import MakeController
from tests.resources.netns.split.conftest import SOON, add_machines, sh, up

RUNS = "/root/.cache/nepi/runs"
pytestmark = [pytest.mark.root, pytest.mark.netns]


def all_pairs(ec: ExperimentController, nodes: list[Handle]) -> list[tuple[str, str]]:
    """Return the pairs of nodes that do not reach each other."""
    lost = []
    for one in nodes:
        others = [other.name for other in nodes if other.name != one.name]
        script = "; ".join(f"ping -n -c1 -W3 {other} >/dev/null || echo {other}" for other in others)
        lost += [(one.name, other) for other in sh(ec, one, script).split()]
    return lost


def requests_of(ec: ExperimentController) -> dict[str, int]:
    """Return how many messages each machine was sent: round trips."""
    found = {}
    for guid in ec.resources:
        run = getattr(ec.get_resource(guid), "run", None)
        if run is not None and run.machine:
            found[run.machine] = run.session.connection.last_id
    return found


def mtu(ec: ExperimentController, node: Handle | str, ifname: str) -> int:
    found = re.search(r"mtu (\d+)", sh(ec, node, f"ip -o link show {ifname}"))
    assert found is not None
    return int(found[1])


def test_a_ring_of_six_nodes_over_three_hosts(ec: ExperimentController, lab: Lab) -> None:
    net = ec.build(Topology.ring(6), hosts=add_machines(ec, lab))
    where = [node.get("host") for node in net.nodes]
    assert sorted(where) == ["h1", "h1", "h2", "h2", "h3", "h3"]
    first, second = next(
        link for link in net.topology.links if net.node(link.ends[0]).get("host") != net.node(link.ends[1]).get("host")
    ).ends
    server = ec.add("Iperf3Server", net.node(second))
    client = ec.add("Iperf3Client", net.node(first), target=net.node(second), duration="1s")
    client.start_when(server.started)
    up(ec)
    assert all_pairs(ec, net.nodes) == []
    result = ec.wait_finished(client, SOON)
    assert result, result.reason
    assert client.result.throughput_bps > 1e6
    assert {sh(ec, node, "hostname").strip() for node in net.nodes} == {"h1", "h2", "h3"}


def test_a_link_between_hosts_has_the_rate_and_the_delay_that_were_asked(ec: ExperimentController, lab: Lab) -> None:
    one, two, *_ = add_machines(ec, lab)
    a, b, c = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=two), ec.add("Node", name="c", host=one)
    slow = ec.add("Link", a, b, rate="8Mbit", name="slow")
    far = ec.add("Link", b, c, delay="30ms", delayBack="10ms", name="far")
    server = ec.add("Iperf3Server", b)
    client = ec.add("Iperf3Client", a, target=b, duration="2s")
    client.start_when(server.started)
    up(ec)
    found = [float(rtt) for rtt in re.findall(r"time=([\d.]+)", sh(ec, "c", "ping -n -c5 -i0.1 b"))]
    assert 40 <= min(found) < 60
    links: list[Any] = [ec.resource(slow), ec.resource(far)]
    assert [link.in_force for link in links] == ["kernel", _delaying()]
    result = ec.wait_finished(client, SOON)
    assert result, result.reason
    assert 4e6 < client.result.throughput_bps < 8e6
    far.set(delay="1ms", delayBack="1ms")
    assert min(float(rtt) for rtt in re.findall(r"time=([\d.]+)", sh(ec, "c", "ping -n -c5 -i0.1 b"))) < 10


def _delaying() -> str:
    """Which kind of links delays frames on these hosts."""
    from nepi.resources.netns.facts import probe

    return "kernel" if probe()["features"]["netem"] else "userspace"


def test_a_switch_has_ports_on_other_hosts_and_all_frames_fit(ec: ExperimentController, lab: Lab) -> None:
    machines = add_machines(ec, lab)
    switch = ec.add("Switch", name="s", host=machines[0])
    nodes = [ec.add("Node", name=f"n{number}", host=machine) for number, machine in enumerate((*machines, machines[0]))]
    for node in nodes:
        ec.add("Link", node, switch)
    up(ec)
    assert all_pairs(ec, nodes) == []
    # A bridge drops what is too long for a port: so everything that is on it has the same MTU.
    assert {mtu(ec, node, "eth0") for node in nodes} == {1450}
    # 1422 bytes, 8 of ICMP and 20 of IP fill a packet; none may be in pieces.
    assert "1 received" in sh(ec, nodes[3], "ping -n -M do -c1 -W3 -s 1422 n1")


def test_links_far_from_other_hosts_keep_their_mtu(ec: ExperimentController, lab: Lab) -> None:
    one, two, *_ = add_machines(ec, lab)
    a, b, c = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=one), ec.add("Node", name="c", host=two)
    ec.add("Link", a, b)
    ec.add("Link", b, c)
    up(ec)
    assert [mtu(ec, "b", "eth0"), mtu(ec, "b", "eth1")] == [1500, 1450]
    assert any("VXLAN" in warning for warning in ec.plan.warnings)


def test_interfaces_addresses_and_routes_of_ones_own_are_where_their_node_is(ec: ExperimentController, lab: Lab) -> None:
    one, two, *_ = add_machines(ec, lab)
    a, b = ec.add("Node", name="a", host=one, routing="none"), ec.add("Node", name="b", host=two, routing="none")
    link = ec.add("Link", name="l")
    for node, address in ((a, "10.7.0.1"), (b, "10.7.0.2")):
        interface = ec.add("NodeInterface", node, link, deviceName="if0")
        ec.add("IPv4Address", interface, ip=address, prefix="24")
    ec.add("IPv4Route", a, network="10.9.0.0", prefix="16", nexthop="10.7.0.2")
    up(ec)
    assert "1 received" in sh(ec, "a", "ping -n -c1 -W3 10.7.0.2")
    assert "10.9.0.0/16 via 10.7.0.2" in sh(ec, "a", "ip route")


def test_a_link_between_hosts_goes_down_and_comes_back_with_its_routes(ec: ExperimentController, lab: Lab) -> None:
    one, two, *_ = add_machines(ec, lab)
    a, b, c = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=two), ec.add("Node", name="c", host=two)
    link = ec.add("Link", a, b)
    ec.add("Link", b, c)
    up(ec)
    assert "1 received" in sh(ec, "a", "ping -n -c1 -W3 c")
    link.set(up=False)
    assert ec.exec("a", ["ping", "-n", "-c1", "-W1", "c"], deadline=SOON).exit.status != 0
    link.set(up=True)
    assert "1 received" in sh(ec, "a", "ping -n -c1 -W3 c")


def test_packets_that_are_captured_on_a_host_are_in_the_trace_here(ec: ExperimentController, lab: Lab) -> None:
    one, two, *_ = add_machines(ec, lab)
    a, b = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=two)
    ec.add("Link", a, b)
    capture = ec.add("Tcpdump", b, i="eth0", w=True, name="capture")
    ping = ec.add("Ping", a, target=b, count=3, interval="0.2s")
    ping.start_when(capture.started)
    up(ec)
    result = ec.wait_finished(ping, SOON)
    assert result, result.reason
    assert ping.result.received == 3
    ec.stop(capture)
    assert ec.wait_finished(capture, SOON)
    assert len(Path(ec.resource(capture).trace_path("pcap")).read_bytes()) > 24 + 6 * 98


def test_two_hundred_nodes_are_deployed_with_few_round_trips(ec: ExperimentController, lab: Lab) -> None:
    net = ec.build(Topology.grid(10, 20), hosts=add_machines(ec, lab))
    up(ec)
    # Each is a batch; a request for each node, interface and route would be more than 300 of each host.
    counted = requests_of(ec)
    assert sorted(counted) == ["h1", "h2", "h3"]
    assert max(counted.values()) < 30, counted
    corner = net.nodes[-1].name
    assert "1 received" in sh(ec, net.nodes[0], f"ping -n -c1 -W5 {corner}")


def test_what_is_on_a_host_fails_with_it_and_what_is_elsewhere_goes_on(controller: MakeController) -> None:
    with Lab(2) as lab:
        ec = controller()
        one, two = add_machines(ec, lab, 2)
        a, b, c = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=two), ec.add("Node", name="c", host=two)
        ec.add("Link", a, b, name="between")
        ec.add("Link", b, c, name="inside")
        for guid in ec.resources:
            ec.set(guid, "critical", False)
        up(ec)
        lab.reboot("h1")
        result = ec.wait_for(a.failed & ec.handle("between").failed, SOON)
        assert result, result.reason
        assert "h1 was rebooted" in str(ec.resource(a).failure)
        states = {name: ec.resource(name).state for name in ("a", "between", "b", "c", "inside")}
        assert (states["a"], states["between"]) == (ResourceState.FAILED, ResourceState.FAILED)
        assert all(state < ResourceState.STOPPED for name, state in states.items() if name in ("b", "c", "inside")), states
        assert "1 received" in sh(ec, "b", "ping -n -c1 -W3 c")
        ec.shutdown()


def test_a_connection_that_is_cut_and_healed_changes_nothing(controller: MakeController) -> None:
    with Lab(2) as lab:
        ec = controller()
        one, two = add_machines(ec, lab, 2)
        a, b = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=two)
        ec.add("Link", a, b)
        ping = ec.add("Ping", a, target=b, count=5, interval="0.2s")
        up(ec)
        result = ec.wait_started(ping, SOON)
        assert result, result.reason
        lab.stop_sshd("h1", sessions=True)
        lab.start_sshd("h1")
        result = ec.wait_finished(ping, SOON)
        assert result, result.reason
        assert (ping.result.transmitted, ping.result.received) == (5, 5)
        node: Any = ec.resource(a)
        connection = node.run.session.connection
        assert isinstance(connection, RemoteConnection)
        assert connection.connections == 2
        ec.shutdown()


def test_an_experiment_without_its_controller_is_given_back_from_the_ledger(tmp_path: Path, lab: Lab) -> None:
    script = f"""
import os, sys
from nepi import ExperimentController
ec = ExperimentController("left", {str(tmp_path)!r}, backend="netns", run_id="run")
ssh = dict(username="root", sshConfig={str(lab.ssh_config)!r}, installTools=False)
machines = [ec.add("linux::Node", name=name, hostname=name, **ssh) for name in ("h1", "h2")]
nodes = [ec.add("Node", name=name, host=machine) for name, machine in zip("ab", machines)]
ec.add("Link", *nodes)
ec.deploy()
assert ec.wait_deployed(ec.resources, "60s")
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -9, done.stderr
    for name in ("h1", "h2"):
        assert lab.run(name, ["find", RUNS, "-mindepth", "1", "-maxdepth", "1"]).stdout != ""
    collected = collect(tmp_path / "left" / "run" / "ledger.sqlite")
    assert collected.left == ()
    assert "remote-agent" in {row.kind for row in collected.released}
    for name in ("h1", "h2"):
        assert lab.run(name, ["find", RUNS, "-mindepth", "1", "-maxdepth", "1"]).stdout == ""
        assert lab.run(name, ["pgrep", "-f", "hosts/agent|agent/__main__"], check=False).stdout == ""


def test_a_host_that_is_away_at_the_end_stays_in_the_ledger_until_it_is_back(tmp_path: Path) -> None:
    with Lab(2) as lab:
        ec = ExperimentController("away", tmp_path, backend="netns", run_id="run")
        one, two = add_machines(ec, lab, 2, connectDeadline="2s")
        a, b = ec.add("Node", name="a", host=one), ec.add("Node", name="b", host=two)
        ec.add("Link", a, b)
        up(ec)
        lab.stop_sshd("h1", sessions=True)
        ec.shutdown()
        with Ledger(tmp_path / "away" / "run" / "ledger.sqlite") as ledger:
            left = {row.kind: row.identity for row in ledger.rows()}
        assert left["remote-agent"]["machine"] == "h1"
        assert lab.run("h2", ["find", RUNS, "-mindepth", "1", "-maxdepth", "1"]).stdout == ""
        lab.start_sshd("h1")
        assert collect(tmp_path / "away" / "run" / "ledger.sqlite").left == ()
        assert lab.run("h1", ["find", RUNS, "-mindepth", "1", "-maxdepth", "1"]).stdout == ""
