"""The namespace backend: nodes, switches, links and applications on this machine. docs/design/namespaces.md has the ideas."""

from nepi.hosts.agent_start import warm_up
from nepi.resources.netns.address import IPv4Address, IPv6Address
from nepi.resources.netns.applications import Application, Iperf3Client, Iperf3Server, Ping, Server, Tcpdump
from nepi.resources.netns.facts import probe
from nepi.resources.netns.interface import NodeInterface
from nepi.resources.netns.link import Link
from nepi.resources.netns.node import Node
from nepi.resources.netns.route import IPv4Route, IPv6Route
from nepi.resources.netns.switch import Switch

__all__ = [
    "Application",
    "IPv4Address",
    "IPv4Route",
    "IPv6Address",
    "IPv6Route",
    "Iperf3Client",
    "Iperf3Server",
    "Link",
    "Node",
    "NodeInterface",
    "Ping",
    "Server",
    "Switch",
    "Tcpdump",
    "probe",
    "warm_up",
]
