"""From links, switches and interface resources to ports: who has which end of what, which of them reach each other directly.

A port is one interface of a node or one port of a switch. Ports that frames reach without a router are one *domain*.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nepi.model.addressing import Address
from nepi.model.experiment import ResourceDescription
from nepi.plan.graph import Graph
from nepi.plan.result import InterfacePlan

BRIDGE_PORTS = 1023
"""Ports that a Linux bridge takes, where the facts say nothing else."""


@dataclass(slots=True, eq=False)
class Port:
    """One end, while it is planned.

    Attributes:
        node: guid of the node or switch that it is in.
        owner: guid of the resource that makes it: a link, or an interface resource.
        medium: guid of the link or switch that it is joined to.
        side: 0 or 1, which of the owner's ends it is.
        on_switch: it is a switch's port and has no addresses.
        domain: number of the domain that it is in.
        planned: what an earlier increment gave it; nothing of that changes.
        own: addresses that its owner gives it.
        given: addresses that address resources give it.
        neighbours: as in `InterfacePlan`.
    """

    node: int
    owner: int
    medium: int
    side: int
    on_switch: bool
    ifname: str = ""
    mac: str = ""
    domain: int = 0
    planned: InterfacePlan | None = None
    own: list[Address] = field(default_factory=list)
    given: list[Address] = field(default_factory=list)
    neighbours: tuple[tuple[str, str], ...] = ()

    @property
    def addresses(self) -> list[Address]:
        """All its addresses."""
        return [*self.own, *self.given]


@dataclass(slots=True)
class Topology:
    """All ports of the experiment.

    Attributes:
        ends: by guid of each link and interface resource, its ports.
        domains: the ports of each domain.
        by_node: the ports of each node or switch, in the order in which they were connected.
        of_interface: the node's port of each interface resource.
    """

    ends: dict[int, tuple[Port, ...]]
    domains: list[list[Port]]
    by_node: dict[int, list[Port]]
    of_interface: dict[int, Port]


def find_topology(graph: Graph) -> Topology:
    """Return all ports, those of earlier increments as they were; ends that do not fit together are mistakes."""
    finder = _Finder(graph)
    for one in graph.of_role("interface"):
        finder.take_interface(one)
    for one in graph.of_role("link"):
        finder.take_link(one)
    finder.finish_interfaces()
    topology = Topology(finder.ends, finder.domains(), finder.ports_by_node(), finder.interfaces)
    _remember(graph, topology)
    _check_switches(graph, topology)
    return topology


class _Finder:
    """Collects ports, and joins what a switch or link joins (union-find over switches and links)."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._leader: dict[int, int] = {}
        self.ends: dict[int, tuple[Port, ...]] = {}
        self.interfaces: dict[int, Port] = {}

    def take_interface(self, one: ResourceDescription) -> None:
        nodes = self._graph.peers_of_role(one.guid, "node")
        media = self._graph.peers_of_role(one.guid, "switch", "link")
        bridges = [medium for medium in self._graph.peers_of_role(one.guid, "switch") if nodes and nodes[0] in self._graph.peers(medium)]
        media = [medium for medium in media if medium not in bridges]
        if len(nodes) > 1 or (not nodes and one.guid not in self._graph.lacking):
            self._graph.mistake(one.guid, f"is connected to {_count(len(nodes), 'node')}: connect it to exactly one")
        if len(media) != 1:
            found = f" ({self._graph.names(media)})" if media else ""
            count = _count(len(media), "link or switch", "links or switches")
            self._graph.mistake(one.guid, f"is connected to {count}{found}: connect it to exactly one")
        if len(nodes) != 1 or len(media) != 1:
            return
        is_medium_switch = self._graph.spec(media[0]).role == "switch"
        if bridges:  # a switch within a node, of which this is a port
            port = Port(bridges[0], one.guid, media[0], 0, on_switch=True)
            if is_medium_switch:
                self._join(one.guid, [bridges[0], media[0]])
        else:
            port = Port(nodes[0], one.guid, media[0], 0, on_switch=False)
        self.interfaces[one.guid] = port
        if is_medium_switch:
            self.ends[one.guid] = (port, Port(media[0], one.guid, media[0], 1, on_switch=True))

    def take_link(self, one: ResourceDescription) -> None:
        ends = self._graph.peers_of_role(one.guid, "node", "switch", "interface")
        if len(ends) != 2:
            found = f" ({self._graph.names(ends)})" if ends else ""
            self._graph.mistake(
                one.guid, f"has {_count(len(ends), 'end')}{found}: connect it to exactly two different nodes, switches or interfaces"
            )
            return
        ports = [self._end(one.guid, end, side) for side, end in enumerate(ends)]
        if ports[0] is None or ports[1] is None:
            return
        first, second = ports[0], ports[1]
        if first.node == second.node:
            self._graph.mistake(one.guid, f"has both ends at {self._graph.place(first.node)}: connect it to two different ones")
            return
        self.ends[one.guid] = (first, second)
        self._join(one.guid, [port.node for port in (first, second) if port.on_switch])

    def _end(self, link: int, end: int, side: int) -> Port | None:
        role = self._graph.spec(end).role
        if role == "interface":
            port = self.interfaces.get(end)
            if port is not None:
                port.side = side
            return port
        return Port(end, link, link, side, on_switch=role == "switch")

    def finish_interfaces(self) -> None:
        """An interface whose link has other mistakes has no far end; it is left out."""
        for guid, port in list(self.interfaces.items()):
            if guid not in self.ends:
                if port.medium in self.ends:
                    self.ends[guid] = (port,)
                else:
                    del self.interfaces[guid]

    def _find(self, medium: int) -> int:
        leader = self._leader
        root = medium
        while (above := leader.get(root, root)) != root:
            root = above
        while (above := leader.get(medium, medium)) != root:
            leader[medium] = root
            medium = above
        return root

    def _join(self, link: int, switches: list[int]) -> None:
        if len(switches) == 2 and self._find(switches[0]) == self._find(switches[1]) and not self._has_spanning_tree(switches):
            self._graph.mistake(
                link,
                f"closes a loop of switches ({self._graph.names(switches)}), in which frames would circle for ever: take a link away"
                + (", or set stp=True on them" if "stp" in self._graph.spec(switches[0]).attributes else ""),
            )
        for switch in switches:
            self._leader[self._find(switch)] = self._find(link)

    def _has_spanning_tree(self, switches: list[int]) -> bool:
        return all(self._graph.value(switch, "stp") for switch in switches)

    def domains(self) -> list[list[Port]]:
        """Return the ports of each domain, in the order of registration of what made them; number them."""
        numbers: dict[int, int] = {}
        domains: list[list[Port]] = []
        for guid in sorted(self.ends):
            for port in self.ends[guid]:
                if port.owner != guid:
                    continue
                number = numbers.setdefault(self._find(port.medium), len(domains))
                if number == len(domains):
                    domains.append([])
                port.domain = number
                domains[number].append(port)
        return domains

    def ports_by_node(self) -> dict[int, list[Port]]:
        """Return the ports of each node and switch, in the order in which they were connected to it."""
        found: dict[int, dict[int, list[Port]]] = {}
        for guid, ports in self.ends.items():
            for port in ports:
                if port.owner == guid:
                    found.setdefault(port.node, {}).setdefault(guid, []).append(port)
        ordered: dict[int, list[Port]] = {}
        for node, by_owner in sorted(found.items()):
            ordered[node] = [port for peer in self._graph.peers(node) if peer in by_owner for port in by_owner[peer]]
        return ordered


def _remember(graph: Graph, topology: Topology) -> None:
    """Give ports what earlier increments gave them."""
    for guid, ports in topology.ends.items():
        known = {(one.node, one.owner): one for one in graph.earlier.interfaces.get(guid, ())}
        if known:
            for port in ports:
                port.planned = known.get((port.node, port.owner))


def _check_switches(graph: Graph, topology: Topology) -> None:
    for switch in graph.of_role("switch"):
        count, limit = len(topology.by_node.get(switch.guid, ())), graph.limit(switch.guid, "bridge_ports", BRIDGE_PORTS)
        if count > limit:
            graph.mistake(switch.guid, f"has {count} ports, but a switch takes {limit} here: use several switches joined by links")


def _count(count: int, what: str, several: str = "") -> str:
    if count == 1:
        return f"1 {what}"
    return f"{count or 'no'} {several or what + 's'}"
