"""The dummy backend: resources that touch nothing, with scripted durations and failures. For tests, lessons and benchmarks."""

from nepi.resources.dummy.types import Application, Interface, Link, Node

__all__ = ["Application", "Interface", "Link", "Node"]
