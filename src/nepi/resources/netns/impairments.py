"""A cable with attributes that say what becomes of packets on it."""

from __future__ import annotations

from nepi.hosts.impairments import Impairments
from nepi.resources.netns.cabled import Cabled


class Impaired(Impairments, Cabled):
    """A cable with attributes that say what becomes of packets on it."""
