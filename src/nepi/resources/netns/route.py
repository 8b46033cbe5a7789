"""netns::IPv4Route and netns::IPv6Route: a route of a node."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import ClassVar

from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.roles import HostNode
from nepi.model.addressing import Address, interface_address, parse_address
from nepi.model.conditions import Reached
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.plan.result import InterfacePlan
from nepi.resources.netns.address import version_check
from nepi.resources.netns.machines import machine_of
from nepi.resources.netns.node import Node
from nepi.resources.netns.resource import NamespaceResource
from nepi.resources.netns.run import NamespaceRun

_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


class _Route(NamespaceResource):
    """A route of a node."""

    service = True
    role: ClassVar[Role] = "route"
    needs: ClassVar = {Node: ResourceState.READY}

    network = Attribute.string(help="The destination: a network's address, or 'default'.", flags=Flags.Design)
    prefix = Attribute.string(help="Length of the network's prefix.", flags=Flags.Design)
    nexthop = Attribute.string(help="Address of the router, or the router itself.", flags=Flags.Design)

    def machines(self) -> Sequence[str]:
        """Return the machine of its node."""
        return [machine_of(self.ec, self.peer(Node).guid)]

    async def deploy(self) -> None:
        """Add the route as soon as the interface that it leads over is there."""
        run = await self.joined()
        if not self.is_made:
            await run.settled()  # a planned route to the same network is gone then
            await self._interface_there()
            await self.make(self._add(run))
        self.set_ready()

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the node has it. One that its controller died over is taken away, to be added once more."""
        if self.state >= ResourceState.READY:
            return True
        with contextlib.suppress(ResourceError):
            await self._add(run, delete=True)
        return False

    async def _add(self, run: NamespaceRun, *, delete: bool = False) -> None:
        hop = self.resolved("nexthop")
        await run.session.route(self.peer(Node).name, self._destination(hop), via=hop, delete=delete)

    def _destination(self, hop: str) -> str:
        where, prefix = self.get("network"), self.get("prefix")
        if where == "default" or (prefix is None and where in ("0.0.0.0", "::")):
            return _DEFAULT[parse_address(hop)[0]]
        return f"{where}/{prefix}"

    async def _interface_there(self) -> None:
        """Wait for whoever makes the interface that reaches the next hop, and for its address."""
        owners = self._makers_of_way()
        if owners:
            result = await self.ec.until(Reached(tuple(owners), ResourceState.READY))
            if not result:
                raise ResourceError(f"no way to the next hop {self.resolved('nexthop')}: {result.reason}")

    def _makers_of_way(self) -> list[int]:
        node, (version, hop) = self.peer(Node).guid, parse_address(self.resolved("nexthop"))
        for guid, ends in self.ec.plan.interfaces.items():
            for end in ends:
                if end.node != node:
                    continue
                for text in (*end.addresses, *end.given):
                    if _address(text).subnet.contains(version, hop):
                        return [guid, *(self._address_resources(end, text) if text in end.given else ())]
        return []

    def _address_resources(self, end: InterfacePlan, text: str) -> list[int]:
        interface = self.ec.resource(end.owner)
        return [
            peer.guid
            for peer in interface.get_connected()
            if peer.role == "address" and f"{peer.get('ip')}/" == text.partition("/")[0] + "/"
        ]

    async def route_again(self) -> None:
        """Add it again after its interface was down, which makes the kernel forget it."""
        if self.run is not None and ResourceState.READY <= self.state < ResourceState.STOPPED:
            with contextlib.suppress(ResourceError):  # it has not forgotten it
                await self._add(self.run)

    async def take_away(self, run: NamespaceRun) -> None:
        """Take the route away, if its node stays."""
        if not self.goes_with(self.peer(HostNode).guid):
            with contextlib.suppress(ResourceError):  # it went with its interface
                await self._add(run, delete=True)


def _address(text: str) -> Address:
    return interface_address(*text.split("/"))


class IPv4Route(_Route, rtype="netns::IPv4Route"):
    """An IPv4 route of a node."""

    check: ClassVar[Check | None] = staticmethod(version_check("nexthop", 4))


class IPv6Route(_Route, rtype="netns::IPv6Route"):
    """An IPv6 route of a node."""

    check: ClassVar[Check | None] = staticmethod(version_check("nexthop", 6))
