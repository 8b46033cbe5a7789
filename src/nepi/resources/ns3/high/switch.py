"""ns3::Switch: a simulated Ethernet switch."""

from __future__ import annotations

from typing import ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.ns3 import protocol
from nepi.model.typespec import Role
from nepi.resources.ns3.high.resource import SimulatedResource


class Switch(SimulatedResource, rtype="ns3::Switch"):
    """A learning bridge without spanning tree (ns-3's BridgeNetDevice)."""

    service = True
    role: ClassVar[Role] = "switch"

    addressing = Attribute.boolean(True, help="Give addresses to interfaces on it that have none.", flags=Flags.Design)
    networks = Attribute.string(
        help="Networks for their addresses, '10.1.0.0/16 fd01::/48'; the experiment's when not set.", flags=Flags.Design
    )

    async def deploy(self) -> None:
        """Make the switch."""
        run = await self.joined()
        await run.ask(protocol.static("nepi::AddSwitch", store=self.guid))
        self.set_ready()
