"""Where automatic addresses come from: the experiment's networks, or those that a link or switch names for its domain.

A domain of two ends gets a /30; one with a switch a /24, so that hosts that are added later still fit, or less where no /24 is left;
and each one an IPv6 /64.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nepi.errors import BadValueError
from nepi.model.addressing import Subnet, parse_subnet
from nepi.plan.graph import Graph
from nepi.plan.subnets import SubnetPool
from nepi.plan.topology import Port, Topology

_SWITCH_PREFIX = 24
_LINK_PREFIX = 30
_IPV6_PREFIX = 64


def prefixes_for(count: int, with_switch: bool, version: int) -> tuple[int, ...]:
    """Return the prefixes that a subnet for `count` ports may have, the preferred one first."""
    if version == 6:
        return (_IPV6_PREFIX,)
    smallest = 32 - (count + 1).bit_length()
    return (min(_SWITCH_PREFIX if with_switch else _LINK_PREFIX, smallest), smallest)


class Pools:
    """One pool for each set of networks; none of them hands out what another one has.

    Args:
        graph: for what links and switches say, and for mistakes.
        topology: domains, with the addresses that are there already.
        networks: the experiment's.
    """

    def __init__(self, graph: Graph, topology: Topology, networks: Sequence[str]) -> None:
        self._graph = graph
        self._domains = topology.domains
        self._own = tuple(networks)
        self._used = [address.subnet for ports in topology.domains for port in ports for address in port.addresses]
        self._pools: list[tuple[tuple[str, ...], SubnetPool]] = []

    def by_domain(self) -> Iterator[tuple[list[Port], SubnetPool]]:
        """Yield each domain with its pool; those that name their networks come first, for they have no choice."""
        groups: dict[tuple[str, ...], list[list[Port]]] = {}
        said = self._said()
        for ports in self._domains:
            spoken = (said[guid] for port in ports for guid in (port.medium, port.node) if guid in said) if said else iter(())
            networks = next(spoken, self._own)
            groups.setdefault(networks, []).append(ports)
        groups[self._own] = groups.pop(self._own, [])  # to the end; its mistakes are told even if nobody takes from it
        for networks, domains in groups.items():
            pool = SubnetPool(self._bases(networks), self._used)
            self._pools.append((networks, pool))
            for ports in domains:
                yield ports, pool
            self._used += pool.given

    def _said(self) -> dict[int, tuple[str, ...]]:
        """Return the networks that links and switches name, by guid."""
        found = {}
        for role in ("link", "switch"):
            for one in self._graph.of_role(role):
                text = self._graph.value(one.guid, "networks")
                if isinstance(text, str) and text.strip():
                    found[one.guid] = tuple(re.split(r"[\s,]+", text.strip()))
        return found

    def _bases(self, networks: Sequence[str]) -> list[Subnet]:
        bases: list[Subnet] = []
        for text in networks:
            try:
                base = parse_subnet(text)
            except BadValueError as error:
                self._graph.mistakes.append(f"networks for automatic addresses: {error}")
                continue
            other = next((one for one in bases if one.overlaps(base)), None)
            if other is not None:
                self._graph.mistakes.append(f"networks for automatic addresses: {base} and {other} overlap: take one of them away")
                continue
            bases.append(base)
        return bases

    def report_shortages(self) -> None:
        """Say once for each set of networks and IP version that it is too small."""
        for networks, pool in self._pools:
            for version, missing in pool.shortages.items():
                given = sum(one.version == version for one in pool.given)
                whose, prefix = missing[0]
                here = ", ".join(text for text in networks if (":" in text) == (version == 6))
                self._graph.mistakes.append(
                    f"the networks for automatic IPv{version} addresses ({here}) have room for {given} of {given + len(missing)} "
                    f"subnets; the first without one is that of {self._graph.place(whose)}, which needs a /{prefix}: give larger networks"
                )
