"""A plan as tables, for `nepi plan`: what happens in which order, with which addresses, and what the machine must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.typespec import TypeSpec
from nepi.plan.graph import Facts
from nepi.plan.needs import short_name
from nepi.plan.result import InterfacePlan, Plan
from nepi.plan.wording import condition_text

_NETWORKS_SHOWN = 4
"""More than that of one row are only counted; the JSON of a plan has all."""


@dataclass(frozen=True, slots=True)
class Section:
    """One table.

    Attributes:
        title: what it shows.
        columns: heads of the columns.
        rows: as many texts each as there are columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def describe_plan(
    plan: Plan, description: ExperimentDescription, catalogue: Mapping[str, TypeSpec], facts: Facts | None = None
) -> list[Section]:
    """Return a plan as tables: order, addresses, insertions, routes, values, programs, kernel features, warnings; empty ones are left out.

    Args:
        plan: what `plan()` returned for `description`.
        description: the whole graph.
        catalogue: the types by name.
        facts: what is known of each backend's world, as for `plan()`.
    """
    resources = {one.guid: one for one in description.resources}
    sections = [
        Section("Order", ("", "resource", "type", "deployed after", "conditions"), _order_rows(plan, resources)),
        Section("Addresses", ("node", "interface", "addresses", "MAC", "joined by", "to"), _address_rows(plan, resources)),
        Section("Inserted", ("for", "what"), _inserted_rows(plan, resources, catalogue)),
        Section("Routes", ("node", "over", "next", "to"), _route_rows(plan, resources)),
        Section("Values", ("resource", "attribute", "value"), _value_rows(plan, resources)),
        Section("Programs", ("backend", "program", "needed by", "here"), _tool_rows(description, catalogue, facts or {})),
        Section("Kernel", ("backend", "feature", "here"), _feature_rows(facts or {})),
        Section("Warnings", ("",), tuple((warning,) for warning in plan.warnings)),
    ]
    return [section for section in sections if section.rows]


def plan_text(sections: list[Section]) -> str:
    """Return tables as plain text, columns aligned."""
    return "\n\n".join(_section_text(section) for section in sections) + "\n"


def _section_text(section: Section) -> str:
    table = [section.columns, *section.rows] if any(section.columns) else list(section.rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(section.columns))]
    lines = ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return "\n".join([section.title, *lines])


def _order_rows(plan: Plan, resources: Mapping[int, ResourceDescription]) -> tuple[tuple[str, ...], ...]:
    def name(guid: int) -> str:
        return resources[guid].name if guid in resources else f"guid {guid}"

    rows = []
    for step, guid in enumerate(plan.order, start=1):
        one = resources[guid]
        needs = ", ".join(f"{name(provider)} {state.name}" for provider, state in plan.needs[guid])
        conditions = "; ".join(f"{action.name.lower()}: {condition_text(condition, name)}" for action, condition in one.conditions)
        rows.append((str(step), one.name, one.rtype, needs, conditions))
    return tuple(rows)


def _address_rows(plan: Plan, resources: Mapping[int, ResourceDescription]) -> tuple[tuple[str, ...], ...]:
    far: dict[tuple[int, int], InterfacePlan] = {}
    for ends in plan.interfaces.values():
        if len(ends) == 2:
            far[ends[0].node, ends[0].owner], far[ends[1].node, ends[1].owner] = ends[1], ends[0]
    order = {guid: position for position, guid in enumerate(plan.order)}
    own = [one for guid, ends in plan.interfaces.items() for one in ends if one.owner == guid]
    rows = []
    for one in sorted(own, key=lambda one: (order[one.node], order[one.owner])):
        other = far[one.node, one.owner]
        addresses = " ".join((*one.addresses, *one.given))
        joined_to = f"{resources[other.node].name}:{other.ifname}"
        rows.append((resources[one.node].name, one.ifname, addresses, one.mac, resources[one.owner].name, joined_to))
    return tuple(rows)


def _inserted_rows(
    plan: Plan, resources: Mapping[int, ResourceDescription], catalogue: Mapping[str, TypeSpec]
) -> tuple[tuple[str, ...], ...]:
    rows = []
    for guid in plan.order:
        one = resources[guid]
        spec = catalogue.get(one.rtype)
        if spec is not None and spec.inserted is not None:
            peers = [resources[peer] for peer in one.connections if peer in resources]
            rows += [(one.name, phrase) for phrase in spec.inserted(one, peers)]
    return tuple(rows)


def _route_rows(plan: Plan, resources: Mapping[int, ResourceDescription]) -> tuple[tuple[str, ...], ...]:
    holders = {
        text.partition("/")[0]: end.node for ends in plan.interfaces.values() for end in ends for text in (*end.addresses, *end.given)
    }
    return tuple(
        (resources[guid].name, row.over, f"{resources[holders[row.via]].name} ({row.via})", _networks_text(row.to))
        for guid, rows in plan.routes.items()
        for row in rows
    )


def _networks_text(networks: tuple[str, ...]) -> str:
    names = ["default" if one.endswith("/0") else one for one in networks]
    return " ".join(names[:_NETWORKS_SHOWN]) + (f" and {len(names) - _NETWORKS_SHOWN} more" if len(names) > _NETWORKS_SHOWN else "")


def _value_rows(plan: Plan, resources: Mapping[int, ResourceDescription]) -> tuple[tuple[str, ...], ...]:
    return tuple((resources[guid].name, name, _text(value)) for guid, values in plan.values.items() for name, value in values.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _tool_rows(description: ExperimentDescription, catalogue: Mapping[str, TypeSpec], facts: Facts) -> tuple[tuple[str, ...], ...]:
    users: dict[tuple[str, str], list[str]] = {}
    for rtype in dict.fromkeys(one.rtype for one in description.resources):
        spec = catalogue.get(rtype) or catalogue.get(f"{description.backend}::{rtype}") or TypeSpec(rtype)
        for tool in spec.tools:
            users.setdefault((spec.backend, tool), []).append(short_name(rtype))
    return tuple((backend, tool, ", ".join(kinds), _found(facts, backend, tool)) for (backend, tool), kinds in sorted(users.items()))


def _found(facts: Facts, backend: str, tool: str) -> str:
    missing = facts.get(backend, {}).get("tools_missing")
    if missing is None:
        return "unknown"
    if tool not in missing:
        return "yes"
    package = facts[backend].get("packages", {}).get(tool, "")
    return f"missing: apt install {package}" if package else "missing"


def _feature_rows(facts: Facts) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (backend, feature, "yes" if there else "missing")
        for backend, known in facts.items()
        for feature, there in sorted(known.get("features", {}).items())
    )
