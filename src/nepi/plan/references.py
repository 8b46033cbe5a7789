"""References to resources, resolved to the address at which the referring one reaches them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from nepi.model.addressing import Subnet
from nepi.model.attributes import Reference
from nepi.model.experiment import ResourceDescription
from nepi.plan.graph import Graph
from nepi.plan.topology import Port, Topology
from nepi.plan.ways import Ways, islands

_OWN_ATTRIBUTES = ("ip", "hostname")
"""Where a node that is reached without our links says its address."""


class AddressBook:
    """Finds addresses of resources, as seen from others. Looked up once for each pair of nodes."""

    def __init__(self, graph: Graph, topology: Topology, ways: Mapping[int, Ways]) -> None:
        self._graph = graph
        self._topology = topology
        self._ways = ways
        self._reached: dict[int, set[tuple[int, Subnet]]] = {}
        self._found: dict[tuple[int | None, int], str | None] = {}
        self._islands: dict[int, int] | None = None

    def resolve(self, one: ResourceDescription, target: int) -> str | None:
        """Return the address of `target` as `one` is to use it, or None when it has none."""
        role = self._graph.spec(target).role
        if role == "interface":
            port = self._topology.of_interface.get(target)
            return _first([port] if port is not None else [])
        if role == "address":
            ip = self._graph.value(target, "ip")
            return None if ip is None else str(ip)
        there = self.node_of(target)
        if there is None:
            return None
        here = self.node_of(one.guid)
        if (here, there) not in self._found:
            self._found[here, there] = self._between(here, there)
        return self._found[here, there]

    def node_of(self, guid: int) -> int | None:
        """Return the node that a resource is, or is on, or None."""
        if self._graph.spec(guid).role == "node":
            return guid
        nodes = self._graph.peers_of_role(guid, "node")
        for interface in self._graph.peers_of_role(guid, "interface") if not nodes else ():
            nodes = self._graph.peers_of_role(interface, "node")
            if nodes:
                break
        return nodes[0] if nodes else None

    def _between(self, here: int | None, there: int) -> str | None:
        ports = self._topology.by_node.get(there, [])
        if here is not None and here != there:
            reached = self._reach(here)
            for version in (4, 6):
                for port in ports:
                    for address in port.addresses:
                        if address.version == version and (port.domain, address.subnet) in reached:
                            return address.text
            routed = self.routed(here, there)
            if routed is not None:
                return routed
        return _first(ports) or self._said_by(there)

    def routed(self, here: int, there: int) -> str | None:
        """Return the first address of a node that shortest ways lead to, or None."""
        for version, ways in self._ways.items():
            if ways.is_routed:
                for port in self._topology.by_node.get(there, ()):
                    for address in port.addresses:
                        number = ways.number_of(port.domain, address.subnet) if address.version == version else None
                        if number is not None and number in ways.from_node(here):
                            return address.text
        return None

    def shares_network(self, here: int, there: int) -> bool:
        """Whether two nodes reach each other directly."""
        return here == there or not self._reach(here).isdisjoint(self._reach(there))

    def has_links(self, *nodes: int) -> bool:
        """Whether all of these nodes have addresses of our links."""
        return all(any(port.addresses for port in self._topology.by_node.get(node, ())) for node in nodes)

    def is_apart(self, here: int, there: int) -> bool:
        """Whether both have links, and no way over links and nodes of any kind leads from one to the other."""
        if self._islands is None:
            self._islands = islands(self._graph, self._topology)
        first, second = self._islands.get(here), self._islands.get(there)
        return first is not None and second is not None and first != second

    def _reach(self, node: int) -> set[tuple[int, Subnet]]:
        """Return the (domain, subnet) that a node has a foot in."""
        if node not in self._reached:
            ports = self._topology.by_node.get(node, [])
            self._reached[node] = {(port.domain, address.subnet) for port in ports for address in port.addresses}
        return self._reached[node]

    def _said_by(self, node: int) -> str | None:
        for attribute in _OWN_ATTRIBUTES:
            value = self._graph.value(node, attribute)
            if isinstance(value, str) and value:
                return value
        return None


def _first(ports: list[Port]) -> str | None:
    """Return the first IPv4 address, or else the first IPv6 address."""
    addresses = [address for port in ports for address in port.addresses]
    return next((one.text for version in (4, 6) for one in addresses if one.version == version), None)


def resolve_references(
    graph: Graph, book: AddressBook, references: list[tuple[ResourceDescription, str, Reference]]
) -> dict[int, dict[str, Any]]:
    """Return the values of attributes that refer to resources; a reference to what has no address is a mistake."""
    values: dict[int, dict[str, Any]] = {}
    for one, name, reference in references:
        address = book.resolve(one, reference.guid)
        if address is not None:
            values.setdefault(one.guid, {})[name] = address
        elif graph.is_known(graph.resources[reference.guid].rtype):
            graph.mistake(
                one.guid,
                f"has attribute {name!r} set to {graph.place(reference.guid)}, which has no address: "
                "connect its node by a link, or write an address",
            )
    return values


def check_reach(
    graph: Graph,
    book: AddressBook,
    references: Sequence[tuple[ResourceDescription, str, Reference]],
    explicit: Container[int],
    routing: str,
) -> None:
    """Find applications whose target is apart from them (a mistake), or behind nodes that pass nothing on (a warning)."""
    for one, name, reference in references:
        here, there = book.node_of(one.guid), book.node_of(reference.guid)
        if here is None or there is None or graph.spec(one.guid).role != "application" or book.shares_network(here, there):
            continue
        what = f"has attribute {name!r} set to {graph.place(reference.guid)}"
        if book.is_apart(here, there):
            graph.mistake(one.guid, f"{what}, but no links lead there from {graph.place(here)}: join the two parts of the network")
        elif (
            (graph.value(here, "routing") or routing) == "static"
            and here not in explicit
            and book.has_links(here, there)
            and book.routed(here, there) is None
        ):
            graph.warn(
                one.guid,
                f"{what}, to which no route leads from {graph.place(here)}: nodes on the way have forwarding=False, or no addresses",
            )
