"""linux::OVSPort: a port of a switch: an interface of the host, a new one, or the end of a tunnel."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.errors import BadValueError, CommandError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.devices import ethtool, ip_lines, ovs
from nepi.hosts.devices.commands import Commands
from nepi.hosts.devices.ip_lines import Settings
from nepi.hosts.devices.words import check_name
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.addresses import address_text, mistakes, networks
from nepi.resources.linux.device import HostDevice
from nepi.resources.linux.endpoint import Endpoint
from nepi.resources.linux.ovs_switch import OVSSwitch

if TYPE_CHECKING:
    from nepi.execution.ledger import Row


def check_port(one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with a port."""
    values = one.attributes
    yield from mistakes(values, (("ip", "prefix"),))
    try:
        if values.get("port_name"):
            check_name(values["port_name"])
        networks(values.get("network"))
    except BadValueError as error:
        yield str(error)
    if values.get("tunnel") and not values.get("remote_ip"):
        yield "tunnel is set, and remote_ip is not: where does it lead?"
    if values.get("tunnel") and any(peer.rtype.endswith("Tunnel") for peer in peers):
        yield "it is connected to a tunnel, and its attribute tunnel says that it is one by itself: leave one of them out"


class OVSPort(Endpoint, HostDevice, rtype="linux::OVSPort", aliases=("OVSPort", "planetlab::OVSPort")):
    """A port of an OVSSwitch, and what is behind it.

    That is an interface that the host has (`port_name`), the end of a tunnel (connected to a UdpTunnel, GRETunnel or VxlanTunnel) or of one
    that the switch itself carries (`tunnel`, `remote_ip`), or else a new interface of the host, with `ip`.
    """

    needs: ClassVar = {OVSSwitch: ResourceState.READY}
    check: ClassVar[Check | None] = staticmethod(check_port)

    port_name = Attribute.string(help="Its name; an interface of this name that the host has is taken.", flags=Flags.ExecReadOnly)
    ip = Attribute.string(help="Address of the host at this port, if it is a new interface.", flags=Flags.Design)
    prefix = Attribute.string(help="Length of the prefix of `ip`; that of `network` when not set.", flags=Flags.Design)
    network = Attribute.string(help="The network that `ip` is in, '10.0.0.0/24'.", flags=Flags.Design)
    mtu = Attribute.integer(help="Bytes of an IP packet that fit into it.", range=(68, 65_535), flags=Flags.ExecReadOnly)
    tunnel = Attribute.choice(("gre", "vxlan"), help="It is the end of such a tunnel, carried by the switch.", flags=Flags.Design)
    remote_ip = Attribute.string(help="Address of the other end, with `tunnel`.", flags=Flags.Design)
    key = Attribute.integer(1, help="Key or network identifier, with `tunnel`.", range=(0, 2**32 - 1), flags=Flags.Design)

    @property
    def switch(self) -> OVSSwitch:
        """Whose port it is."""
        return self.peer(OVSSwitch)

    @property
    def node(self) -> HostNode:
        """Where it is."""
        return self.switch.peer(HostNode)

    def hosts_of(self) -> list[HostNode]:
        """Return the node that it is on."""
        return [self.node]

    async def deploy(self) -> None:
        """Make the port, unless its tunnel does."""
        self.ifname = self.get("port_name") or self.name_on("ovs", self.guid)
        self.set("port_name", self.ifname)
        if not self.waits_for_tunnel:
            await self.make(self._make_port())
        self.set_ready()

    async def _make_port(self) -> None:
        commands, bridge = Commands(self.node.host), self.switch.name_there
        if self.tunnels():
            add = ip_lines.add_tuntap(self.ifname, mode="tap")
            await self.make_interface(self.node, self.ifname, [add, ip_lines.link_up(self.ifname, up=True)])
            await self._add(ovs.add_port(bridge, self.ifname))
        elif self.get("tunnel"):
            remote = self.resolved("remote_ip")
            await self._add(ovs.add_tunnel_port(bridge, self.ifname, kind=self.get("tunnel"), remote=remote, key=self.get("key")))
        elif (there := await commands.interface(self.ifname)) is not None:
            await self._take(there.kind, up=there.up)
        else:
            await self._add(ovs.add_internal_port(bridge, self.ifname))
            await commands.ip(ip_lines.settings(self.ifname, Settings(True, self.get("mtu"), addresses=self._addresses())))

    async def _take(self, kind: str, *, up: bool) -> None:
        """Take in an interface that the host has. A pair of veth leaves checksums to a device that is none."""
        if kind == "veth":
            off, on = (ethtool.offloads(self.ifname, on=on) for on in (False, True))
            await self.change(self.node, "ethtool", [off], [on])
        back = [("link", "set", "dev", self.ifname, "promisc", "off"), ip_lines.link_up(self.ifname, up=up)]
        await self.change(self.node, "ip", [ip_lines.link_up(self.ifname, up=True)], back)
        await self._add(ovs.add_port(self.switch.name_there, self.ifname))

    async def _add(self, changes: Sequence[Sequence[str]]) -> None:
        said = await self.switch.set_ports(*changes, ovs.fault_of(self.ifname))
        if said not in ("[]", ""):
            await self.end()
            raise ResourceError(f"{self.name}: Open vSwitch cannot take {self.ifname}: {said.strip(chr(34))}", resource=self.name)

    def _addresses(self) -> tuple[str, ...]:
        if not self.get("ip"):
            return ()
        prefix = self.get("prefix")
        if prefix is None and self.get("network"):
            prefix = ipaddress.ip_network(networks(self.get("network"))[0]).prefixlen
        return (address_text(self.get("ip"), prefix),)

    def settings(self, mtu: int) -> Settings:
        """Return what its interface is to be. See `Endpoint`."""
        return Settings(up=True, mtu=self.get("mtu") or mtu)

    async def fit(self, mtu: int) -> None:
        """Let the interface be no longer than its tunnel."""
        await Commands(self.node.host).ip(ip_lines.settings(self.ifname, self.settings(mtu)))

    async def plugged(self, mtu: int) -> None:
        """Its tunnel has made the interface: take it in."""
        await self._add(ovs.add_port(self.switch.name_there, self.ifname))

    async def end(self) -> None:
        """Take the port away."""
        with contextlib.suppress(CommandError, ResourceError):  # it went with its switch
            await self.switch.set_ports(ovs.remove_port(self.switch.name_there, self.ifname))

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of it; one that its controller died over is taken away, to be made again."""
        self.ifname = self.get("port_name") or self.name_on("ovs", self.guid)
        if self.state < ResourceState.READY:
            await self.end()
        await super().adopt(rows)
