"""Ready-made shapes: who is linked to whom, by which names, where it is drawn, and which ends traffic usually has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nepi.errors import BadValueError
from nepi.topologies.elements import Kind, Position, TopologyLink, TopologyNode, checked_attributes, link_name

MOST_NODES: Final = 100_000
"""More than any machine takes; a mistyped size is told at once instead of filling the memory."""

Attributes = Mapping[str, Any]


@dataclass(slots=True)
class Sketch:
    """A topology while it is drawn.

    Attributes:
        link: attributes of every link.
        by_role: attributes of the links of a role, which come before those of every link.
    """

    link: Attributes
    by_role: Mapping[str, Attributes | None] = field(default_factory=dict)
    nodes: list[TopologyNode] = field(default_factory=list)
    links: list[TopologyLink] = field(default_factory=list)
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def node(self, name: str, kind: Kind, x: float, y: float) -> str:
        """Add a node; return its name."""
        if len(self.nodes) >= MOST_NODES:
            raise BadValueError(f"a topology of more than {MOST_NODES} nodes: make it smaller")
        self.nodes.append(TopologyNode(name, kind, (round(x, 4), round(y, 4))))
        return name

    def join(self, first: str, second: str, role: str = "", name: str = "") -> None:
        """Add a link."""
        attributes = {**self.link, **(self.by_role.get(role) or {})}
        self.links.append(TopologyLink(name or link_name(first, second), (first, second), role, attributes))

    def with_hosts(self, routers: Iterable[str], each: int) -> None:
        """Give each of these nodes hosts of its own, "n1-h1", a little farther out from the middle."""
        places: dict[str, Position] = {one.name: one.position or (0.0, 0.0) for one in self.nodes}
        for router in list(routers):
            x, y = places[router]
            out = math.atan2(y, x) if (x, y) != (0.0, 0.0) else math.pi / 2
            for number in range(1, each + 1):
                angle = out + (number - (each + 1) / 2) * 0.6
                host = self.node(f"{router}-h{number}", "host", x + 0.6 * math.cos(angle), y + 0.6 * math.sin(angle))
                self.join(router, host, "access")


def checked_count(count: object, what: str, least: int) -> int:
    """Return a number of something.

    Raises:
        BadValueError: it is no whole number, or too small.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not least <= count <= MOST_NODES:
        raise BadValueError(f"{what}={count!r}: use a whole number from {least} to {MOST_NODES}")
    return count


def checked_links(by_role: Mapping[str, object]) -> dict[str, dict[str, Any]]:
    """Return attributes of links, by role.

    Raises:
        BadValueError: they are no attributes.
    """
    found = {}
    for role, attributes in by_role.items():
        if attributes is not None and not isinstance(attributes, Mapping):
            raise BadValueError(f"{role}={attributes!r}: use the attributes of its links, e.g. {role}={{'rate': '10Mbit'}}")
        found[role] = checked_attributes(attributes or {}, f"links ({role})" if role else "links")
    return found


def _peers(sketch: Sketch, places: Mapping[str, Position], hosts: int) -> list[str]:
    """Add nodes that are all alike: hosts that pass packets on, or routers when each gets hosts of its own."""
    kind: Kind = "router" if hosts else "host"
    return [sketch.node(name, kind, *place) for name, place in places.items()]


def linear(sketch: Sketch, nodes: int, hosts: int) -> None:
    """A chain: n1 - n2 - n3."""
    middle = (checked_count(nodes, "nodes", 2) + 1) / 2
    names = _peers(sketch, {f"n{i}": (i - middle, 0.0) for i in range(1, nodes + 1)}, hosts)
    for first, second in zip(names, names[1:], strict=False):
        sketch.join(first, second)
    _finish(sketch, names, hosts)


def ring(sketch: Sketch, nodes: int, hosts: int) -> None:
    """A chain whose ends are joined."""
    names = _circle(sketch, checked_count(nodes, "nodes", 3), hosts)
    for first, second in zip(names, [*names[1:], names[0]], strict=True):
        sketch.join(first, second)
    _finish(sketch, names, hosts, len(names) // 2)


def mesh(sketch: Sketch, nodes: int, hosts: int) -> None:
    """Every node linked to every other one."""
    names = _circle(sketch, checked_count(nodes, "nodes", 2), hosts)
    if nodes * (nodes - 1) // 2 > MOST_NODES:
        raise BadValueError(f"nodes={nodes}: a mesh of them has {nodes * (nodes - 1) // 2} links; the most is {MOST_NODES}")
    for position, first in enumerate(names):
        for second in names[position + 1 :]:
            sketch.join(first, second)
    _finish(sketch, names, hosts)


def _circle(sketch: Sketch, nodes: int, hosts: int) -> list[str]:
    radius = max(1.0, nodes / 6)
    places = {}
    for number in range(nodes):
        angle = math.pi / 2 - 2 * math.pi * number / nodes
        places[f"n{number + 1}"] = (radius * math.cos(angle), radius * math.sin(angle))
    return _peers(sketch, places, hosts)


def _finish(sketch: Sketch, names: list[str], hosts: int, far: int = -1) -> None:
    """Traffic goes from the first node to the one that is farthest away, or between hosts of theirs."""
    sketch.with_hosts(names, hosts)
    suffix = "-h1" if hosts else ""
    sketch.sources, sketch.targets = (names[0] + suffix,), (names[far] + suffix,)


def star(sketch: Sketch, hosts: int, inner: Kind) -> None:
    """Hosts around a hub."""
    count = checked_count(hosts, "hosts", 1)
    sketch.node("hub", inner, 0.0, 0.0)
    for number in range(count):
        angle, radius = math.pi / 2 - 2 * math.pi * number / count, max(1.0, count / 8)
        sketch.join("hub", sketch.node(f"h{number + 1}", "host", radius * math.cos(angle), radius * math.sin(angle)), "access")
    names = [f"h{number + 1}" for number in range(count)]
    sketch.sources, sketch.targets = (tuple(names[1:]), (names[0],)) if count > 1 else ((), (names[0],))


def tree(sketch: Sketch, depth: int, fanout: int, inner: Kind) -> None:
    """A root with `depth` levels below it; the lowest are hosts. Traffic goes from them to the root, or to the first of them."""
    checked_count(depth, "depth", 1)
    checked_count(fanout, "fanout", 1)
    level = [sketch.node("root", inner, 0.0, 0.0)]
    for below in range(1, depth + 1):
        width = fanout**below if depth * math.log2(fanout or 1) < 60 else MOST_NODES + 1
        if width > MOST_NODES:
            raise BadValueError(f"depth={depth}, fanout={fanout}: that tree has more than {MOST_NODES} nodes")
        kind, letter = ("host", "h") if below == depth else (inner, f"s{below}-")
        spacing = fanout ** (depth - below)
        following = []
        for number in range(width):
            x = (number - (width - 1) / 2) * spacing
            child = sketch.node(f"{letter}{number + 1}", kind, x, -float(below) * max(1.0, fanout**depth / 8))  # type: ignore[arg-type]
            sketch.join(level[number // fanout], child, "access" if below == depth else "trunk")
            following.append(child)
        level = following
    if inner == "switch":
        sketch.sources, sketch.targets = tuple(level[1:]), (level[0],)
    else:
        sketch.sources, sketch.targets = tuple(level), ("root",)


def ladder(sketch: Sketch, rungs: int, hosts: int) -> None:
    """Two chains, a1 - a2 - ... and b1 - b2 - ..., with a rung between each pair."""
    middle = (checked_count(rungs, "rungs", 2) + 1) / 2
    names = _peers(sketch, {f"{side}{i}": (i - middle, y) for i in range(1, rungs + 1) for side, y in (("a", 0.5), ("b", -0.5))}, hosts)
    for number in range(1, rungs + 1):
        sketch.join(f"a{number}", f"b{number}", "rung")
        for side in "ab" if number < rungs else "":
            sketch.join(f"{side}{number}", f"{side}{number + 1}", "rail")
    _finish(sketch, names, hosts)


def grid(sketch: Sketch, rows: int, columns: int, hosts: int) -> None:
    """Nodes "n<row>-<column>" in a rectangle, each linked to its neighbours."""
    count = checked_count(rows, "rows", 1) * checked_count(columns, "columns", 1)
    if not 2 <= count <= MOST_NODES:
        raise BadValueError(f"rows={rows}, columns={columns}: a grid has from 2 to {MOST_NODES} nodes, not {count}")
    places = {
        f"n{row}-{column}": (column - (columns + 1) / 2, (rows + 1) / 2 - row)
        for row in range(1, rows + 1)
        for column in range(1, columns + 1)
    }
    names = _peers(sketch, places, hosts)
    for row in range(1, rows + 1):
        for column in range(1, columns + 1):
            if column < columns:
                sketch.join(f"n{row}-{column}", f"n{row}-{column + 1}")
            if row < rows:
                sketch.join(f"n{row}-{column}", f"n{row + 1}-{column}")
    _finish(sketch, names, hosts)


def fat_tree(sketch: Sketch, k: int) -> None:
    """A fat tree of k-port routers in three layers, with (k / 2)**2 hosts in each of k pods. Source: Al-Fares et al., SIGCOMM 2008."""
    if checked_count(k, "k", 2) % 2 or k > 64:
        raise BadValueError(f"k={k}: a fat tree is made of routers with an even number of ports, from 2 to 64")
    half = k // 2
    width = float(k * half * half)
    for number in range(half * half):
        sketch.node(f"core-{number + 1}", "router", (number + 0.5) * width / (half * half) - width / 2, 3.0 * half)
    for pod in range(1, k + 1):
        left = (pod - 1) * half * half - width / 2
        for one in range(1, half + 1):
            x = left + (one - 0.5) * half
            sketch.node(f"agg-{pod}-{one}", "router", x, 2.0 * half)
            for core in range(1, half + 1):
                sketch.join(f"core-{(one - 1) * half + core}", f"agg-{pod}-{one}", "core")
        for one in range(1, half + 1):
            edge = sketch.node(f"edge-{pod}-{one}", "router", left + (one - 0.5) * half, 1.0 * half)
            for above in range(1, half + 1):
                sketch.join(f"agg-{pod}-{above}", edge, "aggregation")
            for host in range(1, half + 1):
                x = left + (one - 1) * half + host - 0.5
                sketch.join(edge, sketch.node(f"h-{pod}-{one}-{host}", "host", x, 0.0), "access")
    sketch.sources, sketch.targets = ("h-1-1-1",), (f"h-{k}-{half}-{half}",)


def dumbbell(sketch: Sketch, hosts: int, right: int | None, inner: Kind) -> None:
    """Hosts on the left, hosts on the right, and one link in the middle, "bottleneck", that all traffic shares."""
    counts = {"left": checked_count(hosts, "hosts", 1), "right": checked_count(hosts if right is None else right, "right", 1)}
    for hub, x in (("west", -1.0), ("east", 1.0)):
        sketch.node(hub, inner, x, 0.0)
    for side, hub, x in (("left", "west", -2.2), ("right", "east", 2.2)):
        for number in range(1, counts[side] + 1):
            host = sketch.node(f"{side}-{number}", "host", x, ((counts[side] + 1) / 2 - number) * 0.8)
            sketch.join(host, hub, "access")
    sketch.join("west", "east", "bottleneck", "bottleneck")
    sketch.sources = tuple(f"left-{number}" for number in range(1, counts["left"] + 1))
    sketch.targets = tuple(f"right-{number}" for number in range(1, counts["right"] + 1))
