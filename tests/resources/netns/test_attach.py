"""Experiments on namespaces whose controller was killed: what it had made and started is taken hold of, nothing is done twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError
from nepi.execution.ledger import Ledger
from nepi.execution.process_identity import ProcessIdentity
from tests.conftest import SESSION_VARIABLE
from tests.execution.dying import DEADLINE_S, HEAD, die_when, has, lines_of, summary_of
from tests.hosts.worlds import SOURCE, as_nobody, python_for_anybody

pytestmark = [pytest.mark.netns, pytest.mark.slow]

PROGRAM = """
with ExperimentController("x", backend="netns", run_id="r") as ec:
    a, b, router = ec.add("Node", name="a"), ec.add("Node", name="b"), ec.add("Node", name="router")
    switch = ec.add("Switch", name="switch")
    ec.add("Link", a, switch, rate="10Mbit", name="wire")
    ec.add("Link", router, switch, name="up")
    interface = ec.add("NodeInterface", b, ec.add("Link", router, name="down"), name="port")
    ec.add("IPv4Address", interface, ip="192.0.2.2", prefix="24", name="address")
    ec.add("IPv4Route", a, network="default", nexthop=router, name="there")
    ec.add("IPv4Route", b, network="default", nexthop=router, name="back")
    server = ec.add("Server", b, command=LISTEN, listens=80, name="server")
    ping = ec.add("Ping", a, target="192.0.2.2", count=6, interval="100ms", name="ping")
    ping.start_when(server.started)
    count = ec.add("Application", a, command="for i in $(seq 10); do echo $i; sleep 0.1; done", name="count")
    late = ec.add("Application", b, command="echo late", name="late")
    late.start_when(count.started + "700ms")
    ec.handle("wire").set_when(count.started + "300ms", rate="5Mbit")
    ec.run()
"""
LISTEN = "LISTEN = 'python3 -I -S -c \"import socket, time; s = socket.create_server((str(), 80)); time.sleep(3600)\"'\n"
COLLECT = """
from pathlib import Path
from nepi.execution.ledger_kinds import collect
from nepi.execution.stored import open_store
[run] = open_store().runs()
assert collect(run.path / "ledger.sqlite").left == (), run
"""

READY, STARTED, RUNNING = '["entered","READY"', '["entered","STARTED"', '["perform","START",'

INSTANTS = {
    "nothing is made yet": has('["deploy_asked",'),
    "nodes are being made": has('["perform","DEPLOY",'),
    "some are ready": has(READY),
    "the last ones are being deployed": lambda lines: has('["perform","DEPLOY",')(lines) and json.dumps(lines).count("READY") >= 4,
    "starts have been ordered": has(RUNNING),
    "some have started": has(RUNNING, STARTED),
    "a change has been made": has('"set":{'),
    "a command has ended": has('["exited",'),
    "services are being stopped": has('["action_asked","STOP"'),
}


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEPI_HOME", str(tmp_path))
    return tmp_path / "runs" / "x" / "r"


def rows(run_dir: Path) -> list[str]:
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        return [row.kind for row in ledger.rows()]


def agent_of(run_dir: Path) -> ProcessIdentity:
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        identity = next(ProcessIdentity.from_json(row.identity) for row in ledger.rows() if row.kind == "agent")
    assert identity is not None
    return identity


@pytest.mark.parametrize("instant", INSTANTS)
def test_a_run_finishes_as_if_its_controller_had_not_been_killed_when(run_dir: Path, instant: str) -> None:
    die_when(run_dir, LISTEN + PROGRAM, INSTANTS[instant])
    with ExperimentController.attach("x/r") as ec:
        assert ec.lost == []
        ec.complete()
        assert ec.handle("ping").result.received == 6
    summary = summary_of(run_dir)
    assert (summary["outcome"], summary["failed"], summary["not_released"], summary["trouble"]) == ("finished", {}, [], [])
    assert (run_dir / "traces" / "count" / "stdout").read_text().split() == [str(number) for number in range(1, 11)]
    assert (run_dir / "traces" / "late" / "stdout").read_text() == "late\n"
    assert ec.get("wire", "rate") == 5_000_000
    assert rows(run_dir) == []


def test_commands_go_on_while_nobody_controls_the_run_and_their_exits_are_found(run_dir: Path) -> None:
    die_when(run_dir, LISTEN + PROGRAM, has(RUNNING, STARTED, '"set":{'))
    exits = run_dir / "exits.jsonl"
    with subprocess.Popen(["sh", "-c", f'until grep -q a\\\\. "{exits}"; do sleep 0.05; done']) as waiting:
        assert waiting.wait(30) == 0
    before = len(lines_of(run_dir))
    with ExperimentController.attach("x/r") as ec:
        ec.complete()
    assert [line for line in lines_of(run_dir)[before:] if "exited" in json.dumps(line)]
    assert summary_of(run_dir)["outcome"] == "finished"


def test_when_the_agent_has_died_too_the_run_says_what_was_lost_and_nothing_is_left(run_dir: Path) -> None:
    die_when(run_dir, LISTEN + PROGRAM, has(RUNNING, STARTED, '"set":{'))
    os.kill(agent_of(run_dir).pid, signal.SIGKILL)
    ec = ExperimentController.attach("x/r")
    assert "a: it could not be taken up again: the namespace agent has ended" in "\n".join(ec.lost)
    with pytest.raises(ExperimentError, match="the namespace agent has ended"):
        ec.complete()
    assert summary_of(run_dir)["outcome"] == "aborted"
    assert summary_of(run_dir)["lost"] != []
    assert rows(run_dir) == []


def test_a_lease_gives_namespaces_back_when_controller_and_agent_are_dead(run_dir: Path) -> None:
    from nepi.execution.ledger_kinds import is_alive

    lease = PROGRAM.replace('run_id="r")', 'run_id="r", lease="200ms")')
    die_when(run_dir, LISTEN + lease, has(RUNNING, STARTED))
    agent = agent_of(run_dir)
    os.kill(agent.pid, signal.SIGKILL)
    deadline = time.monotonic() + DEADLINE_S
    while json.loads((run_dir / "run.json").read_text())["state"] == "running":
        assert time.monotonic() < deadline, "nobody has given the run back"
        time.sleep(0.02)
    assert json.loads((run_dir / "run.json").read_text())["state"] == "collected"
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        assert [row for row in ledger.rows() if is_alive(row)] == []


def test_links_in_user_space_and_their_timelines_go_on(run_dir: Path, tmp_path: Path) -> None:
    timeline = tmp_path / "timeline.csv"
    timeline.write_text("time,delay\n0.2,2ms\n0.4,3ms\n0.6,4ms\n0.8,5ms\n1.5,6ms\n")
    program = f"""
    with ExperimentController("x", backend="netns", run_id="r") as ec:
        a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
        ec.add("Link", b, a, delay="1ms", delayBack="7ms", implementation="userspace", timeline={str(timeline)!r}, name="wire")
        ec.add("Ping", a, target=b, count=20, interval="100ms", name="ping")
        ec.run()
    """
    die_when(run_dir, program, lambda lines: json.dumps(lines).count('"set": {') == 2)
    timeline.unlink()
    with ExperimentController.attach("x/r") as ec:
        assert ec.lost == []
        ec.complete()
        assert ec.handle("ping").result.received == 20
        assert ec.resource("wire").connections_in_order() == (ec.guid_of("b"), ec.guid_of("a"))
    changes = (run_dir / "traces" / "wire" / "changes").read_text().splitlines()
    assert [line.split(",")[-1] for line in (changes[1], changes[-1])] == ["0.002", "0.006"]
    assert summary_of(run_dir)["outcome"] == "finished"
    assert rows(run_dir) == []


def test_a_kept_run_is_taken_up_and_given_back_in_order(run_dir: Path) -> None:
    keep = PROGRAM.replace('run_id="r")', 'run_id="r", keep=True)').replace("ec.run()", "ec.deploy(); ec.wait_started(ec.resources)")
    die_when(run_dir, LISTEN + keep, lambda lines: bool(lines) and '"kept"' in (run_dir / "run.json").read_text())
    with ExperimentController.attach("x/r") as ec:
        ec.complete()
    assert summary_of(run_dir)["outcome"] == "finished"
    assert rows(run_dir) == []


def test_two_runs_of_the_same_names_do_not_touch_each_other(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cli.conftest import nepi

    other = tmp_path / "other" / "runs" / "x" / "r"
    for one in (run_dir, other):
        die_when(one, LISTEN + PROGRAM, has(RUNNING, STARTED))
    first, second = agent_of(run_dir), agent_of(other)
    assert nepi("gc").status == 0
    assert (first.is_alive(), second.is_alive()) == (False, True)
    monkeypatch.setenv("NEPI_HOME", str(tmp_path / "other"))
    with ExperimentController.attach("x/r") as ec:
        ec.complete()
    assert summary_of(other)["outcome"] == "finished"
    assert not second.is_alive()


@pytest.mark.root
def test_runs_of_two_users_with_the_same_names_do_not_touch_each_other(run_dir: Path) -> None:
    from tests.cli.conftest import nepi

    python = python_for_anybody()
    if python is None:
        pytest.skip("needs an interpreter that the user nobody may execute")
    with tempfile.TemporaryDirectory(prefix="nepi-") as folder:
        shutil.copytree(SOURCE, f"{folder}/src", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chown", "-R", "65534:65534", folder], check=True)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}/src", "HOME": folder, "NEPI_HOME": folder}
        environment |= {SESSION_VARIABLE: os.environ[SESSION_VARIABLE], "PYTHONDONTWRITEBYTECODE": "1"}
        theirs = Path(folder, "runs", "x", "r")
        argv = [*as_nobody(), python, "-c", HEAD + LISTEN + PROGRAM]
        with subprocess.Popen(argv, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
            while not has(RUNNING, STARTED)(lines_of(theirs)):
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.005)
            process.kill()
        die_when(run_dir, LISTEN + PROGRAM, has(RUNNING, STARTED))
        mine, other = agent_of(run_dir), agent_of(theirs)
        collect = [*as_nobody(), python, "-c", COLLECT]
        done = subprocess.run(collect, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert (mine.is_alive(), other.is_alive()) == (True, False)
    assert nepi("gc").status == 0
    assert not mine.is_alive()
    assert rows(run_dir) == []
