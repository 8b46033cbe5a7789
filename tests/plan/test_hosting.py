"""Nodes that are on machines of the experiment wait for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from nepi.errors import PlanError
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Need, TypeSpec
from nepi.plan import plan
from nepi.plan.hosting import MACHINE
from tests.plan.world import make_type, text

TYPES: Mapping[str, TypeSpec] = {
    spec.rtype: spec
    for spec in (
        make_type("m::Machine", "node", attributes=(text("hostname"),)),
        make_type("t::Node", "node", attributes=(text("host"),)),
        make_type("t::Switch", "switch", attributes=(text("host"),)),
        make_type("t::App", "application", (Need("t::Node"),), tools=("tool",)),
        make_type("t::Link", "link", (Need("t::Node", required=False), Need("t::Switch", required=False))),
    )
}


def planned(*resources: ResourceDescription) -> dict[int, tuple[tuple[int, ResourceState], ...]]:
    return dict(plan(ExperimentDescription("x", "t", list(resources)), TYPES, {}).needs)


def test_what_is_on_a_machine_needs_it_and_comes_after_it() -> None:
    node = ResourceDescription(1, "t::Node", "a", {"host": "h"})
    switch = ResourceDescription(2, "t::Switch", "s", {"host": "h"})
    machine = ResourceDescription(3, "m::Machine", "h", {"hostname": "h.example"})
    description = ExperimentDescription("x", "t", [node, switch, machine])
    found = plan(description, TYPES, {})
    assert {guid: found.needs[guid] for guid in (1, 2, 3)} == {1: ((3, ResourceState.READY),), 2: ((3, ResourceState.READY),), 3: ()}
    assert found.order.index(3) < min(found.order.index(1), found.order.index(2))


def test_what_is_on_no_machine_needs_none() -> None:
    assert planned(ResourceDescription(1, "t::Node", "a")) == {1: ()}


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("h2", "t::Node 'a' has attribute 'host' set to 'h2', which does not exist"),
        ("b", "t::Node 'a' has attribute 'host' set to 'b', which is a t::Node, which is no machine"),
    ],
)
def test_a_machine_that_is_none_is_a_mistake(host: str, sentence: str) -> None:
    with pytest.raises(PlanError) as raised:
        planned(
            ResourceDescription(1, "t::Node", "a", {"host": host}),
            ResourceDescription(2, "t::Node", "b"),
            ResourceDescription(3, "m::Machine", "h1"),
        )
    (mistake,) = raised.value.mistakes
    assert mistake.startswith(sentence)


def test_what_this_machine_lacks_does_not_matter_to_what_is_elsewhere() -> None:
    facts = {"t": {"tools_missing": ["tool"], "unusable": "no namespaces", "nodes": 0}}
    machine = ResourceDescription(1, "m::Machine", "h")
    node, app = ResourceDescription(2, "t::Node", "a", {"host": "h"}), ResourceDescription(3, "t::App", "app", {}, (2,))
    plan(ExperimentDescription("x", "t", [machine, node, app]), TYPES, facts)
    with pytest.raises(PlanError) as raised:
        plan(ExperimentDescription("x", "t", [machine, ResourceDescription(2, "t::Node", "a"), app]), TYPES, facts)
    assert len(raised.value.mistakes) == 3


def test_what_a_machine_holds_of_a_backend_may_be_all_of_it() -> None:
    """A simulation that runs on a machine: what this one lacks is told when something is deployed here after all."""
    facts = {"t": {"unusable": "no ns-3"}}
    machine_type = replace(TYPES["m::Machine"], lineage=frozenset({"m::Machine", MACHINE}))
    types = {**TYPES, "m::Machine": machine_type, "t::Simulation": make_type("t::Simulation")}
    machine, node = ResourceDescription(1, "m::Machine", "h"), ResourceDescription(2, "t::Node", "a")
    plan(ExperimentDescription("x", "t", [machine, node, ResourceDescription(3, "t::Simulation", "s", {}, (1,))]), types, facts)
    with pytest.raises(PlanError, match="no ns-3"):
        plan(ExperimentDescription("x", "t", [machine, node, ResourceDescription(3, "t::Simulation", "s")]), types, facts)
