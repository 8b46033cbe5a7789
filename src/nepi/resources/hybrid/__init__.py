"""What joins backends: hybrid::Link and hybrid::Station, between a simulation and computers outside of it."""

from nepi.hosts.namespace_host import missing_tools
from nepi.resources.hybrid.facts import probe
from nepi.resources.hybrid.link import Link
from nepi.resources.hybrid.station import Station

__all__ = ["Link", "Station", "missing_tools", "probe"]
