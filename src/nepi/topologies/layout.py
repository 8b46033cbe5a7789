"""Where the nodes of a picture go: where the topology says, or where a layout of networkx puts them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nepi.topologies.elements import Position

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

MOST_FOR_KAMADA_KAWAI: Final = 150
"""Nodes; it is the better layout, and takes the cube of their number."""
SEED: Final = 1


def positions_of(topology: Topology) -> dict[str, Position]:
    """Return a place for each node; the same topology always gets the same ones."""
    known = {one.name: one.position for one in topology.nodes if one.position is not None}
    if topology.geographic and known:
        # A degree of longitude is shorter than one of latitude, except at the equator.
        shrink = math.cos(math.radians(sum(y for _, y in known.values()) / len(known)))
        known = {name: (x * shrink, y) for name, (x, y) in known.items()}
    if len(known) == len(topology.nodes):
        return known
    return _laid_out(topology, known)


def _laid_out(topology: Topology, known: Mapping[str, Position]) -> dict[str, Position]:
    import networkx

    graph: Any = networkx.Graph()
    graph.add_nodes_from(one.name for one in topology.nodes)
    graph.add_edges_from(link.ends for link in topology.links)
    if known:  # those without a place of their own are drawn among their neighbours
        middle = tuple(sum(one[axis] for one in known.values()) / len(known) for axis in (0, 1))
        start = {name: known.get(name, middle) for name in graph}
        found = networkx.spring_layout(graph, pos=start, fixed=list(known), seed=SEED)
    elif len(graph) <= MOST_FOR_KAMADA_KAWAI and networkx.is_connected(graph):
        found = networkx.kamada_kawai_layout(graph)
    else:
        found = networkx.spring_layout(graph, seed=SEED, iterations=100)
    return {name: (float(place[0]), float(place[1])) for name, place in found.items()}
