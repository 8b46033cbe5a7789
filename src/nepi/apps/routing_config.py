"""What a routing daemon is told: the interfaces of its node from the plan, and the configuration files made of them. Pure functions.

Sources: BIRD User's Guide 2.0 (ospf), FRR 8.4 documentation (ospfd).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Interface

from nepi.plan.result import InterfacePlan, Plan


@dataclass(frozen=True, slots=True)
class RoutedInterface:
    """One interface that OSPF speaks on.

    Attributes:
        ifname: its name on the node.
        addresses: its IPv4 addresses with prefix.
        neighbours: guids of the nodes that are reached by it directly and run a routing daemon too.
        alone_with: whether exactly one other node is at the other end, so that no router need be elected.
    """

    ifname: str
    addresses: tuple[str, ...]
    neighbours: frozenset[int] = frozenset()
    alone_with: bool = False


@dataclass(frozen=True, slots=True)
class OspfSettings:
    """How OSPF is spoken; times in whole seconds."""

    router_id: str
    area: str
    hello_s: int
    dead_s: int
    cost: int


def routed_interfaces(plan: Plan, node: int, routers: Collection[int]) -> tuple[RoutedInterface, ...]:
    """Return a node's interfaces that have an IPv4 address, in the plan's order.

    Args:
        plan: of the experiment.
        node: guid of the node.
        routers: guids of all nodes with a routing daemon.
    """
    owners = {address: guid for guid, addresses in plan.node_addresses.items() for address in addresses}
    found = []
    for ends in plan.interfaces.values():
        for end in ends:
            addresses = tuple(address for address in (*end.addresses, *end.given) if ":" not in address)
            if end.node != node or not addresses:
                continue
            others = {owners[address] for address in _reached(end) if address in owners} - {node}
            found.append(RoutedInterface(end.ifname, addresses, frozenset(others & set(routers)), len(others) == 1))
    return tuple(found)


def networks_to_reach(plan: Plan, node: int, routers: Collection[int]) -> frozenset[str]:
    """Return the IPv4 networks of all interfaces of a router, and of those that it reaches from one to the next.

    Args:
        plan: of the experiment.
        node: guid of the router.
        routers: guids of all nodes with a routing daemon.
    """
    networks: set[str] = set()
    seen, ahead = {node}, [node]
    while ahead:
        for interface in routed_interfaces(plan, ahead.pop(), routers):
            networks |= {str(IPv4Interface(address).network) for address in interface.addresses}
            ahead += interface.neighbours - seen
            seen |= interface.neighbours
    return frozenset(networks)


def _reached(end: InterfacePlan) -> Iterable[str]:
    return (address for address, _ in end.neighbours if ":" not in address)


def bird_config(settings: OspfSettings, interfaces: Iterable[RoutedInterface]) -> str:
    """Return BIRD's configuration: OSPFv2 on the interfaces, what it finds goes into the kernel, changes of neighbours to the log."""
    spoken = "".join(
        f'    interface "{one.ifname}" {{ type {"pointopoint" if one.alone_with else "broadcast"}; '
        f"cost {settings.cost}; hello {settings.hello_s}; dead {settings.dead_s}; }};\n"
        for one in interfaces
    )
    area = f"  area {settings.area} {{\n{spoken}  }};\n"
    return (
        "log stderr all;\n"
        f"router id {settings.router_id};\n"
        "protocol device { scan time 10; }\n"
        "protocol kernel { ipv4 { export all; }; }\n"
        f"protocol ospf v2 main {{\n  debug {{ states, events }};\n  ipv4 {{ import all; }};\n{area}}}\n"
    )


def ospfd_config(settings: OspfSettings, interfaces: Iterable[RoutedInterface]) -> str:
    """Return the configuration of FRR's ospfd, likewise."""
    spoken = "".join(
        f"interface {one.ifname}\n"
        f" ip ospf area {settings.area}\n"
        f" ip ospf network {'point-to-point' if one.alone_with else 'broadcast'}\n"
        f" ip ospf cost {settings.cost}\n"
        f" ip ospf hello-interval {settings.hello_s}\n"
        f" ip ospf dead-interval {settings.dead_s}\n!\n"
        for one in interfaces
    )
    head = "log stdout informational\nlog timestamp precision 3\n"
    timers = " timers throttle spf 50 200 1000\n timers throttle lsa all 200\n timers lsa min-arrival 100\n"
    return f"{head}{spoken}router ospf\n ospf router-id {settings.router_id}\n log-adjacency-changes detail\n{timers}!\n"
