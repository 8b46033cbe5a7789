"""An experiment's description: plain data that can be saved, compared, hashed, loaded and planned without touching anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nepi.errors import BadValueError
from nepi.model.attributes import FromEnvironment, Reference
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
        changes: (condition, attribute values) pairs: what is set while it runs, and when.
        policy: what is done when it fails, as `Policy.to_record` writes it.
    """

    guid: int
    rtype: str
    name: str
    attributes: dict[str, Any] = field(default_factory=dict)
    connections: tuple[int, ...] = ()
    conditions: tuple[tuple[ResourceAction, Condition], ...] = ()
    traces: tuple[str, ...] = ()
    changes: tuple[tuple[Condition, dict[str, Any]], ...] = ()
    policy: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ExperimentDescription:
    """A whole experiment, or the increment that one `deploy()` adds to it.

    Attributes:
        exp_id: name of the experiment.
        backend: where types named without one belong.
        resources: in the order in which they were registered.
        networks: where automatic addresses are taken from; () for the usual ones.
        routing: which nodes get static routes where they do not say it themselves; "" for as usual.
        stop_on_abort: an abort also stops what is running.
        deadline_s: seconds that `run()` waits for the end; None for as long as it takes.
    """

    exp_id: str
    backend: str
    resources: list[ResourceDescription]
    networks: tuple[str, ...] = ()
    routing: str = ""
    stop_on_abort: bool = False
    deadline_s: float | None = None

    def to_record(self) -> dict[str, Any]:
        """Return the description as plain JSON data. Credentials must have been left out by the caller."""
        return {
            **self._head(),
            "resources": [_resource_record(one) for one in self.resources],
        }

    def _head(self) -> dict[str, Any]:
        """Return all of the record but the resources; what is as usual is left out."""
        head: dict[str, Any] = {"format": FORMAT, "experiment": self.exp_id, "backend": self.backend}
        if self.networks:
            head["networks"] = list(self.networks)
        if self.routing:
            head["routing"] = self.routing
        if self.stop_on_abort:
            head["stop_on_abort"] = True
        if self.deadline_s is not None:
            head["deadline_s"] = self.deadline_s
        return head

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> ExperimentDescription:
        """Return the description that `to_record` wrote.

        Raises:
            BadValueError: another format, or a damaged record.
        """
        if record.get("format") != FORMAT:
            raise BadValueError(f"this description has format {record.get('format')!r}; this version reads format {FORMAT}")
        try:
            return cls(
                _text(record, "experiment"),
                _text(record, "backend"),
                [_resource_from(one) for one in record["resources"]],
                networks=tuple(record.get("networks", ())),
                routing=record.get("routing", ""),
                stop_on_abort=bool(record.get("stop_on_abort", False)),
                deadline_s=record.get("deadline_s"),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise BadValueError(f"damaged description: {error!r}") from None


def _text(record: dict[str, Any], key: str) -> str:
    if not isinstance(record[key], str):
        raise BadValueError(f"damaged description: {key!r} is {record[key]!r}")
    return str(record[key])


def _resource_record(one: ResourceDescription) -> dict[str, Any]:
    record: dict[str, Any] = {"guid": one.guid, "type": one.rtype, "name": one.name}
    if one.attributes:
        record["attributes"] = _values_record(one.attributes)
    if one.connections:
        record["connections"] = list(one.connections)
    if one.conditions:
        record["conditions"] = [[action.name, to_record(condition)] for action, condition in one.conditions]
    if one.traces:
        record["traces"] = list(one.traces)
    if one.changes:
        record["changes"] = [[to_record(condition), _values_record(values)] for condition, values in one.changes]
    if one.policy:
        record["policy"] = one.policy
    return record


def _values_record(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _value_record(value) for name, value in values.items()}


def _value_record(value: Any) -> Any:
    """Return a value as JSON data; what is no plain value is an object with one key that says what it is."""
    if isinstance(value, Reference):
        return {"resource": value.guid}
    if isinstance(value, FromEnvironment):
        return {"environment": value.variable}
    return {"value": value} if isinstance(value, dict) else value


def _value_from(record: Any) -> Any:
    match record:
        case {"resource": int(guid)}:
            return Reference(guid)
        case {"environment": str(variable)}:
            return FromEnvironment(variable)
        case {"value": value}:
            return value
        case dict():
            raise BadValueError(f"damaged description: {record!r} is no value of an attribute")
    return record


_KINDS: dict[str, type] = {
    "guid": int,
    "type": str,
    "name": str,
    "attributes": dict,
    "connections": list,
    "conditions": list,
    "traces": list,
    "changes": list,
    "policy": dict,
}


def _resource_from(record: dict[str, Any]) -> ResourceDescription:
    for key, kind in _KINDS.items():
        if not isinstance(record.get(key, kind()), kind):
            raise BadValueError(f"damaged description: {key!r} of resource {record.get('name')!r} is {record[key]!r}")
    return ResourceDescription(
        guid=record["guid"],
        rtype=record["type"],
        name=record["name"],
        attributes=_values_from(record.get("attributes", {})),
        connections=tuple(record.get("connections", ())),
        conditions=tuple((ResourceAction[action], from_record(condition)) for action, condition in record.get("conditions", ())),
        traces=tuple(record.get("traces", ())),
        changes=tuple((from_record(condition), _values_from(values)) for condition, values in record.get("changes", ())),
        policy=record.get("policy", {}),
    )


def _values_from(record: dict[str, Any]) -> dict[str, Any]:
    return {name: _value_from(value) for name, value in record.items()}


def json_text(description: ExperimentDescription) -> Iterator[str]:
    """Yield the description's JSON in pieces, so that a large one never stands in memory as a whole."""
    head = json.dumps(description._head(), ensure_ascii=False)
    yield head[:-1] + ', "resources": ['
    for first in range(0, len(description.resources), _PIECE):
        rows = [_resource_record(one) for one in description.resources[first : first + _PIECE]]
        text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
        yield (",\n" if first else "\n") + text[1:-1]
    yield "]}\n"
