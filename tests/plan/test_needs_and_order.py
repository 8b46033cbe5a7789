from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import PlanError
from nepi.model.conditions import AnyOf, Condition, Exited, Reached, TraceMatched
from nepi.model.states import ResourceAction, ResourceState
from tests.plan.world import READY, World, reached

DEPLOY, START, STOP, RELEASE = ResourceAction
STARTED, FINISHED = ResourceState.STARTED, ResourceState.FINISHED


def mistakes_of(world: World) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        world.plan()
    return caught.value.mistakes


def test_an_application_is_deployed_after_its_node_although_it_was_registered_before() -> None:
    world = World()
    ping = world.add("Ping", 2, name="p")
    node = world.add("Node", name="a")
    planned = world.plan()
    assert planned.order == planned.added == (node, ping)
    assert planned.needs == {ping: ((node, READY),), node: ()}


def test_without_needs_the_order_is_that_of_registration() -> None:
    world = World()
    for _ in range(5):
        world.add("Node")
    assert world.plan().order == (1, 2, 3, 4, 5)


def test_a_connection_counts_whichever_side_it_was_written_down_on() -> None:
    one_sided, other_sided, both = World(), World(), World()
    one_sided.add("Node")
    one_sided.add("Ping", 1)
    other_sided.add("Node", 2)
    other_sided.add("Ping")
    both.add("Node", 2)
    both.add("Ping", 1)
    assert one_sided.plan() == other_sided.plan() == both.plan()


def test_a_need_may_name_a_class_and_another_state() -> None:
    world = World()
    node = world.add("Node")
    server = world.add("Server", node)
    starter = world.add("Starter", server)
    assert world.plan().needs[starter] == ((server, STARTED),)


def test_a_missing_peer_is_named_with_what_to_write() -> None:
    world = World()
    world.add("Ping", name="p")
    world.add("Starter", name="s")
    assert mistakes_of(world) == (
        "t::Ping 'p' needs a Node: connect it to one, e.g. ec.add('Ping', node)",
        "t::Starter 's' needs a Server: connect it to one, e.g. ec.add('Starter', server)",
    )


def test_needs_in_a_circle_are_shown_with_their_names() -> None:
    world = World()
    world.add("Thing", 2, name="a")
    world.add("Thing", 3, name="b")
    world.add("Thing", 1, name="c")
    (mistake,) = mistakes_of(world)
    assert mistake.startswith("these wait for each other for ever: a -> ")
    assert mistake.endswith("-> a; take away one of their conditions or connections")


def test_every_circle_is_reported_at_once() -> None:
    world = World()
    for first in (1, 3):
        world.add("Node")
        world.add("Node")
        world.when(first, DEPLOY, reached(first + 1, READY))
        world.when(first + 1, DEPLOY, reached(first, READY))
    assert mistakes_of(world) == (
        "these wait for each other for ever: node1 -> node2 -> node1; take away one of their conditions or connections",
        "these wait for each other for ever: node3 -> node4 -> node3; take away one of their conditions or connections",
    )


def test_a_deployment_that_waits_for_a_later_start_of_what_waits_for_it_is_a_circle() -> None:
    world = World()
    (a,) = world.nodes("a")
    server, client = world.add("Server", a, name="server"), world.add("Ping", a, name="client")
    world.when(client, DEPLOY, reached(server, STARTED))
    world.when(server, START, reached(client, READY) + "1s")
    assert mistakes_of(world) == (
        "these wait for each other for ever: client -> server -> client; take away one of their conditions or connections",
    )


def test_starts_in_a_circle_are_found() -> None:
    world = World()
    world.nodes("a", "b")
    world.when(1, START, reached(2, STARTED))
    world.when(2, START, reached(1, FINISHED))
    assert mistakes_of(world) == ("these wait for each other for ever: a -> b -> a; take away one of their conditions or connections",)


def test_a_start_need_brings_what_the_start_waits_for_before() -> None:
    world = World()
    (node,) = world.nodes("a")
    starter = world.add("Starter", 3, name="s")
    server = world.add("Server", node)
    late = world.add("Node", name="late")
    world.when(server, START, reached(late, READY))
    assert world.plan().order == (node, server, late, starter)


def test_an_alternative_is_no_circle() -> None:
    world = World()
    world.nodes("a", "b", "c")
    world.when(1, START, reached(2, STARTED) | reached(3, STARTED))
    world.when(2, START, reached(1, STARTED))
    assert world.plan().order == (1, 2, 3)


def test_stopping_some_time_after_the_own_start_is_fine() -> None:
    world = World()
    world.nodes("a")
    world.when(1, STOP, reached(1, STARTED) + "10s")
    world.when(1, START, reached(1, READY) + "1s")
    world.when(1, RELEASE, Reached((1,), FINISHED, "ended"))
    assert world.plan().order == (1,)


@pytest.mark.parametrize(
    ("action", "condition", "state"),
    [
        (DEPLOY, reached(1, READY), "READY"),
        (START, reached(1, STARTED) + "1s", "STARTED"),
        (STOP, Exited(1, 0).within("9s"), "FINISHED"),
        (RELEASE, reached(1, ResourceState.RELEASED), "RELEASED"),
        (DEPLOY, TraceMatched(1, "stdout", "x"), "PROVISIONED"),
        (START, AnyOf((reached(1, STARTED),)), "STARTED"),
    ],
)
def test_a_condition_on_the_own_later_state_is_refused(action: ResourceAction, condition: Condition, state: str) -> None:
    world = World()
    world.nodes("a")
    world.when(1, action, condition)
    assert f"t::Node 'a' has a condition on its own state {state}, which it cannot reach before {action.name}: take it away" in mistakes_of(
        world
    )


def test_an_increment_orders_only_what_is_new_and_keeps_the_needs_of_before() -> None:
    world = World()
    (a,) = world.nodes("a")
    first = world.plan()
    ping = world.add("Ping", a)
    second = world.plan(earlier=first)
    assert (second.order, second.added) == ((a, ping), (ping,))
    assert second.needs == {a: (), ping: ((a, READY),)}


def test_a_circle_through_an_earlier_increment_is_found() -> None:
    world = World()
    world.nodes("a")
    first = world.plan()
    world.nodes("b")
    world.when(1, START, reached(2, READY))
    world.when(2, DEPLOY, reached(1, STARTED))
    with pytest.raises(PlanError, match="a -> b -> a|b -> a -> b"):
        world.plan(earlier=first)


def test_what_was_removed_leaves_the_plan() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    first = world.plan()
    del world.description.resources[0]
    assert world.plan(earlier=first).order == (b,)


@given(st.data())
def test_every_provider_comes_before_its_dependents(data: st.DataObject) -> None:
    """A random graph without circles: each resource waits only for those before it in a hidden order."""
    count = data.draw(st.integers(1, 12))
    hidden = data.draw(st.permutations(range(1, count + 1)))
    world = World()
    for _ in range(count):
        world.add("Node")
    before: dict[int, set[int]] = {guid: set() for guid in hidden}
    for place, guid in enumerate(hidden):
        for provider in data.draw(st.sets(st.sampled_from(hidden[:place])) if place else st.just(set())):
            state = data.draw(st.sampled_from([READY, STARTED, FINISHED]))
            world.when(guid, data.draw(st.sampled_from([DEPLOY, START])), reached(provider, state))
        before[guid] = {one for action, c in world.description.resources[guid - 1].conditions if action is DEPLOY for one in _members(c)}
    order = world.plan().order
    assert sorted(order) == list(range(1, count + 1))
    for guid, providers in before.items():
        assert all(order.index(provider) < order.index(guid) for provider in providers)


def _members(condition: Condition) -> tuple[int, ...]:
    assert isinstance(condition, Reached)
    return condition.guids


@given(st.integers(2, 20), st.data())
def test_closing_any_chain_makes_a_circle(count: int, data: st.DataObject) -> None:
    world = World()
    for guid in range(1, count + 1):
        world.add("Node")
        world.when(guid, data.draw(st.sampled_from([DEPLOY, START])), reached(guid % count + 1, STARTED))
    (mistake,) = mistakes_of(world)
    assert mistake.count("->") == count
