"""Static routes along the shortest ways: which node is given which, so that every node reaches every subnet of the experiment.

A node on one segment gets a default route. A router gets one route for each run of neighbouring subnets that lie behind the same
neighbour, so that packets to addresses that nobody has are refused at once and do not circle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from nepi.errors import BadValueError, did_you_mean
from nepi.model.addressing import BITS, Subnet, address_text
from nepi.plan.graph import Graph
from nepi.plan.result import RoutePlan
from nepi.plan.ways import Hop, Ways

ROUTINGS: Final = ("static", "hosts", "none")
"""Who gets routes: every node, nodes on one segment only, nobody."""

_ROLES: Final = frozenset({"node", "switch", "link", "interface", "address", "route"})


def checked_routing(routing: object) -> str:
    """Return who gets routes.

    Raises:
        BadValueError: there is no such choice.
    """
    if routing not in ROUTINGS:
        raise BadValueError(f"routing={routing!r}: use {', '.join(map(repr, ROUTINGS))}{did_you_mean(str(routing), ROUTINGS)}")
    return str(routing)


Explicit = Mapping[int, Sequence[Subnet]]
"""Destinations of route resources, by guid of their node."""


def plan_routes(graph: Graph, ways: Mapping[int, Ways], explicit: Explicit, routing: str) -> dict[int, tuple[RoutePlan, ...]]:
    """Return the routes of each node, by guid; those of an earlier increment when nothing has changed since."""
    if graph.earlier.needs and not any((spec := graph.spec(one.guid)).role in _ROLES or spec.finds_routes for one in graph.new):
        return {guid: routes for guid, routes in graph.earlier.routes.items() if guid in graph.resources}
    routes: dict[int, list[RoutePlan]] = {}
    for version, known in ways.items():
        if not known.is_routed:
            continue
        table = _Table(graph, known, version)
        daemons = _with_daemons(graph, version)
        for node, numbers in known.attached.items():
            mode = graph.value(node, "routing") or ("none" if node in daemons else routing)
            if mode == "static" or (mode == "hosts" and len(numbers) == 1):
                taken = [one for one in explicit.get(node, ()) if one.version == version]
                routes.setdefault(node, []).extend(table.of(node, taken))
    return {node: tuple(rows) for node, rows in sorted(routes.items()) if rows}


def _with_daemons(graph: Graph, version: int) -> set[int]:
    """Return the nodes on which something finds the routes while the experiment runs."""
    finders = {rtype for rtype, spec in graph.specs.items() if version in spec.finds_routes}
    if not finders:
        return set()
    return {node for one in graph.resources.values() if one.rtype in finders for node in graph.peers_of_role(one.guid, "node")}


class _Table:
    """Subnets in order, so that those that lie behind one neighbour and beside each other become one route."""

    def __init__(self, graph: Graph, ways: Ways, version: int) -> None:
        self._ways = ways
        self._version = version
        numbers: dict[Subnet, list[int]] = {}
        for number, segment in enumerate(ways.segments):
            numbers.setdefault(segment.subnet, []).append(number)
        self._sorted = sorted(numbers)
        self._numbers = [numbers[subnet] for subnet in self._sorted]
        for subnet, several in numbers.items():
            if len(several) > 1:
                graph.warnings.append(
                    f"{len(several)} separate networks have the addresses {subnet}: static routes lead to the nearest of them"
                )

    def of(self, node: int, taken: Sequence[Subnet]) -> Iterator[RoutePlan]:
        """Yield a node's routes, without those that a route of the user's decides."""
        hops = self._ways.from_node(node)
        usual: Hop | None = None
        if len(self._ways.attached[node]) == 1 and hops and not taken:
            usual = Counter(hops.values()).most_common(1)[0][0]
        to: dict[Hop, list[str]] = {usual: [f"{address_text(self._version, 0)}/0"]} if usual is not None else {}
        if usual is None or len(set(hops.values())) > 1:
            for hop, first, last in self._runs(node, hops, usual, taken):
                to.setdefault(hop, []).extend(str(subnet) for subnet in subnets_of(self._version, first, last))
        for (number, neighbour), destinations in to.items():
            members = self._ways.segments[number].members
            yield RoutePlan(members[neighbour].partition("/")[0], members[node], tuple(destinations))

    def _runs(self, node: int, hops: Mapping[int, Hop], usual: Hop | None, taken: Sequence[Subnet]) -> Iterator[tuple[Hop, int, int]]:
        """Yield (hop, first address, last address) of neighbouring subnets behind one hop other than the usual one."""
        own = set(self._ways.attached[node])
        run: tuple[Hop, int, int] | None = None
        for subnet, numbers in zip(self._sorted, self._numbers, strict=True):
            hop = hops.get(numbers[0]) if len(numbers) == 1 else self._nearest(own, numbers, hops)
            if hop is not None and (hop == usual or (taken and _decided(subnet, taken))):
                hop = None
            if run is not None:
                if hop == run[0] and subnet.first == run[2] + 1:
                    run = run[0], run[1], subnet.last
                    continue
                yield run
            run = None if hop is None else (hop, subnet.first, subnet.last)
        if run is not None:
            yield run

    @staticmethod
    def _nearest(own: set[int], numbers: Sequence[int], hops: Mapping[int, Hop]) -> Hop | None:
        """Return the way to the nearest of several networks with the same addresses; none to one that the node is in."""
        if own.intersection(numbers):
            return None
        wanted = set(numbers)
        return next((hop for number, hop in hops.items() if number in wanted), None)


def _decided(subnet: Subnet, taken: Iterable[Subnet]) -> bool:
    return any(one.first <= subnet.first and subnet.last <= one.last for one in taken)


def subnets_of(version: int, first: int, last: int) -> Iterator[Subnet]:
    """Yield the fewest subnets that cover exactly the addresses from `first` to `last`."""
    while first <= last:
        size = first & -first or 1 << BITS[version]
        while size > last - first + 1:
            size >>= 1
        yield Subnet(version, first, BITS[version] - size.bit_length() + 1)
        first += size
