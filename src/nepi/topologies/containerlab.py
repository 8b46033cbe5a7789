"""Containerlab's topology files: nodes and links. What a node's image does stays behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nepi.errors import BadValueError
from nepi.topologies.drawn import Drawn
from nepi.topologies.elements import Kind
from nepi.topologies.reading import yaml_value

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

_SWITCHES: Final = frozenset({"bridge", "ovs-bridge"})
_PLAIN: Final = frozenset({"linux", "", *_SWITCHES})
_OUTSIDE: Final = frozenset({"host", "mgmt-net", "macvlan"})
"""Names of endpoints that are not nodes: the machine, and networks of it."""


def from_containerlab(kind: type[T], text: str, where: str) -> T:
    """Return the topology of a containerlab file.

    Raises:
        BadValueError: it is none.
    """
    document = _mapping(yaml_value(text, where), where)
    topology = _mapping(document.get("topology"), f"{where}: topology")
    drawn = Drawn(where)
    for key in document:
        if key not in ("name", "topology"):
            drawn.leave(f"{key!r} of the file")
    default = _mapping(topology.get("defaults") or {}, f"{where}: defaults").get("kind", "linux")
    for name, said in _mapping(topology.get("nodes"), f"{where}: nodes").items():
        _take_node(drawn, str(name), _mapping(said or {}, f"{where}: node {name!r}"), default)
    for number, link in enumerate(_list(topology.get("links") or [], f"{where}: links"), 1):
        _take_link(drawn, _mapping(link, f"{where}: link {number}"), number)
    return drawn.finished(kind, str(document.get("name") or ""))


def _take_node(drawn: Drawn, name: str, said: Mapping[str, Any], default: object) -> None:
    software = str(said.get("kind", default) or "")
    made: Kind = "switch" if software in _SWITCHES else "host" if software in _PLAIN else "router"
    drawn.node(name, made)
    if software not in _PLAIN:
        drawn.leave(f"kind {software!r}, of which a plain router is made,", name)
    for key in said:
        if key != "kind":
            drawn.leave(f"{key!r}", name)


def _take_link(drawn: Drawn, link: Mapping[str, Any], number: int) -> None:
    where = f"{drawn.where}: link {number}"
    ends = link.get("endpoints")
    if ends is None or str(link.get("type", "veth")) != "veth":
        drawn.leave(f"links of the type {link.get('type')!r}", _end(link.get("endpoint"), where)[0] if "endpoint" in link else "")
        return
    places = [_end(end, where) for end in _list(ends, f"{where}: endpoints")]
    if len(places) != 2:
        raise BadValueError(f"{where} has {len(places)} endpoints; it has two")
    outside = [name for name, _ in places if name in _OUTSIDE and not drawn.has(name)]
    if outside:
        drawn.leave(f"links to {outside[0]!r}", next((name for name, _ in places if name not in outside), ""))
        return
    for key in link:
        if key not in ("endpoints", "type", "mtu"):
            drawn.leave(f"{key!r} of links", f"{places[0][0]}--{places[1][0]}")
    drawn.leave("names of interfaces")
    drawn.link(places[0][0], places[1][0], {"mtu": link["mtu"]} if isinstance(link.get("mtu"), int) else {})


def _end(end: object, where: str) -> tuple[str, str]:
    """Return (node, interface) of an endpoint: "srl1:e1-1", or a mapping in the extended form."""
    if isinstance(end, Mapping):
        return str(end.get("node", "")), str(end.get("interface", ""))
    if not isinstance(end, str) or not end:
        raise BadValueError(f"{where}: endpoint {end!r}; write it like 'node:interface'")
    node, _, interface = end.partition(":")
    return node, interface


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadValueError(f"{what} is {str(value)[:40]!r}; it has keys with values in containerlab's files")
    return value


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadValueError(f"{what} is {str(value)[:40]!r}; it is a list in containerlab's files")
    return value
