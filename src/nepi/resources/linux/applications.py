"""Applications on hosts: all those of `nepi.apps`, with what is needed where a host has files, packages and users of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import ClassVar, Final

from nepi.apps.building import Provisioner
from nepi.apps.catalogue import APPLICATIONS as OF_THE_LIBRARY
from nepi.apps.catalogue import of_backend
from nepi.apps.provisioned import Provisioned, check_provisioning
from nepi.apps.provisioning import Folders
from nepi.errors import ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.port import Process
from nepi.hosts.remote.remote_process import RemoteProcess
from nepi.hosts.roles import HostNode
from nepi.model.typespec import Check
from nepi.resources.linux.node import Node
from nepi.resources.linux.packages import native_names
from nepi.resources.linux.provisioner import SUDO, HostProvisioner

NEED_ROOT: Final = frozenset({"Bird", "Frr", "NPing", "Tcpdump"})
"""Applications whose tools do nothing for ordinary users; the others can be given `sudo`, too."""
_PRINTED: Final = frozenset({"stdout", "stderr"})


class _OnHost(Provisioned):
    """An application on a host. What it writes there is brought here when it has ended, and earlier to whoever looks at it."""

    check: ClassVar[Check | None] = staticmethod(check_provisioning)
    sudo = Attribute.boolean(False, help="Run it as root, by sudo; nothing happens when root is logged in.", flags=Flags.Design)
    _is_followed: bool = False
    _display: Mapping[str, str] = MappingProxyType({})

    def variables(self) -> dict[str, str]:
        """Return the variables of the command; with `forwardX11`, those by which it finds the display."""
        return {**super().variables(), **self._display}

    def folders(self) -> Folders:
        """Return the folders that the path tags stand for: on the host, and of this run alone."""
        node = self.peer(Node)
        app = node.layout.app(node.name, self.name)
        return Folders(*(Path(one) for one in (node.layout.exp, node.layout.node(node.name), app, app / "run")))

    # As root.

    def argv(self) -> list[str]:
        """Return the command; as root if it is to be."""
        return self._elevated(super().argv())

    def tear_down_argv(self) -> list[str]:
        """Return the command that is run when it is released; as root if the application is."""
        return self._elevated(super().tear_down_argv())

    @property
    def is_elevated(self) -> bool:
        """Whether it becomes root by sudo."""
        return bool(self.get("sudo")) and not self.peer(Node).machine.facts.is_root

    def _elevated(self, argv: list[str]) -> list[str]:
        if not argv or not self.is_elevated:
            return argv
        # What sudo does not pass on, because it could be used against root, is said again behind it.
        loader = [f"{name}={value}" for name, value in self.variables().items() if name.startswith("LD_")]
        return [*SUDO, *(["env", *loader] if loader else []), *argv]

    # What it needs.

    def provisioner(self) -> Provisioner:
        """Return what does the steps on its host."""
        return self._provisioner()

    def _provisioner(self) -> HostProvisioner:
        node = self.peer(Node)
        values = (self.variables(), self.get("buildDeadline"))
        return HostProvisioner(node.host, self.there, self.run_home, *values, machine=node.machine)

    async def provide(self) -> None:
        """Bring there what it needs, build it, and see to it that its programs are there.

        Raises:
            ResourceError: a program is missing, and may not or cannot be installed.
        """
        await super().provide()
        node = self.peer(Node)
        missing = await node.machine.missing(self.tools) if self.tools else []
        if not missing:
            return
        packages = list(self._packages(missing))
        if packages and node.may_install:
            await self._provisioner().install("installTools", packages)
            missing = await node.machine.missing(missing)
        if missing:
            names = " ".join(packages) or "the packages that have them"
            verb, have = ("is", "it") if len(missing) == 1 else ("are", "them")
            raise ResourceError(
                f"{' and '.join(missing)} {verb} not installed on {node.machine.name}: install {names} there, or let {have} be installed: "
                f"depends={names!r}"
            )

    def _packages(self, tools: list[str]) -> Iterator[str]:
        manager = self.peer(Node).machine.facts.distribution.manager
        if manager is not None:
            yield from native_names(manager, (name for tool in tools if (name := self.packages.get(tool, tool))))

    # What it writes.

    async def gather(self) -> None:
        """Bring here every file that it has written in ${RUN_HOME}."""
        if isinstance(self.process, RemoteProcess) and self.process.left_nothing and not self.get("tearDown"):
            return  # its end has told so; nobody need go there
        await self.peer(Node).site.gather(PurePosixPath(self.there), self.run_home)

    async def look(self) -> None:
        """Bring here what it has printed so far."""
        if isinstance(self.process, RemoteProcess):
            await self.process.look()

    async def follow_trace(self, name: str) -> None:
        """Let what it prints come here as it comes, because somebody waits for a line of it; also when it has not started yet."""
        self._is_followed = self._is_followed or name in _PRINTED
        await self._follow(self.process)

    async def _follow(self, process: Process | None) -> None:
        if self._is_followed and isinstance(process, RemoteProcess):
            await process.follow()

    async def _execute(self, node: HostNode) -> Process:
        process = await (self._execute_with_windows(node) if self._shows_windows else super()._execute(node))
        await self._follow(process)
        return process

    @property
    def _shows_windows(self) -> bool:
        """Whether it is to be started with a display; what an earlier controller has started is not started again."""
        return "forwardX11" in self._attributes and bool(self.get("forwardX11")) and self._found is None

    async def _execute_with_windows(self, node: HostNode) -> Process:
        display = self.peer(Node).site.display
        self._display = await display.use()
        try:
            process = await super()._execute(node)
        except BaseException:
            await display.leave()
            raise
        display.leave_with(process)
        return process

    async def bring_trace(self, name: str) -> None:
        """Bring here what a trace has so far, because somebody asks for it while it runs."""
        await (self.look() if name in _PRINTED else self.gather())


class _AsRoot(_OnHost):
    """One whose tool does nothing for ordinary users."""

    check: ClassVar[Check | None] = staticmethod(check_provisioning)
    sudo = Attribute.boolean(True, help="Run it as root, by sudo; nothing happens when root is logged in.", flags=Flags.Design)


def _aliases(name: str) -> tuple[str, ...]:
    return (f"Linux{name}",)


APPLICATIONS = {
    **of_backend("linux", __name__, _OnHost, [one for one in OF_THE_LIBRARY if one.__name__ not in NEED_ROOT], aliases=_aliases),
    **of_backend("linux", __name__, _AsRoot, [one for one in OF_THE_LIBRARY if one.__name__ in NEED_ROOT], aliases=_aliases),
}
globals().update(APPLICATIONS)  # where the catalogue of types looks for them
