"""What goes wrong with tunnels: programs that end, controllers that are killed, hosts that lack something, secrets that must not show."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nepi import ExperimentController, Handle
from nepi.execution.ledger import Ledger
from nepi.hosts.devices import udp_endpoint
from tests.execution.dying import die_when, summary_of
from tests.resources.linux.devices.conftest import SOON, kernel_has, reaches, two_ends, up

pytestmark = pytest.mark.netns

Hosts = tuple[Handle, Handle]
SECRET = "a key that nobody sees"

PROGRAM = """
with ExperimentController("x", backend="netns", run_id="r") as ec:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b)
    ends = [ec.add("linux::Tap", host, ip=f"10.99.0.{n}", prefix="24", name=f"end-{n}") for n, host in enumerate((a, b), 1)]
    tunnel = ec.add("linux::UdpTunnel", *ends, name="tunnel")
    ping = ec.add("Ping", a, target="10.99.0.2", count=5, interval="100ms", name="ping")
    ping.start_when(tunnel.ready)
    ec.run()
"""


def test_a_tunnel_whose_program_is_killed_fails_and_says_so(ec: ExperimentController, hosts: Hosts) -> None:
    tunnel = ec.add("linux::UdpTunnel", *two_ends(ec, hosts), critical=False)
    up(ec)
    manager = ec.resource(tunnel.guid)
    os.kill(manager._ends_running[0].process.pid, signal.SIGKILL)  # type: ignore[attr-defined]  # a test may look
    assert ec.wait_for(tunnel.failed, SOON)
    assert re.search("the end on [ab] ended with status -9", manager.failure)


def test_the_key_is_in_no_file_of_the_run_and_in_no_argument_list(ec: ExperimentController, hosts: Hosts) -> None:
    ec.add("linux::UdpTunnel", *two_ends(ec, hosts), cipherKey=SECRET)
    up(ec)
    assert reaches(ec, hosts[0], "10.99.0.2")
    shapes = (SECRET.encode(), SECRET.encode().hex().encode(), json.dumps(SECRET).encode())
    for folder in (Path(ec.run_dir), Path(ec.run_dir).parent):
        for path in folder.rglob("*"):
            if path.is_file():
                assert not any(shape in path.read_bytes() for shape in shapes), path
    for arguments in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert not any(shape in arguments.read_bytes() for shape in shapes)
        except (FileNotFoundError, ProcessLookupError):
            continue


def test_without_cryptography_the_program_says_so_before_it_opens_anything(tmp_path: Path) -> None:
    asked = {"device": "none", "mode": "tap", "pi": False, "port": 0, "version": 4, "cipher": "AES"}
    argv = [sys.executable, "-I", "-S", udp_endpoint.__file__, str(tmp_path / "none")]
    done = subprocess.run(argv, input=json.dumps(asked) + "\n", capture_output=True, text=True, check=False)
    assert (done.returncode, "has no package cryptography" in done.stderr) == (udp_endpoint.NO_CRYPTOGRAPHY, True)


@pytest.mark.parametrize(("kind", "rtype", "end"), [("gre", "GRETunnel", "Tap"), ("wireguard", "WireGuard", "Tun")])
def test_a_kernel_that_lacks_a_tunnel_is_named_with_what_it_lacks(
    ec: ExperimentController, hosts: Hosts, kind: str, rtype: str, end: str
) -> None:
    if kernel_has("wireguard"):
        pytest.skip("needs a kernel without tunnels")
    tunnel = ec.add(f"linux::{rtype}", *two_ends(ec, hosts, f"linux::{end}"), critical=False)
    ec.deploy()
    ec.wait_deployed([tunnel], SOON)
    failure = ec.resource(tunnel.guid).failure
    assert "Its kernel has no" in failure
    assert "modprobe" in failure
    assert kind in failure


@pytest.mark.slow
def test_a_tunnel_lives_on_without_its_controller_and_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    run_dir = tmp_path / "runs" / "x" / "r"
    die_when(run_dir, PROGRAM, lambda _lines: (run_dir / "traces" / "ping" / "stdout").exists())
    with ExperimentController.attach("x/r") as ec:
        assert ec.lost == []
        ec.complete()
        assert ec.handle("ping").result.received == 5
    summary = summary_of(run_dir)
    assert (summary["outcome"], summary["failed"], summary["not_released"], summary["trouble"]) == ("finished", {}, [], [])
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        assert ledger.rows() == []


@pytest.mark.slow
def test_a_tunnel_that_its_controller_died_over_is_made_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    run_dir = tmp_path / "runs" / "x" / "r"
    die_when(run_dir, PROGRAM, lambda lines: json.dumps(lines).count("READY") >= 5)
    with ExperimentController.attach("x/r") as ec:
        ec.complete()
        assert ec.handle("ping").result.received == 5
    assert summary_of(run_dir)["outcome"] == "finished"
