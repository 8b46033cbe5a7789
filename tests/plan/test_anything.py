"""Whatever is described, planning answers with a plan or with sentences, and always the same ones."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import PlanError
from nepi.model.attributes import Reference
from nepi.model.conditions import Reached
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceAction, ResourceState
from nepi.plan import Plan, describe_plan, plan_text
from tests.plan.world import CATALOGUE, World

guids = st.integers(1, 10)
values = st.one_of(
    st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1", "fe80::1", "default", "0.0.0.0", "eth0", "a", "10Mbit", "", "02:00:00:00:00:01"]),
    st.integers(-1, 129),
    st.booleans(),
    st.none(),
    st.builds(Reference, guids),
)
names = ["ip", "prefix", "network", "nexthop", "target", "deviceName", "mac", "addressing", "stp", "rate", "count", "hostname", "pid"]
conditions = st.tuples(
    st.sampled_from(ResourceAction),
    st.builds(
        Reached, st.lists(guids, min_size=1, max_size=2).map(tuple), st.sampled_from(ResourceState), st.sampled_from(["strict", "ended"])
    ),
)


@st.composite
def resources(draw: st.DrawFn, guid: int) -> ResourceDescription:
    rtype = draw(st.sampled_from([*CATALOGUE, "t::Node", "t::Node", "t::Link", "t::Interface", "t::None"]))
    known = list(CATALOGUE[rtype].attributes) if rtype in CATALOGUE else names
    attributes: dict[str, Any] = draw(st.dictionaries(st.sampled_from(known or names), values, max_size=3))
    return ResourceDescription(
        guid,
        rtype,
        draw(st.sampled_from([f"r{guid}", f"r{guid}", f"r{guid}", "twin", "a b"])),
        attributes,
        tuple(draw(st.lists(guids, max_size=3))),
        tuple(draw(st.lists(conditions, max_size=1))),
        tuple(draw(st.lists(st.sampled_from(["stdout", "none"]), max_size=1))),
    )


def outcome(world: World, earlier: Plan | None = None, *, checked: bool = False) -> Plan | tuple[str, ...]:
    try:
        return world.plan(earlier=earlier, checked=checked)
    except PlanError as error:
        return error.mistakes


@given(st.data(), st.booleans())
def test_there_is_a_plan_or_there_are_sentences(data: st.DataObject, checked: bool) -> None:
    world = World({"t": {"bridge_ports": 2, "neighbour_table": 1, "tools_missing": data.draw(st.sampled_from([[], ["ping"]]))}})
    for guid in range(1, data.draw(st.integers(0, 6)) + 1):
        world.description.resources.append(data.draw(resources(guid)))
    first = outcome(world, checked=checked)
    assert first == outcome(world, checked=checked)
    if isinstance(first, Plan):
        assert plan_text(describe_plan(first, world.description, CATALOGUE, world.facts))
        for guid in range(7, data.draw(st.integers(7, 9)) + 1):
            world.description.resources.append(data.draw(resources(guid)))
        outcome(world, first, checked=checked)
    else:
        assert first
        assert all(sentence.strip() == sentence and "\n" not in sentence for sentence in first)
