"""The part of the controller that builds topologies, out of the same resources that a user would add by hand, on any backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nepi.errors import DescriptionError
from nepi.execution.factory import ResourceFactory
from nepi.execution.net import Net
from nepi.execution.part import Part
from nepi.model.type_choice import chosen_type

if TYPE_CHECKING:
    from nepi.execution.handle import Handle
    from nepi.topologies.elements import TopologyNode
    from nepi.topologies.topology import Topology

TYPES: Final = {"host": "Node", "router": "Node", "switch": "Switch"}
"""Kind of a node to the resource type that it is made of."""


class Building(Part):
    """What `ExperimentController` does with topologies. Not for use by itself."""

    def build(
        self,
        topology: Topology,
        *,
        backend: str = "",
        networks: Iterable[str] | None = None,
        routing: str | None = None,
        prefix: str = "",
        hosts: Iterable[Handle | str] | Mapping[Handle | str, float] | None = None,
    ) -> Net:
        """Add all nodes and links of a topology; addresses and routes come with the plan.

        Args:
            topology: what to build.
            backend: where its types belong; by default the experiment's. A node with an attribute `backend` belongs to that, and links
                between two backends join them.
            networks: where its addresses are taken from; by default what the topology says, or else the experiment's networks.
            routing: who gets static routes: "static", "hosts" or "none"; by default what the topology says.
            hosts: machines of the experiment (`linux::Node`) on which its nodes are to be, or machines to weights, such as their cores:
                each gets its share, and few links go from one to another. Nodes with an attribute `host` stay where that says.
            prefix: put before the name of every resource, so that one experiment can have several of the same shape.

        Returns:
            The handles, by the names that they have in the topology.

        Raises:
            DescriptionError: the topology has mistakes, all of which are told, or a name is taken; nothing was added.
        """
        asked = topology._with_options(networks=networks, routing=routing)
        mistakes = asked.mistakes()
        if mistakes:
            raise DescriptionError(f"{asked} cannot be built: " + "; ".join(mistakes))
        if hosts is not None:
            asked = asked.placed_on(_machines(hosts))
        handles: dict[str, Handle] = {}
        try:
            self._add_all(asked, backend, prefix, handles)
        except BaseException:
            for handle in reversed(handles.values()):
                self._controller.remove_resource(handle)
            raise
        for sentence in asked.warnings:
            self._controller.warning(f"{asked}: {sentence}")
        net = Net(asked, handles)
        self._nets.append(net)
        return net

    @property
    def nets(self) -> list[Net]:
        """What was built so far."""
        return list(self._nets)

    def _add_all(self, topology: Topology, backend: str, prefix: str, handles: dict[str, Handle]) -> None:
        add = self._controller.add
        networks = {"networks": " ".join(topology.networks)} if topology.networks else {}
        silent = _without_routes(topology)
        for node in topology.nodes:
            given = _node_attributes(node, silent)
            own = given.pop("backend", backend)
            if node.kind == "switch":
                given = {**networks, **given}
            rtype = f"{own}::{TYPES[node.kind]}" if own else TYPES[node.kind]
            handles[node.name] = add(rtype, name=prefix + node.name, attributes=given)
        for link in topology.links:
            ends = [handles[name] for name in link.ends]
            peers = [self._controller.resource(end).rtype() for end in ends]
            rtype = chosen_type(ResourceFactory.find, "Link", backend or self._controller.backend, peers).rtype()
            handles[link.name] = add(rtype, *ends, name=prefix + link.name, attributes={**networks, **link.attributes})


def _machines(hosts: Iterable[Handle | str] | Mapping[Handle | str, float]) -> list[str] | dict[str, float]:
    """Return machines by name, with their weights if they have some."""

    def name_of(host: Handle | str) -> str:
        return host if isinstance(host, str) else host.name

    return {name_of(host): weight for host, weight in hosts.items()} if isinstance(hosts, Mapping) else [name_of(host) for host in hosts]


def _without_routes(topology: Topology) -> set[str]:
    """Return the names of the nodes that get no static routes, whatever the experiment says."""
    if topology.routing == "static":
        return set()
    if topology.routing == "none":
        return {one.name for one in topology.nodes}
    links: dict[str, int] = {}
    for link in topology.links:
        for end in link.ends:
            links[end] = links.get(end, 0) + 1
    return {name for name, count in links.items() if count > 1}


def _node_attributes(node: TopologyNode, silent: set[str]) -> dict[str, Any]:
    attributes = dict(node.attributes)
    if node.kind != "switch" and node.name in silent:
        attributes.setdefault("routing", "none")
    return attributes
