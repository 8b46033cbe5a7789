"""Topologies as plain data, for JSON and YAML: written out whole, or a shape or a file in a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nepi.errors import BadValueError, did_you_mean
from nepi.topologies.elements import TopologyLink, TopologyNode, checked_attributes, checked_kind, link_name

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

FORMAT: Final = 1
"""Version of the form that `to_record` writes, in its `format` key."""

SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    "linear": ("linear", "nodes"),
    "ring": ("ring", "nodes"),
    "mesh": ("mesh", "nodes"),
    "star": ("star", "hosts"),
    "tree": ("tree", "depth"),
    "ladder": ("ladder", "rungs"),
    "grid": ("grid", "rows"),
    "fat_tree": ("fat_tree", "k"),
    "fat-tree": ("fat_tree", "k"),
    "dumbbell": ("dumbbell", "hosts"),
}
"""Key of a record: (method of `Topology`, what a bare number means)."""

_BESIDE: Final = ("name", "networks", "routing", "sources", "targets", "links")


def to_record(topology: Topology) -> dict[str, Any]:
    """Return a topology as plain data, all of it; what is empty is left out."""
    record: dict[str, Any] = {"format": FORMAT}
    whole = {
        "name": topology.name,
        "networks": list(topology.networks),
        "routing": "" if topology.routing == "static" else topology.routing,
        "geographic": topology.geographic,
        "sources": list(topology.sources),
        "targets": list(topology.targets),
        "warnings": list(topology.warnings),
    }
    record |= {key: value for key, value in whole.items() if value}
    record["nodes"] = [_node_record(one) for one in topology.nodes]
    record["links"] = [_link_record(one) for one in topology.links]
    return record


def _node_record(one: TopologyNode) -> dict[str, Any]:
    record: dict[str, Any] = {"name": one.name}
    if one.kind != "host":
        record["kind"] = one.kind
    if one.position is not None:
        record["position"] = list(one.position)
    return record | dict(one.attributes)


def _link_record(one: TopologyLink) -> dict[str, Any]:
    record: dict[str, Any] = {"name": one.name, "ends": list(one.ends)}
    if one.role:
        record["role"] = one.role
    return record | dict(one.attributes)


def from_record(kind: type[T], record: object, folder: Path) -> T:
    """Return what a record describes; see `Topology.from_record`."""
    fields = dict(_mapping(record, "topology"))
    machines = fields.pop("hosts", None)
    topology = _unplaced(kind, fields, folder)
    if machines is None:
        return topology
    if not isinstance(machines, list | Mapping) or not all(isinstance(one, str) for one in machines):
        raise BadValueError(f"topology: hosts is {machines!r}; write the names of hosts, [h1, h2], or their weights, {{h1: 8, h2: 4}}")
    mistakes = topology.mistakes()
    if mistakes:
        raise BadValueError("topology: it cannot be placed on hosts: " + "; ".join(mistakes))
    try:
        return topology.placed_on(machines)
    except (ValueError, TypeError, BadValueError) as error:
        raise BadValueError(f"topology: hosts: {error}") from None


def _unplaced(kind: type[T], fields: Mapping[str, Any], folder: Path) -> T:
    if "nodes" in fields:
        return _whole(kind, fields)
    made = [key for key in fields if key not in _BESIDE]
    if len(made) != 1 or made[0] not in (*SHAPES, "file"):
        wrong = next((key for key in made if key not in (*SHAPES, "file")), "")
        near = did_you_mean(wrong, [*SHAPES, "file", "nodes", *_BESIDE]) if wrong else ""
        said = f"{', '.join(map(repr, made)) or 'nothing'} is said{near}"
        raise BadValueError(f"topology: name one shape ({', '.join(SHAPES)}), a 'file', or 'nodes' and 'links'; {said}")
    topology = _of_file(kind, fields["file"], folder) if made[0] == "file" else _of_shape(kind, made[0], fields[made[0]])
    return _changed(topology, fields)


def _of_file(kind: type[T], path: object, folder: Path) -> T:
    if not isinstance(path, str) or not path:
        raise BadValueError(f"topology: file is {path!r}; write the path of a file")
    return kind.load(folder / path)


def _of_shape(kind: type[T], shape: str, arguments: object) -> T:
    method, alone = SHAPES[shape]
    make: Callable[..., T] = getattr(kind, method)
    given = {alone: arguments} if isinstance(arguments, int) else _mapping(arguments, f"topology: {shape}")
    try:
        return make(**given)
    except TypeError as error:
        # Of a signature's mistakes only a missing argument is left: what is not known is taken for an attribute of links.
        raise BadValueError(f"topology: {shape}: {str(error).partition(') ')[2] or error}") from None
    except BadValueError as error:
        raise BadValueError(f"topology: {shape}: {error}") from None


def _changed(topology: T, fields: Mapping[str, Any]) -> T:
    """Apply what stands beside the shape."""
    made = topology._with_options(**{key: fields[key] for key in ("name", "networks", "routing") if key in fields})
    roles = {one.role for one in made.links if one.role}
    for name, attributes in _mapping(fields.get("links", {}), "topology: links").items():
        values = _mapping(attributes, f"topology: link {name!r}")
        is_link = any(one.name == name for one in made.links)
        made = made.with_links(role=name, **values) if name in roles and not is_link else made.with_links(name, **values)
    traffic = {key: _names(fields[key], key) for key in ("sources", "targets") if key in fields}
    return made.with_traffic(**traffic) if traffic else made


def _whole(kind: type[T], fields: Mapping[str, Any]) -> T:
    if fields.get("format", FORMAT) != FORMAT:
        raise BadValueError(f"this topology has format {fields['format']!r}; this version reads format {FORMAT}")
    known = ("format", "nodes", "links", "geographic", "warnings", *_BESIDE[:5])
    for key in fields:
        if key not in known:
            raise BadValueError(f"topology: there is no key {key!r}{did_you_mean(str(key), known)}")
    nodes = [_node(one, number) for number, one in enumerate(_list(fields["nodes"], "nodes"), 1)]
    counts: dict[frozenset[str], int] = {}
    links = [_link(one, number, counts) for number, one in enumerate(_list(fields.get("links", []), "links"), 1)]
    geographic = fields.get("geographic", False)
    if not isinstance(geographic, bool):
        raise BadValueError(f"topology: geographic is {_shown(geographic)}; write true or false")
    made = kind(tuple(nodes), tuple(links), geographic=geographic, warnings=tuple(_names(fields.get("warnings", []), "warnings")))
    made = made._with_options(**{key: fields[key] for key in ("name", "networks", "routing") if key in fields})
    return replace(
        made, sources=tuple(_names(fields.get("sources", []), "sources")), targets=tuple(_names(fields.get("targets", []), "targets"))
    )


def _node(record: object, number: int) -> TopologyNode:
    if isinstance(record, str):
        return TopologyNode(record)
    fields = dict(_mapping(record, f"topology: node {number}"))
    name, place = _text(fields.pop("name", None), f"topology: node {number}: name"), fields.pop("position", None)
    whose = f"topology: node {name!r}"
    if place is not None:
        is_pair = isinstance(place, Sequence) and len(place) == 2 and all(type(one) in (int, float) for one in place)
        if not is_pair:
            raise BadValueError(f"{whose}: position is {place!r}; write two numbers, [x, y]")
        place = (float(place[0]), float(place[1]))
    return TopologyNode(name, checked_kind(fields.pop("kind", "host"), whose), place, checked_attributes(fields, whose))


def _link(record: object, number: int, counts: dict[frozenset[str], int]) -> TopologyLink:
    fields: dict[str, Any] = {"ends": record} if isinstance(record, list) else dict(_mapping(record, f"topology: link {number}"))
    ends = _names(fields.pop("ends", None), f"link {number}: ends")
    if len(ends) != 2:
        raise BadValueError(f"topology: link {number}: ends are {ends!r}; write the names of two nodes")
    first, second = ends
    count = counts[frozenset(ends)] = counts.get(frozenset(ends), 0) + 1
    name = _text(fields.pop("name", None) or link_name(first, second, count), f"topology: link {number}: name")
    role = fields.pop("role", None) or ""
    if role:
        _text(role, f"topology: link {name!r}: role")
    return TopologyLink(name, (first, second), role, checked_attributes(fields, f"topology: link {name!r}"))


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise BadValueError(f"{what} is {_shown(value)}; write keys with values")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise BadValueError(f"topology: {what} is {_shown(value)}; write a list")
    return list(value)


def _names(value: object, what: str) -> list[str]:
    found = [value] if isinstance(value, str) else _list(value, what)
    return [_text(one, f"topology: {what}") for one in found]


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadValueError(f"{what} is {_shown(value)}; write a text")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
