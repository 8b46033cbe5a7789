"""The high level of ns-3: the same nodes, switches, links and applications as other backends have, simulated."""

from typing import Any

from nepi.hosts.ns3.start import missing_wheel
from nepi.resources.ns3.high.applications import APPLICATIONS
from nepi.resources.ns3.high.link import Link
from nepi.resources.ns3.high.lte import LteNetwork
from nepi.resources.ns3.high.network import CsmaNetwork, Station, WifiNetwork
from nepi.resources.ns3.high.node import Node
from nepi.resources.ns3.high.recording import Recording
from nepi.resources.ns3.high.switch import Switch

__all__ = ["APPLICATIONS", "CsmaNetwork", "Link", "LteNetwork", "Node", "Recording", "Station", "Switch", "WifiNetwork", "probe"]


def probe() -> dict[str, Any]:
    """Return what planning needs to know: whether the wheel is there. ns-3 is not imported."""
    trouble = missing_wheel()
    return {"unusable": trouble} if trouble else {}
