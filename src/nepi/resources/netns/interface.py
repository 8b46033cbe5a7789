"""netns::NodeInterface: an interface of a node on a switch or a link, declared as a resource of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.model.states import ResourceState
from nepi.model.typespec import Role
from nepi.plan.result import InterfacePlan
from nepi.resources.netns.cable import Cable
from nepi.resources.netns.cabled import Cabled
from nepi.resources.netns.link import Link
from nepi.resources.netns.machines import machine_of
from nepi.resources.netns.node import Node
from nepi.resources.netns.run import NamespaceRun
from nepi.resources.netns.switch import Switch

_READY = ResourceState.READY


class NodeInterface(Cabled, rtype="netns::NodeInterface"):
    """An interface of a node. On a switch it brings its own cable; on a link it is one end of the link's."""

    service = True
    role: ClassVar[Role] = "interface"
    needs: ClassVar = {Node: _READY}
    wants: ClassVar = {Switch: _READY, Link: _READY}

    up = Attribute.boolean(True, help="Whether the interface is up.")
    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; its link's when not set.", range=(68, 65_535))
    mac = Attribute.string(help="MAC address; chosen when not set.", flags=Flags.ExecReadOnly)
    deviceName = Attribute.string(help="Its name in the node; eth0, eth1, ... when not set.", flags=Flags.ExecReadOnly)
    ip = Attribute.string(help="Its address; an address resource, or nothing, does as well.", flags=Flags.ExecReadOnly)
    prefix = Attribute.string(help="Length of the prefix of `ip`.", flags=Flags.ExecReadOnly)

    @property
    def end(self) -> InterfacePlan:
        """The interface as planned."""
        return self.ec.plan.interfaces[self.guid][0]

    def machines(self) -> Sequence[str]:
        """Return the machine of its node; on a switch, the switch's as well."""
        return [machine_of(self.ec, self.end.node)] if self.peers(Link) else super().machines()

    async def deploy(self) -> None:
        """Make the cable to its switch; on a link, the link has made it."""
        if self.peers(Link):
            await self.joined()
        else:
            await self.deploy_cable()
        self.set_ready()

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the agent has it; one on a link is the link's."""
        if self.peers(Link):
            return self.state >= _READY
        return await super().is_there(run)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect."""
        await self.recable()

    async def recable(self) -> None:
        """Let its cable become what attributes say now."""
        for link in self.peers(Link):
            await link.recable()
        await super().recable()

    async def release(self) -> None:
        """Take it away; an end of a link that stays is taken down."""
        links = (
            [link for link in self.peers(Link) if not self.goes_with(link.guid, self.end.node)] if self.cable is None and self.run else []
        )
        for cable in [link.cable for link in links if link.cable is not None]:
            await self.give_back(self._take_down(cable))
        await super().release()

    async def _take_down(self, cable: Cable) -> None:
        if self.run is not None:
            await self.run.session.set_link(self.ec.resource(self.end.node).name, self.end.ifname, up=False)

    async def take_away(self, run: NamespaceRun) -> None:
        """Delete its cable."""
        await super().take_away(run)
