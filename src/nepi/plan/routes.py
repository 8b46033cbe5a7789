"""Checks of route resources: a network, and a next hop that their node reaches directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nepi.errors import BadValueError
from nepi.model.addressing import BITS, Address, Subnet, network, parse_address
from nepi.model.attributes import Reference
from nepi.model.experiment import ResourceDescription
from nepi.plan.graph import Graph
from nepi.plan.references import AddressBook
from nepi.plan.topology import Topology


def check_routes(graph: Graph, topology: Topology, book: AddressBook, values: Mapping[int, Mapping[str, Any]]) -> dict[int, list[Subnet]]:
    """Find routes that their node could not take; return where routes lead, by guid of their node."""
    found: dict[int, list[Subnet]] = {}
    known: dict[tuple[int, Subnet], ResourceDescription] = {}
    holders = {(address.version, address.value) for ports in topology.by_node.values() for port in ports for address in port.addresses}
    for one in graph.of_role("route"):
        node = _node_of(graph, book, one)
        route = _parse(graph, one, values.get(one.guid) or graph.earlier.values.get(one.guid, {}))
        if node is None or route is None:
            continue
        destination, hop = route
        found.setdefault(node, []).append(destination)
        other = known.setdefault((node, destination), one)
        if other is not one:
            graph.mistake(one.guid, f"is a second route to {destination} in {graph.place(node)}, besides {other.name!r}: take one away")
        if hop[:2] not in holders and graph.is_new(one.guid):
            graph.warn(one.guid, f"has nexthop {hop.text}, which is no address of any node of this experiment")
        _check_hop(graph, topology, one, node, hop)
    return found


def _node_of(graph: Graph, book: AddressBook, one: ResourceDescription) -> int | None:
    found = graph.peers_of_role(one.guid, "node", "interface")
    if len(found) == 1:
        return book.node_of(found[0])
    if found or one.guid not in graph.lacking:
        graph.mistake(one.guid, f"is connected to {len(found) or 'no'} nodes: connect it to exactly one")
    return None


def _parse(graph: Graph, one: ResourceDescription, values: Mapping[str, Any]) -> tuple[Subnet, Address] | None:
    """Return the network and the next hop that a route's attributes say, or None after a mistake."""
    where, prefix, hop = (values.get(name, graph.value(one.guid, name)) for name in ("network", "prefix", "nexthop"))
    if isinstance(hop, Reference):
        return None  # to something without an address, which was said
    try:
        if hop is None:
            raise BadValueError("nexthop is missing: the address of the router, in a subnet that the node has an interface in")
        version, value = parse_address(hop)
        destination = _destination(where, prefix, version)
        if destination.version != version:
            raise BadValueError(f"network {where!r} is IPv{destination.version}, but nexthop {hop!r} is IPv{version}")
    except BadValueError as error:
        graph.mistake(one.guid, f"has a wrong value: {error}")
        return None
    return destination, Address(version, value, BITS[version])


def _destination(where: object, prefix: object, version: int) -> Subnet:
    """Return the network of a route; "default" is of the next hop's IP version."""
    if where is None:
        raise BadValueError("network is missing: write 'default', or a network and its prefix")
    if where == "default":
        return Subnet(version, 0, 0)
    return network(where, 0 if prefix is None and where in ("0.0.0.0", "::") else prefix)


def _check_hop(graph: Graph, topology: Topology, one: ResourceDescription, node: int, hop: Address) -> None:
    own = [address for port in topology.by_node.get(node, ()) for address in port.addresses]
    if any(address[:2] == hop[:2] for address in own):
        graph.mistake(one.guid, f"has nexthop {hop.text}, which is an address of {graph.place(node)} itself: name the next router")
    elif not any(address.subnet.contains(hop.version, hop.value) for address in own):
        subnets = ", ".join(dict.fromkeys(str(address.subnet) for address in own if address.version == hop.version)) or "none"
        graph.mistake(
            one.guid,
            f"has nexthop {hop.text}, which is in no subnet of {graph.place(node)} ({subnets}): name a router that it reaches directly",
        )
