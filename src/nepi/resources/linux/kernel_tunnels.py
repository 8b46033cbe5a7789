"""linux::GRETunnel and linux::VxlanTunnel: tunnels that the kernel knows. WireGuard is in a module of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.devices import ip_lines
from nepi.hosts.devices.words import Line
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check
from nepi.resources.linux.tunnel import KernelTunnel, Leg, check_tunnel


def check_vxlan(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the ends of a tunnel that carries frames."""
    yield from check_tunnel(one, peers, facts)
    if any(peer.rtype.endswith("::Tun") for peer in peers):
        yield "VXLAN carries Ethernet frames: connect two Taps instead of Tuns"


class GRETunnel(KernelTunnel, rtype="linux::GRETunnel", aliases=("LinuxGRETunnel",)):
    """A GRE tunnel (RFC 2784): of Ethernet frames between two Taps or OVSPorts, of IP packets between two Tuns. Not encrypted."""

    kind: ClassVar[str] = "gre"

    key = Attribute.integer(
        help="Its key (RFC 2890); when not set, greKey of its ends, or a number that others have not.", range=(0, 2**32 - 1)
    )

    def add_line(self, leg: Leg, remote: str) -> Line:
        """Return what adds one end."""
        return ip_lines.add_gre(leg.end.ifname, frames=leg.end.frames, key=self.key_in_use(), local=leg.local, remote=remote)

    def key_in_use(self) -> int:
        """Return its key."""
        if self.get("key") is not None:
            return int(self.get("key"))
        asked = [int(end.get("greKey")) for end in self.ends() if end.has_attribute("greKey") and end.has_changed("greKey")]
        return asked[0] if asked else self.number(32)


class VxlanTunnel(KernelTunnel, rtype="linux::VxlanTunnel"):
    """A VXLAN tunnel (RFC 7348) of Ethernet frames between two Taps or OVSPorts, over UDP. Not encrypted."""

    kind: ClassVar[str] = "vxlan"
    check: ClassVar[Check | None] = staticmethod(check_vxlan)

    vni = Attribute.integer(
        help="Its network identifier; a number that others have not when not set.", range=(1, 2**24 - 1), flags=Flags.Design
    )
    port = Attribute.integer(4789, help="UDP port of both hosts.", range=(1, 65_535), flags=Flags.Design)

    def add_line(self, leg: Leg, remote: str) -> Line:
        """Return what adds one end."""
        vni = self.get("vni") or self.number(24)
        return ip_lines.add_vxlan(leg.end.ifname, vni=vni, local=leg.local, remote=remote, port=self.get("port"))
