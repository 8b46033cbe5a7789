"""`plan()`: from a description to a plan, or to all its mistakes at once. Pure: nothing is touched, the same input gives the same plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nepi.errors import PlanError
from nepi.model.experiment import ExperimentDescription
from nepi.model.typespec import TypeSpec
from nepi.plan import checks
from nepi.plan.addresses import plan_addresses
from nepi.plan.graph import Facts, Graph
from nepi.plan.hosting import need_machines
from nepi.plan.naming import name_ports
from nepi.plan.needs import resolve_needs
from nepi.plan.order import deployment_order
from nepi.plan.references import AddressBook, check_reach, resolve_references
from nepi.plan.result import InterfacePlan, Needs, Plan, RoutePlan
from nepi.plan.routes import check_routes
from nepi.plan.static_routes import plan_routes
from nepi.plan.topology import Port, Topology, find_topology
from nepi.plan.ways import Ways

NETWORKS = ("10.0.0.0/8", "fd00::/48")
"""Where automatic addresses are taken from."""


def plan(
    description: ExperimentDescription,
    catalogue: Mapping[str, TypeSpec],
    facts: Facts,
    *,
    earlier: Plan | None = None,
    networks: Sequence[str] = NETWORKS,
    routing: str = "static",
    checked: bool = False,
) -> Plan:
    """Check a description and decide everything that can be decided before anything runs.

    Args:
        description: the whole graph that is known so far, increments before this one included.
        catalogue: the types by name.
        facts: what is known of each backend's world, by backend. Keys: `bridge_ports`, `neighbour_table` (limits), `tools_missing`
            (programs), `packages` (program to Debian package), `features` (kernel feature to whether it is there), `unusable` (why
            nothing can be made there, if so), `nodes` (how many it takes).
        earlier: the plan of the increments before; what it gave does not change, only what it does not have is planned.
        networks: where automatic addresses are taken from.
        routing: which nodes get static routes along the shortest ways, where they do not say it themselves: "static" all, "hosts"
            those on one network, "none" none.
        checked: attributes and traces were checked (and values converted) when they were set, and need not be again.

    Raises:
        PlanError: the description has mistakes; all of them, one sentence each.
    """
    mistakes = checks.check_names(description.resources)
    graph = Graph(description, catalogue, facts, earlier if earlier is not None else Plan())
    graph.mistakes[:0] = mistakes
    values = {} if checked else checks.check_attributes(graph)
    references = checks.check_references(graph)
    if not checked:
        checks.check_traces(graph)
    checks.check_conditions(graph)
    checks.check_policies(graph)
    checks.check_applications(graph)
    needs = resolve_needs(graph)
    need_machines(graph, needs)
    order = deployment_order(graph, needs)
    topology = find_topology(graph)
    name_ports(graph, topology)
    plan_addresses(graph, topology, networks)
    ways = {version: Ways(graph, topology, version) for version in (4, 6)}
    ways[6].like(ways[4])
    book = AddressBook(graph, topology, ways)
    for guid, resolved in resolve_references(graph, book, references).items():
        values.setdefault(guid, {}).update(resolved)
    explicit = check_routes(graph, topology, book, values)
    check_reach(graph, book, references, explicit, routing)
    checks.check_backends(graph)
    checks.check_tools(graph)
    checks.check_by_type(graph)
    if graph.mistakes:
        raise PlanError(tuple(dict.fromkeys(graph.mistakes)))
    routes = plan_routes(graph, ways, explicit, routing)
    return _assemble(graph, order, needs, topology, routes, values)


def _assemble(
    graph: Graph,
    order: list[int],
    needs: Mapping[int, Needs],
    topology: Topology,
    routes: Mapping[int, tuple[RoutePlan, ...]],
    values: Mapping[int, Mapping[str, Any]],
) -> Plan:
    earlier = _still_there(graph)
    written: dict[int, InterfacePlan] = {}
    interfaces = {guid: tuple([_written(port, written) for port in topology.ends[guid]]) for guid in sorted(topology.ends)}
    nodes = graph.of_role("node")
    return Plan(
        order=(*earlier.order, *order),
        added=tuple(order),
        needs={**earlier.needs, **needs} if earlier.needs else needs,
        interfaces=interfaces,
        node_addresses={one.guid: _texts(topology.by_node.get(one.guid, ())) for one in nodes},
        routes=routes,
        values={**earlier.values, **values},
        warnings=tuple(dict.fromkeys((*earlier.warnings, *graph.warnings))),
    )


def _still_there(graph: Graph) -> Plan:
    """Return the earlier plan without resources that were removed since."""
    earlier, resources = graph.earlier, graph.resources
    if all(guid in resources for guid in earlier.order):
        return earlier
    return replace(
        earlier,
        order=tuple(guid for guid in earlier.order if guid in resources),
        needs={guid: needs for guid, needs in earlier.needs.items() if guid in resources},
        values={guid: values for guid, values in earlier.values.items() if guid in resources},
    )


def _written(port: Port, written: dict[int, InterfacePlan]) -> InterfacePlan:
    """Return the port as a value; one that two resources speak of is written once."""
    known = written.get(id(port))
    if known is None:
        known = InterfacePlan(
            port.node,
            port.owner,
            port.ifname,
            port.mac,
            tuple([str(address) for address in port.own]),
            tuple([str(address) for address in port.given]),
            port.neighbours,
        )
        written[id(port)] = known
    return known


def _texts(ports: Iterable[Port]) -> tuple[str, ...]:
    return tuple([address.text for port in ports for address in port.addresses])
