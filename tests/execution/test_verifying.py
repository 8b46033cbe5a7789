"""Verification as the controller does it: what is measured when, what waits for it, where it is kept. The link is a test's own type."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import ClassVar

import pytest

from nepi.errors import ExperimentError, ResourceError, UsageError
from nepi.execution.attribute import Attribute
from nepi.execution.invocation import Invocation, invoked
from nepi.execution.resource import ResourceManager
from nepi.execution.verification_rounds import Load
from nepi.execution.verifying import Verified
from nepi.model.promises import Promise, Verification
from nepi.model.states import ResourceState
from nepi.model.typespec import Role
from nepi.testing import VirtualController
from nepi.testing.pytest_plugin import MakeController
from tests.execution.managers import add


class Rope(ResourceManager, rtype="v::Rope"):
    """A link whose verification takes ten seconds and finds what its attributes say."""

    service = True
    role: ClassVar[Role] = "node"  # a part of the network that needs no ends
    is_plugged = True
    is_changing = False

    holds = Attribute.boolean(True, help="Whether it keeps its promise.")
    shaped = Attribute.boolean(True, help="Whether it promises anything.")
    breaks = Attribute.boolean(False, help="Whether it cannot be measured.")
    tears = Attribute.boolean(False, help="Whether it cannot be deployed.")
    post = Attribute.integer(0, help="What it is tied to.")

    async def deploy(self) -> None:
        if self.get("tears"):
            raise ResourceError("torn")

    @property
    def is_shaped(self) -> bool:
        return bool(self.get("shaped"))

    def verification_load(self, budget_s: float) -> Load:
        return Load(frozenset({self.get("post") or self.guid}), 100.0, 10.0)

    async def verify(self, budget_s: float) -> Verified:
        await asyncio.sleep(10.0)
        if self.get("breaks"):
            raise ResourceError(f"{self.name} slipped")
        return Verified((promise(self.name, bool(self.get("holds"))),), ({"budget_s": budget_s},))


def promise(name: str, kept: bool) -> Promise:
    return Promise(name, "a > b", "rate", 10.0, 10.0 if kept else 5.0, 9.0, 11.0, kept)


def up(ec: VirtualController, *names: str, **values: object) -> None:
    for name in names:
        ec.add("v::Rope", name=name, attributes=values)
    ec.deploy()
    assert ec.wait_started(ec.resources)


def test_a_link_is_verified_and_the_result_is_kept(ec: VirtualController) -> None:
    up(ec, "l")
    found = ec.verify("l", budget="2s")
    assert found == Verification((promise("l", True),)) == ec.promises
    lines = (Path(ec.run_dir) / "verification.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    assert (len(lines), record["link"], record["promises"]) == (1, "l", [promise("l", True).to_record()])
    assert record["looks"] == [{"budget_s": 2.0}]
    ec.shutdown()
    summary = json.loads((Path(ec.run_dir) / "summary.json").read_text())
    assert (summary["outcome"], summary["promises"]) == ("finished", [promise("l", True).to_record()])


def test_a_handle_verifies_its_link(ec: VirtualController) -> None:
    rope = ec.add("v::Rope", name="l", holds=False)
    ec.deploy()
    ec.wait_started(rope)
    assert rope.verify().broken == (promise("l", False),)


def test_all_shaped_links_are_verified_by_default_and_those_without_a_common_node_together(ec: VirtualController) -> None:
    for name, post in (("l", 1), ("m", 2), ("n", 1)):
        ec.add("v::Rope", name=name, post=post)
    ec.add("v::Rope", name="bare", shaped=False)
    up(ec)
    began = ec.now
    assert [one.link for one in ec.verify()] == ["l", "m", "n"]
    assert ec.now - began == 20.0
    assert [one.link for one in ec.verify("bare", "l")] == ["bare", "l"]
    assert len(ec.promises) == 5


def test_where_no_link_is_shaped_nothing_is_verified(ec: VirtualController) -> None:
    up(ec, "l", shaped=False)
    assert ec.verify() == Verification()
    assert not (Path(ec.run_dir) / "verification.jsonl").exists()


def test_what_cannot_be_verified_is_refused(ec: VirtualController) -> None:
    add(ec, "t::Async", name="app")
    rope = ec.add("v::Rope", name="l")
    with pytest.raises(UsageError, match=r"verify: app \(t::Async\) cannot be verified"):
        ec.verify("app")
    with pytest.raises(UsageError, match=r"verify: l \(v::Rope\) is not up \(it is NEW\)"):
        rope.verify()
    up(ec)
    rope.manager.is_plugged = False  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"verify: l \(v::Rope\) is unplugged"):
        rope.verify()


def test_a_link_that_changes_by_itself_is_left_out_and_refused_when_it_is_named(ec: VirtualController) -> None:
    up(ec, "l", "m")
    ec.resource("l").is_changing = True  # type: ignore[attr-defined]
    assert [one.link for one in ec.verify()] == ["m"]
    with pytest.raises(UsageError, match=r"verify: l \(v::Rope\) follows a timeline"):
        ec.verify("l")


def test_nothing_is_verified_while_an_application_runs(ec: VirtualController) -> None:
    ec.add("v::Rope", name="l")
    ec.add("Application", name="app", duration="1h")
    up(ec)
    with pytest.raises(UsageError, match=r"verify: app \(dummy::Application\) is running"):
        ec.verify()


def test_a_link_that_cannot_be_measured_raises(ec: VirtualController) -> None:
    up(ec, "l", breaks=True)
    with pytest.raises(ResourceError, match="l slipped"):
        ec.verify()


# Before anything starts.


def test_applications_start_after_all_links_were_verified(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    ec.add("v::Rope", name="l", post=1), ec.add("v::Rope", name="m", post=1)
    app = ec.add("Application", name="app", duration="1s")
    ec.deploy()
    ec.wait_for(app.ready)
    assert ec.why(app) == "app is READY; it waits to start until the verification of links is READY or beyond."
    assert ec.wait_finished(app)
    assert (ec.now, [one.link for one in ec.promises]) == (21.0, ["l", "m"])


def test_a_link_itself_starts_when_it_was_verified_for_then_it_may_change_by_itself(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    rope = ec.add("v::Rope", name="l")
    ec.deploy()
    assert ec.wait_for(rope.ready)
    assert ec.now == 0.0
    assert ec.wait_started(rope)
    assert ec.now == 10.0


def test_a_broken_promise_lets_the_run_go_on(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    ec.add("v::Rope", name="l", holds=False)
    app = ec.add("Application", name="app", duration="1s")
    ec.run()
    assert app.manager.finish_time is not None
    assert not ec.promises


def test_each_deployment_is_verified(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    first = ec.add("Application", name="first", duration="1s")
    ec.add("v::Rope", name="l")
    ec.deploy()
    assert ec.wait_finished(first)
    second = ec.add("Application", name="second", duration="1s")
    ec.add("v::Rope", name="m")
    ec.deploy()
    assert ec.wait_finished(second)
    assert (ec.now, [one.link for one in ec.promises]) == (22.0, ["l", "m"])


def test_a_link_that_is_deployed_when_something_has_started_does_not_keep_it_from_starting(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    app = ec.add("Application", name="app", duration="1s")
    ec.add("v::Rope", name="late").deploy_when(app.started)
    ec.add("v::Rope", name="early")
    ec.deploy(wait_all_ready=False)
    assert ec.wait_finished(app)
    assert [one.link for one in ec.promises] == ["early"]


def test_a_link_that_fails_does_not_keep_others_from_being_verified(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    ec.set_policy(ec.add("v::Rope", name="torn", tears=True), "continue")
    ec.add("v::Rope", name="l")
    app = ec.add("Application", name="app", duration="1s")
    ec.deploy()
    assert ec.wait_finished(app)
    assert [one.link for one in ec.promises] == ["l"]


def test_a_run_whose_links_cannot_be_measured_is_aborted(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    ec.add("v::Rope", name="l", breaks=True)
    app = ec.add("Application", name="app")
    with pytest.raises(ExperimentError, match="links could not be verified: l slipped"):
        ec.run()
    assert app.manager.start_time is None


def test_an_abort_ends_the_waiting_for_links(new_controller: MakeController) -> None:
    ec = new_controller(verify=True)
    ec.add("Node", name="slow", deployTime="1h")
    ec.add("v::Rope", name="l")
    ec.deploy()
    ec.abort_run("enough")
    ec.shutdown()
    assert (ec.promises, ec.state("l")) == (Verification(), ResourceState.RELEASED)


def test_whoever_invoked_the_program_is_told_and_may_ask_for_it(new_controller: MakeController) -> None:
    told: list[str] = []
    with invoked(Invocation(verify=True, tell=told.append)):
        ec = new_controller()
        ec.add("v::Rope", name="l")
        ec.add("Application", name="app", duration="1s")
        ec.run()
    assert told == ["verifying l (0 of 1 links done, this takes about 10 s)", "all promises of 1 link kept"]
