"""What joins backends: hybrid::Link, between a simulated node and a namespace."""

from nepi.resources.hybrid.link import Link

__all__ = ["Link"]
