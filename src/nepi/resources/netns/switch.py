"""netns::Switch: an Ethernet switch, made of a bridge."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.model.typespec import Role
from nepi.resources.netns.placed import on_host
from nepi.resources.netns.resource import NamespaceResource
from nepi.resources.netns.run import NamespaceRun


class Switch(NamespaceResource, rtype="netns::Switch"):
    """A bridge without spanning tree: it forwards at once, and loops of switches are a mistake."""

    service = True
    role: ClassVar[Role] = "switch"

    machine = on_host()
    up = Attribute.boolean(True, help="Whether it forwards; down, all its ports are.")
    addressing = Attribute.boolean(True, help="Give addresses to interfaces on it that have none.", flags=Flags.Design)

    networks = Attribute.string(
        help="Networks for their addresses, '10.1.0.0/16 fd01::/48'; the experiment's when not set.", flags=Flags.Design
    )

    async def deploy(self) -> None:
        """Make the bridge."""
        run = await self.joined()
        if not self.is_made:
            await self.make(run.session.switch(self.name, owner=self.guid))
        self.set_ready()

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Set all ports up or down."""
        cabled = [peer for peer in self.get_connected() if hasattr(peer, "recable")]
        await asyncio.gather(*(peer.recable() for peer in cabled))

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the agent has the bridge."""
        return run.session.has_place(self.name)

    async def take_away(self, run: NamespaceRun) -> None:
        """Delete the bridge; its links end."""
        await run.session.close_switch(self.name)
