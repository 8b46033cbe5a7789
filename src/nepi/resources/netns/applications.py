"""Applications on namespace nodes: those of `nepi.apps`, which end with the run's agent at the latest."""

from __future__ import annotations

from nepi.apps.application import Application as AnyApplication
from nepi.apps.application import Server as AnyServer
from nepi.apps.iperf3 import Iperf3Client as AnyIperf3Client
from nepi.apps.iperf3 import Iperf3Server as AnyIperf3Server
from nepi.apps.ping import Ping as AnyPing
from nepi.apps.tcpdump import Tcpdump as AnyTcpdump
from nepi.execution.resource import ResourceManager
from nepi.resources.netns.node import Node

__all__ = ["Application", "Iperf3Client", "Iperf3Server", "Ping", "Server", "Tcpdump"]


class _OnNamespaceNode(ResourceManager):
    """Fails when the run's agent does, even while nothing of it runs."""

    async def deploy(self) -> None:
        """Join those who fail with the agent."""
        for node in self.peers(Node):
            if node.run is not None:
                await node.run.join(self)
        self.set_ready()


class Application(_OnNamespaceNode, AnyApplication, rtype="netns::Application"):
    """Application on a namespace node."""

    _help = AnyApplication.__doc__


class Server(_OnNamespaceNode, AnyServer, rtype="netns::Server"):
    """Server on a namespace node."""

    _help = AnyServer.__doc__


class Ping(_OnNamespaceNode, AnyPing, rtype="netns::Ping"):
    """Ping on a namespace node."""

    _help = AnyPing.__doc__


class Iperf3Server(_OnNamespaceNode, AnyIperf3Server, rtype="netns::Iperf3Server"):
    """Iperf3Server on a namespace node."""

    _help = AnyIperf3Server.__doc__


class Iperf3Client(_OnNamespaceNode, AnyIperf3Client, rtype="netns::Iperf3Client"):
    """Iperf3Client on a namespace node."""

    _help = AnyIperf3Client.__doc__


class Tcpdump(_OnNamespaceNode, AnyTcpdump, rtype="netns::Tcpdump"):
    """Tcpdump on a namespace node."""

    _help = AnyTcpdump.__doc__
