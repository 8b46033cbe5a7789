from __future__ import annotations

import pytest

from nepi.errors import PlanError
from tests.plan.world import READY, World


def test_a_link_between_interfaces_waits_for_the_nodes_behind_them() -> None:
    world = World()
    a, b = world.nodes("a", "b")
    at_a, at_b = world.add("Interface", a), world.add("Interface", b)
    link = world.add("Link", at_a, at_b)
    assert world.plan().needs[link] == ((at_a, READY), (at_b, READY), (a, READY), (b, READY))


def test_a_backend_that_cannot_be_used_is_one_mistake() -> None:
    world = World(facts={"t": {"unusable": "no namespaces here"}})
    world.nodes("a", "b", "c")
    with pytest.raises(PlanError) as caught:
        world.plan()
    assert caught.value.mistakes == ("t::Node 'a' and 2 more need the backend 't', which cannot be used here: no namespaces here",)


def test_more_nodes_than_a_backend_takes_are_a_mistake() -> None:
    world = World(facts={"t": {"nodes": 2}})
    world.nodes("a", "b", "c")
    with pytest.raises(PlanError) as caught:
        world.plan()
    assert caught.value.mistakes == ("there are 3 nodes of the backend 't', which takes 2 here; see `nepi doctor`",)
