"""What an application needs on its host before it can start: files, packages, code that is built there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nepi.apps.building import Provisioner
from nepi.apps.command_application import CommandApplication
from nepi.apps.provisioning import Folders, provisioning_steps
from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription

NAMES: Final = ("sources", "files", "bins", "libs", "code", "depends", "build", "install")
SOME_FOLDERS: Final = Folders(Path("/"), Path("/"), Path("/"), Path("/"))
"""Stand for those of a host, which are not known when it is planned."""


def check_provisioning(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find lists that cannot be read."""
    try:
        provisioning_steps(one.attributes, SOME_FOLDERS)
    except BadValueError as error:
        yield str(error)


def _text(help: str) -> Attribute:
    return Attribute.string(help=help, flags=Flags.Design)


class Provisioned(CommandApplication):
    """An application that brings along what it needs, or has it built on its host, when it is deployed."""

    depends = _text("Packages that must be there. On hosts they are installed; on namespaces it fails, and says so, when one is missing.")
    sources = _text("Local files, or http addresses, that are brought to ${SRC}.")
    files = _text("Local files that are brought to ${SHARE}.")
    libs = _text("Local libraries that are brought to ${LIB}, where the command looks for libraries then.")
    bins = _text("Local programs that are brought to ${BIN}.")
    code = _text("Source code that is brought to ${APP_HOME}/code: a local file or folder, or a text of several lines.")
    build = _text("Shell commands that build it, in ${RUN_HOME}, before it is READY.")
    install = _text("Shell commands that install what was built, likewise.")
    buildDeadline = Attribute.duration("10min", help="Time that `build` and `install` get, each.", flags=Flags.Design)
    deploy_stdout = Trace("deploy_stdout", "What building it printed.", enabled=True)
    deploy_stderr = Trace("deploy_stderr", "What building it complained of.", enabled=True)

    async def deploy(self) -> None:
        """Bring there what it needs, and build it."""
        await self.provide()
        await super().deploy()

    async def provide(self) -> None:
        """Do the steps."""
        if any(self.get(name) for name in NAMES):
            steps = provisioning_steps({name: self.get(name) for name in NAMES}, self.folders())
            await self.provisioner().carry_out(steps)

    def provisioner(self) -> Provisioner:
        """Return what does the steps on its host."""
        return Provisioner(self.peer(HostNode).host, self.there, self.run_home, self.variables(), self.get("buildDeadline"))

    def variables(self) -> dict[str, str]:
        """Return the variables of the command; with libraries of its own, where they are."""
        libraries = {"LD_LIBRARY_PATH": str(self.folders().usr / "lib")} if self.get("libs") else {}
        return {**libraries, **super().variables()}
