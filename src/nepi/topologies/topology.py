"""`nepi.Topology`: nodes, links, and which ends traffic has, as data. Making it real is `ExperimentController.build`'s work."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from nepi.errors import BadValueError, UnknownResourceError, did_you_mean
from nepi.plan.placement import place
from nepi.plan.static_routes import checked_routing
from nepi.topologies import parts
from nepi.topologies.elements import Kind, TopologyLink, TopologyNode, checked_attributes, checked_kind, link_name
from nepi.topologies.ready_made import ReadyMade, split_options
from nepi.topologies.shapes import Sketch
from nepi.units import duration_s, format_rate, rate_bps

if TYPE_CHECKING:
    from nepi.model.experiment import ExperimentDescription

LEAST_WEIGHT_S: Final = 1e-6


@dataclass(frozen=True)
class Topology(ReadyMade):
    """Who is linked to whom. Nothing of it changes: what changes something returns a new one.

    Attributes:
        nodes: computers and switches.
        links: what is between them.
        name: what it is called, for people; may be empty.
        sources: names of the nodes that traffic usually comes from.
        targets: names of those that it goes to.
        networks: where its addresses are taken from, such as "10.1.0.0/16"; empty for the experiment's.
        routing: who gets routes: "static" every node, "hosts" those with one link only (for routing daemons on the others), "none" nobody.
        geographic: positions are longitudes and latitudes.
        warnings: what could not be carried over from where it came from, one sentence each.
    """

    nodes: tuple[TopologyNode, ...]
    links: tuple[TopologyLink, ...]
    name: str = ""
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    routing: str = "static"
    geographic: bool = False
    warnings: tuple[str, ...] = ()

    @classmethod
    def _of_sketch(cls, name: str, sketch: Sketch, more: Mapping[str, Any]) -> Self:
        """Return what was drawn."""
        made = cls(tuple(sketch.nodes), tuple(sketch.links), name, sketch.sources, sketch.targets)
        return made._with_options(**more)

    def _with_options(self, *, name: str | None = None, networks: Iterable[str] | None = None, routing: str | None = None) -> Self:
        """Return a copy with what is about the whole."""
        return replace(
            self,
            name=self.name if name is None else str(name),
            networks=self.networks if networks is None else checked_networks(networks),
            routing=self.routing if routing is None else checked_routing(routing),
        )

    # Made from what there is already.

    @classmethod
    def of(cls, nodes: Iterable[str | TopologyNode], links: Iterable[tuple[Any, ...] | TopologyLink], **more: Any) -> Self:
        """Return a topology of one's own.

        Args:
            nodes: their names, which are hosts then, or `TopologyNode`s.
            links: pairs of names, or (name, name, {"rate": "10Mbit", ...}), or `TopologyLink`s.
            more: any other of the attributes above.
        """
        counts: dict[frozenset[str], int] = {}
        made = []
        for link in links:
            if isinstance(link, TopologyLink):
                made.append(link)
                continue
            first, second, attributes = _link_parts(link)
            count = counts[frozenset((first, second))] = counts.get(frozenset((first, second)), 0) + 1
            name = link_name(first, second, count)
            made.append(TopologyLink(name, (first, second), "", checked_attributes(attributes, f"link {name!r}")))
        return cls(tuple(one if isinstance(one, TopologyNode) else TopologyNode(_name(one)) for one in nodes), tuple(made), **more)

    @classmethod
    def from_record(cls, record: Mapping[str, Any], folder: str | Path = ".") -> Self:
        """Return the topology that a record describes: what `to_record` returns, or a shape or a file in a few words.

        Args:
            record: {"dumbbell": {"hosts": 4, "bottleneck": {"rate": "10Mbit"}}}, {"ring": 5}, {"file": "zoo.graphml"}, or all nodes and
                links. Beside it may stand name, networks, routing, sources, targets, and `links`: attributes by a link's name or role.
            folder: what the path of a file is relative to.

        Raises:
            BadValueError: it describes none.
        """
        from nepi.topologies import records

        return records.from_record(cls, record, Path(folder))

    def to_record(self) -> dict[str, Any]:
        """Return it as plain data, for JSON and YAML."""
        from nepi.topologies import records

        return records.to_record(self)

    @classmethod
    def from_networkx(cls, graph: Any, **link: Any) -> Self:
        """Return the topology of any graph of networkx.

        Args:
            graph: Graph, MultiGraph, or directed, where an edge and the one back are one link. Node attributes `kind` and `pos`, and
                all edge attributes that have the name of a link's, are taken over.
            link: attributes of links whose edge says nothing of them, and `name`, `networks`, `routing`.

        Raises:
            BadValueError: it has no nodes, or an attribute that no topology can have.
        """
        from nepi.topologies.networkx_graph import from_networkx

        return from_networkx(cls, graph, *split_options(link))

    @classmethod
    def from_mininet(cls, topo: Any, **arguments: Any) -> Self:
        """Return the topology of a Mininet `Topo`: an object, or a class, which is called with `arguments`.

        Mininet need not be there: anything with its nodes(), isSwitch(), nodeInfo() and links() will do. What cannot be carried over
        is in `warnings`.
        """
        from nepi.topologies.mininet import from_mininet

        return from_mininet(cls, topo, arguments)

    @classmethod
    def of_experiment(cls, description: ExperimentDescription, roles: Mapping[str, str], **more: Any) -> Self:
        """Return the nodes, switches and links of an experiment; what else it has is left out.

        Args:
            description: as `ExperimentController.describe` returns it.
            roles: by type name, what the types of the experiment are in a topology (`TypeSpec.role`).
            more: any of the attributes above, and `positions` by the name of a node.
        """
        from nepi.topologies.of_experiment import of_experiment

        return of_experiment(cls, description, roles, **more)

    @classmethod
    def load(cls, path: str | Path, *, kind: str = "") -> Self:
        """Return the topology that a file describes. What cannot be carried over is in `warnings`.

        Args:
            path: GraphML (Topology Zoo), a containerlab file, Kathará's lab.conf or its folder, CORE's XML, a Python file with a
                Mininet `Topo` class, or a record as JSON or YAML.
            kind: which of them ("graphml", "containerlab", "kathara", "core", "mininet", "record"), where the file does not tell.

        Raises:
            DescriptionError: it cannot be read, or describes no topology.
        """
        from nepi.topologies.load import load

        return load(cls, Path(path), kind)

    # What is in it.

    @functools.cached_property
    def _nodes(self) -> dict[str, TopologyNode]:
        return {one.name: one for one in self.nodes}

    @functools.cached_property
    def _links(self) -> dict[str, TopologyLink]:
        return {one.name: one for one in self.links}

    def node(self, name: str) -> TopologyNode:
        """Return a node.

        Raises:
            UnknownResourceError: there is none of this name.
        """
        found = self._nodes.get(name)
        if found is None:
            raise UnknownResourceError(f"{self} has no node {name!r}{did_you_mean(str(name), self._nodes)}")
        return found

    def link(self, name: str, other: str | None = None) -> TopologyLink:
        """Return a link, by its name or by the names of its ends; of several between two nodes the first.

        Raises:
            UnknownResourceError: there is none.
        """
        if other is not None:
            ends = {self.node(name).name, self.node(other).name}
            found = next((one for one in self.links if set(one.ends) == ends), None)
            if found is None:
                raise UnknownResourceError(f"{self} has no link between {name!r} and {other!r}")
            return found
        found = self._links.get(name)
        if found is None:
            raise UnknownResourceError(f"{self} has no link {name!r}{did_you_mean(str(name), self._links)}")
        return found

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """Return the names of all nodes of some kinds."""
        return tuple(one.name for one in self.nodes if one.kind in kinds)

    def __str__(self) -> str:
        return f"topology {self.name!r}" if self.name else "the topology"

    # Other ones.

    def with_links(self, *names: str, role: str | None = None, **attributes: Any) -> Self:
        """Return one whose links have these attributes too: the named ones, those of a role, or all. None takes one away."""
        for name in names:
            self.link(name)
        roles = {one.role for one in self.links}
        if role is not None and role not in roles:
            raise UnknownResourceError(f"{self} has no links of the role {role!r}{did_you_mean(role, roles)}")
        links = tuple(
            replace(one, attributes=checked_attributes({**one.attributes, **attributes}, f"link {one.name!r}"))
            if (not names or one.name in names) and (role is None or one.role == role)
            else one
            for one in self.links
        )
        return replace(self, links=links)

    def with_nodes(self, *names: str, kind: Kind | None = None, **attributes: Any) -> Self:
        """Return one whose nodes (the named ones, or all) are of this kind, or have these attributes too."""
        for name in names:
            self.node(name)
        nodes = tuple(
            replace(
                one,
                kind=one.kind if kind is None else checked_kind(kind, f"node {one.name!r}"),
                attributes=checked_attributes({**one.attributes, **attributes}, f"node {one.name!r}"),
            )
            if not names or one.name in names
            else one
            for one in self.nodes
        )
        return replace(self, nodes=nodes)

    def placed_on(self, machines: Iterable[str] | Mapping[str, float]) -> Self:
        """Return one whose nodes say on which machine they are (attribute `host`): shares are even, and few links go between machines.

        Args:
            machines: names of hosts of the experiment; or, where one can do more than another, names to weights, such as their cores.

        A node that says it already stays there.

        Raises:
            BadValueError: there are no machines, a weight is not positive, or a node is on a machine that is not among them.
        """
        weights = {str(name): float(weight) for name, weight in machines.items()} if isinstance(machines, Mapping) else None
        fixed = {one.name: str(one.attributes["host"]) for one in self.nodes if one.attributes.get("host")}
        placed = place(
            dict.fromkeys([one.name for one in self.nodes], 1.0),
            [one.ends for one in self.links],
            weights if weights is not None else dict.fromkeys(map(str, machines), 1.0),
            fixed,
        )
        nodes = tuple(replace(one, attributes={**one.attributes, "host": placed[one.name]}) for one in self.nodes)
        return replace(self, nodes=nodes)

    def with_traffic(self, sources: Iterable[str] | None = None, targets: Iterable[str] | None = None) -> Self:
        """Return one with other sources or targets."""
        return replace(
            self,
            sources=self.sources if sources is None else tuple(self.node(name).name for name in sources),
            targets=self.targets if targets is None else tuple(self.node(name).name for name in targets),
        )

    def with_random_source(self, seed: int) -> Self:
        """Return one whose only source is one of the hosts that are no targets, the same one for each seed."""
        from random import Random

        others = [name for name in self.of_kind("host") if name not in self.targets]
        if not others:
            raise BadValueError(f"{self} has no host that is not a target: set the source by with_traffic")
        return replace(self, sources=(Random(seed).choice(others),))

    def with_rate_factor(self, factor: float) -> Self:
        """Return one in which every rate is multiplied, so that a backbone of 100 Gbit/s fits into a laptop as one of 100 Mbit/s."""
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= 1e6:
            raise BadValueError(f"with_rate_factor({factor!r}): use a number above 0, like 1 / 1000")
        links = tuple(
            replace(
                one,
                attributes={
                    name: format_rate(max(8, round(rate_bps(value) * factor))) if name in ("rate", "rateBack") else value
                    for name, value in one.attributes.items()
                },
            )
            for one in self.links
        )
        return replace(self, links=links)

    def with_delay_as_weight(self) -> Self:
        """Return one whose static routes take the ways of least delay (from first ends). A link without one counts as a microsecond."""
        links = tuple(
            replace(one, attributes={**one.attributes, "weight": max(duration_s(one.attributes.get("delay", 0)), LEAST_WEIGHT_S) * 1000})
            for one in self.links
        )
        return replace(self, links=links)

    def with_prefix(self, prefix: str) -> Self:
        """Return one in which every name begins with `prefix`, so that an experiment can have it beside another one."""
        return replace(
            self,
            nodes=tuple(replace(one, name=prefix + one.name) for one in self.nodes),
            links=tuple(replace(one, name=prefix + one.name, ends=(prefix + one.ends[0], prefix + one.ends[1])) for one in self.links),
            sources=tuple(prefix + name for name in self.sources),
            targets=tuple(prefix + name for name in self.targets),
        )

    def parts(self) -> tuple[Self, ...]:
        """Return the parts that hang together, the largest first; of a whole one, itself."""
        found = parts.parts_of(self.nodes, self.links)
        if len(found) < 2:
            return (self,)
        return tuple(self._only(set(names)) for names in found)

    def _only(self, names: set[str]) -> Self:
        return replace(
            self,
            nodes=tuple(one for one in self.nodes if one.name in names),
            links=tuple(one for one in self.links if one.ends[0] in names),
            sources=tuple(name for name in self.sources if name in names),
            targets=tuple(name for name in self.targets if name in names),
        )

    def mistakes(self) -> tuple[str, ...]:
        """Return what is wrong with it, one sentence each; `build` refuses a topology with mistakes."""
        return tuple(parts.mistakes_of(self.nodes, self.links, (*self.sources, *self.targets)))


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise BadValueError(f"node {name!r}: a name is a text")
    return name


def _link_parts(link: Any) -> tuple[str, str, Mapping[str, Any]]:
    """Split what stands for a link: two names, and its attributes if it has some.

    Raises:
        BadValueError: it is something else.
    """
    parts = () if isinstance(link, str) or not isinstance(link, Iterable) else tuple(link)
    attributes = parts[2] if len(parts) == 3 else {}
    if not 2 <= len(parts) <= 3 or not all(isinstance(one, str) for one in parts[:2]) or not isinstance(attributes, Mapping):
        raise BadValueError(f"link {link!r}: write two names, and its attributes if it has some, like ('a', 'b', {{'rate': '10Mbit'}})")
    return parts[0], parts[1], attributes


def checked_networks(networks: object) -> tuple[str, ...]:
    """Return networks, in order.

    Raises:
        BadValueError: one is no network.
    """
    from nepi.model.addressing import parse_subnet

    given = (networks,) if isinstance(networks, str) else networks
    if not isinstance(given, Iterable):
        raise BadValueError(f"networks={networks!r}: use a list, like ['10.1.0.0/16', 'fd01::/48']")
    return tuple(str(parse_subnet(one)) for one in given)
