"""Open vSwitch in user space, with a real OpenFlow controller."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from tests.resources.linux.devices.conftest import SOON, links_of, needs_kernel, reaches, sh, two_hosts, up

pytestmark = [
    pytest.mark.netns,
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("ovs-vswitchd", path="/usr/sbin:/usr/bin") is None, reason="needs openvswitch-switch"),
]
CONTROLLER = Path(__file__).with_name("openflow_controller.py")
OPENFLOW = 6653
BETWEEN = "local 127.0.0.1 remote 127.0.0.2"
FRAME_HEADERS = 14 + 20 + 8
SECONDS, BUCKET_BITS = 5, 1e6


def around(ec: ExperimentController, **values: Any) -> tuple[Handle, Handle, Handle, Handle]:
    """Two hosts, 10.5.0.1 and 10.5.0.2, on a switch that is a third one: (first, second, switch's host, switch)."""
    middle = ec.add("Node", name="middle")
    switch = ec.add("linux::OVSSwitch", middle, **values)
    hosts = []
    for number in (1, 2):
        host = ec.add("Node", name=f"host-{number}")
        link = ec.add("Link", host, middle, addressing=False)
        inner = ec.add("linux::Interface", host, deviceName="eth0", ip4=f"10.5.0.{number}", mask4="24", offload=False)
        inner.deploy_when(link.ready)
        ec.add("linux::OVSPort", switch, port_name=f"eth{number - 1}").deploy_when(link.ready)
        hosts.append(host)
    return hosts[0], hosts[1], middle, switch


def connected(ec: ExperimentController, middle: Handle, switch: Handle) -> None:
    """Wait until the switch has found its controller."""
    database = f"unix:{ec.get(switch, 'rundir')}/db.sock"
    sh(ec, middle, f"ovs-vsctl --db={database} --timeout=20 wait-until controller {ec.get(switch, 'bridge_name')} is_connected=true")


def flows(ec: ExperimentController, middle: Handle, switch: Handle) -> str:
    variables = f"OVS_RUNDIR={ec.get(switch, 'rundir')}"
    return sh(ec, middle, f"{variables} ovs-ofctl -O OpenFlow13 dump-flows {ec.get(switch, 'bridge_name')}")


def controller_for(ec: ExperimentController, *options: str) -> Handle:
    """A controller on a host of its own, which the switch's host reaches."""
    host = ec.add("Node", name="control")
    command = " ".join([sys.executable, str(CONTROLLER), str(OPENFLOW), *options])
    ec.add("netns::Application", host, name="controller", command=command, listens=OPENFLOW, env=f"PYTHONPATH={CONTROLLER.parent}")
    return host


def goodput_bps(ec: ExperimentController, first: Handle, second: Handle, duration: str, **values: Any) -> float:
    """What iperf3 gets from one host to the other."""
    server = ec.add("Iperf3Server", second)
    client = ec.add("Iperf3Client", first, target="10.5.0.2", duration=duration, **values)
    client.start_when(server.started)
    ec.deploy()
    result = ec.wait_finished(client, SOON)
    assert result, result.reason
    return float(client.result.throughput_bps)


def test_a_switch_without_a_controller_learns(ec: ExperimentController) -> None:
    first, second, middle, switch = around(ec, virtual_ip_pref="10.5.0.3/24")
    up(ec)
    assert reaches(ec, first, "10.5.0.2")
    assert reaches(ec, second, "10.5.0.3")
    assert goodput_bps(ec, first, second, "1s") > 20e6
    ec.release([switch.guid])
    assert ec.get(switch, "bridge_name") not in links_of(ec, middle)


def test_a_controller_teaches_the_switch_and_its_meter_is_exact(ec: ExperimentController) -> None:
    control = controller_for(ec, "5000")
    first, second, middle, switch = around(ec, controller_ip=control, fail_mode="secure", protocols="OpenFlow13")
    ec.add("Link", control, middle)
    up(ec)
    connected(ec, middle, switch)
    assert reaches(ec, first, "10.5.0.2")
    assert "priority=1,in_port=" in flows(ec, middle, switch)
    got = goodput_bps(ec, first, second, f"{SECONDS}s", udp=True, rate="20Mbit", length="1400B", reverse=True)
    # Meters count frames. The bucket is full at the beginning, and so large that pauses of a busy machine lose nothing.
    assert got * (1400 + FRAME_HEADERS) / 1400 == pytest.approx(5e6 + BUCKET_BITS / SECONDS, rel=0.03)


@pytest.mark.parametrize("tunnel", ["UdpTunnel", "VxlanTunnel", pytest.param("GRETunnel", marks=needs_kernel("gre", BETWEEN))])
def test_a_tunnel_joins_switches_of_two_hosts(ec: ExperimentController, tunnel: str) -> None:
    hosts = two_hosts(ec)
    switches = [ec.add("linux::OVSSwitch", host, virtual_ip_pref=f"10.6.0.{n}/24") for n, host in enumerate(hosts, start=1)]
    ec.add(f"linux::{tunnel}", *(ec.add("linux::OVSPort", switch) for switch in switches))
    inner = ec.add("linux::OVSPort", switches[1], ip="10.6.0.3", network="10.6.0.0/24")
    up(ec)
    assert reaches(ec, hosts[0], "10.6.0.2")
    assert ec.get(inner, "port_name") in links_of(ec, hosts[1])
    assert "10.6.0.3/24" in sh(ec, hosts[1], f"ip address show dev {ec.get(inner, 'port_name')}")


@pytest.mark.parametrize("kind", ["gre", "vxlan"])
def test_the_switch_itself_carries_a_tunnel_over_a_port_of_its_own(ec: ExperimentController, kind: str) -> None:
    """Without any help of the kernel: the way between the hosts is a port of a switch, too."""
    hosts = [ec.add("Node", name=name) for name in "ab"]
    link = ec.add("Link", *hosts, addressing=False)
    for number, host in enumerate(hosts, start=1):
        ec.add("linux::OVSPort", ec.add("linux::OVSSwitch", host, virtual_ip_pref=f"172.31.0.{number}/24"), port_name="eth0").deploy_when(
            link.ready
        )
        over = ec.add("linux::OVSSwitch", host, virtual_ip_pref=f"10.6.0.{number}/24")
        ec.add("linux::OVSPort", over, tunnel=kind, remote_ip=f"172.31.0.{3 - number}", key=5)
    up(ec)
    assert reaches(ec, hosts[0], "172.31.0.2")
    assert reaches(ec, hosts[0], "10.6.0.2")


def test_a_switch_whose_daemon_is_killed_fails_and_says_so(ec: ExperimentController) -> None:
    host = ec.add("Node", name="a")
    switch = ec.add("linux::OVSSwitch", host, critical=False)
    up(ec)
    manager = ec.resource(switch.guid)
    os.kill(manager.daemons.process.pid, signal.SIGKILL)  # type: ignore[attr-defined]  # a test may look
    assert ec.wait_for(switch.failed, SOON)
    assert "Open vSwitch on a has ended" in manager.failure
