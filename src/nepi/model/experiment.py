"""An experiment's description: plain data that can be saved, compared, hashed, loaded and planned without touching anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nepi.errors import BadValueError
from nepi.model.attributes import Reference
from nepi.model.conditions import Condition, from_record, to_record
from nepi.model.states import ResourceAction

_PIECE = 500
FORMAT = 1
"""Version of the JSON form, in its `format` key."""


@dataclass(slots=True)
class ResourceDescription:
    """One resource: its type, what was set on it, what it is connected to, and when its actions may happen.

    Attributes:
        guid: number within the experiment, from 1.
        rtype: canonical type name.
        name: unique within the experiment.
        attributes: what was set explicitly, in the attributes' own units. A `Reference` names another resource.
        connections: guids, in the order in which they were connected.
        conditions: (action, condition) pairs, in the order in which they were registered.
        traces: names of the enabled traces.
    """

    guid: int
    rtype: str
    name: str
    attributes: dict[str, Any] = field(default_factory=dict)
    connections: tuple[int, ...] = ()
    conditions: tuple[tuple[ResourceAction, Condition], ...] = ()
    traces: tuple[str, ...] = ()


@dataclass(slots=True)
class ExperimentDescription:
    """A whole experiment, or the increment that one `deploy()` adds to it."""

    exp_id: str
    backend: str
    resources: list[ResourceDescription]

    def to_record(self) -> dict[str, Any]:
        """Return the description as plain JSON data. Credentials must have been left out by the caller."""
        return {
            "format": FORMAT,
            "experiment": self.exp_id,
            "backend": self.backend,
            "resources": [_resource_record(one) for one in self.resources],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> ExperimentDescription:
        """Return the description that `to_record` wrote.

        Raises:
            BadValueError: another format, or a damaged record.
        """
        if record.get("format") != FORMAT:
            raise BadValueError(f"this description has format {record.get('format')!r}; this version reads format {FORMAT}")
        try:
            return cls(record["experiment"], record["backend"], [_resource_from(one) for one in record["resources"]])
        except (KeyError, TypeError) as error:
            raise BadValueError(f"damaged description: {error!r}") from None


def _resource_record(one: ResourceDescription) -> dict[str, Any]:
    record: dict[str, Any] = {"guid": one.guid, "type": one.rtype, "name": one.name}
    if one.attributes:
        record["attributes"] = {
            name: {"resource": value.guid} if isinstance(value, Reference) else value for name, value in one.attributes.items()
        }
    if one.connections:
        record["connections"] = list(one.connections)
    if one.conditions:
        record["conditions"] = [[action.name, to_record(condition)] for action, condition in one.conditions]
    if one.traces:
        record["traces"] = list(one.traces)
    return record


_KINDS: dict[str, type] = {
    "guid": int,
    "type": str,
    "name": str,
    "attributes": dict,
    "connections": list,
    "conditions": list,
    "traces": list,
}


def _resource_from(record: dict[str, Any]) -> ResourceDescription:
    for key, kind in _KINDS.items():
        if not isinstance(record.get(key, kind()), kind):
            raise BadValueError(f"damaged description: {key!r} of resource {record.get('name')!r} is {record[key]!r}")
    return ResourceDescription(
        guid=record["guid"],
        rtype=record["type"],
        name=record["name"],
        attributes={
            name: Reference(value["resource"]) if isinstance(value, dict) else value for name, value in record.get("attributes", {}).items()
        },
        connections=tuple(record.get("connections", ())),
        conditions=tuple((ResourceAction[action], from_record(condition)) for action, condition in record.get("conditions", ())),
        traces=tuple(record.get("traces", ())),
    )


def json_text(description: ExperimentDescription) -> Iterator[str]:
    """Yield the description's JSON in pieces, so that a large one never stands in memory as a whole."""
    head = json.dumps({"format": FORMAT, "experiment": description.exp_id, "backend": description.backend}, ensure_ascii=False)
    yield head[:-1] + ', "resources": ['
    for first in range(0, len(description.resources), _PIECE):
        rows = [_resource_record(one) for one in description.resources[first : first + _PIECE]]
        text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
        yield (",\n" if first else "\n") + text[1:-1]
    yield "]}\n"
