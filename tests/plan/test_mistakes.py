from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from nepi.errors import PlanError
from nepi.model.attributes import Reference
from nepi.model.conditions import TraceMatched
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceAction, ResourceState
from nepi.plan import plan
from tests.plan.world import CATALOGUE, World, make_type, reached


def mistakes_of(world: World, **options: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        world.plan(**options)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a/b", "t::Node 'a/b': a name has no '/', no white space and no control characters: use '-' or '_' instead"),
        ("a b", "t::Node 'a b': a name has no '/', no white space and no control characters: use '-' or '_' instead"),
        ("a\n", "t::Node 'a\\n': a name has no '/', no white space and no control characters: use '-' or '_' instead"),
        ("..", "t::Node '..': this name means a folder: take another one"),
        ("x" * 65, f"t::Node '{'x' * 65}': the name is longer than 64 characters: shorten it"),
    ],
)
def test_a_name_that_would_make_trouble_is_refused(name: str, sentence: str) -> None:
    world = World()
    world.nodes(name)
    assert mistakes_of(world) == (sentence,)


def test_an_empty_name_is_refused() -> None:
    world = World()
    world.description.resources.append(ResourceDescription(1, "t::Node", ""))
    assert mistakes_of(world) == ("t::Node '': a resource needs a name that is not empty",)


@pytest.mark.parametrize("name", ["x" * 64, "a.b-c_d", "Ünïcode", "..."])
def test_other_names_are_taken(name: str) -> None:
    world = World()
    world.nodes(name)
    assert world.plan().order == (1,)


def test_names_and_guids_are_given_once() -> None:
    world = World()
    world.nodes("a", "a")
    world.description.resources.append(ResourceDescription(2, "t::Node", "b"))
    world.description.resources.append(ResourceDescription(0, "t::Node", "c"))
    assert mistakes_of(world) == (
        "two resources are called 'a' (t::Node and t::Node): give one of them another name",
        "t::Node 'a' and t::Node 'b' have the same guid 2",
        "t::Node 'c' has the guid 0: guids are whole numbers from 1",
    )


def test_an_unknown_type_is_named_once_with_the_nearest_one_and_nothing_more_is_said_of_it() -> None:
    world = World()
    world.add("t::Pong", name="p", whatever=3, traces=("x",))
    world.add("Xyzzy", name="q")
    assert mistakes_of(world) == (
        "'p': there is no resource type 't::Pong' (did you mean 't::Ping' or 't::Thing'?)",
        "'q': there is no resource type 't::Xyzzy'; `nepi types` lists those that there are",
    )


def test_a_type_may_be_written_without_its_backend_or_by_an_alias() -> None:
    world = World()
    world.description.resources += [ResourceDescription(1, "Node", "a"), ResourceDescription(2, "LinuxPing", "p", {"target": "x"}, (1,))]
    assert world.plan().needs[2] == ((1, ResourceState.READY),)


def test_attributes_are_checked_against_their_type() -> None:
    world = World()
    (a,) = world.nodes("a")
    world.add("Ping", a, name="p", taget="x", count=11, pid=3)
    world.add("Link", a, name="l", rate="10Mbps", color="red")
    found = mistakes_of(world)
    assert found[:2] == (
        "t::Ping 'p' has no attribute 'taget' (did you mean 'target'?)",
        "t::Ping 'p' has a wrong value: attribute 'count': 11 is outside of 1 to 10",
    )
    assert found[2] == "t::Ping 'p' has attribute 'pid' set, which can only be read: take it away"
    assert found[3].startswith("t::Link 'l' has a wrong value: attribute 'rate': rate '10Mbps'")
    assert found[4] == "t::Link 'l' has no attribute 'color'; it has addressing, networks, rate, weight"


def test_values_from_files_are_converted() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    link = world.add("Link", a, b, rate="10Mbit")
    assert world.plan().values == {link: {"rate": 10_000_000}}


def test_values_that_were_checked_are_not_checked_again() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    world.add("Link", a, b, rate="nonsense")
    assert world.plan(checked=True).values == {}


def test_connections_and_references_lead_somewhere() -> None:
    world = World()
    (a,) = world.nodes("a")
    world.add("Ping", a, 2, 9, name="p", target=Reference(8))
    assert mistakes_of(world) == (
        "t::Ping 'p' is connected to itself: connect it to another resource of this experiment",
        "t::Ping 'p' is connected to guid 9, which does not exist: connect it to another resource of this experiment",
        "t::Ping 'p' has attribute 'target' set to guid 8, which does not exist",
    )


def test_an_application_runs_on_one_node() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    world.add("Ping", a, b, name="p")
    assert mistakes_of(world) == ("t::Ping 'p' is connected to 2 nodes ('a', 'b'): an application runs on one",)


def test_conditions_name_resources_that_exist() -> None:
    world = World()
    world.nodes("a")
    world.when(1, ResourceAction.START, reached(7, ResourceState.READY) & reached(7, ResourceState.STARTED))
    assert mistakes_of(world) == ("t::Node 'a' has a condition for START on guid 7, which does not exist: take it away",)


def test_unknown_traces_are_mistakes_when_enabled_and_warnings_when_watched() -> None:
    world = World()
    (a,) = world.nodes("a")
    ping = world.add("Ping", a, name="p", traces=("stdot", "stdout"))
    assert mistakes_of(world) == ("t::Ping 'p' has no trace 'stdot' (did you mean 'stdout'?)",)
    world.description.resources[ping - 1].traces = ()
    world.when(a, ResourceAction.START, TraceMatched(ping, "stdot", "x") + "1s")
    assert world.plan().warnings == (
        "t::Node 'a' waits for a line in the trace 'stdot' of t::Ping 'p', which declares no such trace (did you mean 'stdout'?)",
    )


def test_a_missing_program_is_said_once_with_its_package() -> None:
    world = World({"t": {"tools_missing": ["ping"], "packages": {"ping": "iputils-ping"}}})
    (a,) = world.nodes("a")
    world.add("Ping", a, name="p")
    assert mistakes_of(world) == ("t::Ping 'p' needs the program 'ping', which is missing: apt install iputils-ping",)
    world.add("Ping", a, name="q")
    world.facts = {"t": {"tools_missing": ["ping"]}}
    assert mistakes_of(world) == ("t::Ping 'p' and 1 more need the program 'ping', which is missing: install it, or put it on the PATH",)


def test_a_type_looks_at_its_own_resources() -> None:
    seen = []

    def check(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
        seen.append((one.name, [peer.name for peer in peers], facts))
        yield "delay needs netem"
        yield f"'{one.name}' is wrong"

    world = World({"t": {"features": {"netem": False}}})
    (a,) = world.nodes("a")
    world.add("Shaper", a, name="s")
    with pytest.raises(PlanError) as caught:
        plan(world.description, {**CATALOGUE, "t::Shaper": make_type("t::Shaper", check=check)}, world.facts)
    assert caught.value.mistakes == ("t::Shaper 's': delay needs netem", "'s' is wrong")
    ((*who, facts),) = seen
    whole = facts["plan"]
    assert (who, facts) == (["s", ["a"]], {"features": {"netem": False}, "plan": whole})
    assert [whole["resources"][guid].name for guid in whole["peers"](a)] == ["s"]
    assert (whole["rtypes"], whole["start_later"]) == ({"t::Node": 1, "t::Shaper": 1}, [])


def test_all_mistakes_come_at_once_and_none_twice() -> None:
    world = World()
    world.nodes("a b", "c")
    world.add("Pong", name="p")
    world.add("Ping", name="q", count="x")
    world.add("Link", 2, name="l")
    world.when(2, ResourceAction.DEPLOY, reached(2, ResourceState.READY))
    found = mistakes_of(world, networks=("10.0.0.1/8",))
    assert len(found) == len(set(found)) == 7


def test_a_credential_reaches_neither_a_message_nor_the_plan() -> None:
    world = World()
    (a,) = world.nodes("a")
    world.add("Ping", a, name="p", secret=4711)
    assert world.plan().values == {}
    world.add("Ping", a, name="q", secret=["4711"])
    assert mistakes_of(world) == ("t::Ping 'q' has a wrong value in attribute 'secret', a credential",)
