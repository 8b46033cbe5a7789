"""Hosts over SSH that talk through a simulation, here or on another host."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from nepi import ExperimentController, Handle
from nepi.execution.ledger import Ledger
from nepi.lab import Lab
from nepi.model.states import ResourceState
from nepi.testing.pytest_plugin import MakeLab

pytestmark = [pytest.mark.netns, pytest.mark.root, pytest.mark.ns3, pytest.mark.timeout(600)]
FILE = """
experiment: through-the-simulation
backend: netns
nodes:
  here:
  router: {{type: ns3::Node}}
  h1: {{type: linux::Node, hostname: h1, username: root, sshConfig: {config}, ip: {address}, installTools: false}}
  other:
switches:
  wire: {{type: ns3::CsmaNetwork}}
links:
  - {{ends: [h1, router], delay: 20ms}}
  - {{ends: [router, here]}}
resources:
  h1-on-wire: {{type: Station, connect: [h1, wire]}}
  other-on-wire: {{type: Station, connect: [other, wire]}}
applications:
  out: {{type: Ping, on: here, target: h1, count: 20, interval: 100ms}}
  back: {{type: "linux::Ping", on: h1, target: here, count: 10, interval: 100ms}}
  wired: {{type: "linux::Ping", on: h1, target: other, count: 5, interval: 100ms}}
"""


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(3)


def on(lab: Lab, command: str) -> str:
    return lab.run("h1", ["/bin/sh", "-c", command]).stdout


def what_is_there(lab: Lab) -> dict[str, str]:
    """Return what a run could leave on the host: interfaces, routes, programs."""
    shown = {"links": "ip -o link", "routes": "ip route; ip -6 route", "programs": "pgrep -fa '[u]dp_endpoint' || true"}
    return {what: on(lab, command) for what, command in shown.items()}


def test_a_host_over_ssh_is_20_ms_of_simulated_link_away_and_nothing_is_left_on_it(tmp_path: Path, lab: Lab) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(FILE.format(config=lab.ssh_config, address=lab.host("h1").address), encoding="utf-8")
    before = what_is_there(lab)
    ec = ExperimentController.load(path, local_dir=str(tmp_path))
    link: Any = ec.resource(next(one.guid for one in ec.describe().resources if one.rtype == "hybrid::Link"))
    try:
        ec.deploy()
        assert ec.wait_deployed(ec.resources)
        there = what_is_there(lab)
        assert ec.wait_finished(["out", "back", "wired"])
        station: Any = ec.resource("h1-on-wire")
        on(lab, f"kill -KILL {station._outside.program.process.pid}")
        ec.wait("h1-on-wire", ResourceState.FAILED)
        assert station.failure.startswith("h1-on-wire: the end on h1 ended with status")
    finally:
        ec.shutdown()
    results: dict[str, Any] = {name: getattr(ec.resource(name), "result") for name in ("out", "back", "wired")}  # noqa: B009
    assert [result.loss for result in results.values()] == [0.0, 0.0, 0.0]
    assert min(reply.rtt_s for reply in results["wired"].replies) < 0.040
    for name in ("out", "back"):
        times = [reply.rtt_s for reply in results[name].replies]
        assert min(times) >= 0.040
        assert median(times) == pytest.approx(0.040, abs=0.015)
    for name in (link.name, "h1-on-wire"):
        assert f"sim{ec.resource(name).guid}-" in there["links"]
    assert "default" not in set(there["routes"].split()) - set(before["routes"].split())
    assert what_is_there(lab) == before
    with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
        assert ledger.rows() == []


def add_host(ec: ExperimentController, lab: Lab, name: str, **more: Any) -> Handle:
    ssh = {"hostname": name, "sshConfig": str(lab.ssh_config), "ip": lab.host(name).address, "installTools": False, **more}
    return ec.add("linux::Node", name=name, attributes=ssh)


def test_a_host_on_which_nobody_may_make_interfaces_says_so(tmp_path: Path, lab: Lab) -> None:
    ec = ExperimentController("plain", tmp_path, backend="netns")
    link = ec.add("Link", add_host(ec, lab, "h1", username="plain"), ec.add("ns3::Node"))
    try:
        ec.deploy()
        assert not ec.wait_deployed(ec.resources)
        assert re.search("plain may not run commands as root on h1 .*or log in as root", str(ec.resource(link).failure))
    finally:
        ec.shutdown()


def test_hosts_are_joined_with_a_simulation_that_runs_on_one_of_them(tmp_path: Path, lab: Lab) -> None:
    ec = ExperimentController("elsewhere", tmp_path, backend="netns")
    h1, h2 = (add_host(ec, lab, name, username="root") for name in ("h1", "h2"))
    real_time = {"simulatorImplementationType": "ns3::RealtimeSimulatorImpl", "checksumEnabled": True, "hardLimit": "10s"}
    simulation = ec.add("ns3::Simulation", h2, attributes={**real_time, "python": sys.executable})
    router = ec.add("ns3::Node", simulation)
    ec.add("Link", h1, router, delay="10ms")
    here = ec.add("Link", ec.add("Node"), router, critical=False)
    ping = ec.add("linux::Ping", h1, target=router, count=5, interval="100ms")
    try:
        ec.deploy()
        assert ec.wait_finished([ping])
        result: Any = getattr(ec.resource(ping), "result")  # noqa: B009
        assert (result.received, result.rtt_min_s >= 0.020) == (5, True)
        assert "runs on h2, where the tap of a namespace of this machine cannot be read" in str(ec.resource(here).failure)
    finally:
        ec.shutdown()
