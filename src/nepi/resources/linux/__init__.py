"""The backend of Linux hosts over SSH: nodes, their interfaces, and tunnels between them. docs/design/tunnels.md has the ideas."""

from nepi.resources.linux.interface import Channel, Interface
from nepi.resources.linux.kernel_tunnels import GRETunnel, VxlanTunnel
from nepi.resources.linux.route import Route
from nepi.resources.linux.tap import Tap, Tun
from nepi.resources.linux.udp_tunnel import UdpTunnel
from nepi.resources.linux.wireguard import WireGuard

__all__ = ["Channel", "GRETunnel", "Interface", "Route", "Tap", "Tun", "UdpTunnel", "VxlanTunnel", "WireGuard"]
