from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from nepi import ExperimentController, ExperimentError, Handle, ResourceState
from nepi.engine import events as ev
from nepi.errors import ConnectError, UsageError
from nepi.execution.ledger import Ledger, Row
from nepi.execution.ledger_kinds import collect
from nepi.execution.process_identity import ProcessIdentity
from tests.resources.controllers import MakeController
from tests.resources.netns.conftest import SOON, up

pytestmark = pytest.mark.netns


def ledger_rows(run_dir: str | Path) -> list[Row]:
    with Ledger(Path(run_dir) / "ledger.sqlite") as ledger:
        return ledger.rows()


def agent_of(run_dir: str | Path) -> ProcessIdentity:
    (identity,) = [ProcessIdentity.from_json(row.identity) for row in ledger_rows(run_dir) if row.kind == "agent"]
    assert identity is not None
    return identity


def busy(ec: ExperimentController, *, critical: bool = True) -> list[Handle]:
    """An experiment with something of every kind in it, up and running."""
    a, b, switch = ec.add("Node", name="a"), ec.add("Node", name="b"), ec.add("Switch", name="switch")
    ec.add("Link", a, switch, name="link", rate="10Mbit")
    interface = ec.add("NodeInterface", b, switch, name="interface", ip="192.0.2.2", prefix=24)
    ec.add("IPv6Address", interface, name="address", ip="2001:db8::2", prefix=64)
    app = ec.add("Application", a, command="sleep 600", name="app")
    waiting = ec.add("Application", a, command="sleep 600", name="waiting")
    waiting.start_when(app.started + "1h")
    for guid in ec.resources:
        ec.set(guid, "critical", critical)
    ec.deploy()
    result = ec.wait_for(app.started & waiting.ready & interface.started, SOON)
    assert result, result.reason
    return [ec.handle(guid) for guid in ec.resources]


def test_when_the_agent_is_killed_everything_fails_at_once_and_says_why(controller: MakeController) -> None:
    ec = controller()
    resources = busy(ec, critical=False)
    agent_of(ec.run_dir).kill()
    result = ec.wait(resources, ResourceState.FAILED, "5s")
    assert result, result.reason
    assert {one.name: one.failure for one in resources if "namespace agent" not in one.failure and "was lost" not in one.failure} == {}


def test_when_the_agent_is_killed_a_run_with_critical_resources_is_aborted(controller: MakeController) -> None:
    ec = controller()
    resources = busy(ec)
    agent_of(ec.run_dir).kill()
    result = ec.wait_finished(resources, "5s")
    assert not result or ec.abort
    ec.shutdown()
    assert {one.state for one in resources} == {ResourceState.RELEASED}


def test_a_run_whose_agent_is_killed_ends_and_raises(controller: MakeController) -> None:
    ec = controller()
    a = ec.add("Node")
    app = ec.add("Application", a, command="sleep 600")

    class Killer:
        def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
            if app.start_time is not None:
                agent_of(ec.run_dir).kill(0.0)

    ec.observers.append(Killer())
    began = time.monotonic()
    with pytest.raises(ExperimentError, match="agent|was lost"):
        ec.run(deadline=SOON)
    assert time.monotonic() - began < 5
    assert {ec.state(guid, hr=True) for guid in ec.resources} == {"RELEASED"}


def test_what_is_asked_of_a_dead_agent_is_refused_and_does_not_hang(controller: MakeController) -> None:
    ec = controller()
    a, b = ec.add("Node", name="a", critical=False), ec.add("Node", name="b", critical=False)
    link = ec.add("Link", a, b, critical=False)
    up(ec)
    agent_of(ec.run_dir).kill()
    with pytest.raises((ConnectError, UsageError)):
        ec.exec(a, ["true"])
    assert ec.wait_for(link.failed, SOON)
    late = ec.add("Node", name="late", critical=False)
    ec.deploy()
    assert ec.wait_for(late.failed, SOON)
    assert "agent" in late.failure


CONTROLLER = """
import sys, threading
from nepi import ExperimentController, trace_matches
ec = ExperimentController("killed", sys.argv[1], backend="netns", run_id="run")
a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
ec.add("Link", a, b, rate="10Mbit")
app = ec.add("Application", a, command="echo kept; sleep 600", name="app")
ec.iperf3(a, b, duration="600s")
ec.deploy()
assert ec.wait_for(app.started & trace_matches(app, "kept"), "20s")
print("up", flush=True)
threading.Event().wait()
"""


def test_a_controller_that_is_killed_leaves_a_run_that_its_ledger_gives_back(tmp_path: Path) -> None:
    controller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(CONTROLLER), str(tmp_path)], stdout=subprocess.PIPE)
    assert controller.stdout is not None
    assert controller.stdout.readline() == b"up\n"
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    controller.stdout.close()
    run_dir = tmp_path / "killed" / "run"
    agent = agent_of(run_dir)
    assert agent.is_alive()
    assert (run_dir / "traces" / "app" / "stdout").read_text() == "kept\n"
    collected = collect(run_dir / "ledger.sqlite")
    assert collected.left == ()
    assert {"agent", "netns", "link", "process"} <= {row.kind for row in collected.released}
    assert not agent.is_alive()
    assert ledger_rows(run_dir) == []
    assert collect(run_dir / "ledger.sqlite").released == ()


def test_a_deployment_that_is_interrupted_leaves_nothing_half_done(controller: MakeController) -> None:
    ec = controller()
    nodes = [ec.add("Node", name=f"n{number}") for number in range(40)]
    for one, other in zip(nodes, nodes[1:], strict=False):
        ec.add("Link", one, other, rate="10Mbit")
    ec.deploy()
    ec.release()
    ec.shutdown()
    assert {ec.state(guid, hr=True) for guid in ec.resources} == {"RELEASED"}
    assert ec.left_behind == {}


def test_a_released_node_takes_along_commands_that_ignore_term(controller: MakeController) -> None:
    ec = controller()
    a = ec.add("Node", name="a")
    app = ec.add("Application", a, command="trap '' TERM; sleep 600", grace="50ms", name="app")
    up(ec)
    pid = app.process.pid
    ec.release([a])
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
