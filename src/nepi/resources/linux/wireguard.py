"""linux::WireGuard: a tunnel that the kernel encrypts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.devices import ip_lines
from nepi.hosts.devices.commands import DEADLINE_S
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check
from nepi.resources.linux.tunnel import KernelTunnel, Leg, both, check_tunnel

_MAKE_KEY: Final = 'umask 077; mkdir -p -- "${1%/*}" && wg genkey >"$1" && wg pubkey <"$1"'


def check_wireguard(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the ends of a tunnel that carries IP packets."""
    yield from check_tunnel(one, peers, facts)
    if any(peer.rtype.rpartition("::")[2] in ("Tap", "OVSPort") for peer in peers):
        yield "WireGuard carries IP packets: connect two Tuns instead"


class WireGuard(KernelTunnel, rtype="linux::WireGuard"):
    """A WireGuard tunnel of IP packets between two Tuns. Each host makes its own key, which does not leave it.

    The hosts need wireguard in the kernel, and wg (Debian: wireguard-tools).
    """

    kind: ClassVar[str] = "wireguard"
    tools: ClassVar[tuple[str, ...]] = ("ip", "wg")
    check: ClassVar[Check | None] = staticmethod(check_wireguard)

    port = Attribute.integer(0, help="UDP port of both hosts; 0 for any that is free.", range=(0, 65_535), flags=Flags.Design)
    keepalive = Attribute.duration(help="Time between packets that keep a way through NAT open; none when not set.", range=(1, 65_535))

    async def _make_both(self, legs: tuple[Leg, Leg]) -> None:
        mtu = self.mtu(legs)
        keys = await both(self._make_end(leg) for leg in legs)
        await both(leg.commands.ip(ip_lines.settings(leg.end.ifname, leg.end.settings(mtu))) for leg in legs)
        ports = await both(self._port(leg) for leg in legs)
        for leg, key, port in zip(legs, keys[::-1], ports[::-1], strict=True):
            await leg.commands.run(self._peer(leg, key, port))
            await leg.end.plugged(mtu)

    async def _make_end(self, leg: Leg) -> str:
        name = leg.end.ifname
        await self.make_interface(leg.end.node, name, [ip_lines.add_plain(name, "wireguard")])
        return await self._make_key(leg)

    async def _make_key(self, leg: Leg) -> str:
        """Let a host make its key; return the public part. The private one is in a file until the kernel has it."""
        host = leg.end.node.host
        path = str(host.scratch / "tunnels" / f"{self.guid}-{leg.end.guid}.key")
        try:
            done = await host.run(["sh", "-c", _MAKE_KEY, "sh", path], deadline_s=DEADLINE_S)
            if done.exit.status:
                said = done.stderr.decode(errors="replace").strip()
                raise ResourceError(f"{leg.end.node.name} makes no key; has it wg (Debian: wireguard-tools)? {said}", resource=self.name)
            listen = ("listen-port", str(self.get("port"))) if self.get("port") else ()
            await leg.commands.run(["wg", "set", leg.end.ifname, *listen, "private-key", path])
        finally:
            await host.run(["rm", "-f", "--", path], deadline_s=DEADLINE_S)
        return done.stdout.decode().strip()

    async def _port(self, leg: Leg) -> int:
        """Return the port that the kernel has chosen, which it does when the interface goes up."""
        return int((await leg.commands.run(["wg", "show", leg.end.ifname, "listen-port"])).stdout)

    def _peer(self, leg: Leg, key: str, port: int) -> list[str]:
        address = f"[{leg.remote}]" if leg.version == 6 else leg.remote
        keepalive = ["persistent-keepalive", str(round(self.get("keepalive")))] if self.get("keepalive") else []
        return ["wg", "set", leg.end.ifname, "peer", key, "allowed-ips", "0.0.0.0/0,::/0", "endpoint", f"{address}:{port}", *keepalive]
