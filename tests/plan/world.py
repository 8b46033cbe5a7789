"""A small world to plan in: types of every role, and a builder that reads like an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nepi.model.attributes import Attribute, Flags, Types
from nepi.model.conditions import Condition, Reached
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.states import ResourceAction, ResourceState
from nepi.model.traces import Trace
from nepi.model.typespec import Need, Role, TypeSpec
from nepi.plan import Plan, plan

READY = ResourceState.READY


def make_type(rtype: str, role: Role = "", needs: tuple[Need, ...] = (), attributes: tuple[Attribute, ...] = (), **more: Any) -> TypeSpec:
    return TypeSpec(
        rtype,
        backend=rtype.rpartition("::")[0],
        role=role,
        needs=needs,
        attributes={one.name: one for one in attributes},
        lineage=frozenset({rtype, f"nepi.test.{rtype.rpartition('::')[2]}"}),
        **more,
    )


def text(name: str) -> Attribute:
    return Attribute(name, "A text.")


NODE = Need("t::Node")
_JOINS = (Need("t::Node", required=False), Need("t::Switch", required=False), Need("t::Interface", required=False))
CATALOGUE: Mapping[str, TypeSpec] = {
    spec.rtype: spec
    for spec in (
        make_type(
            "t::Node", "node", attributes=(text("hostname"), text("routing"), Attribute("forwarding", "x", Types.Bool, default=True))
        ),
        make_type(
            "t::Switch",
            "switch",
            attributes=(Attribute("stp", "x", Types.Bool), Attribute("addressing", "x", Types.Bool), text("networks")),
        ),
        make_type(
            "t::Link",
            "link",
            _JOINS,
            (
                Attribute("rate", "Rate.", Types.Rate),
                Attribute("addressing", "x", Types.Bool, default=True),
                Attribute("weight", "x", Types.Double),
                text("networks"),
            ),
        ),
        make_type(
            "t::Interface", "interface", (NODE,), (text("deviceName"), text("mac"), text("ip"), Attribute("prefix", "x", Types.Integer))
        ),
        make_type("t::Address", "address", (Need("t::Interface"),), (text("ip"), Attribute("prefix", "x", Types.Integer))),
        make_type("t::Route", "route", (NODE,), (text("network"), Attribute("prefix", "x", Types.Integer), text("nexthop"))),
        make_type(
            "t::Ping",
            "application",
            (NODE,),
            (
                text("target"),
                Attribute("count", "x", Types.Integer, range=(1, 10)),
                Attribute("pid", "x", Types.Integer, Flags.ReadOnly),
                Attribute("secret", "x", Types.String, Flags.Credential),
            ),
            traces={"stdout": Trace("stdout", "Output.")},
            tools=("ping",),
            aliases=("LinuxPing",),
        ),
        make_type("t::Server", "application", (NODE,), service=True),
        make_type("t::Ospf", "application", (NODE,), service=True, finds_routes=(4,)),
        make_type("t::Thing", needs=(Need("t::Thing", required=False),)),
        make_type("t::Starter", needs=(Need("nepi.test.Server", ResourceState.STARTED),)),
    )
}


class World:
    """An experiment that is being written."""

    def __init__(self, facts: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.description = ExperimentDescription("test", "t", [])
        self.facts = facts or {}

    def add(self, kind: str, *connections: int, name: str = "", traces: tuple[str, ...] = (), **attributes: Any) -> int:
        guid = len(self.description.resources) + 1
        rtype = kind if "::" in kind else f"t::{kind}"
        self.description.resources.append(
            ResourceDescription(guid, rtype, name or f"{kind.lower()}{guid}", attributes, connections, traces=traces)
        )
        return guid

    def nodes(self, *names: str) -> list[int]:
        return [self.add("Node", name=name) for name in names]

    def when(self, guid: int, action: ResourceAction, condition: Condition) -> None:
        self.description.resources[guid - 1].conditions += ((action, condition),)

    def plan(self, **options: Any) -> Plan:
        return plan(self.description, CATALOGUE, self.facts, **options)


def reached(guid: int, state: ResourceState) -> Condition:
    return Reached((guid,), state)
