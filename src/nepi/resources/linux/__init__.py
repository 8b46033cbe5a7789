"""The backend of Linux hosts: this machine and others over SSH. docs/design/linux-hosts.md and docs/design/tunnels.md have the ideas."""

from nepi.resources.linux.applications import APPLICATIONS
from nepi.resources.linux.facts import probe
from nepi.resources.linux.gone import GONE, GONE_ALIASES
from nepi.resources.linux.interface import Channel, Interface
from nepi.resources.linux.kernel_tunnels import GRETunnel, VxlanTunnel
from nepi.resources.linux.node import Node
from nepi.resources.linux.ovs_port import OVSPort
from nepi.resources.linux.ovs_switch import OVSSwitch
from nepi.resources.linux.route import Route
from nepi.resources.linux.tap import Tap, Tun
from nepi.resources.linux.udp_tunnel import UdpTunnel
from nepi.resources.linux.wireguard import WireGuard

__all__ = [
    "APPLICATIONS",
    "GONE",
    "GONE_ALIASES",
    "Channel",
    "GRETunnel",
    "Interface",
    "Node",
    "OVSPort",
    "OVSSwitch",
    "Route",
    "Tap",
    "Tun",
    "UdpTunnel",
    "VxlanTunnel",
    "WireGuard",
    "probe",
]
