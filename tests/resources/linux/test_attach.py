"""Runs on hosts whose controller was killed: what runs there runs on, is taken hold of again, and nothing is done twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nepi import ExperimentController
from nepi.execution.ledger import Ledger
from nepi.lab import Lab
from tests.execution.dying import die_when, has, lines_of, summary_of
from tests.resources.linux.conftest import on

PROGRAM = """
with ExperimentController("x", backend="linux", run_id="r") as ec:
    a, b = ec.add("Node", name="a", NODE_A), ec.add("Node", name="b", NODE_B)
    count = ec.add("Application", a, command="for i in $(seq 10); do echo $i; sleep 0.1; done; echo all > file", name="count")
    late = ec.add("Application", b, command="echo late", bins="/bin/true", name="late")
    late.start_when(count.started + "700ms")
    ec.add("Server", b, command="echo $$; exec sleep 600", name="server")
    ec.run()
"""
READY, STARTED, RUNNING = '["entered","READY"', '["entered","STARTED"', '["perform","START",'

INSTANTS = {
    "nothing is made yet": has('["deploy_asked",'),
    "hosts are being reached": has('["perform","DEPLOY",'),
    "some are ready": has(READY),
    "some have started": has(RUNNING, STARTED),
    "a command has ended": has('["exited",'),
    "services are being stopped": has('["action_asked","STOP"'),
}


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    return tmp_path / "runs" / "x" / "r"


def here(run_dir: Path) -> str:
    """The program with two nodes that are this machine."""
    node = f'hostname="localhost", home="{run_dir.parents[2]}"'
    return PROGRAM.replace("NODE_A", node).replace("NODE_B", node)


def there(lab: Lab) -> str:
    """The program with two hosts of a lab."""
    node = f'sshConfig="{lab.ssh_config}"'
    return PROGRAM.replace("NODE_A", f'hostname="h1", {node}').replace("NODE_B", f'hostname="h2", {node}')


def rows(run_dir: Path) -> list[str]:
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        return [row.kind for row in ledger.rows()]


def check_taken_up(run_dir: Path) -> None:
    """Attach, let it come to its end, and see that it is as if nobody had died."""
    with ExperimentController.attach("x/r") as ec:
        assert ec.lost == []
        ec.complete()
    summary = summary_of(run_dir)
    assert (summary["outcome"], summary["failed"], summary["not_released"], summary["trouble"]) == ("finished", {}, [], [])
    traces = run_dir / "traces"
    assert (traces / "count" / "stdout").read_text().split() == [str(number) for number in range(1, 11)]
    assert (traces / "count" / "file").read_text() == "all\n"
    assert (traces / "late" / "stdout").read_text() == "late\n"
    assert rows(run_dir) == []


@pytest.mark.netns
@pytest.mark.slow
@pytest.mark.parametrize("instant", INSTANTS)
def test_a_run_on_this_machine_finishes_as_if_its_controller_had_not_been_killed_when(run_dir: Path, instant: str) -> None:
    die_when(run_dir, here(run_dir), INSTANTS[instant])
    check_taken_up(run_dir)


@pytest.mark.root
@pytest.mark.parametrize("instant", ["some are ready", "some have started"])
def test_a_run_over_ssh_finishes_as_if_its_controller_had_not_been_killed_when(lab: Lab, run_dir: Path, instant: str) -> None:
    die_when(run_dir, there(lab), INSTANTS[instant])
    check_taken_up(run_dir)


@pytest.mark.root
def test_everything_on_hosts_is_given_back_when_nobody_takes_the_run_up(lab: Lab, run_dir: Path) -> None:
    die_when(run_dir, there(lab), has(RUNNING, STARTED))
    argv = [sys.executable, "-m", "nepi.cli", "release", "x/r"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert rows(run_dir) == []
    for host in ("h1", "h2"):
        assert on(lab, host, "ls /root/.nepi/nepi-exp/x 2>/dev/null; ps -eo args | grep -c '[s]leep 600' || true") == "0\n"
    assert lines_of(run_dir)
