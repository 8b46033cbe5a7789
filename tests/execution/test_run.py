"""Whole runs on the dummy backend: the face of the controller, conditions, attributes, growing while it runs, what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nepi.engine.replay import replay
from nepi.errors import (
    BadConnectionError,
    BadValueError,
    DescriptionError,
    ExperimentError,
    PlanError,
    RunError,
    UnknownAttributeError,
    UnknownResourceError,
    UnknownTypeError,
    UsageError,
)
from nepi.execution.ec import ECState, ExperimentController
from nepi.execution.handle import Handle
from nepi.execution.journal import batches, read_journal
from nepi.execution.resource import ResourceAction, ResourceFactory, ResourceManager, ResourceState
from nepi.model.conditions import quorum, trace_matches
from nepi.testing import Leaks, VirtualController, full_disk, virtual_controller
from nepi.testing.pytest_plugin import MakeController
from tests.execution.managers import Applied, Async, add, raising, states, taking

# The face


def test_the_first_example(ec: VirtualController) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    server = ec.add("Application", b, name="server", duration="1h")
    client = ec.add("Application", a, name="client", duration="5s")
    client.start_when(server.started + "1s")
    server.stop_when(client.finished)
    ec.run()
    assert ec.now == 6.0
    assert states(ec) == dict.fromkeys(["a", "b", "server", "client"], "RELEASED")


def test_a_manager_of_ones_own_is_as_short(ec: VirtualController) -> None:
    class Beacon(ResourceManager, rtype="t::Beacon"):
        """A packet every `interval` from the connected node."""

        needs = {Async: ResourceState.READY}

        async def start(self) -> None:
            assert self.peer(Async).state >= ResourceState.READY
            self.set_started()
            self.set_finished()

    node = add(ec, "t::Async", name="node", acts={"deploy": taking(10), "start": lambda rm: rm.set_finished()})
    ec.add("t::Beacon", node)
    ec.run()
    assert ec.now == 10.0
    other = ExperimentController("other")
    other.add("t::Beacon")
    with pytest.raises(PlanError, match=r"(?s)1 mistake.*beacon"):
        other.check()


def test_names_guids_and_handles_are_all_the_same(ec: VirtualController) -> None:
    node = ec.add("Node", name="a")
    assert [ec.guid_of(one) for one in ("a", 1, node)] == [1, 1, 1]
    assert ec.handle("a") == node
    assert (node.name, node.state, repr(node)) == ("a", ResourceState.NEW, "<dummy::Node 'a' (1) NEW>")
    assert ec.add("Node").name == "node-2"
    with pytest.raises(BadValueError, match="resource name 'a' is taken"):
        ec.add("Node", name="a")
    with pytest.raises(UnknownResourceError, match="belongs to another experiment"):
        ExperimentController("other", backend="dummy").guid_of(node)


def test_mistakes_are_told_at_the_line_and_nothing_is_added(ec: VirtualController) -> None:
    with pytest.raises(UnknownTypeError, match=r"no resource type 'dummy::Nod' \(did you mean 'Node'"):
        ec.add("Nod")
    with pytest.raises(UnknownAttributeError, match=r"dummy::Application has no attribute 'duratio' \(did you mean 'duration'"):
        ec.add("Application", duratio="1s")
    with pytest.raises(BadValueError, match=r"attribute 'duration'"):
        ec.add("Application", duration="soon")
    node = ec.add("Node")
    with pytest.raises(BadConnectionError, match="cannot be connected to itself"):
        ec.register_connection(node, node)
    assert ec.resources == [node.guid]


def test_a_refused_connection_is_on_neither_side(ec: VirtualController) -> None:
    """The original recorded it on one side."""

    class Shy(ResourceManager, rtype="t::Shy"):
        def valid_connection(self, guid: int) -> bool:
            return False

    shy, node = ec.add("t::Shy"), ec.add("Node")
    for one, other in ((shy, node), (node, shy)):
        with pytest.raises(BadConnectionError, match=r"cannot be connected"):
            ec.register_connection(one, other)
    assert [ec.resource(one).connections for one in (shy, node)] == [set(), set()]


def test_resources_by_type_and_removal(ec: VirtualController) -> None:
    node, app = ec.add("Node"), ec.add("Application")
    ec.register_connection(node, app)
    assert [one.guid for one in ec.get_resources_by_type("dummy::Node")] == ec.filter_resources("dummy::Node") == [1]
    ec.remove_resource(app)
    assert (ec.resources, node.connections) == ([1], set())
    ec.deploy()
    with pytest.raises(UsageError, match="node-1 is deployed; release it before removing it"):
        ec.remove_resource(node)
    ec.release(node)
    ec.remove_resource(node)
    assert ec.resources == []


def test_a_resource_that_the_engine_knows_may_be_removed(ec: VirtualController) -> None:
    node, app = ec.add("Node", name="node"), ec.add("Application", name="app")
    ec.register_connection(node, app)
    ec.deploy(node)
    ec.wait_started(node)
    ec.remove_resource(app)
    assert ec.release()
    assert states(ec) == {"node": "RELEASED"}


# Conditions


def test_conditions_compose(ec: VirtualController) -> None:
    a, b, c = (ec.add("Application", name=name, duration=f"{i}s") for i, name in enumerate("abc", 1))
    d = ec.add("Application", name="d").start_when((a.finished & b.finished) + "10s")
    e = ec.add("Application", name="e").start_when(a.failed | c.finished)
    f = ec.add("Application", name="f").start_when(quorum(0.5, [a, b, c], "FINISHED"))
    ec.deploy()
    assert ec.wait_for(f.started)
    assert ec.now == 2.0
    assert ec.wait_for(e.started)
    assert ec.now == 3.0
    assert ec.wait_for(d.started)
    assert ec.now == 12.0


def test_a_start_that_became_impossible_fails_naming_whom_it_waited_for(ec: VirtualController) -> None:
    a = ec.add("Application", name="a", duration="1s")
    ec.add("Application", name="b").start_when(a.failed)
    ec.deploy()
    assert ec.wait_started("b").reason == "b failed: cannot start: a is FINISHED and did not get FAILED before"


def test_a_start_with_a_deadline(ec: VirtualController) -> None:
    a = ec.add("Application", name="a", duration="1h")
    ec.add("Application", name="b").start_when(a.finished, deadline="10s")
    ec.deploy()
    assert ec.wait_started("b").reason == "b failed: cannot start: its deadline of 10 s has passed, and a.finished has not come true"


def test_a_line_of_a_trace_starts_another(ec: VirtualController, tmp_path: Path) -> None:
    class Writes(Async, rtype="t::Writes"):
        async def start(self) -> None:
            path = self.trace_path("output")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("starting\nready to go\n")
            self.set_started()

    writer = ec.add("t::Writes", name="w")
    ec.add("Application", name="b").start_when(trace_matches(writer, r"^ready", "output"))
    ec.deploy()
    assert ec.wait_finished("b")
    assert ec.trace("w", "output") == "starting\nready to go\n"


def test_register_condition_takes_one_or_many_and_checks(ec: VirtualController) -> None:
    a, b, c = (ec.add("Application", name=name, duration="1s").guid for name in "abc")
    ec.register_condition([b, c], ResourceAction.START, a, ResourceState.FINISHED, "2s")
    with pytest.raises(UnknownResourceError):
        ec.register_condition(a, ResourceAction.START, 9, ResourceState.STARTED)
    with pytest.raises(BadValueError):
        ec.register_condition(a, ResourceAction.START, b, 99)
    with pytest.raises(BadValueError):
        ec.register_condition(a, ResourceAction.START, b, ResourceState.STARTED, "a while")
    ec.run()
    assert ec.now == 4.0


def test_unregister_condition_lets_go(ec: VirtualController) -> None:
    a, b, c = (ec.add("Application", name=name, duration="1h") for name in "abc")
    ec.register_condition(c, ResourceAction.START, [a, b], ResourceState.FINISHED)
    ec.register_condition(c, ResourceAction.START, a, ResourceState.FAILED)
    ec.deploy()
    ec.wait_started([a, b])
    c.manager.unregister_condition([a.guid], ResourceAction.START)
    c.manager.unregister_condition(b.guid)
    assert ec.wait_started(c)
    assert ec.now == 0.0


def test_set_with_conditions_sets_when_it_is_time(ec: VirtualController) -> None:
    """The original: NameError, in all versions."""
    app = ec.add("Application", name="app", duration="1m")
    other = add(ec, "t::Applied", name="other")
    ec.set_with_conditions("size", 7, other, app, ResourceState.STARTED, "10s")
    other.set_when(app.started + "20s", size=8, colour="green")
    ec.deploy()
    ec.wait_for(app.started + "15s")
    assert (other.get("size"), other.get("colour")) == (7, "red")
    ec.wait_for(app.started + "25s")
    manager = other.manager
    assert isinstance(manager, Applied)
    assert manager.applied == [{"size": 7}, {"size": 8, "colour": "green"}]


def test_a_setting_that_became_impossible_fails_its_resource(ec: VirtualController) -> None:
    app = ec.add("Application", name="app", duration="1s")
    other = add(ec, "t::Applied", name="other", critical=False)
    other.set_when(app.failed, size=3)
    ec.deploy()
    ec.wait_for(other.failed)
    assert other.manager.failure == "cannot set size: app is FINISHED and did not get FAILED before"


# Attributes


def test_flags_bind_users_and_not_managers(ec: VirtualController) -> None:
    one = add(ec, "t::Async", fixed="set before")
    with pytest.raises(BadValueError, match="attribute 'measured' of async-1 .* can be read only; the resource sets it"):
        one.set(measured=3)
    with pytest.raises(BadValueError, match="attribute 'hidden' of async-1 .* cannot be read"):
        one.get("hidden")
    one.manager.set("measured", 3)
    assert one.get("measured") == 3.0
    ec.deploy()
    with pytest.raises(BadValueError, match="attribute 'fixed' of async-1 .* can be set before it is deployed only"):
        one.set(fixed="too late")
    one.manager.set("fixed", "by the resource")
    assert one.get("fixed") == "by the resource"


def test_setting_what_is_up_takes_effect_before_it_returns(ec: VirtualController) -> None:
    one = add(ec, "t::Applied", acts={"apply": lambda values: taking(2)(None)})
    one.set(size=2)
    ec.deploy()
    ec.wait_started(one)
    one.set(size=3, colour="green")
    manager = one.manager
    assert isinstance(manager, Applied)
    assert (manager.applied, ec.now) == ([{"size": 3, "colour": "green"}], 2.0)


def test_a_change_that_fails_is_undone(ec: VirtualController) -> None:
    one = add(ec, "t::Applied", acts={"apply": raising(RuntimeError("the kernel says no"))})
    ec.deploy()
    ec.wait_started(one)
    with pytest.raises(RuntimeError, match="the kernel says no"):
        one.set(size=3, colour="green")
    assert (one.get("size"), one.get("colour")) == (1, "red")


def test_attributes_are_copied_when_they_are_set(ec: VirtualController) -> None:
    one, other = add(ec, "t::Async"), add(ec, "t::Async")
    one.set(size=5)
    assert (one.get("size"), other.get("size"), Async.get_attribute("size").value) == (5, 1, 1)
    assert other.manager._own_attrs is None
    assert [one.value for one in Async.get_attributes() if one.name == "size"] == [1]


def test_global_values_are_shared_by_those_that_set_none(ec: VirtualController) -> None:
    one, other = add(ec, "t::Async"), add(ec, "t::Async")
    other.set(size=5)
    ec.set_global("t::Async", "size", 9)
    try:
        assert (one.get("size"), other.get("size"), ec.get_global("t::Async", "size")) == (9, 5, 9)
    finally:
        ec.set_global("t::Async", "size", 1)


def test_a_set_hook_sees_old_and_new(ec: VirtualController) -> None:
    seen: list[tuple[Any, Any]] = []

    class Hooked(ResourceManager):
        _rtype = "t::Hooked"

        @classmethod
        def _register_attributes(cls) -> None:
            from nepi.execution.attribute import Attribute

            def hook(old: Any, new: Any) -> Any:
                seen.append((old, new))
                return new.upper()

            cls._register_attribute(Attribute("word", "Any word.", default="a", set_hook=hook))

    Hooked._clsinit()
    ResourceFactory.register_type(Hooked)
    one = ec.add("t::Hooked", word="b")
    one.set(word="c")
    assert (seen, one.get("word")) == ([("a", "b"), ("B", "c")], "C")


def test_credentials_reach_no_file_and_no_log(ec: VirtualController, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    one = add(ec, "t::Async", name="one", secret="hunter2", acts={"start": raising()}, critical=False)
    two = add(ec, "t::Applied", name="two", secret="hunter2")
    assert one.get("secret") == "hunter2"
    ec.deploy()
    ec.wait_started([one, two])
    two.set_when(two.started, secret="hunter2 again")
    ec.settle()
    ec.shutdown()
    written = {path.name: path.read_bytes() for path in Path(ec.run_dir).rglob("*") if path.is_file()}
    assert [name for name, content in written.items() if b"hunter2" in content] == []
    assert "hunter2" not in caplog.text
    assert "experiment.json" in written


# Growing


def test_more_is_added_connected_and_deployed_while_it_runs(ec: VirtualController) -> None:
    node = ec.add("Node", name="node", deployTime="5s")
    ec.deploy()
    ec.wait_started(node)
    app = ec.add("Application", name="app", duration="10s")
    ec.wait_started(node)  # a wait before the description is complete
    ec.register_connection(app, node)
    assert ec.deploy(app) == 2
    assert ec.wait_finished(app)
    assert ec.now == 15.0
    ec.release(node)
    assert states(ec) == {"node": "RELEASED", "app": "RELEASED"}


def test_connections_made_after_a_wait_order_deployment_and_release(ec: VirtualController, log: list[str]) -> None:
    first = add(ec, "t::Async", name="first")
    ec.deploy()
    ec.wait_started(first)
    node = add(ec, "t::Async", name="node", acts={"deploy": taking(5)})
    needy = add(ec, "t::Needy", name="needy")
    ec.wait_started(first)
    ec.register_connection(needy, node)
    ec.deploy()
    assert ec.wait_started(needy)
    assert ec.now == 5.0
    ec.shutdown()
    assert [one for one in log if "release" in one] == ["first.release", "needy.release", "node.release"]


def test_a_wait_does_not_mind_that_something_is_not_described_to_its_end(ec: VirtualController) -> None:
    app = ec.add("Application", name="app", duration="1s")
    ec.deploy()
    ec.add("Interface", name="loose")
    assert ec.wait_finished(app)
    assert ec.release(app)


def test_a_member_added_to_a_group_after_its_barrier_has_opened_is_started(ec: VirtualController) -> None:
    ec.add("Node", name="a")
    group = ec.deploy()
    ec.wait_started("a")
    ec.add("Node", name="b")
    assert ec.deploy("b", group=group) == group
    assert ec.wait_started("b")


def test_a_member_added_before_the_barrier_has_opened_is_waited_for(ec: VirtualController) -> None:
    ec.add("Node", name="a", deployTime="5s")
    group = ec.deploy()
    ec.add("Node", name="b", deployTime="30s")
    ec.deploy("b", group=group)
    assert ec.wait_started("a")
    assert ec.now == 30.0


def test_without_the_barrier_each_starts_at_once(ec: VirtualController) -> None:
    ec.add("Node", name="a", deployTime="5s")
    ec.add("Node", name="b", deployTime="30s")
    ec.deploy(wait_all_ready=False)
    ec.wait_started("a")
    assert ec.now == 5.0


def test_deploying_a_part_leaves_the_rest(ec: VirtualController) -> None:
    ec.add("Node", name="a")
    ec.add("Node", name="b")
    ec.deploy("a")
    ec.wait_started("a")
    assert states(ec) == {"a": "STARTED", "b": "NEW"}
    ec.shutdown()
    assert states(ec) == {"a": "RELEASED", "b": "RELEASED"}


def test_a_part_is_released_and_then_the_rest(ec: VirtualController) -> None:
    """The original: a partial release ended the controller's mind, and the rest stayed."""
    for name in "ab":
        ec.add("Node", name=name)
    ec.deploy()
    ec.wait_started(["a", "b"])
    ec.release("a")
    assert (states(ec), ec.ecstate) == ({"a": "RELEASED", "b": "STARTED"}, ECState.RUNNING)
    ec.release()
    assert (states(ec), ec.ecstate) == ({"a": "RELEASED", "b": "RELEASED"}, ECState.RELEASED)


def test_releasing_a_node_releases_what_is_on_it_first(ec: VirtualController, log: list[str]) -> None:
    """The original: ec.release(node) alone hangs."""
    node = add(ec, "t::Async", name="node")
    add(ec, "t::Needy", node, name="app")
    ec.deploy()
    ec.wait_started("app")
    log.clear()
    ec.release(node)
    assert log == ["app.release", "node.release"]


def test_register_resource_may_connect_and_deploy(ec: VirtualController) -> None:
    node = ec.register_resource("Node")
    app = ec.register_resource("Application", connectedTo=node, autoDeploy=True, duration="1s")
    assert ec.resource(app).connections == {node}
    ec.deploy()
    assert ec.wait_finished(app)


# What is written


def test_the_journal_is_written_before_anything_is_done(ec: VirtualController) -> None:
    seen: list[list[Any]] = []

    def look(rm: ResourceManager) -> None:
        decided = [one for line in batches(Path(rm.ec.run_dir) / "journal.jsonl") for one in line["do"]]
        seen.append(decided[-1])

    add(ec, "t::Plain", acts={"deploy": look, "start": look, "release": look})
    ec.deploy()
    ec.wait_started(1)
    ec.shutdown()
    assert seen == [["perform", "DEPLOY", [1]], ["perform", "START", [1]], ["perform", "RELEASE", [1]]]


def test_the_journal_of_a_run_replays_to_the_same_decisions(ec: VirtualController) -> None:
    node = ec.add("Node", deployTime="333.3333333ms")
    server = ec.add("Application", node, duration="1h")
    client = ec.add("Application", node, duration="1.7s", failOn="start", failTimes=2)
    ec.set_policy(client, __import__("nepi").Retry(3, 0.1, 3.0))
    client.start_when(server.started + "123.4567ms")
    server.stop_when(client.finished)
    ec.run()
    path = Path(ec.run_dir) / "journal.jsonl"
    header = next(iter(read_journal(path)))
    result = replay(batches(path), stop_on_abort=header["stop_on_abort"])
    assert (result.differences, result.irregular) == ([], [])
    assert {one.state for one in result.engine.members.values()} == {ResourceState.RELEASED}


def test_a_full_disk_aborts_the_run_and_everything_is_released(ec: VirtualController, log: list[str]) -> None:
    for name in "ab":
        add(ec, "t::Async", name=name)
    ec.deploy()
    ec.wait_started(["a", "b"])
    late = add(ec, "t::Async", name="late")
    log.clear()
    with full_disk(ec):
        ec.deploy()
        result = ec.wait_started(late)
        assert not result
        assert "cannot be written: No space left on device" in result.reason
        ec.release()
    assert (states(ec), ec.abort) == (dict.fromkeys(["a", "b", "late"], "RELEASED"), True)
    assert sorted(log) == ["a.release", "b.release", "late.release"]


def test_run_tells_of_a_full_disk(ec: VirtualController) -> None:
    ec.add("Application", name="app", duration="1h")
    ec.deploy()
    ec.wait_started("app")
    with full_disk(ec), pytest.raises(ExperimentError, match="No space left on device"):
        ec.run()


def test_a_run_needs_a_folder_of_its_own(new_controller: MakeController, tmp_path: Path) -> None:
    first = new_controller(run_id="r1")
    first.add("Application")
    first.run()
    second = new_controller(run_id="r1")
    second.add("Application")
    with pytest.raises(RunError, match="run r1 of experiment test exists already"):
        second.run()


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a b", "x" * 129, ".hidden"])
def test_names_that_are_no_folders_are_refused(name: str) -> None:
    with pytest.raises(BadValueError):
        ExperimentController(name)


def test_the_description_is_written_as_it_was_given(ec: VirtualController) -> None:
    node = ec.add("Node", name="node")
    ec.add("Application", node, name="app", duration="2s").start_when(node.started)
    ec.run()
    record = json.loads((Path(ec.run_dir) / "experiment.json").read_text())
    [described_node, described_app] = record["resources"]
    assert described_node["name"] == "node"
    assert described_app == {
        "guid": 2,
        "type": "dummy::Application",
        "name": "app",
        "attributes": {"duration": 2.0},
        "connections": [1],
        "conditions": [["START", ["reached", [1], 4, "strict", None]]],
    }


def test_a_mistake_in_the_plan_creates_nothing(new_controller: MakeController, tmp_path: Path) -> None:
    ec = new_controller(local_dir=tmp_path / "never")
    ec.add("Interface", name="loose")
    with pytest.raises(PlanError, match="loose") as caught:
        ec.run()
    assert isinstance(caught.value, DescriptionError)
    assert not (tmp_path / "never").exists()


# Many


def test_two_controllers_run_side_by_side(new_controller: MakeController) -> None:
    one, other = new_controller("one"), new_controller("other")
    for ec in (one, other):
        ec.add("Application", name="app", duration="5s")
        ec.deploy()
    one.wait_started("app")
    other.run()
    assert (states(one), states(other)) == ({"app": "STARTED"}, {"app": "RELEASED"})
    one.run()
    assert (one.now, other.now) == (5.0, 5.0)


def test_ten_thousand_resources(ec: VirtualController) -> None:
    nodes = [ec.add("Node") for _ in range(100)]
    apps = [ec.add("Application", node, duration="1h") for node in nodes for _ in range(99)]
    assert len(apps) == 9900
    ec.run()
    assert (ec.now, set(states(ec).values())) == (3600.0, {"RELEASED"})


def test_a_run_leaves_no_thread_file_task_or_process(tmp_path: Path) -> None:
    with Leaks(), virtual_controller(backend="dummy", local_dir=tmp_path) as ec:
        node = ec.add("Node")
        ec.add("Application", node, duration="10s")
        ec.add("Application", node, duration="1h", critical=False).stop_when(ec.handle(2).finished)
        add(ec, "t::Plain")
        ec.resource(4).service = True  # type: ignore[misc]  # of this one only
        ec.run()


def test_a_handle_reads_like_its_manager(ec: VirtualController) -> None:
    handle: Handle = add(ec, "t::Async", name="one")
    assert (handle.failure, handle.guid, int(handle.__index__())) == ("", 1, 1)
    with pytest.raises(AttributeError):
        _ = handle.no_such_thing
