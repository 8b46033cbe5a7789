"""netns::Node: a computer of its own, made of a network namespace."""

from __future__ import annotations

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.roles import HostNode
from nepi.resources.netns.placed import on_host
from nepi.resources.netns.resource import NamespaceResource
from nepi.resources.netns.run import NamespaceRun


class Node(NamespaceResource, HostNode, rtype="netns::Node"):
    """A network namespace with its loopback up. It has the files of this machine; interfaces come with links."""

    machine = on_host()
    forwarding = Attribute.boolean(True, help="Pass on packets for others, as a router does.", flags=Flags.Design)
    routing = Attribute.choice(
        ("static", "none"), help="Whether it gets static routes from the plan; as the experiment says when not set.", flags=Flags.Design
    )

    async def deploy(self) -> None:
        """Make the namespace."""
        run = await self.joined()
        if not self.is_made:
            self.host = await self.make(run.session.node(self.name, forward=self.get("forwarding"), owner=self.guid))
        self.set_ready()

    async def is_there(self, run: NamespaceRun) -> bool:
        """Whether the agent has the namespace."""
        there = run.session.has_place(self.name)
        if there:
            self.host = run.session.host(self.name, owner=self.guid)
        return there

    async def take_away(self, run: NamespaceRun) -> None:
        """Close the namespace; interfaces and commands in it end."""
        await run.session.close_node(self.name)
