"""Applications on namespace nodes: all those of `nepi.apps`, which end with the run's agent at the latest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.apps.catalogue import of_backend
from nepi.execution.resource import ResourceManager
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check
from nepi.resources.netns.node import Node

if TYPE_CHECKING:
    from nepi.execution.ledger import Row


def check_windows(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what asks for a display: from a namespace there is no way to this machine's."""
    if one.attributes.get("forwardX11"):
        yield "attribute 'forwardX11': windows of commands in namespaces cannot be shown; those of a linux::Application can"


class _OnNamespaceNode(ResourceManager):
    """Fails when the run's agent does, even while nothing of it runs."""

    check: ClassVar[Check | None] = staticmethod(check_windows)

    async def deploy(self) -> None:
        """Join those who fail with the agent, then do what the application does."""
        for node in self.peers(Node):
            if node.run is not None:
                await node.run.join(self)
        await super().deploy()

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of its command; it fails with the agent again.

        Raises:
            ConnectError: the agent is gone.
        """
        for node in self.peers(Node):
            if node.run is not None:
                await node.run.join(self)
        await super().adopt(rows)  # type: ignore[misc]  # the application's, which comes after this class


APPLICATIONS = of_backend("netns", __name__, _OnNamespaceNode)
globals().update(APPLICATIONS)  # where the catalogue of types looks for them
