"""Policies and injected faults on namespaces: processes that are killed, cables that are cut, disks that are full, for real."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from nepi import ExperimentController, Replace, Retry, trace_matches
from nepi.engine.replay import replay
from nepi.errors import PlanError
from nepi.execution.journal import batches
from nepi.execution.ledger import Ledger
from nepi.execution.process_identity import ProcessIdentity
from nepi.testing import Fault, FaultSchedule
from tests.resources.controllers import MakeController
from tests.resources.netns.conftest import SOON, reaches, up

pytestmark = pytest.mark.netns


def test_an_application_that_fails_while_it_runs_is_started_again(controller: MakeController) -> None:
    ec = controller()
    node = ec.add("Node")
    app = ec.add("Application", node, command="sh -c 'test -e came || { touch came; sleep 0.2; exit 3; }'")
    ec.set_policy(app, Retry(2, 0.1, runs=True))
    ec.run(deadline=SOON)
    assert (app.failure, ec.abort) == ("", False)
    assert replay(batches(Path(ec.run_dir) / "journal.jsonl")).differences == []


def test_the_result_of_a_tool_is_that_of_its_last_start(controller: MakeController) -> None:
    ec = controller()
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", a, b, name="link")
    ping = ec.add("Ping", a, target=b, count=2, interval="10ms", timeout="100ms")
    ec.set_policy(ping, Retry(20, 0.1, 1.0, runs=True))
    ec.deploy([a, b, link])
    ec.wait_started([a, b, link], SOON)
    link.set(up=False)
    ec.deploy()
    assert ec.wait_for(trace_matches(ping, "100% packet loss"), SOON)
    link.set(up=True)
    assert ec.wait_for(ping.finished, SOON)
    assert ping.trace().count("ping statistics") > 1
    assert ping.result.transmitted == 2
    assert ping.result.received in (1, 2)  # the first may have been sent before the link was up


def test_a_namespace_has_no_other_candidates(controller: MakeController) -> None:
    ec = controller()
    ec.set_policy(ec.add("Node", name="a"), Replace())
    with pytest.raises(PlanError, match="has the policy Replace, but a netns::Node has no other candidates"):
        ec.deploy()
    ec.set_policy(ec.resource("a").guid, Retry(2))


def test_a_process_that_is_killed_is_started_again(controller: MakeController) -> None:
    ec = controller()
    app = ec.add("Application", ec.add("Node"), command="sleep 600", name="app")
    ec.set_policy(app, Retry(2, 0.1, runs=True))
    kill = Fault("kill", 0.1, target="app")
    follower = ec.add("Application", ec.handle(1), command="true")
    follower.start_when(app.exited(-9) & app.started + "1s")
    with FaultSchedule((kill,)).on(ec) as injection:
        ec.deploy()
        assert ec.wait_for(follower.finished, SOON)
        assert ec.wait_started(app, SOON)
        assert [fault for _, fault in injection.struck] == [kill]
    assert (app.state.name, app.failure, ec.abort) == ("STARTED", "", False)


def test_a_cable_is_cut_and_mended(controller: MakeController) -> None:
    ec = controller()
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", a, b, name="link")
    again = ec.add("Application", a, command="sleep 0.8")
    with FaultSchedule((Fault("cut", 0.3, target="link", for_s=0.2),)).on(ec) as injection:
        up(ec)
        assert ec.wait_for(again.finished, SOON)
        assert [fault.kind for _, fault in injection.struck] == ["cut"]
        assert link.get("up") is True
        assert reaches(ec, a, "b")


def test_a_host_that_is_dropped_loses_what_runs_on_it_and_no_other_does(controller: MakeController) -> None:
    ec = controller()
    a, b, c = (ec.add("Node", name=name, critical=False) for name in "abc")
    for end in (a, c):
        ec.add("Link", end, b, critical=False)
    lost = ec.add("Application", a, command="sleep 600", critical=False)
    kept = ec.add("Application", c, command="sleep 600")
    with FaultSchedule((Fault("drop", 0.5, target="a"),)).on(ec) as injection:
        ec.deploy()
        assert ec.wait_for(a.failed & lost.failed, SOON)
        assert injection.missed == []
        assert kept.state.name == "STARTED"
        assert reaches(ec, b, "c")
        assert not reaches(ec, b, "a")


def test_an_agent_that_is_killed_takes_everything_along(controller: MakeController) -> None:
    ec = controller()
    app = ec.add("Application", ec.add("Node", critical=False), command="sleep 600", critical=False)
    with FaultSchedule((Fault("agent", 0.5),)).on(ec) as injection:
        ec.deploy()
        assert ec.wait_for(app.failed, SOON)
        assert [fault.kind for _, fault in injection.struck] == ["agent"]


@pytest.fixture
def small(tmp_path: Path) -> Generator[Path]:
    """A file system of eight megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.root
def test_a_disk_that_is_full_aborts_the_run_and_everything_is_given_back(small: Path) -> None:
    ec = ExperimentController("full", small, backend="netns")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b)
    chatter = ec.add("Application", a, command="sh -c 'while echo many words; do sleep 0.01; done'", critical=False)
    with contextlib.closing(_Closing(ec)), FaultSchedule((Fault("disk", 1.0),)).on(ec) as injection:
        ec.deploy()
        ec.wait_for(chatter.finished, SOON)
        assert [fault.kind for _, fault in injection.struck] == ["disk"]
        assert os.statvfs(small).f_bavail == 0
        # Whatever is announced next cannot be written down: the run is aborted, and is given back from memory.
        ec.release()
    assert {ec.state(guid, hr=True) for guid in ec.resources} == {"RELEASED"}
    assert replay(batches(Path(ec.run_dir) / "journal.jsonl")).differences == []
    assert sum(path.stat().st_size for path in Path(ec.run_dir).glob("traces/**/*") if path.is_file()) > 0
    with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:  # rows could not be taken out; what they speak of is gone
        agents = [ProcessIdentity.from_json(row.identity) for row in ledger.rows() if row.kind == "agent"]
    assert [one for one in agents if one is not None and one.is_alive()] == []


class _Closing:
    def __init__(self, ec: ExperimentController) -> None:
        self._ec = ec

    def close(self) -> None:
        self._ec.shutdown()
