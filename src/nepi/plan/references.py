"""References to resources, resolved to the address at which the referring one reaches them."""

from __future__ import annotations

from typing import Any

from nepi.model.addressing import Subnet
from nepi.model.attributes import Reference
from nepi.model.experiment import ResourceDescription
from nepi.plan.graph import Graph
from nepi.plan.topology import Port, Topology

_OWN_ATTRIBUTES = ("ip", "hostname")
"""Where a node that is reached without our links says its address."""


class AddressBook:
    """Finds addresses of resources, as seen from others. Looked up once for each pair of nodes."""

    def __init__(self, graph: Graph, topology: Topology) -> None:
        self._graph = graph
        self._topology = topology
        self._reached: dict[int, set[tuple[int, Subnet]]] = {}
        self._found: dict[tuple[int | None, int], str | None] = {}

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
        return _first(ports) or self._said_by(there)

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
