"""Addresses of ports: those that were written down, and a subnet for each domain where none were.

Subnets in use are avoided. What an earlier increment gave stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from nepi.errors import BadValueError
from nepi.model.addressing import BITS, Address, Subnet, interface_address, parse_address
from nepi.plan.graph import Graph
from nepi.plan.pools import Pools, prefixes_for
from nepi.plan.subnets import SubnetPool
from nepi.plan.topology import Port, Topology

NEIGHBOURS = 64
"""Largest domain whose ports get permanent entries for each other: n ports need n * (n - 1) of them, one netlink message each."""


def plan_addresses(graph: Graph, topology: Topology, networks: Sequence[str]) -> None:
    """Give every port its addresses and neighbours; clashes and want of room are mistakes."""
    _recall(topology)
    _take_explicit(graph, topology)
    pools = Pools(graph, topology, networks)
    silent = _without_addressing(graph, topology)
    for ports, pool in pools.by_domain():
        inside = [port for port in ports if not port.on_switch]
        for version in (4, 6):
            _complete(graph, ports, [port for port in inside if port.owner not in silent], version, pool)
    pools.report_shortages()
    _check_clashes(graph, topology)
    for ports in topology.domains:
        _introduce(graph, [port for port in ports if not port.on_switch])


def _recall(topology: Topology) -> None:
    """Give the ports of earlier increments their addresses again."""
    for ports in topology.domains:
        for port in ports:
            if port.planned is not None:
                port.own = [_from_text(text) for text in port.planned.addresses]
                port.neighbours = port.planned.neighbours


def _from_text(text: str) -> Address:
    ip, _, prefix = text.partition("/")
    if ":" in ip:
        return Address(*parse_address(ip), int(prefix))
    first, second, third, fourth = ip.split(".")
    return Address(4, int(first) << 24 | int(second) << 16 | int(third) << 8 | int(fourth), int(prefix))


def _take_explicit(graph: Graph, topology: Topology) -> None:
    """Take over what address resources and interface resources (`ip`, `prefix`) say."""
    for guid, port in topology.of_interface.items():
        if port.planned is None and (ip := graph.value(guid, "ip")) is not None:
            port.own += _explicit(graph, guid, ip)
    for one in graph.of_role("address"):
        interfaces = graph.peers_of_role(one.guid, "interface")
        if len(interfaces) != 1:
            if interfaces or one.guid not in graph.lacking:
                graph.mistake(one.guid, f"is connected to {len(interfaces) or 'no'} interfaces: connect it to exactly one")
            continue
        addresses = _explicit(graph, one.guid, graph.value(one.guid, "ip"))
        if interfaces[0] in topology.of_interface:
            topology.of_interface[interfaces[0]].given += addresses


def _explicit(graph: Graph, guid: int, ip: object) -> list[Address]:
    """Return the address that a resource's attributes `ip` and `prefix` give, in a list, or nothing after a mistake."""
    prefix = graph.value(guid, "prefix")
    if ip is None or prefix is None:
        graph.mistake(guid, f"has no {'ip' if ip is None else 'prefix'}: set both, e.g. ip='10.0.0.1', prefix=24")
        return []
    try:
        return [interface_address(ip, prefix)]
    except BadValueError as error:
        graph.mistake(guid, f"has a wrong value: {error}")
        return []


def _without_addressing(graph: Graph, topology: Topology) -> set[int]:
    """Return the owners of ports that want no automatic addresses: their link, or a switch of their domain, says so."""
    said = {one.guid for role in ("link", "switch") for one in graph.of_role(role) if graph.value(one.guid, "addressing") is False}
    if not said:
        return said
    silent: set[int] = set()
    for ports in topology.domains:
        whole = any(port.on_switch and port.node in said for port in ports)
        silent.update(port.owner for port in ports if whole or port.medium in said)
    return silent


def _complete(graph: Graph, ports: list[Port], inside: list[Port], version: int, pool: SubnetPool) -> None:
    """Give addresses of one IP version to the ports of a domain that have none."""
    wanting = [port for port in inside if port.planned is None and not _has(port, version)]
    if not wanting:
        return
    used = {address.value for port in ports for address in port.addresses if address.version == version}
    subnets = list(dict.fromkeys(one.subnet for port in ports for one in port.addresses if one.version == version))
    subnets = [one for one in subnets if one.prefix < BITS[version]]
    if not subnets:
        if not pool.has(version):
            return
        fresh = pool.take_any(version, prefixes_for(len(inside), any(port.on_switch for port in ports), version), wanting[0].medium)
        if fresh is None:
            return  # the pool says so
        subnets = [fresh]
    _hand_out(graph, wanting, subnets, used)


def _has(port: Port, version: int) -> bool:
    for address in port.own:
        if address.version == version:
            return True
    return any(address.version == version for address in port.given)


def _hand_out(graph: Graph, wanting: list[Port], subnets: list[Subnet], used: set[int]) -> None:
    free = _free_hosts(subnets, used)
    for number, port in enumerate(wanting):
        address = next(free, None)
        if address is None:
            names = ", ".join(str(subnet) for subnet in subnets)
            graph.mistake(
                port.medium,
                f"has no room in {names} for {len(wanting) - number} of its {len(wanting)} interfaces without an address: "
                "use a shorter prefix, or give them addresses in another network",
            )
            return
        port.own.append(address)


def _free_hosts(subnets: list[Subnet], used: set[int]) -> Iterator[Address]:
    for subnet in subnets:
        for value in subnet.hosts:
            if value not in used:
                yield Address(subnet.version, value, subnet.prefix)


def _check_clashes(graph: Graph, topology: Topology) -> None:
    """Find addresses that a domain has twice, and subnets of different domains that one node cannot tell apart."""
    for ports in topology.domains:
        _check_domain(graph, ports)
    for node, ports in topology.by_node.items():
        if len(ports) > 1 and not ports[0].on_switch:
            _check_node(graph, node, ports)


def _check_domain(graph: Graph, ports: list[Port]) -> None:
    owners: dict[tuple[int, int], Port] = {}
    for port in ports:
        for address in port.addresses:
            other = owners.setdefault(address[:2], port)
            if other is not port:
                graph.mistake(
                    port.owner,
                    f"has the address {address.text} in {graph.place(port.node)}, which {graph.place(other.node)} has, too, "
                    "on the same network: take another one",
                )
    subnets = sorted({one.subnet for port in ports for one in port.addresses})
    for first, second in pairwise(subnets):
        if first.overlaps(second):
            graph.warn(ports[0].medium, f"joins interfaces of different prefixes ({first} and {second}): some may not answer each other")


def _check_node(graph: Graph, node: int, ports: list[Port]) -> None:
    """Find subnets that overlap although they belong to different domains."""
    spans = sorted([(one.subnet, port.domain, port.ifname) for port in ports for one in port.addresses])
    reach: tuple[Subnet, int, str] | None = None
    for span in spans:
        if reach is not None and span[0].overlaps(reach[0]):
            if span[1] != reach[1]:
                graph.mistake(
                    node,
                    f"has overlapping subnets on separate networks, {reach[0]} on {reach[2]} and {span[0]} on {span[2]}, "
                    "so it cannot tell where to send: use other addresses on one of them",
                )
            if span[0].last <= reach[0].last:
                continue
        reach = span


def _introduce(graph: Graph, ports: list[Port]) -> None:
    """Give the ports of a domain permanent entries for each other, unless there are too many of them."""
    if all(port.planned is not None and len(port.planned.given) == len(port.given) for port in ports):
        return
    if len(ports) > NEIGHBOURS:
        limit = graph.limit(ports[0].node, "neighbour_table", len(ports))
        if len(ports) > limit:
            graph.warn(
                ports[-1].medium,
                f"joins {len(ports)} interfaces, but this machine's neighbour table takes {limit} entries: some may not be "
                "reached; raise net.ipv4.neigh.default.gc_thresh3 and its IPv6 twin",
            )
        return
    entries = [(port.node, (address.text, port.mac)) for port in ports for address in port.addresses]
    for port in ports:
        port.neighbours = tuple([pair for node, pair in entries if node != port.node])
