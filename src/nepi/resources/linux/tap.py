"""linux::Tap and linux::Tun: virtual interfaces of a host, for tunnels and programs. A Tap takes Ethernet frames, a Tun IP packets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from nepi.errors import BadValueError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.devices import ip_lines
from nepi.hosts.devices.commands import Commands
from nepi.hosts.devices.ip_lines import Settings
from nepi.hosts.devices.words import Line, check_name
from nepi.hosts.roles import HostNode
from nepi.model.addressing import parse_address
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.addresses import address_text, mistakes
from nepi.resources.linux.endpoint import Endpoint
from nepi.resources.linux.interface import refuse_mistakes
from nepi.resources.linux.shaping import Shaped, shaping_mistakes

PLAIN_MTU: Final = 1500


def check_tap(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the attributes of a Tap or a Tun."""
    values = one.attributes
    yield from mistakes(values, (("ip", "prefix"),))
    yield from shaping_mistakes(values)
    try:
        if values.get("deviceName"):
            check_name(values["deviceName"])
        for name in ("pointopoint", "greRemote"):
            if values.get(name):
                parse_address(values[name])
    except BadValueError as error:
        yield str(error)
    if not str(values.get("greKey", "1")).isdigit():
        yield f"greKey {values['greKey']!r} is no number"


class Tap(Endpoint, Shaped, rtype="linux::Tap", aliases=("LinuxTap",)):
    """A virtual interface that takes Ethernet frames: the end of a tunnel, or of a program that opens it. It can be shaped as a link can.

    Its MTU is what fits through its tunnel. With `greRemote` it is the end of a GRE tunnel to any address, without a tunnel resource.
    """

    needs: ClassVar = {HostNode: ResourceState.READY}
    check: ClassVar[Check | None] = staticmethod(check_tap)
    mode: ClassVar[str] = "tap"

    ip = Attribute.string(help="Its address.", flags=Flags.Design)
    prefix = Attribute.string(help="Length of the prefix of `ip`, or a netmask.", flags=Flags.Design)
    mac = Attribute.string(help="MAC address; chosen when not set.", flags=Flags.Design)
    mtu = Attribute.integer(help="Bytes of an IP packet that fit into it; what its tunnel carries when not set.", range=(68, 65_535))
    deviceName = Attribute.string(help="Its name on the host; chosen when not set.", flags=Flags.ExecReadOnly)
    up = Attribute.boolean(True, help="Whether it is up.")
    pointopoint = Attribute.string(help="Address of the other end, for an interface between two.", flags=Flags.Design)
    txqueuelen = Attribute.integer(help="Frames that may wait at the device.", range=(0, 10**6), flags=Flags.ExecReadOnly)
    greKey = Attribute.string("1", help="Key of its GRE tunnel; both ends have the same.", flags=Flags.Design)
    greRemote = Attribute.string(help="Address of the other end of a GRE tunnel without a resource of its own.", flags=Flags.Design)
    pi = Attribute.boolean(False, help="Put four bytes of packet information before each packet for the program.", flags=Flags.ExecReadOnly)
    tearDown = Attribute.string(help="Command that is run on the host when it is released.", flags=Flags.Design)

    @property
    def node(self) -> HostNode:
        """Where it is."""
        return self.peer(HostNode)

    async def deploy(self) -> None:
        """Make it, unless its tunnel does."""
        self.ifname = self.get("deviceName") or self.name_on(self.mode, self.guid)
        self.set("deviceName", self.ifname)
        if not self.waits_for_tunnel:
            await self.make(self._make_whole())
        self.set_ready()

    async def _make_whole(self) -> None:
        add, mtu = await self._add_line()
        await self.make_interface(self.node, self.ifname, [add, *ip_lines.settings(self.ifname, self.settings(mtu))])
        await self.plugged(mtu)

    async def _add_line(self) -> tuple[Line, int]:
        remote = self.get("greRemote")
        if not remote:
            return ip_lines.add_tuntap(self.ifname, mode=self.mode, packet_information=self.get("pi")), PLAIN_MTU
        way, outer_mtu = await Commands(self.node.host).way_to(remote)
        frames = self.frames
        mtu = ip_lines.inner_mtu(outer_mtu, kind="gre", version=6 if ":" in remote else 4, frames=frames)
        return ip_lines.add_gre(self.ifname, frames=frames, key=int(self.get("greKey")), local=way.local, remote=remote), mtu

    def settings(self, mtu: int) -> Settings:
        """Return what its interface is to be. See `Endpoint`."""
        address = (address_text(self.get("ip"), self.get("prefix")),) if self.get("ip") else ()
        mac = self.get("mac") if self.frames else None
        return Settings(self.get("up"), self.get("mtu") or mtu, mac, self.get("txqueuelen"), address, self.get("pointopoint"))

    async def plugged(self, mtu: int) -> None:
        """Let it be shaped as its attributes say."""
        await self.shape(self.node, self.ifname, self.get("mtu") or mtu)

    async def fit(self, mtu: int) -> None:
        """It exists, and a tunnel that carries so much has been made: let it be no longer than that."""
        wanted = Settings(mtu=self.get("mtu") or mtu, txqueuelen=self.get("txqueuelen"))
        await Commands(self.node.host).ip(ip_lines.settings(self.ifname, wanted))
        await self.plugged(mtu)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect.

        Raises:
            ResourceError: the host refused it, or its interface is not there yet.
        """
        refuse_mistakes(self)
        commands = Commands(self.node.host)
        facts = await commands.interface(self.ifname)
        if facts is None:
            raise ResourceError(f"{self.name}: its tunnel has not made {self.ifname} yet", resource=self.name)
        await commands.ip(ip_lines.settings(self.ifname, Settings(values.get("up"), values.get("mtu"))))
        await self.shape(self.node, self.ifname, values.get("mtu") or facts.mtu)

    async def adopt(self, rows: Sequence[Any]) -> None:
        """Take hold of it. See `HostDevice`."""
        await super().adopt(rows)
        self.ifname = self.get("deviceName") or self.name_on(self.mode, self.guid)


class Tun(Tap, rtype="linux::Tun", aliases=("LinuxTun",)):
    """A virtual interface that takes IP packets: the end of a tunnel, or of a program that opens it."""

    mode: ClassVar[str] = "tun"
    frames: bool = False
