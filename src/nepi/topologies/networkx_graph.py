"""Topologies of networkx graphs, GraphML ones of the Topology Zoo included: speeds give rates, places give delays."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nepi.errors import BadValueError
from nepi.topologies.drawn import Drawn
from nepi.topologies.elements import Position, checked_attributes, checked_kind
from nepi.topologies.geography import fibre_delay_s
from nepi.units import format_duration

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

QUANTITIES: Final = ("rate", "delay", "jitter", "loss", "duplicate", "reorder", "corrupt")
OTHERS: Final = ("queue", "burst", "queueDiscipline", "ecn", "jitterDistribution", "lossBurst", "gemodel")
OF_BOTH: Final = ("mtu", "up", "weight", "networks", "implementation", "timeline", "timelineBack", "timelineRepeat")
"""Edge attributes that are a link's: those with a unit in each direction, others in each direction, and those of the link as a whole."""

_ZOO: Final = ("LinkSpeed", "LinkSpeedUnits", "LinkSpeedRaw")
_SILENT: Final = frozenset({"id", "key", "LinkLabel", "LinkType", "LinkNote", "LinkStatus", *_ZOO})
"""Said of an edge, but nothing that a network does."""
_UNITS: Final = {"": "bit", "k": "kbit", "m": "Mbit", "g": "Gbit", "t": "Tbit"}


def from_networkx(kind: type[T], graph: Any, link: Mapping[str, Any], more: Mapping[str, Any]) -> T:
    """Return the topology of a graph; see `Topology.from_networkx`."""
    if not all(hasattr(graph, name) for name in ("nodes", "edges", "is_directed", "is_multigraph")):
        raise BadValueError(f"from_networkx: {graph!r} is no graph of networkx")
    drawn = Drawn("the graph")
    return topology_of(kind, graph, drawn, link, more)


def topology_of(
    kind: type[T],
    graph: Any,
    drawn: Drawn,
    link: Mapping[str, Any],
    more: Mapping[str, Any],
    *,
    labels: Mapping[Hashable, str] | None = None,
) -> T:
    """Return the topology of a graph.

    Args:
        kind: the class.
        graph: of networkx.
        drawn: where it is drawn.
        link: attributes of links whose edge says nothing of them.
        more: about the whole.
        labels: what nodes are to be called, where that is not what they are.
    """
    default = checked_attributes(link, "links")
    places: dict[Hashable, Position] = {}
    for node, data in graph.nodes(data=True):
        place = position_of(data)
        is_shared = str(data.get("hyperedge", "")) in ("1", "True")  # the Zoo's way to draw a link of more than two
        kept = checked_kind(data["kind"], f"node {node!r}") if "kind" in data else "switch" if is_shared else "host"
        drawn.node(node, kept, name=(labels or {}).get(node), position=place)
        if place is not None and "Longitude" in data:
            places[node] = place
    for first, second, data in _edges(graph):
        attributes = _link_attributes(drawn, data, drawn.between(first, second))
        if "delay" not in attributes and first in places and second in places and (seconds := fibre_delay_s(places[first], places[second])):
            attributes["delay"] = format_duration(max(round(seconds, 6), 1e-6))
        drawn.link(first, second, {**default, **attributes})
    name = more.get("name") or str(graph.graph.get("Network") or graph.graph.get("name") or "")
    made = drawn.finished(kind, name, geographic=bool(places))
    return made._with_options(**{key: value for key, value in more.items() if key != "name"})


def _edges(graph: Any) -> Iterator[tuple[Hashable, Hashable, Mapping[str, Any]]]:
    """Yield edges; of a directed graph, an edge and one that leads back are one link."""
    unmatched: dict[tuple[Hashable, Hashable], int] = {}
    for first, second, data in graph.edges(data=True):
        if graph.is_directed():
            if unmatched.get((second, first), 0):
                unmatched[second, first] -= 1
                continue
            unmatched[first, second] = unmatched.get((first, second), 0) + 1
        yield first, second, data


def position_of(data: Mapping[str, Any]) -> Position | None:
    """Return where a node is, as its attributes say it: Longitude and Latitude, `pos`, or x and y."""
    found: Any = data.get("pos")
    if "Longitude" in data and "Latitude" in data:
        found = (data["Longitude"], data["Latitude"])
    elif found is None and "x" in data and "y" in data:
        found = (data["x"], data["y"])
    try:
        x, y = found
        return (float(x), float(y))
    except (TypeError, ValueError):
        return None


def _link_attributes(drawn: Drawn, data: Mapping[str, Any], where: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, value in data.items():
        quantity = name.removesuffix("Back")
        if quantity in QUANTITIES:
            kept = drawn.value(quantity, value, where)
            if kept:
                attributes[name] = kept[quantity]
        elif (quantity in OTHERS or name in OF_BOTH) and isinstance(value, str | int | float | bool):
            attributes[name] = value
        elif name not in _SILENT:
            drawn.leave(f"{name!r}", where)
    if "rate" not in attributes:
        attributes |= _zoo_rate(drawn, data, where)
    return attributes


def _zoo_rate(drawn: Drawn, data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the rate that the Topology Zoo's attributes say: LinkSpeedRaw in bit/s, or LinkSpeed with LinkSpeedUnits."""
    raw = data.get("LinkSpeedRaw")
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return drawn.value("rate", raw, where)
    speed = str(data.get("LinkSpeed", "")).strip()
    if not speed:
        return {}
    unit = _UNITS.get(re.sub(r"(?i)b(it)?(/s|ps)?$", "", str(data.get("LinkSpeedUnits", "")).strip()).lower())
    if unit is None:
        drawn.leave(f"LinkSpeed in {data.get('LinkSpeedUnits')!r}", where)
        return {}
    return drawn.value("rate", f"{speed}{unit}", where)
