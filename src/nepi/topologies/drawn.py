"""A topology while it is read from somewhere else: nodes by what they are called there, links in order, and what was left behind."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nepi.errors import BadValueError
from nepi.topologies.elements import Kind, Position, TopologyLink, TopologyNode, link_name
from nepi.topologies.names import Names
from nepi.units import duration_s, format_duration, format_rate, fraction, rate_bps

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

SHOWN: Final = 8


class Drawn:
    """Collects nodes and links.

    Args:
        where: what is read, for messages.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._names = Names()
        self._nodes: dict[Hashable, TopologyNode] = {}
        self._links: list[TopologyLink] = []
        self._counts: dict[frozenset[str], int] = {}
        self._left: dict[str, dict[str, None]] = {}

    def has(self, key: Hashable) -> bool:
        """Whether there is such a node."""
        return key in self._nodes

    def between(self, first: Hashable, second: Hashable) -> str:
        """Return how notes speak of a link between two nodes."""
        return "--".join(self._nodes[key].name if key in self._nodes else str(key) for key in (first, second))

    def node(
        self,
        key: Hashable,
        kind: Kind = "host",
        *,
        name: object = None,
        position: Position | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a node and return its name.

        Args:
            key: how links will speak of it.
            kind: what it is.
            name: what it is to be called, by default its key.
            position: where it is drawn.
            attributes: of its resource.

        Raises:
            BadValueError: there is one of this key already.
        """
        if key in self._nodes:
            raise BadValueError(f"{self.where}: there are two nodes {str(key)!r}: give one of them another name")
        taken = self._names.take(key if name is None else name, f"n{len(self._nodes) + 1}")
        self._nodes[key] = TopologyNode(taken, kind, position, attributes or {})
        return taken

    def link(self, first: Hashable, second: Hashable, attributes: Mapping[str, Any], *, name: object = None) -> None:
        """Add a link between two nodes.

        Raises:
            BadValueError: one of them does not exist.
        """
        for key in (first, second):
            if key not in self._nodes:
                known = ", ".join(str(one) for one in list(self._nodes)[:SHOWN]) or "none"
                raise BadValueError(f"{self.where}: a link ends at {str(key)!r}, and there is no such node; there are {known}")
        ends = self._nodes[first].name, self._nodes[second].name
        if ends[0] == ends[1]:
            self.leave(f"links from a node to itself ({ends[0]})")
            return
        pair = frozenset(ends)
        count = self._counts[pair] = self._counts.get(pair, 0) + 1
        called = link_name(*ends, count) if name is None else self._names.take(name, link_name(*ends, count))
        self._links.append(TopologyLink(called, ends, "", dict(attributes)))

    def add_to_link(self, number: int, attributes: Mapping[str, Any]) -> None:
        """Give a link more attributes; the first one that was drawn has the number 0."""
        link = self._links[number]
        self._links[number] = replace(link, attributes={**link.attributes, **attributes})

    @property
    def links(self) -> int:
        """How many links there are so far."""
        return len(self._links)

    def leave(self, what: str, where: str = "") -> None:
        """Note that something is not carried over, and on which node or link."""
        places = self._left.setdefault(what, {})
        if where:
            places[where] = None

    def value(self, name: str, value: object, where: str) -> dict[str, Any]:
        """Return a link's attribute {name: value} as this package writes it, or {} when it says nothing, or nothing that can be.

        Args:
            name: "rate" (a number is bit/s), "delay", "jitter" (a number is seconds), "loss", "duplicate" and the like (a fraction).
            value: number, or text with its unit.
            where: the link, for the note of what is left.
        """
        try:
            if name == "rate":
                rate = rate_bps(value)  # type: ignore[arg-type] # it says so itself
                return {"rate": format_rate(rate)} if rate else {}
            if name in ("delay", "jitter"):
                seconds = duration_s(value)  # type: ignore[arg-type]
                return {name: format_duration(seconds, digits=6)} if seconds else {}
            part = fraction(value)  # type: ignore[arg-type]
            return {name: part} if part else {}
        except BadValueError as error:
            self.leave(f"{name}: {error}", where)
            return {}

    def finished(self, kind: type[T], name: str, **more: Any) -> T:
        """Return the topology.

        Raises:
            BadValueError: there are no nodes.
        """
        if not self._nodes:
            raise BadValueError(f"{self.where} has no nodes")
        warnings = [f"not carried over: {what}{_places(places)}" for what, places in self._left.items()]
        if self._names.changed:
            warnings.append(f"names were changed: {_some([f'{old!r} is {new!r}' for old, new in self._names.changed])}")
        return kind(tuple(self._nodes.values()), tuple(self._links), name, warnings=tuple(warnings), **more)


def _places(places: Iterable[str]) -> str:
    found = list(places)
    return f" of {_some(found)}" if found else ""


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")
