"""Devices and tunnels on hosts with real SSH servers: as root and by sudo, given back whole, also when the controller is dead."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.execution.ledger import Ledger
from nepi.execution.ledger_kinds import collect
from nepi.lab import Lab
from nepi.testing.pytest_plugin import MakeLab, ssh_lab
from tests.execution.dying import die_when
from tests.resources.linux.devices.conftest import SOON, up

__all__ = ["ssh_lab"]

pytestmark = [pytest.mark.root, pytest.mark.netns, pytest.mark.slow]

PROGRAM = """
with ExperimentController("x", backend="linux", run_id="r") as ec:
    ends = []
    for n, name in enumerate(("h1", "h2"), 1):
        node = ec.add("Node", name=name, hostname=name, sshConfig={config!r}, ip={addresses!r}[n - 1])
        ends.append(ec.add("linux::Tap", node, ip=f"10.99.0.{{n}}", prefix="24"))
        ec.add("linux::Interface", node, ip4={addresses!r}[n - 1], txqueuelen=777)
    tunnel = ec.add("linux::{tunnel}", *ends, name="tunnel")
    count = ec.add("Application", node, command="while :; do sleep 1; done", name="last")
    count.start_when(tunnel.ready)
    ec.run()
"""


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(2)


@pytest.fixture
def ec(tmp_path: Path) -> Generator[ExperimentController]:
    made = ExperimentController("ssh-test", tmp_path, backend="linux", run_id="run")
    yield made
    made.shutdown()
    with Ledger(Path(made.run_dir) / "ledger.sqlite") as ledger:
        assert ledger.rows() == []


def hosts_of(ec: ExperimentController, lab: Lab, **values: Any) -> tuple[Handle, Handle]:
    config = str(lab.ssh_config)
    first, second = (
        ec.add("Node", name=name, hostname=name, sshConfig=config, ip=lab.host(name).address, **values) for name in ("h1", "h2")
    )
    return first, second


def links(lab: Lab, name: str) -> str:
    return lab.run(name, ["sh", "-c", "ip -o link | cut -d: -f2; ip -o link | grep -o 'qlen [0-9]*'; tc qdisc show"]).stdout


@pytest.mark.parametrize(("tunnel", "user"), [("UdpTunnel", "nepi"), ("VxlanTunnel", "nepi"), ("VxlanTunnel", "root")])
def test_a_tunnel_between_two_machines(ec: ExperimentController, lab: Lab, tunnel: str, user: str) -> None:
    before = [links(lab, name) for name in ("h1", "h2")]
    hosts = hosts_of(ec, lab, username=user)
    ends = [ec.add("linux::Tap", host, ip=f"10.99.0.{n}", prefix="24") for n, host in enumerate(hosts, 1)]
    through = ec.add(f"linux::{tunnel}", *ends)
    ping = ec.add("Ping", hosts[0], target="10.99.0.2", count=3, interval="50ms")
    ping.start_when(through.ready)
    ec.run()
    assert ping.result.received == 3
    assert [links(lab, name) for name in ("h1", "h2")] == before


def test_an_interface_of_a_machine_is_shaped_and_ssh_is_spared(ec: ExperimentController, lab: Lab) -> None:
    before = links(lab, "h1")
    hosts = hosts_of(ec, lab)
    address = lab.host("h1").address
    shaped = ec.add("linux::Interface", hosts[0], ip4=address, rate="2Mbit", shapedNetworks=f"{lab.host('h2').address}/32")
    up(ec)
    assert "htb" in links(lab, "h1")
    ec.set(shaped, "rate", "4Mbit")
    assert "rate 4Mbit" in links(lab, "h1")
    ec.release([shaped])
    assert links(lab, "h1") == before


def test_switches_of_two_machines_joined_by_a_tunnel(ec: ExperimentController, lab: Lab) -> None:
    hosts = hosts_of(ec, lab, username="nepi")
    switches = [ec.add("linux::OVSSwitch", host, virtual_ip_pref=f"10.6.0.{n}/24") for n, host in enumerate(hosts, 1)]
    through = ec.add("linux::VxlanTunnel", *(ec.add("linux::OVSPort", switch) for switch in switches))
    ping = ec.add("Ping", hosts[0], target="10.6.0.2", count=3, interval="50ms")
    ping.start_when(through.ready)
    ec.run()
    assert ping.result.received == 3
    assert "ovs" not in lab.run("h1", ["ip", "-o", "link"]).stdout


@pytest.mark.parametrize("tunnel", ["UdpTunnel", "VxlanTunnel"])
def test_what_a_dead_controller_has_left_on_machines_is_given_back(
    tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch, tunnel: str
) -> None:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    before = [links(lab, name) for name in ("h1", "h2")]
    run_dir = tmp_path / "runs" / "x" / "r"
    addresses = [lab.host(name).address for name in ("h1", "h2")]
    program = PROGRAM.format(config=str(lab.ssh_config), addresses=addresses, tunnel=tunnel)
    die_when(run_dir, program, lambda lines: json.dumps(lines).count('"STARTED"') >= 2)
    assert [links(lab, name) for name in ("h1", "h2")] != before
    assert collect(run_dir / "ledger.sqlite").left == ()
    assert [links(lab, name) for name in ("h1", "h2")] == before


def test_a_tunnel_between_machines_is_taken_up_by_another_controller(tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    before = [links(lab, name) for name in ("h1", "h2")]
    run_dir = tmp_path / "runs" / "x" / "r"
    addresses = [lab.host(name).address for name in ("h1", "h2")]
    program = PROGRAM.format(config=str(lab.ssh_config), addresses=addresses, tunnel="UdpTunnel")
    die_when(run_dir, program, lambda lines: json.dumps(lines).count('"STARTED"') >= 2)
    with ExperimentController.attach("x/r") as ec:
        assert ec.lost == []
        assert ec.exec("h1", ["ping", "-c1", "-W2", "10.99.0.2"]).exit.status == 0
    assert [links(lab, name) for name in ("h1", "h2")] == before
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        assert ledger.rows() == []


def test_a_user_who_may_not_become_root_is_told_so(ec: ExperimentController, lab: Lab) -> None:
    hosts = hosts_of(ec, lab, username="plain")
    tap = ec.add("linux::Tap", hosts[0], critical=False)
    ec.deploy()
    ec.wait_deployed([tap], SOON)
    assert "may not run commands as root on h1 without a password" in ec.resource(tap.guid).failure
