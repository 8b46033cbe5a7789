"""The namespace backend: nodes, switches, links and applications on this machine. docs/design/namespaces.md has the ideas."""

from nepi.hosts.agent_start import warm_up
from nepi.hosts.namespace_host import missing_tools
from nepi.resources.netns.address import IPv4Address, IPv6Address
from nepi.resources.netns.applications import APPLICATIONS
from nepi.resources.netns.facts import probe
from nepi.resources.netns.interface import NodeInterface
from nepi.resources.netns.link import Link
from nepi.resources.netns.node import Node
from nepi.resources.netns.route import IPv4Route, IPv6Route
from nepi.resources.netns.switch import Switch

__all__ = [
    "APPLICATIONS",
    "IPv4Address",
    "IPv4Route",
    "IPv6Address",
    "IPv6Route",
    "Link",
    "Node",
    "NodeInterface",
    "Switch",
    "missing_tools",
    "probe",
    "warm_up",
]
