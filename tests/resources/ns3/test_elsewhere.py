"""Simulations in the real ns-3 on other machines: hosts of the lab with real SSH servers. Few, because each imports ns-3 anew."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController
from nepi.execution.handle import Handle
from nepi.execution.ledger import Ledger
from nepi.execution.ledger_kinds import collect
from nepi.lab import Lab
from nepi.resources.ns3.simulation import Simulation
from nepi.testing.pytest_plugin import MakeLab, ssh_lab
from tests.resources.controllers import MakeController, controllers

__all__ = ["ssh_lab"]

pytestmark = [
    pytest.mark.ns3,
    pytest.mark.root,
    pytest.mark.netns,
    pytest.mark.timeout(600),
]  # imports of ns-3, on a busy machine
DEADLINE = "220s"
KEPT = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c '[i]nside/' || true"
LEFT = f"find /root/.nepi/nepi-exp -mindepth 2 2>/dev/null | wc -l; {KEPT}"


@pytest.fixture(scope="module")
def lab(ssh_lab: MakeLab) -> Lab:
    return ssh_lab(2)


@pytest.fixture
def controller(tmp_path: Path) -> Generator[MakeController]:
    with controllers(tmp_path, "elsewhere", "ns3") as make:
        yield make


def on(lab: Lab, name: str, command: str) -> str:
    return lab.run(name, ["/bin/sh", "-c", command]).stdout


def add_host(ec: ExperimentController, lab: Lab, name: str, **values: Any) -> Handle:
    return ec.add("linux::Node", name=name, hostname=name, sshConfig=str(lab.ssh_config), **values)


def manager(ec: ExperimentController, handle: Handle) -> Simulation:
    found = ec.resource(handle)
    assert isinstance(found, Simulation)
    return found


def first(ec: ExperimentController, tag: str, host: Handle | None = None, **values: Any) -> tuple[Handle, Handle, Handle]:
    """ns-3's first.cc; the simulation, a device and the client."""
    if host is not None:
        values.setdefault("python", sys.executable)
    peers = [] if host is None else [host]
    simulation = ec.add("Simulation", *peers, name=f"sim-{tag}", **{"StopTime": "2s", "nsLog": "UdpEchoClientApplication=info", **values})
    a, b = ec.add("Node", simulation, name=f"a-{tag}"), ec.add("Node", simulation, name=f"b-{tag}")
    channel = ec.add("PointToPointChannel", Delay="2ms", name=f"channel-{tag}")
    device = ec.add("PointToPointNetDevice", a, channel, DataRate="5Mbps", name=f"da-{tag}", ip="10.1.1.1", prefix="24")
    ec.add("PointToPointNetDevice", b, channel, DataRate="5Mbps", name=f"db-{tag}", ip="10.1.1.2", prefix="24")
    ec.add("UdpEchoServer", b, Port=9, StartTime="0s", name=f"server-{tag}")
    client = ec.add("UdpEchoClient", a, Remote="10.1.1.2:9", MaxPackets=3, Interval="100ms", StopTime="1s", name=f"client-{tag}")
    for trace in ("pcap", "ascii", "PhyTxEnd"):
        device.enable_trace(trace)
    client.enable_trace("Rx")
    return simulation, device, client


def traces_of(simulation: Handle, device: Handle, client: Handle) -> list[tuple[int, str]]:
    found = [(device, "pcap"), (device, "ascii"), (device, "PhyTxEnd"), (client, "Rx"), (simulation, "stdout"), (simulation, "stderr")]
    return [(one.guid, trace) for one, trace in found]


def measured(ec: ExperimentController) -> tuple[Handle, Handle]:
    """The high level in the same simulation: a ping over a link, and what is recorded of the whole."""
    p, q = ec.add("Node", name="p"), ec.add("Node", name="q")
    ec.add("Link", p, q, name="pq", delay="5ms", rate="10Mbit")
    recording = ec.add("Recording", name="recording")
    recording.enable_trace("animation")
    return ec.add("Ping", p, target=q, count=2, interval="200ms", name="ping"), recording


def test_a_simulation_on_another_machine_gives_the_same_bytes_as_one_here(lab: Lab, controller: MakeController) -> None:
    files, noted = [], []
    for name in ("", "h1"):
        ec = controller(f"on-{name or 'here'}")
        described = first(ec, "x")
        ping, recording = measured(ec)
        if name:
            described[0].set(python=sys.executable).connect(add_host(ec, lab, name))
        ec.run(deadline=DEADLINE)
        ec.shutdown()
        traces = [*traces_of(*described), (ping.guid, "stdout"), (recording.guid, "flows"), (recording.guid, "animation")]
        noted.append(json.loads((Path(ec.run_dir) / "environment.json").read_text())["ns3"])
        files.append([ec.trace_path(one, trace).read_bytes() for one, trace in traces])
    assert all(len(one) > 100 for one in (*files[0][:3], *files[0][5:]))
    assert len(files[0][3].splitlines()) == 4
    assert files[1] == files[0]
    assert [one["sim-x"].get("host") for one in noted] == [None, "h1"]
    assert on(lab, "h1", LEFT) == "0\n0\n"


def test_what_becomes_of_simulations_on_other_machines_is_told(lab: Lab, controller: MakeController) -> None:
    """One is killed there, of one the connection is lost, one is looked at and stopped, and one has no ns-3."""
    ec = controller()
    hosts = {name: add_host(ec, lab, name) for name in ("h1", "h2")}
    endless: dict[str, Any] = {"simulatorImplementationType": "ns3::RealtimeSimulatorImpl", "hardLimit": "100s", "StopTime": ""}
    killed = first(ec, "killed", hosts["h1"], **endless)
    cut = first(ec, "cut", hosts["h2"], **endless)
    stopped = first(ec, "stopped", hosts["h1"], **endless)
    without = ec.add("Simulation", hosts["h2"], name="without", python="/usr/bin/python3")
    for guid in ec.resources:
        if ec.resource(guid).name.endswith(("-killed", "-cut")):
            ec.set(guid, "critical", False)
    without.set(critical=False)
    ec.deploy()
    assert ec.wait_for(without.failed, deadline=DEADLINE)
    assert without.failure == (
        "ns-3 is not installed on h2 (/usr/bin/python3): type `/usr/bin/python3 -m pip install ns3` there, "
        "name an interpreter that has it with `python`, or set `install`"
    )
    assert ec.wait_started([one[0].guid for one in (killed, cut, stopped)], deadline=DEADLINE)
    assert ec.wait_finished(stopped[2].guid, deadline=DEADLINE)
    look_at_it_and_stop_it(ec, *stopped)
    run = manager(ec, killed[0]).run
    assert run is not None
    on(lab, "h1", f"kill -KILL {run.process.pid}")
    lab.stop_sshd("h2")
    for one in (*killed[:2], *cut[:2]):  # their clients have finished
        assert ec.wait_for(one.failed, deadline=DEADLINE)
    assert {one.failure for one in killed[:2]} == {"h1: the ns-3 process was killed (SIGKILL)"}
    assert {one.failure for one in cut[:2]} == {"h2: the connection was lost, and with it the simulation"}
    lab.start_sshd("h2")
    ec.shutdown()
    assert [on(lab, name, LEFT) for name in ("h1", "h2")] == ["0\n0\n"] * 2


def look_at_it_and_stop_it(ec: ExperimentController, simulation: Handle, device: Handle, client: Handle) -> None:
    assert len(ec.trace(client.guid, "Rx").splitlines()) == 4
    ec.set(device.guid, "DataRate", "1Mbps")
    assert ec.get(device.guid, "DataRate") == 1_000_000
    before = ec.trace(device.guid, "ascii")
    assert "ns3::UdpHeader" in before
    simulation.stop()
    assert ec.wait_for(simulation.stopped, deadline=DEADLINE)
    assert ec.trace(device.guid, "ascii").startswith(before)


def test_what_a_killed_controller_leaves_ends_by_itself_and_is_given_back(lab: Lab, tmp_path: Path) -> None:
    script = Path(__file__).with_name("dying.py")
    argv = [sys.executable, str(script), str(tmp_path), "h1", str(lab.ssh_config)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=230)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    rows = Path(done.stdout.strip()) / "ledger.sqlite"
    with Ledger(rows) as ledger:
        assert sorted(row.kind for row in ledger.rows()) == ["ssh-folder", "ssh-process"]
    on(lab, "h1", f"until [ $({KEPT}) = 0 ]; do sleep 0.1; done")
    assert collect(rows).left == ()
    assert on(lab, "h1", LEFT) == "0\n0\n"


def test_a_host_talks_through_a_simulation_with_the_host_that_this_runs_on(lab: Lab, controller: MakeController) -> None:
    ec = controller()
    h1, h2 = (add_host(ec, lab, name, ip=lab.host(name).address, installTools=False) for name in ("h1", "h2"))
    real_time: dict[str, Any] = {"simulatorImplementationType": "ns3::RealtimeSimulatorImpl", "hardLimit": "100s", "checksumEnabled": True}
    ec.add("Simulation", h1, name="sim", python=sys.executable, **real_time)
    router = ec.add("Node", name="router")
    ec.add("hybrid::Link", h2, router, name="way", delay="20ms")
    ec.add("hybrid::Link", h1, router, name="home")
    ping = ec.add("linux::Ping", h2, name="ping", target=h1, count=5, interval="200ms")
    ec.deploy()
    assert ec.wait_finished(ping.guid, deadline=DEADLINE)
    assert ping.result.loss == 0.0
    assert min(reply.rtt_s for reply in ping.result.replies) >= 0.040
    ec.shutdown()
    assert [on(lab, name, LEFT) for name in ("h1", "h2")] == ["0\n0\n"] * 2
