"""Applications on namespace nodes: all those of `nepi.apps`, which end with the run's agent at the latest."""

from __future__ import annotations

from nepi.apps.catalogue import of_backend
from nepi.execution.resource import ResourceManager
from nepi.resources.netns.node import Node


class _OnNamespaceNode(ResourceManager):
    """Fails when the run's agent does, even while nothing of it runs."""

    async def deploy(self) -> None:
        """Join those who fail with the agent, then do what the application does."""
        for node in self.peers(Node):
            if node.run is not None:
                await node.run.join(self)
        await super().deploy()


APPLICATIONS = of_backend("netns", __name__, _OnNamespaceNode)
globals().update(APPLICATIONS)  # where the catalogue of types looks for them
