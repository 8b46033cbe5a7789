"""netns::IPv4Address and netns::IPv6Address: an address of an interface, declared as a resource of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nepi.errors import BadValueError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.model.addressing import interface_address, parse_address
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Role
from nepi.resources.netns.interface import NodeInterface
from nepi.resources.netns.machines import machine_of
from nepi.resources.netns.resource import NamespaceResource
from nepi.resources.netns.run import NamespaceRun


def version_check(attribute: str, version: int) -> Check:
    """Return a check that an attribute, if it is an address, is one of this version of IP. What is no address is found elsewhere."""

    def check(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
        try:
            found = parse_address(one.attributes.get(attribute))[0]
        except BadValueError:
            return
        if found != version:
            other = f"IPv{found}{one.rtype.rpartition('IPv')[2][1:]}"
            yield f"{attribute} {one.attributes[attribute]!r} is of IPv{found}: use the type {other}"

    return check


class _Address(NamespaceResource):
    """An address of an interface."""

    service = True
    role: ClassVar[Role] = "address"
    needs: ClassVar = {NodeInterface: ResourceState.READY}

    ip = Attribute.string(help="The address.", flags=Flags.Design)
    prefix = Attribute.string(help="Length of its subnet's prefix.", flags=Flags.Design)

    def machines(self) -> Sequence[str]:
        """Return the machine of its interface's node."""
        return [machine_of(self.ec, self.peer(NodeInterface).end.node)]

    async def deploy(self) -> None:
        """Give the interface the address."""
        run = await self.joined()
        if not self.is_made:
            await self.make(self._give(run))
        self.set_ready()

    async def _give(self, run: NamespaceRun) -> None:
        await run.session.address(*self._where(), self._text)
        await self._lay_routes(run)

    async def _lay_routes(self, run: NamespaceRun) -> None:
        if self.peer(NodeInterface).get("up"):
            await run.routing.lay(self.ec, (self.peer(NodeInterface).end.node, (self._canonical,)))

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the interface has it. One that its controller died over is taken away, to be given once more."""
        if self.state >= ResourceState.READY:
            await self._lay_routes(run)
            return True
        with contextlib.suppress(ResourceError):
            await run.session.address(*self._where(), self._text, delete=True)
        return False

    @property
    def _text(self) -> str:
        return f"{self.get('ip')}/{self.get('prefix')}"

    @property
    def _canonical(self) -> str:
        """The address as the plan writes it."""
        return str(interface_address(self.get("ip"), self.get("prefix")))

    def _where(self) -> tuple[str, str]:
        end = self.peer(NodeInterface).end
        return self.ec.resource(end.node).name, end.ifname

    async def take_away(self, run: NamespaceRun) -> None:
        """Take the address off the interface, if that stays."""
        interface = self.peer(NodeInterface)
        run.routing.forget(interface.end.node, (self._canonical,))
        if not self.goes_with(interface.guid, interface.end.node):
            with contextlib.suppress(ResourceError):  # it went with something else
                await run.session.address(*self._where(), self._text, delete=True)


class IPv4Address(_Address, rtype="netns::IPv4Address"):
    """An IPv4 address of an interface; the interface then gets none by itself."""

    check: ClassVar[Check | None] = staticmethod(version_check("ip", 4))


class IPv6Address(_Address, rtype="netns::IPv6Address"):
    """An IPv6 address of an interface; usable at once. The interface then gets none by itself."""

    check: ClassVar[Check | None] = staticmethod(version_check("ip", 6))
