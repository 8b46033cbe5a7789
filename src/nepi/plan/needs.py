"""Which resource waits for which: `TypeSpec.needs` resolved over the connections."""

from __future__ import annotations

from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Need, TypeSpec
from nepi.plan.graph import Graph
from nepi.plan.result import Needs


def resolve_needs(graph: Graph) -> dict[int, Needs]:
    """Return what each new resource needs; a required peer that is missing is a mistake."""
    needs: dict[int, Needs] = dict.fromkeys([one.guid for one in graph.new], ())
    by_type: dict[str, list[ResourceDescription]] = {}
    for one in graph.new:
        by_type.setdefault(one.rtype, []).append(one)
    for rtype, members in by_type.items():
        if graph.specs[rtype].needs:
            _resolve_type(graph, graph.specs[rtype], members, needs)
    return needs


def _resolve_type(graph: Graph, spec: TypeSpec, members: list[ResourceDescription], needs: dict[int, Needs]) -> None:
    """Resolve all resources of one type: what its needs say of each peer's type is looked up, not worked out again."""
    table = {rtype: row for rtype, peer in graph.specs.items() if (row := _row(spec.needs, peer))}
    wanted = sum(1 << position for position, need in enumerate(spec.needs) if need.required)
    shared: dict[tuple[int, ...], tuple[Needs, int]] = {}  # applications of one node have the same needs: one tuple for all
    for one in members:
        peers = _reached(graph, one.guid) if spec.role == "link" else graph.peers(one.guid)
        found = shared.get(peers)
        if found is None:
            found = shared[peers] = _resolve_peers(graph, peers, table)
        needs[one.guid], met = found
        if wanted & ~met:
            _miss(graph, one, [need for position, need in enumerate(spec.needs) if wanted & ~met & (1 << position)])


def _reached(graph: Graph, link: int) -> tuple[int, ...]:
    """Return the peers of a link, and the nodes behind its interface resources: an end is made in a node, whoever declares it."""
    interfaces = graph.peers_of_role(link, "interface")
    return tuple(dict.fromkeys((*graph.peers(link), *(node for one in interfaces for node in graph.peers_of_role(one, "node")))))


def _row(needs: tuple[Need, ...], peer: TypeSpec) -> tuple[ResourceState, int] | None:
    """Return the state that such a peer must reach and which of the needs (as bits) it answers."""
    matching = [(need.state, 1 << position) for position, need in enumerate(needs) if peer.is_a(need.kind) or need.kind == peer.rtype]
    if not matching:
        return None
    return max(state for state, _ in matching), sum(bit for _, bit in matching)


def _resolve_peers(graph: Graph, peers: tuple[int, ...], table: dict[str, tuple[ResourceState, int]]) -> tuple[Needs, int]:
    found: list[tuple[int, ResourceState]] = []
    met = 0
    for peer in peers:
        row = table.get(graph.resources[peer].rtype)
        if row is not None:
            found.append((peer, row[0]))
            met |= row[1]
    return tuple(found), met


def _miss(graph: Graph, one: ResourceDescription, missing: list[Need]) -> None:
    graph.lacking.add(one.guid)
    for need in missing:
        kind = _known_as(graph, need.kind)
        article = "an" if kind[:1].lower() in "aeiou" else "a"
        rtype = short_name(one.rtype) if graph.specs[one.rtype].backend == graph.backend else one.rtype
        graph.mistake(one.guid, f"needs {article} {kind}: connect it to one, e.g. ec.add({rtype!r}, {kind.lower()})")


def _known_as(graph: Graph, kind: str) -> str:
    """Return what people call a kind: the type of this experiment that is one, where a class is needed that is no type itself."""
    types = sorted(rtype for rtype, spec in graph.specs.items() if kind != rtype and spec.is_a(kind))
    return short_name(kind if kind in graph.specs or not types else types[0])


def short_name(kind: str) -> str:
    """Return the last part of a type's or class's name: "Node" of "netns::Node" and of "nepi.hosts.port.Node"."""
    return kind.rpartition("::")[2].rpartition(".")[2]
