"""Links in user space as resources: what becomes of them with the process that moves their frames, and beyond its ceiling."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from nepi import ExperimentController, Handle, ResourceState
from nepi.execution.ledger import Ledger
from nepi.execution.process_identity import ProcessIdentity
from tests.resources.controllers import MakeController
from tests.resources.netns.conftest import SOON, reaches, sh, up

pytestmark = pytest.mark.netns


def two_nodes(ec: ExperimentController) -> tuple[Handle, Handle, Handle, Handle]:
    """Two nodes with one link in user space and one of the kernel's, deployed."""
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", a, b, name="link", implementation="userspace", delay="1ms")
    other = ec.add("Link", a, b, name="other", implementation="kernel")
    for guid in ec.resources:
        ec.set(guid, "critical", False)
    up(ec)
    return a, b, link, other


def wire_of(ec: ExperimentController) -> ProcessIdentity:
    with Ledger(Path(ec.run_dir) / "ledger.sqlite") as ledger:
        (row,) = [row for row in ledger.rows() if row.kind == "process"]
    identity = ProcessIdentity.from_json(row.identity)
    assert identity is not None
    return identity


def test_when_the_wire_process_is_killed_its_links_fail_and_say_why_and_the_others_stay(ec: ExperimentController) -> None:
    a, _, link, other = two_nodes(ec)
    wire_of(ec).kill()
    result = ec.wait([link], ResourceState.FAILED, "5s")
    assert result, result.reason
    assert link.failure.startswith("the wire process, which moves the frames of user-space links, has ended (status -9)")
    assert "wire.log" in link.failure
    assert (a.state, other.state) == (ResourceState.STARTED, ResourceState.STARTED)


def test_a_link_pushed_beyond_its_ceiling_marks_the_run(controller: MakeController) -> None:
    ec = controller()
    a, _, link, _ = two_nodes(ec)
    assert reaches(ec, a, "b")
    wire = wire_of(ec)
    os.kill(wire.pid, signal.SIGSTOP)
    waits = ec.exec(a, ["ping", "-n", "-c", "3", "-i", "0.01", "-W", "1", "b"], deadline=SOON)
    assert waits.exit.status == 1
    os.kill(wire.pid, signal.SIGCONT)
    assert reaches(ec, a, "b")
    sh(ec, a, "true")
    ec.shutdown()
    marks = json.loads((Path(ec.run_dir) / "summary.json").read_text())["marks"]
    assert {mark["resource"] for mark in marks} == {"link"}
    assert "from a to b: pushed beyond what the user-space link can do here" in marks[0]["what"]


def test_a_run_that_was_not_pushed_has_no_marks(controller: MakeController) -> None:
    ec = controller()
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b, name="link", implementation="kernel")
    up(ec)
    ec.shutdown()
    assert json.loads((Path(ec.run_dir) / "summary.json").read_text())["marks"] == []
