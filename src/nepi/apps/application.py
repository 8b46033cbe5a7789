"""Application: a command of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from nepi.apps.building import carry_out
from nepi.apps.command_application import CommandApplication, check_command
from nepi.apps.command_line import command_argv
from nepi.apps.provisioning import Folders, provisioning_steps
from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check

NOT_YET: Final[Mapping[str, str]] = {
    "forwardX11": "a graphical program cannot be shown",
}
"""Attributes of the original that no host of this version has a use for, and what to do instead."""

SOME_FOLDERS: Final = Folders(Path("/"), Path("/"), Path("/"), Path("/"))
"""Stand for those of a host, which are not known when it is planned."""


def check_application(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the attributes of an Application."""
    yield from check_command(one, peers, facts)
    for name, why in NOT_YET.items():
        if one.attributes.get(name):
            yield f"attribute {name!r} is not supported yet: {why}"
    try:
        command_argv(one.attributes.get("command", ""))
        provisioning_steps(one.attributes, SOME_FOLDERS)
    except BadValueError as error:
        yield str(error)


def _text(help: str) -> Attribute:
    return Attribute.string(help=help, flags=Flags.Design)


class Application(CommandApplication):
    """Runs `command`; text with shell syntax is run by /bin/sh. Without a command it stops at once.

    It runs in a folder of its own, and every file that it writes there is a trace. With `listens`, it is STARTED when something on
    the host accepts on that port.
    """

    check: ClassVar[Check | None] = staticmethod(check_application)

    command = Attribute.string(help="What to run, in ${RUN_HOME}; more such path tags are in docs/howto/build-code.md.", flags=Flags.Design)
    stdin = Attribute.string(help="Standard input: a text, or the path of a local file.", flags=Flags.Design)
    openStdin = Attribute.boolean(False, help="Leave standard input open for ec.send_stdin, after `stdin`.", flags=Flags.Design)
    listens = Attribute.integer(help="TCP port on which it accepts when it has started.", range=(1, 65_535), flags=Flags.Design)
    sudo = Attribute.boolean(False, help="Run as root; commands in namespaces always do.", flags=Flags.Design)
    forwardX11 = Attribute.boolean(False, help="Show its windows here (not supported yet).", flags=Flags.Design)
    depends = _text("Debian packages that must be installed there; it fails, and says so, when one is not.")
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
        names = ("sources", "files", "bins", "libs", "code", "depends", "build", "install")
        steps = provisioning_steps({name: self.get(name) for name in names}, self.folders()) if self._provisions(names) else []
        if steps:
            host, deadline_s = self.peer(HostNode).host, self.get("buildDeadline")
            await carry_out(steps, host, self.run_home, self.variables(), deadline_s=deadline_s)
        await super().deploy()

    def _provisions(self, names: Sequence[str]) -> bool:
        return any(self.get(name) for name in names)

    def variables(self) -> dict[str, str]:
        """Return the variables of the command; with libraries of its own, where they are."""
        libraries = {"LD_LIBRARY_PATH": str(self.folders().usr / "lib")} if self.get("libs") else {}
        return {**libraries, **super().variables()}

    def argv(self) -> list[str]:
        """Return the command as an argument list."""
        return command_argv(self.get("command") or "")

    def stdin_file(self) -> Path | None:
        """Return the file with its standard input; a text is written into one."""
        text = self.get("stdin")
        if not text:
            return None
        if "\n" not in text and len(text) < 4096 and Path(text).is_file():
            return Path(text).absolute()
        path = self.run_home / "stdin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def opens_stdin(self) -> bool:
        """Return whether standard input is left open."""
        return bool(self.get("openStdin"))

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it accepts, if it is to."""
        if self.get("listens"):
            await host.host.wait_listening(self.get("listens"), process=process)


class Server(Application):
    """An Application that does not end by itself: the run does not wait for it, and stops it at the end."""

    service = True
