"""The ns-3 backend: simulated nodes, links, networks and applications. docs/design/ns3-high-level.md has the ideas of the high level."""

from nepi.hosts.simulation.host import missing_tools
from nepi.resources.ns3.high import APPLICATIONS, CsmaNetwork, Link, Node, Station, Switch, WifiNetwork, probe

__all__ = ["APPLICATIONS", "CsmaNetwork", "Link", "Node", "Station", "Switch", "WifiNetwork", "missing_tools", "probe"]
