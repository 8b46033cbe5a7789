"""Base of what is made or changed on a host: in the ledger first, whole or not at all, and given back."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from nepi.apps.command_line import command_argv
from nepi.errors import CommandError, ConnectError, ResourceError
from nepi.execution.resource import ResourceManager
from nepi.hosts.devices import ip_lines
from nepi.hosts.devices.belongings import CHANGE, INTERFACE, change_thing, interface_thing, is_ours, outlives_this_machine
from nepi.hosts.devices.commands import BatchError, Commands
from nepi.hosts.devices.words import LONGEST_NAME, Line, check_name
from nepi.hosts.roles import HostNode
from nepi.model.states import ResourceState

if TYPE_CHECKING:
    from nepi.execution.ledger import Row, Thing

T = TypeVar("T")
TEAR_DOWN_DEADLINE_S = 30.0


class HostDevice(ResourceManager):
    """Something on one or two hosts that is there from READY to its release.

    Attributes:
        held: rows of the ledger that stand for what it has made and changed, oldest first, with the host of each.
    """

    service = True
    tools: ClassVar[tuple[str, ...]] = ("ip",)
    packages: ClassVar = {
        "ip": "iproute2",
        "tc": "iproute2",
        "ethtool": "ethtool",
        "wg": "wireguard-tools",
        "python3": "python3",
        "ovs-vsctl": "openvswitch-switch",
        "ovs-vswitchd": "openvswitch-switch",
    }
    _held: list[tuple[int, HostNode, Thing]] | None = None
    _making: asyncio.Task[Any] | None = None
    _whole: frozenset[int] = frozenset()

    @property
    def held(self) -> list[tuple[int, HostNode, Thing]]:
        """What it has made and changed."""
        if self._held is None:
            self._held = []
        return self._held

    @property
    def tag(self) -> str:
        """A few characters that stand for the run, in names on hosts that others use, too."""
        return f"{zlib.crc32(self.ec.run_dir.encode()) & 0xFFFFF:05x}"

    def name_on(self, kind: str, guid: int) -> str:
        """Return a name for an interface that no other run has; at most 15 characters."""
        return f"{kind}{guid}-{self.tag}"[:LONGEST_NAME]

    def alias_of(self, ifname: str) -> str:
        """Return what an interface of this resource bears as its alias."""
        return f"nepi:{self.tag}:{self.guid}:{ifname}"

    # Making.

    async def make(self, making: Coroutine[Any, Any, T]) -> T:
        """Await something that a cancelled deployment must not leave half done."""
        task = self._making = asyncio.get_running_loop().create_task(making)
        return await asyncio.shield(task)

    async def make_interface(self, node: HostNode, ifname: str, lines: Sequence[Line]) -> None:
        """Make an interface; the first line adds it. When a later one is refused, it is taken away again.

        Raises:
            BatchError: the host refused it.
        """
        check_name(ifname)
        thing = interface_thing(node, ifname, self.alias_of(ifname), self.guid)
        row = self._intend(node, thing)
        try:
            await Commands(node.host).ip([lines[0], ip_lines.alias(ifname, self.alias_of(ifname)), *lines[1:]])
        except (BatchError, CommandError) as error:
            if isinstance(error, BatchError) and error.line > 1:
                await Commands(node.host).ip([ip_lines.delete(ifname)])
            self._forget(row)
            raise
        self.ec.ledger.made([row])
        self._whole |= {row}

    def _intend(self, node: HostNode, thing: Thing) -> int:
        (row,) = self.ec.ledger.intend([thing], durable=outlives_this_machine(thing))
        self.held.append((row, node, thing))
        return row

    def _forget(self, row: int) -> None:
        self._held = [one for one in self.held if one[0] != row]
        self.ec.ledger.forget([row])

    async def change(self, node: HostNode, program: str, lines: Sequence[Line], undo: Sequence[Line]) -> None:
        """Change something by lines for a program (ip, tc, ethtool), which `undo` puts back.

        Raises:
            BatchError, CommandError: the host refused a line; what was done before it has been put back.
        """
        row = self._intend(node, change_thing(node, program, undo, self.guid))
        commands = Commands(node.host)
        try:
            await {"ip": commands.ip, "tc": commands.tc}.get(program, partial(commands.one_by_one, program))(lines)
        except (BatchError, CommandError) as error:
            thing = next(thing for number, _, thing in self.held if number == row)
            if isinstance(error, BatchError) or error.status is not None:
                await self._put_back(node, thing)
            self._forget(row)
            raise
        self.ec.ledger.made([row])

    # Giving back.

    async def undo(self) -> None:
        """Give back what was made and changed, the latest first."""
        while self.held:
            row, node, thing = self.held[-1]
            try:
                await (self._delete(node, row, thing) if thing.kind == INTERFACE else self._put_back(node, thing))
            except ConnectError as error:
                if "agent" not in thing.identity["place"]:
                    raise
                self.debug(f"nothing to give back: {error}")  # a namespace ends with its agent, and so does all that is in it
            self._forget(row)

    async def _delete(self, node: HostNode, row: int, thing: Thing) -> None:
        commands, ifname = Commands(node.host), thing.identity["ifname"]
        found = await commands.interface(ifname)
        if found is not None and is_ours(found.alias, thing.identity["alias"], intended=row not in self._whole):
            await commands.ip([ip_lines.delete(ifname)])

    async def _put_back(self, node: HostNode, thing: Thing) -> None:
        # Line by line: what went with its interface cannot be put back, and needs not.
        await Commands(node.host).each(thing.identity["program"], [tuple(line) for line in thing.identity["undo"]])

    async def release(self) -> None:
        """Take it away."""
        making, self._making = self._making, None
        if making is not None and not making.done():
            await asyncio.wait({making})
        try:
            await self._tear_down()
        finally:
            await self.end()
            await self.undo()
        self.set_released()

    async def _tear_down(self) -> None:
        """Run `tearDown` while everything is there still, if there is such an attribute and it was ready once."""
        command = self.get("tearDown") if self.has_attribute("tearDown") and self.ready_time is not None else None
        if not command or self.state == ResourceState.RELEASED:
            return
        argv = command_argv(command)
        done = await self.hosts_of()[0].host.run(argv, deadline_s=TEAR_DOWN_DEADLINE_S)
        if done.exit.status:
            raise CommandError(argv, done.exit.status, done.stderr.decode(errors="replace"), resource=self.name, action="tearDown")

    async def end(self) -> None:
        """End what runs, before interfaces are taken away; subclasses say how."""

    async def abandon(self) -> None:
        """Give up what was made on a host that is replaced."""
        await self.end()
        await self.undo()

    # Taking up.

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of what an earlier controller has made; what it died over is taken away, to be made once more.

        Raises:
            ResourceError: it was made, and is not there any more.
        """
        nodes = {node.name: node for node in self.hosts_of()}
        for row in rows:
            node = nodes.get(row.identity.get("host", ""))
            if row.kind in (INTERFACE, CHANGE) and node is not None:
                self.held.append((row.id, node, _thing(row)))
                self._whole |= {row.id} if row.state == "made" else set()
        if self.state < ResourceState.READY:
            await self.undo()
            return
        for _, node, thing in self.held:
            if thing.kind == INTERFACE and await Commands(node.host).interface(thing.identity["ifname"]) is None:
                raise ResourceError(f"interface {thing.identity['ifname']} of {node.name} is not there any more", resource=self.name)

    def hosts_of(self) -> list[HostNode]:
        """Return the nodes on which it makes something."""
        return self.peers(HostNode)


def _thing(row: Row) -> Thing:
    from nepi.execution.ledger import Thing

    return Thing(row.kind, row.identity, row.owner)
