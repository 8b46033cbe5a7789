"""What applications need to find among a resource's connections: a node that is a host. The port itself is in `port.py`."""

from __future__ import annotations

from typing import ClassVar

from nepi.execution.resource import ResourceManager
from nepi.hosts.port import Host
from nepi.model.typespec import Role

__all__ = ["HostNode"]


class HostNode(ResourceManager):
    """A node on which commands run. The node types of all backends inherit from it; applications say `needs = {HostNode: READY}`.

    Attributes:
        host: the node as a host; there from READY on.
    """

    service = True
    role: ClassVar[Role] = "node"
    host: Host
