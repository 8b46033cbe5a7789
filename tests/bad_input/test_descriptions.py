"""What a user gets wrong while describing: one error each, which names the place and what to do, and nothing is created."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nepi import ExperimentController, NepiError, quorum
from nepi.errors import BadConnectionError, BadValueError, DescriptionError, PlanError, UnknownResourceError, UsageError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.resource import ResourceAction, ResourceFactory, ResourceManager, ResourceState
from nepi.testing import VirtualController

Act = Callable[[VirtualController], Any]


class Picky(ResourceManager, rtype="bad::Picky"):
    """Has one of everything that can be set wrong."""

    count = Attribute.integer(1, help="A number.", range=(0, 10))
    pause = Attribute.duration("1s", help="A duration.")
    speed = Attribute.rate("1Mbit", help="A rate.")
    amount = Attribute.size("1kB", help="A size.")
    part = Attribute.fraction("1%", help="A fraction.")
    colour = Attribute.choice(("red", "green"), "red", help="One of two.")
    flag = Attribute.boolean(False, help="Yes or no.")
    before = Attribute.string(help="Before the deployment only.", flags=Flags.ExecReadOnly)
    fact = Attribute.string(help="Set by itself.", flags=Flags.ReadOnly)
    password = Attribute.string(help="A secret.", flags=Flags.Credential)
    pin = Attribute.integer(help="A secret, too.", flags=Flags.Credential, range=(1000, 9999))

    def valid_connection(self, guid: int) -> bool:
        return self.ec.resource(guid).rtype() != "bad::Picky"


def any_value(value: Any) -> Any:
    """Return a value that the type checker would refuse, as a user's program is not checked."""
    return value


def with_two(act: Callable[[VirtualController, Any, Any], Any]) -> Act:
    return lambda ec: act(ec, ec.add("Node", name="a"), ec.add("Node", name="b"))


def with_picky(**values: Any) -> Act:
    return lambda ec: ec.add("bad::Picky", name="p", **values)


WRONG: dict[str, tuple[Act, type[NepiError], list[str]]] = {
    # what: (what is done, the error, what its message names)
    "type": (lambda ec: ec.add("Nod"), DescriptionError, ["dummy::Nod", "did you mean 'Node'", "nepi types"]),
    "type of another backend": (lambda ec: ec.add("netns::Nod"), DescriptionError, ["netns::Nod", "netns::Node"]),
    "type of no backend": (lambda ec: ec.add("nowhere::Node"), DescriptionError, ["nowhere::Node", "nepi types"]),
    "type that is no text": (lambda ec: ec.add(any_value(5)), DescriptionError, ["5", "name of a resource type"]),
    "type that is empty": (lambda ec: ec.add(""), DescriptionError, ["nepi types"]),
    "attribute": (lambda ec: ec.add("Node", deployTim="1s"), DescriptionError, ["dummy::Node", "deployTim", "deployTime"]),
    "attribute of a set": (with_two(lambda ec, a, b: ec.set(a, "deployTim", "1s")), DescriptionError, ["deployTim", "deployTime"]),
    "attribute of a get": (with_two(lambda ec, a, b: ec.get(a, "deployTim")), DescriptionError, ["deployTim", "deployTime"]),
    "whole number": (with_picky(count="many"), BadValueError, ["bad::Picky", "count", "many", "whole number"]),
    "range": (with_picky(count=11), BadValueError, ["bad::Picky", "count", "11", "0 to 10"]),
    "not a number": (with_picky(count=float("nan")), BadValueError, ["count", "nan"]),
    "duration without unit": (with_picky(pause="5"), BadValueError, ["pause", "'5'", "unit"]),
    "duration with a wrong unit": (with_picky(pause="5 parsecs"), BadValueError, ["pause", "5 parsecs"]),
    "duration below zero": (with_picky(pause=-1), BadValueError, ["pause", "-1"]),
    "rate in bytes or bits": (with_picky(speed="5Mbps"), BadValueError, ["speed", "5Mbps", "5Mbit"]),
    "size": (with_picky(amount="5 bananas"), BadValueError, ["amount", "bananas"]),
    "fraction": (with_picky(part="150%"), BadValueError, ["part", "150%"]),
    "choice": (with_picky(colour="gren"), BadValueError, ["colour", "gren", "green"]),
    "truth": (with_picky(flag="yes"), BadValueError, ["flag", "yes", "True or False"]),
    "text": (with_picky(before=["a"]), BadValueError, ["before", "['a']", "text"]),
    "what can be read only": (with_picky(fact="x"), BadValueError, ["fact", "read only"]),
    "trace": (with_two(lambda ec, a, b: ec.enable_trace(a, "stdot")), DescriptionError, ["dummy::Node", "stdot"]),
    "connection to itself": (with_two(lambda ec, a, b: ec.register_connection(a, a)), BadConnectionError, ["a", "itself"]),
    "connection to nobody": (with_two(lambda ec, a, b: ec.register_connection(a, 99)), UnknownResourceError, ["99"]),
    "connection to a name": (with_two(lambda ec, a, b: ec.register_connection(a, "bb")), UnknownResourceError, ["bb", "'b'"]),
    "connection to nonsense": (
        with_two(lambda ec, a, b: ec.register_connection(a, any_value(1.5))),
        UnknownResourceError,
        ["1.5", "handle"],
    ),
    "connection that is refused": (
        lambda ec: ec.add("bad::Picky", ec.add("bad::Picky", name="p"), name="q"),
        BadConnectionError,
        ["bad::Picky", "cannot be connected: ", " and p refuse"],
    ),
    "condition of an unknown guid": (
        with_two(lambda ec, a, b: ec.register_condition(99, ResourceAction.START, a, ResourceState.READY)),
        UnknownResourceError,
        ["99"],
    ),
    "condition on an unknown guid": (
        with_two(lambda ec, a, b: ec.register_condition(a, ResourceAction.START, [b, 99], ResourceState.READY)),
        UnknownResourceError,
        ["99"],
    ),
    "condition on a wrong state": (
        with_two(lambda ec, a, b: ec.register_condition(a, ResourceAction.START, b, 42)),
        BadValueError,
        ["42", "READY"],
    ),
    "condition for a wrong action": (
        with_two(lambda ec, a, b: ec.register_condition(a, 42, b, ResourceState.READY)),
        BadValueError,
        ["42", "START"],
    ),
    "condition with a wrong time": (
        with_two(lambda ec, a, b: ec.register_condition(a, ResourceAction.START, b, ResourceState.READY, "soon")),
        BadValueError,
        ["soon"],
    ),
    "condition of a manager on a wrong state": (
        with_two(lambda ec, a, b: a.manager.register_condition(ResourceAction.START, [b.guid], 42)),
        BadValueError,
        ["42", "READY"],
    ),
    "condition of a manager for a wrong action": (
        with_two(lambda ec, a, b: a.manager.register_condition("STRAT", [b.guid], ResourceState.READY)),
        BadValueError,
        ["STRAT", "START"],
    ),
    "condition that is none": (with_two(lambda ec, a, b: a.start_when(b)), BadValueError, ["condition", "server.started"]),
    "condition with nonsense added": (with_two(lambda ec, a, b: b.started + "soon"), BadValueError, ["soon"]),
    "condition or-ed with nonsense": (with_two(lambda ec, a, b: b.started | b), BadValueError, ["condition"]),
    "quorum of nobody": (lambda ec: quorum(0.5, [], "READY"), BadValueError, ["quorum", "0.5"]),
    "quorum of a wrong state": (with_two(lambda ec, a, b: quorum(1, [a, b], "REDDY")), BadValueError, ["REDDY", "READY"]),
    "change on a wrong state": (with_two(lambda ec, a, b: ec.set_with_conditions("deployTime", "1s", a, b, 42)), BadValueError, ["42"]),
    "change of a wrong value": (with_two(lambda ec, a, b: a.set_when(b.started, deployTime="soon")), BadValueError, ["deployTime", "soon"]),
    "change of a wrong attribute": (with_two(lambda ec, a, b: a.set_when(b.started, deployTim="1s")), DescriptionError, ["deployTim"]),
    "name that is taken": (with_two(lambda ec, a, b: ec.add("Node", name="a")), BadValueError, ["'a'", "taken"]),
    "name that is a path": (lambda ec: ec.add("Node", name="../../etc"), BadValueError, ["../../etc", "letters"]),
    "name that is empty": (lambda ec: ec.add("Node", name=""), BadValueError, ["''", "letters"]),
    "name that is no text": (lambda ec: ec.add("Node", name=any_value(5)), BadValueError, ["5", "letters"]),
    "name that another has by itself": (lambda ec: (ec.add("Node"), ec.add("Node", name="node-1")), BadValueError, ["node-1", "taken"]),
    "guid that is taken": (with_two(lambda ec, a, b: ec.register_resource("Node", guid=1)), BadValueError, ["1", "'a'"]),
    "guid that is none": (lambda ec: ec.register_resource("Node", guid=0), BadValueError, ["0"]),
    "wait for nobody known": (lambda ec: ec.wait_finished([99]), UnknownResourceError, ["99"]),
    "wait for a wrong state": (with_two(lambda ec, a, b: ec.wait([a], 42)), BadValueError, ["42", "READY"]),
    "deploy of nobody known": (lambda ec: ec.deploy([99]), UnknownResourceError, ["99"]),
    "deploy into a group that is none": (lambda ec: ec.deploy(group=any_value("first")), BadValueError, ["first", "group"]),
    "release of nobody known": (lambda ec: ec.release([99]), UnknownResourceError, ["99"]),
    "removal of nobody known": (lambda ec: ec.remove_resource(99), UnknownResourceError, ["99"]),
    "date": (lambda ec: ec.schedule("soon", print), BadValueError, ["soon"]),
    "policy": (with_two(lambda ec, a, b: ec.set_policy(a, "whatever")), BadValueError, ["whatever", "continue"]),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_mistake_is_one_error_that_names_it_and_creates_nothing(what: str, ec: VirtualController, tmp_path: Path) -> None:
    act, kind, named = WRONG[what]
    with pytest.raises(kind) as caught:
        act(ec)
    message = str(caught.value)
    assert [word for word in named if word not in message] == [], message
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("what", ["attribute", "range", "connection that is refused", "name that is a path"])
def test_what_could_not_be_added_is_not_there(what: str, ec: VirtualController) -> None:
    before = ec.resources
    with pytest.raises(NepiError):
        WRONG[what][0](ec)
    left = [guid for guid in ec.resources if guid not in before]
    assert left == ([1] if what == "connection that is refused" else [])
    assert all(ec.resource(guid).connections == set() for guid in left)


@pytest.mark.parametrize("values", [{"password": ["hunter2hunter2"]}, {"pin": 123456789}, {"pin": "hunter2hunter2"}])
def test_a_wrong_credential_is_not_quoted(values: dict[str, Any], ec: VirtualController) -> None:
    with pytest.raises(BadValueError, match=f"{next(iter(values))}.*credential") as caught:
        ec.add("bad::Picky", **values)
    assert "hunter2" not in str(caught.value)
    assert "123456789" not in str(caught.value)


def test_handles_of_another_experiment_are_refused(ec: VirtualController) -> None:
    other = VirtualController("other", backend="dummy")
    stranger, mine = other.add("Node", name="stranger"), ec.add("Node", name="mine")
    for act in (
        lambda: ec.register_connection(mine, stranger),
        lambda: ec.set(mine, "failReason", stranger),
        lambda: ec.add("Application", stranger),
        lambda: ec.wait_finished([stranger]),
        lambda: ec.deploy([stranger]),
        lambda: ec.register_condition(mine, ResourceAction.START, stranger, ResourceState.READY),
    ):
        with pytest.raises(DescriptionError, match="'stranger'.*belongs to another experiment"):
            act()


def test_a_missing_peer_is_told_with_what_to_do(ec: VirtualController, tmp_path: Path) -> None:
    ec.add("Interface", name="alone")
    with pytest.raises(PlanError) as caught:
        ec.deploy()
    assert "'alone' needs a Node: connect it to one, e.g. ec.add('Interface', node)" in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_all_mistakes_of_a_plan_come_at_once(ec: VirtualController) -> None:
    ec.add("Interface", name="one")
    ec.add("Interface", name="two")
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    a.start_when(b.started)
    b.start_when(a.started)
    with pytest.raises(PlanError) as caught:
        ec.check()
    assert len(caught.value.mistakes) == 3
    assert any("a -> b -> a" in one for one in caught.value.mistakes)


@pytest.mark.parametrize(
    ("action", "state"),
    [
        (ResourceAction.DEPLOY, ResourceState.READY),
        (ResourceAction.START, ResourceState.STARTED),
        (ResourceAction.START, ResourceState.FINISHED),
        (ResourceAction.STOP, ResourceState.STOPPED),
    ],
)
def test_a_wait_for_oneself_is_found_before_anything_runs(action: ResourceAction, state: ResourceState, ec: VirtualController) -> None:
    a = ec.add("Node", name="a")
    ec.register_condition(a, action, a, state)
    with pytest.raises(PlanError, match="'a'"):
        ec.deploy()
    ec.resource("a").unregister_condition([a.guid])
    ec.deploy()
    assert ec.wait_started(a)


def test_a_condition_on_something_that_was_removed(ec: VirtualController) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    b.start_when(a.started)
    ec.remove_resource(a)
    with pytest.raises(PlanError, match=r"'b'.*guid 1"):
        ec.deploy()


def test_a_change_on_something_that_was_removed(ec: VirtualController, tmp_path: Path) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    b.set_when(a.started, failReason="x")
    ec.remove_resource(a)
    with pytest.raises(DescriptionError, match="failReason of b speaks of guid 1, which was removed"):
        ec.deploy()
    assert not (tmp_path / "runs").exists()


def test_a_reference_to_something_that_was_removed(ec: VirtualController) -> None:
    a = ec.add("Node", name="a")
    ec.add("Node", name="b", failReason=a)
    ec.remove_resource(a)
    with pytest.raises(PlanError, match=r"'b'.*failReason.*guid 1"):
        ec.deploy()


def test_a_value_that_no_file_can_hold_names_its_place(ec: VirtualController, tmp_path: Path) -> None:
    class Odd(ResourceManager, rtype="bad::Odd"):
        thing = Attribute("thing", "Anything", set_hook=lambda old, new: {new})

    ec.add("bad::Odd", name="odd", thing="x")
    for _ in range(2):  # it is not half deployed after the first time
        with pytest.raises(DescriptionError, match=r"bad::Odd 'odd'.*thing.*\{'x'\}"):
            ec.deploy()
    assert not (tmp_path / "runs").exists()


def test_unnamed_resources_keep_out_of_the_way_of_names(ec: VirtualController) -> None:
    ec.add("Node", name="node-2")
    unnamed = ec.add("Node")
    assert unnamed.name != "node-2"
    assert ec.handle("node-2").guid == 1
    assert ec.handle(unnamed.name) == unnamed
    ec.deploy()
    assert ec.wait_started(ec.resources)


BAD_CLASSES: dict[str, tuple[dict[str, Any], str]] = {
    "deploy with an argument": ({"deploy": lambda self, where: None}, r"deploy\(\) must take no arguments besides self, it takes where"),
    "start that is no method": ({"start": "bash start.sh"}, "start must be a method, it is 'bash start.sh'"),
    "rtype with a blank": ({"_rtype": "bad type"}, "'bad type' is not a name"),
    "rtype that is no text": ({"_rtype": 7}, "7 is not a name"),
    "rtype that is empty": ({"_rtype": ""}, "'' is not a name"),
    "needs as a list": ({"needs": ["dummy::Node"]}, "needs must be a dictionary"),
    "needs of nothing": ({"needs": {7: ResourceState.READY}}, "needs are classes or type names, not 7"),
    "needs in no state": ({"needs": {"dummy::Node": "READY!"}}, "'READY!' is no state"),
    "wants in no state": ({"wants": {"dummy::Node": 42}}, "42 is no state"),
    "deadlines that are none": ({"deadlines": {ResourceAction.START: "soon"}}, "deadlines.*soon"),
    "deadlines of no action": ({"deadlines": {42: "1s"}}, "deadlines.*42"),
    "tools as a text": ({"tools": "ping"}, "tools must be a tuple"),
    "a constructor without guid": ({"__init__": lambda self, ec: None}, r"__init__\(\) must take \(self, ec, guid\)"),
}


@pytest.mark.parametrize("what", BAD_CLASSES)
def test_a_wrong_class_fails_when_it_is_registered(what: str) -> None:
    members, message = BAD_CLASSES[what]
    rclass = type("Bad", (ResourceManager,), {"_rtype": "bad::Bad", **members})
    with pytest.raises(DescriptionError, match=message):
        ResourceFactory.register_type(rclass)
    assert ResourceFactory._resource_types.get("bad::Bad") is None


def test_a_constructor_that_raises_leaves_nothing(ec: VirtualController) -> None:
    class Raises(ResourceManager, rtype="bad::Raises"):
        def __init__(self, ec: ExperimentController, guid: int) -> None:
            super().__init__(ec, guid)
            raise RuntimeError("no licence")

    with pytest.raises(RuntimeError, match="no licence"):
        ec.add("bad::Raises")
    assert ec.resources == []


def test_after_the_shutdown_each_call_says_so(ec: VirtualController) -> None:
    a = ec.add("Node", name="a")
    ec.deploy()
    ec.shutdown()
    for act in (
        lambda: ec.add("Node"),
        lambda: ec.deploy(),
        lambda: ec.run(),
        lambda: ec.schedule("1s", print),
        lambda: ec.act(ResourceAction.STOP, a),
        lambda: a.set_when(a.started, deployTime="1s"),
        lambda: ec.abort_run("enough"),
        lambda: ec.exec(a, ["true"]),
    ):
        with pytest.raises(UsageError, match="shut down|not a node that is up"):
            act()
    assert not ec.wait_finished(a)
    assert ec.release()
    assert ec.why(a)


def test_a_second_deployment_changes_nothing(ec: VirtualController) -> None:
    a = ec.add("Node", name="a")
    first = ec.deploy()
    ec.wait_started(a)
    ec.deploy([a])
    ec.deploy()
    ec.settle()
    assert (a.manager.deployment_group, a.state) == (first, ResourceState.STARTED)


def test_what_was_released_is_not_deployed_again(ec: VirtualController) -> None:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.deploy([a])
    ec.wait_started(a)
    ec.release([a])
    with pytest.raises(UsageError, match="deploy: a has been released.*add a new resource"):
        ec.deploy([a, b])
    ec.deploy()
    assert ec.wait_started(b)


def test_what_is_deployed_is_not_removed(ec: VirtualController) -> None:
    a = ec.add("Node", name="a")
    ec.deploy()
    with pytest.raises(UsageError, match="a is deployed; release it before"):
        ec.remove_resource(a)
    ec.release([a])
    ec.remove_resource(a)
    assert ec.resources == []


def test_what_is_fixed_by_the_deployment_says_so(ec: VirtualController) -> None:
    p = ec.add("bad::Picky", name="p", before="x")
    ec.deploy()
    ec.wait_started(p)
    with pytest.raises(BadValueError, match="'before' of p .*before it is deployed only"):
        ec.set(p, "before", "y")
    with pytest.raises(BadValueError, match=r"p \(bad::Picky\).*count"):
        ec.set(p, "count", 99)
    assert (ec.get(p, "before"), ec.get(p, "count")) == ("x", 1)
