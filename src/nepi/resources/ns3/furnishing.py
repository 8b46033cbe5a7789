"""What the plan has for the interfaces of simulated nodes: addresses, neighbours, routes."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, check, ref

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.plan.result import InterfacePlan, Plan
    from nepi.resources.ns3.simulation_run import SimulationRun


class Furnishing:
    """Gives interfaces what the plan has for them."""

    def __init__(self, ec: ExperimentController, run: SimulationRun) -> None:
        self._ec = weakref.ref(ec)
        self._run = run
        self._plan: Plan | None = None
        self._laid: dict[tuple[int, str], set[tuple[str, str]]] = {}
        """By node and address: the routes over it, as (network, via)."""
        run.programs.resolve = self._addresses_of

    async def furnish(self, end: InterfacePlan, device: int) -> None:
        """Give a device of a node its addresses, neighbours, and the node's routes over them; a switch's gets nothing.

        Args:
            end: what the plan has.
            device: the device's number in the simulation.
        """
        ec = self._ec_now
        if ec.resource(end.node).role != "node":
            return
        addresses = (*end.addresses, *end.given)
        self._run.programs.node_of.update({address.partition("/")[0]: end.node for address in addresses})
        operations = [check("nepi::AddAddress", ref(device), address) for address in addresses]
        operations += [protocol.static("nepi::AddNeighbour", ref(device), address, mac) for address, mac in end.neighbours]
        ends = [(end.node, address) for address in addresses]
        if ec.plan is not self._plan:  # it may have new routes for nodes that were there before
            self._plan = ec.plan
            ends = [*self._laid, *ends]
        operations += [one for node, address in ends for one in self._new_routes(node, address)]
        await self._run.ask(*operations)

    def _new_routes(self, node: int, own: str) -> list[Operation]:
        """Return how a node gets the routes over one of its addresses that it has not yet."""
        laid = self._laid.setdefault((node, own), set())
        rows = (row for row in self._ec_now.plan.routes.get(node, ()) if row.over == own)
        new = [(network, row.via) for row in rows for network in row.to if (network, row.via) not in laid]
        laid.update(new)
        return [protocol.static("nepi::AddRouteOver", ref(node), network, via, own) for network, via in new]

    @property
    def _ec_now(self) -> ExperimentController:
        ec = self._ec()
        assert ec is not None
        return ec

    def _addresses_of(self, name: str) -> Sequence[str]:
        ec = self._ec_now
        for guid, addresses in ec.plan.node_addresses.items():
            manager = ec.get_resource(guid)
            if manager is not None and manager.name == name and addresses:
                return addresses
        return [name]
