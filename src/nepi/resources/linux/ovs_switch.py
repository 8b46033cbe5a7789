"""linux::OVSSwitch: a bridge of Open vSwitch on a host, in user space, with or without an OpenFlow controller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.errors import BadValueError, CommandError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.devices import ip_lines, ovs
from nepi.hosts.devices.commands import Commands
from nepi.hosts.devices.ip_lines import Settings
from nepi.hosts.devices.words import check_name
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ENDED, ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.addresses import address_text
from nepi.resources.linux.device import HostDevice
from nepi.resources.linux.ovs_daemons import OvsDaemons

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

PROTOCOLS = "OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14"


def check_switch(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with a switch."""
    values = one.attributes
    try:
        if values.get("bridge_name"):
            check_name(values["bridge_name"])
        if values.get("virtual_ip_pref"):
            address_text(*split(values["virtual_ip_pref"]))
        if values.get("datapath_id"):
            datapath_id(values["datapath_id"])
    except BadValueError as error:
        yield str(error)
    if values.get("controller_port") and not values.get("controller_ip"):
        yield "controller_port is set, and controller_ip is not: where is the controller?"
    port = str(values.get("controller_port") or "6653")
    if not port.isdigit() or not 0 < int(port) < 65536:
        yield f"controller_port {port!r} is no port"


def split(text: str) -> tuple[str, str | None]:
    """Return the address of "10.0.0.1/24", and the length of its prefix."""
    ip, _, prefix = text.partition("/")
    return ip, prefix or None


def datapath_id(text: str) -> str:
    """Return a number of 64 bits in the way that Open vSwitch writes it.

    Raises:
        BadValueError: it is none.
    """
    try:
        return f"{int(text, 16):016x}"[-16:]
    except ValueError:
        raise BadValueError(f"datapath_id {text!r} is no hexadecimal number of up to 16 digits") from None


class OVSSwitch(HostDevice, rtype="linux::OVSSwitch", aliases=("OVSSwitch", "OVSWitch", "planetlab::OVSSwitch")):
    """A bridge of Open vSwitch, in user space: it needs no module of the kernel, and nothing of an Open vSwitch that the machine runs.

    Its ports are `linux::OVSPort`. Without a controller it learns addresses as any switch; with one, it does so while that is away.
    """

    needs: ClassVar = {HostNode: ResourceState.READY}
    tools: ClassVar[tuple[str, ...]] = ("ip", "ovs-vsctl", "ovs-vswitchd")
    check: ClassVar[Check | None] = staticmethod(check_switch)

    bridge_name = Attribute.string(help="Its name on the host; chosen when not set.", flags=Flags.ExecReadOnly)
    virtual_ip_pref = Attribute.string(help="Address of the host on it, '10.0.0.1/24'; none when not set.", flags=Flags.Design)
    controller_ip = Attribute.string(help="Address of its OpenFlow controller, or the node where it is; none when not set.")
    controller_port = Attribute.string("6653", help="TCP port of the controller.")
    fail_mode = Attribute.choice(
        ("standalone", "secure"), "standalone", help="What it does while the controller is away: learn, or nothing.", flags=Flags.Design
    )
    protocols = Attribute.string(PROTOCOLS, help="Versions of OpenFlow that it speaks.", flags=Flags.Design)
    datapath_id = Attribute.string(help="Its number, in hexadecimal digits; chosen when not set.", flags=Flags.Design)
    rundir = Attribute.string(help="OVS_RUNDIR for ovs-ofctl and ovs-appctl on the host.", flags=Flags.ReadOnly)
    stdout = Trace("stdout", "What Open vSwitch logs, in the trace of the first switch of a host.", enabled=True)

    daemons: OvsDaemons | None = None
    name_there: str = ""
    _watching: asyncio.Task[None] | None = None

    async def deploy(self) -> None:
        """Make the bridge."""
        self.name_there = self.get("bridge_name") or self.name_on("br", self.guid)
        self.set("bridge_name", self.name_there)
        await self.make(self._make_bridge(self.peer(HostNode)))
        self.set_ready()

    async def _make_bridge(self, node: HostNode) -> None:
        daemons = self.daemons = await OvsDaemons.of(self, node, self._neighbours(node))
        self.set("rundir", str(daemons.daemons.folder))
        self._watching = asyncio.get_running_loop().create_task(self._watch(daemons))
        number = datapath_id(self.get("datapath_id")) if self.get("datapath_id") else None
        bridge = ovs.add_bridge(self.name_there, protocols=self.get("protocols"), fail_mode=self.get("fail_mode"), datapath_id=number)
        await daemons.set(*bridge, *self._controller())
        address = (address_text(*split(self.get("virtual_ip_pref"))),) if self.get("virtual_ip_pref") else ()
        await Commands(node.host).ip(ip_lines.settings(self.name_there, Settings(up=True, addresses=address)))

    def _controller(self) -> list[list[str]]:
        address = self.resolved("controller_ip")
        if not address:
            return []
        return [ovs.set_controller(self.name_there, address, int(self.get("controller_port"))), ovs.try_often(self.name_there)]

    def _neighbours(self, node: HostNode) -> list[int]:
        return [switch.guid for switch in node.peers(OVSSwitch)]

    async def _watch(self, daemons: OvsDaemons) -> None:
        exit_ = await daemons.process.wait()
        if self.state not in ENDED and not self.ec.release_wanted(self.guid):
            self.explain_failure(f"Open vSwitch on {self.peer(HostNode).name} has ended, status {exit_.status}")
            self.fail()

    async def set_ports(self, *changes: Sequence[str]) -> str:
        """Make changes of its ports.

        Raises:
            CommandError: a change was refused.
            ResourceError: the switch is not there.
        """
        if self.daemons is None:
            raise ResourceError(f"{self.name} is not there", resource=self.name)
        return await self.daemons.set(*changes)

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Let another controller take over."""
        await self.set_ports(*(self._controller() or [["del-controller", self.name_there]]))

    async def end(self) -> None:
        """Take the bridge away, and with the last one of a host the daemons."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
        daemons, self.daemons = self.daemons, None
        if daemons is not None:
            with contextlib.suppress(CommandError, ResourceError):  # it has ended, and its bridges with it
                await daemons.set(ovs.remove_bridge(self.name_there))
            await daemons.leave(self)

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of the bridge; one that its controller died over is made again."""
        await super().adopt(rows)
        node = self.peer(HostNode)
        self.name_there = self.get("bridge_name") or self.name_on("br", self.guid)
        if not any(node.host.processes_of(guid) for guid in self._neighbours(node)):
            if self.state >= ResourceState.READY:
                raise ResourceError(f"Open vSwitch on {node.name} has ended", resource=self.name)
            return
        self.daemons = await OvsDaemons.of(self, node, self._neighbours(node))
        if self.state < ResourceState.READY:
            await self.daemons.set(ovs.remove_bridge(self.name_there))
        else:
            self._watching = asyncio.get_running_loop().create_task(self._watch(self.daemons))
