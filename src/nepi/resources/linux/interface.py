"""linux::Interface: an interface of a host, one that it has or a new one, and how packets are treated that pass it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nepi.errors import BadValueError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.resource import ResourceManager
from nepi.hosts.devices import ethtool, ip_lines
from nepi.hosts.devices.commands import Commands
from nepi.hosts.devices.ip_json import InterfaceFacts
from nepi.hosts.devices.ip_lines import Settings
from nepi.hosts.devices.words import Line, check_name
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.typespec import Check, Remark
from nepi.resources.linux.addresses import address_text, mistakes
from nepi.resources.linux.shaping import Shaped, shaping_mistakes

KINDS = ("existing", "dummy", "bridge")
_PAIRS = (("ip4", "mask4"), ("ip6", "mask6"))


def check_interface(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the attributes of an interface."""
    values = one.attributes
    yield from mistakes(values, _PAIRS)
    yield from shaping_mistakes(values)
    existing = values.get("kind", "existing") == "existing"
    if existing and not any(values.get(name) for name in ("deviceName", "ip4", "ip6")):
        yield "which interface is meant? Set deviceName, or an address that it has; or kind, for a new one"
    if values.get("deviceName"):
        try:
            check_name(values["deviceName"])
        except BadValueError as error:
            yield str(error)
    if existing and not values.get("shapedNetworks") and any(values.get(name) for name in ("rate", "delay", "loss")):
        yield Remark("an interface of a host is shaped for everything that passes it, SSH as well, unless shapedNetworks says otherwise")


class Channel(ResourceManager, rtype="linux::Channel", aliases=("LinuxChannel",)):
    """What interfaces have in common; says that they are on one network, and does nothing."""

    service = True


class Interface(Shaped, rtype="linux::Interface", aliases=("LinuxInterface",)):
    """An interface of a host: one that it has, which is as it was after the release, or a new one of some kind.

    It can be shaped, as a link can: attributes like `rate` and `delay` count for what leaves by it, `rateBack` and so on for what arrives.
    """

    needs: ClassVar = {HostNode: ResourceState.READY}
    wants: ClassVar = {Channel: ResourceState.READY}
    check: ClassVar[Check | None] = staticmethod(check_interface)

    deviceName = Attribute.string(help="Its name; when not set, the one that has the address, or a new name.", flags=Flags.ExecReadOnly)
    kind = Attribute.choice(KINDS, "existing", help="A new one of this kind, or one that the host has.", flags=Flags.Design)
    ip4 = Attribute.string(help="IPv4 address; added if it has not got it.", flags=Flags.Design)
    mask4 = Attribute.string(help="Its netmask, or the length of its prefix.", flags=Flags.Design)
    ip6 = Attribute.string(help="IPv6 address; added if it has not got it.", flags=Flags.Design)
    mask6 = Attribute.integer(help="Length of its prefix.", range=(0, 128), flags=Flags.Design)
    mac = Attribute.string(help="MAC address; as it is when not set.", flags=Flags.Design)
    mtu = Attribute.integer(help="Bytes of an IP packet that fit into a frame; as it is when not set.", range=(68, 65_535))
    txqueuelen = Attribute.integer(help="Frames that may wait at the device; as it is when not set.", range=(0, 10**6))
    up = Attribute.boolean(help="Whether it is up; as it is when not set, and a new one is up.")
    tearDown = Attribute.string(help="Command that is run on the host when it is released.", flags=Flags.Design)

    offload = Attribute.boolean(
        help="Whether the device computes checksums and cuts large packets; as it is when not set.", flags=Flags.ExecReadOnly
    )

    ifname: str = ""

    async def deploy(self) -> None:
        """Find or make it, and let it be as asked."""
        node = self.peer(HostNode)
        await self.make(self._make_new(node) if self.get("kind") != "existing" else self._take(node))
        self.set("deviceName", self.ifname)
        if self.get("offload") is not None:
            wanted, other = (ethtool.offloads(self.ifname, on=on) for on in (self.get("offload"), not self.get("offload")))
            await self.make(self.change(node, "ethtool", [wanted], [other]))
        self.set_ready()

    def wanted(self, addresses: tuple[str, ...]) -> Settings:
        """Return what the attributes ask for."""
        return Settings(self.get("up"), self.get("mtu"), self.get("mac"), self.get("txqueuelen"), addresses)

    def _addresses(self) -> tuple[str, ...]:
        return tuple(address_text(self.get(ip), self.get(mask)) for ip, mask in _PAIRS if self.get(ip) is not None)

    async def _make_new(self, node: HostNode) -> None:
        name = self.ifname = self.get("deviceName") or self.name_on(self.get("kind")[:3], self.guid)
        wanted = Settings(self.get("up") is not False, self.get("mtu"), self.get("mac"), self.get("txqueuelen"), self._addresses())
        await self.make_interface(node, name, [ip_lines.add_plain(name, self.get("kind")), *ip_lines.settings(name, wanted)])
        await self._shape(node)

    async def _take(self, node: HostNode) -> None:
        found = await self._found(node)
        self.ifname = found.name
        new = tuple(one for one in self._addresses() if not any(_same(one, has) for has in found.addresses))
        lines = ip_lines.settings(found.name, self.wanted(new))
        if lines:
            await self.change(node, "ip", lines, _as_it_was(found, self.wanted(new)))
        await self._shape(node)

    async def _found(self, node: HostNode) -> InterfaceFacts:
        there = await Commands(node.host).interfaces()
        wanted = [address for address in (self.get("ip4"), self.get("ip6")) if address is not None]
        for one in there:
            named = one.name == self.get("deviceName")
            if named or (not self.get("deviceName") and any(_same(address, has) for address in wanted for has in one.addresses)):
                return one
        what = f"named {self.get('deviceName')!r}" if self.get("deviceName") else f"with the address {' or '.join(wanted)}"
        names = ", ".join(one.name for one in there)
        raise ResourceError(
            f"{node.name} has no interface {what}; it has {names}. A new one is made when kind says which", resource=self.name
        )

    async def _shape(self, node: HostNode) -> None:
        facts = await Commands(node.host).interface(self.ifname)
        await self.shape(node, self.ifname, facts.mtu if facts is not None else 1500)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let attributes that were just set take effect.

        Raises:
            ResourceError: the host refused it, or the values do not go together.
        """
        node = self.peer(HostNode)
        refuse_mistakes(self)
        wanted = Settings(values.get("up"), values.get("mtu"), txqueuelen=values.get("txqueuelen"))
        await Commands(node.host).ip(ip_lines.settings(self.ifname, wanted))
        await self._shape(node)

    async def adopt(self, rows: Sequence[Any]) -> None:
        """Take hold of it. See `HostDevice`."""
        await super().adopt(rows)
        self.ifname = self.get("deviceName") or ""


def refuse_mistakes(device: Shaped) -> None:
    """Refuse values that do not go together.

    Raises:
        ResourceError: they do not.
    """
    wrong = list(shaping_mistakes({name: device.get(name) for name in device._attributes}))
    if wrong:
        raise ResourceError(f"{device.name}: {'; '.join(wrong)}", resource=device.name)


def _same(address: str, other: str) -> bool:
    return address.partition("/")[0] == other.partition("/")[0]


def _as_it_was(found: InterfaceFacts, changed: Settings) -> list[Line]:
    """Return the lines that put back what is changed."""
    lines: list[Line] = [ip_lines.remove_address(found.name, one) for one in changed.addresses]
    before = Settings(
        up=found.up if changed.up is not None else None,
        mtu=found.mtu if changed.mtu is not None else None,
        mac=found.mac if changed.mac is not None else None,
        txqueuelen=found.txqueuelen if changed.txqueuelen is not None else None,
    )
    return [*lines, *ip_lines.settings(found.name, before)]
