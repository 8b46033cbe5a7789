"""Nodes and switches that are on machines of the experiment (their attribute `host`): each needs its machine."""

from __future__ import annotations

from typing import Final

from nepi.errors import did_you_mean
from nepi.model.states import ResourceState
from nepi.plan.graph import Graph
from nepi.plan.result import Needs

ATTRIBUTE: Final = "host"
ROLES: Final = ("node", "switch")
MACHINE: Final = "nepi.hosts.roles.MachineNode"
"""Class of the nodes that are machines."""


def need_machines(graph: Graph, needs: dict[int, Needs]) -> None:
    """Let what is on a machine wait until that is ready; a machine that does not exist, or is none, is a mistake."""
    placed = [(one, one.attributes[ATTRIBUTE]) for one in graph.new if one.attributes.get(ATTRIBUTE) and _can_be_placed(graph, one.rtype)]
    if not placed:
        return
    machines = {one.name: one.guid for one in graph.of_role("node") if not _can_be_placed(graph, one.rtype)}
    for one, name in placed:
        machine = machines.get(name)
        if machine is not None:
            needs[one.guid] = (*needs[one.guid], (machine, ResourceState.READY))
            continue
        there = next((other for other in graph.resources.values() if other.name == name), None)
        what = f"is a {there.rtype}, which is no machine" if there is not None else f"does not exist{did_you_mean(str(name), machines)}"
        graph.mistake(one.guid, f"has attribute {ATTRIBUTE!r} set to {name!r}, which {what}: name a host of the experiment, a linux::Node")


def is_elsewhere(graph: Graph, guid: int) -> bool:
    """Whether a resource is on a machine of the experiment, or on something that is: what this machine has does not matter to it."""
    if graph.resources[guid].attributes.get(ATTRIBUTE):
        return _can_be_placed(graph, graph.resources[guid].rtype)
    if graph.spec(guid).role in ROLES:
        return False
    places = graph.peers_of_role(guid, *ROLES)
    around = places or [far for near in graph.peers(guid) for far in graph.peers_of_role(near, *ROLES)]
    return any(graph.resources[one].attributes.get(ATTRIBUTE) and _can_be_placed(graph, graph.resources[one].rtype) for one in around)


def is_held_elsewhere(graph: Graph, backend: str) -> bool:
    """Whether a machine of the experiment has something of a backend connected to it, as it has a simulation that runs there.

    What else is in that follows from connections that only the backend understands: it tells at deployment what is missing where.
    """
    machines = [guid for guid, one in graph.resources.items() if graph.specs[one.rtype].is_a(MACHINE)]
    near = {peer for machine in machines for peer in graph.peers(machine)}
    return any(graph.spec(guid).backend == backend for guid in near)


def _can_be_placed(graph: Graph, rtype: str) -> bool:
    spec = graph.specs[rtype]
    return spec.role in ROLES and ATTRIBUTE in spec.attributes
