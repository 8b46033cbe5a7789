"""What applications need to find among a resource's connections: a node that is a host. The port itself is in `port.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from nepi.execution.resource import ResourceManager
from nepi.hosts.port import Host
from nepi.hosts.remote.transport import Transport
from nepi.model.typespec import Role

if TYPE_CHECKING:
    from nepi.hosts.remote.remote_host import RemoteHost

__all__ = ["HostNode", "MachineNode"]


class HostNode(ResourceManager):
    """A node on which commands run. The node types of all backends inherit from it; applications say `needs = {HostNode: READY}`.

    Attributes:
        host: the node as a host; there from READY on.
    """

    service = True
    role: ClassVar[Role] = "node"
    host: Host


class MachineNode(HostNode):
    """A host that is a machine of its own, on which namespaces of a run can be, and simulations.

    Attributes:
        host: the machine as a host, on which commands can talk with us; there from READY on.
        transport: the way to it; there from READY on.
        way: what a later process needs in order to go that way again, as JSON: what `nepi.hosts.remote.reopening.way_of` says, and
            perhaps "kind", whose it is. No secrets.
    """

    host: RemoteHost
    transport: Transport
    way: dict[str, Any]

    async def underlay_address(self) -> str | None:
        """Return the address at which other machines of the experiment reach it; None for the one at which sshd was reached."""
        return None
