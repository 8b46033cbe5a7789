"""The ns-3 backend: the high level (nodes, links, networks and applications as on namespaces), simulations, and every type of ns-3.

docs/design/ns3.md and docs/design/ns3-high-level.md have the ideas.
"""

from nepi.hosts.ns3.programs.host import missing_tools
from nepi.resources.ns3.facts import probe
from nepi.resources.ns3.gone import GONE
from nepi.resources.ns3.high import APPLICATIONS, CsmaNetwork, Link, LteNetwork, Node, Recording, Station, Switch, WifiNetwork
from nepi.resources.ns3.route import Route
from nepi.resources.ns3.simulation import Simulation
from nepi.resources.ns3.types import every_type, type_named

__all__ = [
    "APPLICATIONS",
    "GONE",
    "CsmaNetwork",
    "Link",
    "LteNetwork",
    "Node",
    "Recording",
    "Route",
    "Simulation",
    "Station",
    "Switch",
    "WifiNetwork",
    "every_type",
    "missing_tools",
    "probe",
    "type_named",
]
