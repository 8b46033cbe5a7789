"""linux::Node: a machine, reached over SSH, or this one without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.apps.command_line import command_argv
from nepi.errors import CommandError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.roles import MachineNode
from nepi.model.states import ResourceAction, ResourceState
from nepi.model.typespec import Check
from nepi.resources.linux.layout import Layout
from nepi.resources.linux.machine import Machine
from nepi.resources.linux.reach import CHECKED, HOST_KEYS, check_reach, is_local
from nepi.resources.linux.run import LinuxRun
from nepi.resources.linux.site import Site

if TYPE_CHECKING:
    from nepi.execution.ledger import Row
    from nepi.hosts.remote.remote_host import RemoteHost

TEAR_DOWN_DEADLINE_S = 30.0


def _text(help: str) -> Attribute:
    return Attribute.string(help=help, flags=Flags.Design)


def _switch(default: bool, help: str) -> Attribute:
    return Attribute.boolean(default, help=help, flags=Flags.Design)


class Node(MachineNode, rtype="linux::Node", aliases=("LinuxNode",)):
    """A machine that commands run on, reached over SSH as your own `ssh` reaches it; `localhost` is this machine, without sshd.

    What the run brings there, and what runs there, is gone when it is released. Several nodes may be the same machine.
    """

    check: ClassVar[Check | None] = staticmethod(check_reach)
    deadlines: ClassVar = {ResourceAction.DEPLOY: None, ResourceAction.STOP: 120.0, ResourceAction.RELEASE: 120.0}

    hostname = _text("Name, address, or alias of your ~/.ssh/config; localhost is this machine.")
    port = Attribute.integer(help="Port of its SSH server; as your ssh configuration says, or 22.", range=(1, 65_535), flags=Flags.Design)
    username = _text("Who logs in; as your ssh configuration says, or you.")
    identity = _text("File of the private key; else your agent's keys and the usual files are tried.")
    gateway = _text("Hosts on the way, as in ssh -J: [user@]host[:port], several with commas; none means a direct connection.")
    gatewayUser = _text("Who logs in on gateways that do not say it.")
    serverKey = _text("The host's public key, its fingerprint (SHA256:...), or a file with the key; no other one will do then.")
    hostKeys = Attribute.choice(
        tuple(HOST_KEYS),
        CHECKED,
        help="check: its key must be in known_hosts. trust: a key is trusted at first sight and pinned in the run.",
        flags=Flags.Design,
    )
    sshConfig = _text("ssh configuration to read instead of ~/.ssh/config.")
    forwardAgent = _switch(False, "Lend your ssh agent to commands there; whoever is root there can use it meanwhile.")
    connectDeadline = Attribute.duration("30s", help="Time in which there must be a connection.", range=(0.1, 600), flags=Flags.Design)
    home = _text("Folder that gets .nepi, absolute or below the home of who logs in.")
    cleanHome = _switch(False, "Before: remove what other runs of any experiment, also live ones, have in .nepi, and what was uploaded.")
    cleanExperiment = _switch(False, "Before: remove what other runs of this experiment have there, also live ones.")
    cleanProcesses = _switch(False, "Before: end what runs there of other runs, also of those that are not over.")
    cleanProcessesAfter = _switch(True, "What the run has started there is ended with it; always.")
    keepFiles = _switch(False, "Leave the run's folder on the host; outputs are brought here in any case.")
    installTools = _switch(True, "Install the packages of tools that applications need and that are missing; never on localhost.")
    tearDown = _text("Command that is run there when it is released.")
    ip = _text("Address by which other hosts reach it; hostname if not set.")

    host: RemoteHost
    site: Site

    @property
    def layout(self) -> Layout:
        """Where things are on the host."""
        return self.site.layout

    @property
    def machine(self) -> Machine:
        """What the nodes on this host share."""
        return self.site.machine

    @property
    def login_home(self) -> PurePosixPath:
        """The home of who is logged in."""
        return self.site.login_home

    @property
    def may_install(self) -> bool:
        """Whether packages of tools are installed without being asked for."""
        return bool(self.get("installTools")) and not is_local(self._values())

    async def underlay_address(self) -> str | None:
        """Return the address by which other hosts reach it, if that was said."""
        ip: str | None = self.get("ip")
        return ip

    def _values(self) -> dict[str, Any]:
        return {name: self.get(name) for name in self._attributes}

    async def deploy(self) -> None:
        """Reach the host, see what it is, and make the run's folders there."""
        await self._join()
        asked = {name: bool(self.get(f"clean{name.capitalize()}")) for name in ("home", "experiment", "processes")}
        await self.site.clean(**asked)
        usr = self.layout.node(self.name) / "usr"
        await self.site.make([usr / name for name in ("bin", "lib", "src", "share")])
        self.set_ready()

    async def _join(self) -> None:
        run = await LinuxRun.of(self.ec)
        self.site = await run.site(self._values(), self.get("hostname"))
        self.site.session.keeps_folder |= bool(self.get("keepFiles"))
        self.transport, self.way = self.site.transport, {"kind": "linux", **self.site.session.way}
        self.host = self.site.host(self.name, owner=self.guid)
        self.site.join(self)

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Reach the host again; what runs there ran on."""
        if ResourceState.READY <= self.state < ResourceState.RELEASED or rows:
            await self._join()

    async def release(self) -> None:
        """Run `tearDown`, and take away what is the node's there."""
        site = getattr(self, "site", None)
        if site is not None and self.state != ResourceState.RELEASED:
            try:
                if self.get("tearDown") and self.ready_time is not None:
                    await self._tear_down()
            finally:
                await site.leave(self)
        self.set_released()

    async def _tear_down(self) -> None:
        argv = command_argv(self.get("tearDown"))
        done = await self.host.run(argv, deadline_s=TEAR_DOWN_DEADLINE_S)
        if done.exit.status != 0:
            raise CommandError(argv, done.exit.status, done.stderr.decode(errors="replace"), action="tearDown")
