"""The daemons of Open vSwitch on one host, for all switches that a run has there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from nepi.errors import DeadlineError, ResourceError
from nepi.hosts.devices.commands import DEADLINE_S, Commands
from nepi.hosts.devices.ovs import PACKAGE, Daemons
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode

if TYPE_CHECKING:
    from nepi.execution.resource import ResourceManager

START_DEADLINE_S = 20.0


class OvsDaemons:
    """ovsdb-server, with ovs-vswitchd as its child, in the run's folder of a host. Opened by the first switch, ended with the last.

    Attributes:
        daemons: their command lines.
        process: both.
    """

    def __init__(self, node: HostNode, daemons: Daemons, process: Process) -> None:
        self.daemons, self.process = daemons, process
        self._node = node
        self._users: set[int] = set()

    @staticmethod
    def key(node: HostNode) -> str:
        """Return the key of the session."""
        return f"ovs:{node.guid}"

    @classmethod
    async def of(cls, switch: ResourceManager, node: HostNode, owners: Sequence[int]) -> Self:
        """Return those of a node, started by the first who asks; or found, when an earlier controller has started them.

        Args:
            switch: who asks.
            node: where.
            owners: all switches of the node, one of which started them.
        """

        async def open_() -> Self:
            daemons = Daemons(node.host.scratch / "ovs")
            found = [process for owner in owners for process in node.host.processes_of(owner)] if switch.ec.is_attached else []
            return cls(node, daemons, found[-1] if found else await _start(switch, node, daemons))

        opened: Self = await switch.ec.session(cls.key(node), open_)
        opened._users.add(switch.guid)
        return opened

    async def leave(self, switch: ResourceManager) -> None:
        """A switch is gone; with the last one, they end."""
        self._users.discard(switch.guid)
        if not self._users:
            await asyncio.shield(switch.ec.end_session(self.key(self._node)))

    async def set(self, *changes: Sequence[str]) -> str:
        """Make changes, as one; return what was asked for.

        Raises:
            CommandError: a change was refused, or the switch has ended.
        """
        done = await Commands(self._node.host).run(self.daemons.vsctl(*changes))
        return done.stdout.decode().strip()

    async def close(self) -> None:
        """End them; their bridges end with them."""
        await self.process.stop(grace_s=3.0)

    def detach(self) -> None:
        """Leave them."""


async def _start(switch: ResourceManager, node: HostNode, daemons: Daemons) -> Process:
    commands = Commands(node.host)
    # By who is logged in, and not by root: what root's daemons leave in a folder of theirs, they can remove.
    prepared = await node.host.run(daemons.prepare(), deadline_s=DEADLINE_S)
    if prepared.exit.status:
        said = prepared.stderr.decode(errors="replace").strip()
        lacks = f"{node.name} has no Open vSwitch (Debian: {PACKAGE}): {said}" if prepared.exit.status == 127 else f"{node.name}: {said}"
        raise ResourceError(lacks, resource=switch.name)
    log = switch.trace_path("stdout")
    argv = [*await commands.prefix(), *daemons.start()]
    process = await node.host.start(argv, stdout=log, env=daemons.variables(), cwd=daemons.folder, owner=switch.guid)
    loop = asyncio.get_running_loop()
    ready, ended = loop.create_task(commands.run(daemons.ready())), loop.create_task(process.wait())
    try:
        done, _ = await asyncio.wait({ready, ended}, timeout=START_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        if ended in done:
            words = log.read_text(errors="replace").strip().splitlines()[-3:] if log.exists() else []
            raise ResourceError(f"Open vSwitch on {node.name} ended at once: {' '.join(words)}", resource=switch.name)
        if not done:
            raise DeadlineError(f"Open vSwitch on {node.name} was not up within {START_DEADLINE_S:g} s", resource=switch.name)
        ready.result()
    except BaseException:
        await process.stop(grace_s=1.0)
        raise
    finally:
        for task in (ready, ended):
            task.cancel()
        await asyncio.gather(ready, ended, return_exceptions=True)
    return process
