"""Planned routes: given to a node as soon as it has the address that they lead over, and changed when a later plan has others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nepi.errors import ResourceError

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.hosts.namespace import NamespaceSession
    from nepi.plan.result import RoutePlan

Routes = tuple["RoutePlan", ...]


class Routing:
    """The planned routes of a run's nodes.

    Args:
        session: the run's.
    """

    def __init__(self, session: NamespaceSession) -> None:
        self._session = session
        self._laid: dict[tuple[int, str], Routes] = {}  # by guid of the node, and its own address that they lead over

    async def lay(self, ec: ExperimentController, *given: tuple[int, Iterable[str]]) -> None:
        """Give nodes the routes over addresses that they have now; also again, when an interface has been down.

        Args:
            ec: for the plan, and names.
            given: nodes, with the addresses.

        Raises:
            ResourceError: the kernel refused.
        """
        asked = [(node, row) for node, addresses in given for address in addresses for row in self._noted(ec, node, address)]
        if asked:
            await asyncio.gather(*(self._session.routes(ec.resource(node).name, row.to, row.via) for node, row in asked))

    def _noted(self, ec: ExperimentController, node: int, address: str) -> Routes:
        rows = self._laid[node, address] = _over(ec.plan.routes.get(node, ()), address)
        return rows

    def forget(self, node: int, addresses: Iterable[str]) -> None:
        """Some of a node's addresses are gone, and the routes over them."""
        for address in addresses:
            self._laid.pop((node, address), None)

    async def follow(self, ec: ExperimentController) -> None:
        """Change the routes of nodes that are up into those of the present plan. What leads over new links comes with them.

        A route that moves to another neighbour is replaced by the new one, so that there is always one of them.
        """
        for (node, address), before in list(self._laid.items()):
            planned = ec.plan.routes.get(node, ())
            after = _over(planned, address)
            manager = ec.get_resource(node)
            if before == after or manager is None:
                continue
            self._laid[node, address] = after
            still = {network for row in planned for network in row.to}
            known = {row.via: frozenset(row.to) for row in before}
            with contextlib.suppress(ResourceError):  # the node or its interface is being given back
                for row in after:
                    new = [network for network in row.to if network not in known.get(row.via, ())]
                    if new:
                        await self._session.routes(manager.name, new, row.via)
                for row in before:
                    gone = [network for network in row.to if network not in still]
                    if gone:
                        await self._session.routes(manager.name, gone, row.via, delete=True)


def _over(planned: Routes, address: str) -> Routes:
    return tuple(row for row in planned if row.over == address)
