"""The way that packets take by a plan's addresses and routes: over which interfaces, from node to node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nepi.errors import BadValueError
from nepi.model.addressing import Subnet, address_text, interface_address, parse_address
from nepi.plan.result import InterfacePlan, Plan

Step = tuple[InterfacePlan, InterfacePlan]
"""(interface that a node sends by, interface of the next node that takes it)."""


def steps_to(plan: Plan, start: int, address: str) -> tuple[Step, ...] | None:
    """Return the steps of packets from a node to an address, or None when the plan's own routes do not lead there.

    Args:
        plan: with its interfaces and routes.
        start: guid of the node that sends.
        address: "10.0.0.6".
    """
    try:
        version, value = parse_address(address)
    except BadValueError:
        return None
    ends = _ends_by_node(plan)
    holders = {text.partition("/")[0]: end for node in ends for end, text, _ in ends[node]}
    steps: list[Step] = []
    here = start
    while address not in plan.node_addresses.get(here, ()):
        step = _step(plan, ends.get(here, []), holders, here, version, value)
        if step is None or len(steps) > len(ends):
            return None
        steps.append(step)
        here = step[1].node
    return tuple(steps)


_Ends = list[tuple[InterfacePlan, str, Subnet]]


def _ends_by_node(plan: Plan) -> dict[int, _Ends]:
    """Return each node's interfaces with their addresses and subnets; one with two addresses is there twice."""
    found: dict[int, _Ends] = {}
    for guid, ends in plan.interfaces.items():
        for end in ends:
            for text in (*end.addresses, *end.given) if end.owner == guid else ():
                found.setdefault(end.node, []).append((end, text, interface_address(*text.split("/")).subnet))
    return found


def _step(plan: Plan, own: _Ends, holders: Mapping[str, InterfacePlan], here: int, version: int, value: int) -> Step | None:
    """Take the most specific of a node's networks and routes."""
    best: tuple[int, Step] | None = None
    for prefix, via, over in _choices(plan, own, here, version, value):
        sender = next((end for end, text, _ in own if text == over), None)
        taker = holders.get(via)
        if sender is not None and taker is not None and (best is None or prefix > best[0]):
            best = prefix, (sender, taker)
    return best[1] if best is not None else None


def _choices(plan: Plan, own: _Ends, here: int, version: int, value: int) -> Iterator[tuple[int, str, str]]:
    """Yield (prefix, address of the next node, own address) of all that match."""
    for _, text, subnet in own:
        if subnet.contains(version, value):
            yield subnet.prefix, address_text(version, value), text
    for row in plan.routes.get(here, ()):
        for network in row.to:
            first, _, length = network.partition("/")
            found, start = parse_address(first)
            if Subnet(found, start, int(length)).contains(version, value):
                yield int(length), row.via, row.over
