"""A host over SSH that talks through a simulation here."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.execution.ledger import Ledger
from nepi.lab import Lab
from nepi.model.states import ResourceState
from nepi.testing.pytest_plugin import MakeLab

pytestmark = [pytest.mark.netns, pytest.mark.ns3, pytest.mark.timeout(600)]
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
