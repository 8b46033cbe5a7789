"""What is found of ns-3 on this machine, without importing it."""

from __future__ import annotations

from typing import Any

from nepi.resources.ns3.catalogue import installed_version
from nepi.resources.ns3.high import probe as what_is_missing

MOST_ON_A_CHANNEL = 1_000_000


def probe() -> dict[str, Any]:
    """Return the version of the wheel, None when it is missing, and how many devices a channel takes."""
    return {"ns3_version": installed_version(), "bridge_ports": MOST_ON_A_CHANNEL, **what_is_missing()}
