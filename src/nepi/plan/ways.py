"""Shortest ways of packets between networks, over nodes that pass them on: by which neighbour a node reaches which subnet.

A *segment* is a subnet on a domain: the ports there that have an address in it reach each other directly. As in OSPF, the cost of a way
is the sum of the weights of the links by which nodes send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf

from nepi.model.addressing import Subnet
from nepi.plan.graph import Graph
from nepi.plan.topology import Topology

Hop = tuple[int, int]
"""(number of the segment that the packet is sent over, guid of the neighbour that gets it)."""


@dataclass(slots=True)
class Segment:
    """A subnet on a domain.

    Attributes:
        subnet: which.
        members: by guid of each node that has an address in it, that address ("10.0.0.1/30").
        routers: those of the nodes that pass packets on to other segments.
    """

    subnet: Subnet
    members: dict[int, str] = field(default_factory=dict)
    routers: list[int] = field(default_factory=list)


class Ways:
    """The ways of one IP version.

    Attributes:
        segments: in the order of the ports that are in them.
        attached: by guid of each node, the numbers of its segments, in the order of its interfaces.
    """

    def __init__(self, graph: Graph, topology: Topology, version: int) -> None:
        self.segments: list[Segment] = []
        self.attached: dict[int, list[int]] = {}
        self._weights = _weights(graph)
        self._costs: dict[tuple[int, int], float] = {}  # by segment and node
        self._found: dict[int, dict[int, Hop]] = {}
        self._numbers: dict[tuple[int, Subnet], int] = {}
        nodes = {node: ports for node, ports in topology.by_node.items() if ports and not ports[0].on_switch}
        if all(len(ports) == 1 for ports in nodes.values()):
            return  # one network, or several that nobody joins
        for node, ports in nodes.items():
            for port in ports:
                for address in port.addresses:
                    if address.version == version:
                        self._attach(node, self._number(port.domain, address.subnet), str(address), self._weights.get(port.medium, 1.0))
        for node, numbers in self.attached.items():
            if len(numbers) > 1 and graph.value(node, "forwarding") is not False:
                for number in numbers:
                    self.segments[number].routers.append(node)

    def _number(self, domain: int, subnet: Subnet) -> int:
        number = self._numbers.setdefault((domain, subnet), len(self.segments))
        if number == len(self.segments):
            self.segments.append(Segment(subnet))
        return number

    def _attach(self, node: int, number: int, address: str, cost: float) -> None:
        if self.segments[number].members.setdefault(node, address) is address:
            self.attached.setdefault(node, []).append(number)
        self._costs[number, node] = min(cost, self._costs.get((number, node), cost))

    def like(self, other: Ways) -> None:
        """Take over the ways of the other IP version where both have the same segments."""
        same = self.attached == other.attached and all(
            one.routers == two.routers for one, two in zip(self.segments, other.segments, strict=False)
        )
        if same and self._costs == other._costs:
            self._found = other._found

    def number_of(self, domain: int, subnet: Subnet) -> int | None:
        """Return the number of a segment, or None when nobody is in it."""
        return self._numbers.get((domain, subnet))

    @property
    def is_routed(self) -> bool:
        """Whether there is a node that passes packets on."""
        return any(segment.routers for segment in self.segments)

    def from_node(self, node: int) -> Mapping[int, Hop]:
        """Return by which hop a node reaches each segment that it is not in, the nearest first. Segments without a way are not there."""
        found = self._found.get(node)
        if found is None:
            found = self._found[node] = self._by_weight(node) if self._weights else self._by_hops(node)
        return found

    def _by_hops(self, start: int) -> dict[int, Hop]:
        segments, attached = self.segments, self.attached
        found: dict[int, Hop] = {}
        seen_segments, seen = set(attached.get(start, ())), {start}
        todo: deque[tuple[int, Hop]] = deque()
        for number in attached.get(start, ()):
            for node in segments[number].routers:
                if node not in seen:
                    seen.add(node)
                    todo.append((node, (number, node)))
        while todo:
            here, hop = todo.popleft()
            for number in attached[here]:
                if number in seen_segments:
                    continue
                seen_segments.add(number)
                found[number] = hop
                for node in segments[number].routers:
                    if node not in seen:
                        seen.add(node)
                        todo.append((node, hop))
        return found

    def _by_weight(self, start: int) -> dict[int, Hop]:
        """Dijkstra; of ways of equal cost the one that was found first."""
        found: dict[int, Hop] = {}
        own, done = set(self.attached.get(start, ())), set()
        todo: list[tuple[float, int, int, Hop | None]] = [(0.0, 0, start, None)]
        serial = 0
        while todo:
            cost, _, here, hop = heappop(todo)
            if here in done:
                continue
            done.add(here)
            for number in self.attached.get(here, ()):
                if hop is not None and number not in own:
                    found.setdefault(number, hop)
                farther = cost + self._costs[number, here]
                for node in self.segments[number].routers:
                    if node not in done:
                        serial += 1
                        heappush(todo, (farther, serial, node, hop if hop is not None else (number, node)))
        return found


def _weights(graph: Graph) -> dict[int, float]:
    """Return the weights that links were given; none at all when every link counts the same."""
    found = {one.guid: _weight(graph.value(one.guid, "weight")) for one in graph.of_role("link")}
    return {guid: weight for guid, weight in found.items() if weight is not None}


def _weight(value: object) -> float | None:
    """Return a weight, or None: a wrong one is told by the check of attributes."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        weight = float(value)
    except ValueError:
        return None
    return weight if 0 < weight < inf else None


def islands(graph: Graph, topology: Topology) -> dict[int, int]:
    """Return, by guid of each node with a link, the number of its island: nodes that links join in any way have the same one."""
    leader = list(range(len(topology.domains)))

    def find(domain: int) -> int:
        while leader[domain] != domain:
            leader[domain] = leader[leader[domain]]
            domain = leader[domain]
        return domain

    for ports in topology.by_node.values():
        for port in ports[1:]:
            leader[find(port.domain)] = find(ports[0].domain)
    return {node: find(ports[0].domain) for node, ports in topology.by_node.items() if ports and graph.spec(node).role == "node"}
