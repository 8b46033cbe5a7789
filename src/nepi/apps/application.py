"""Application: a command of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from nepi.apps.command_application import CommandApplication, check_command
from nepi.apps.command_line import command_argv
from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check

NOT_YET: Final[Mapping[str, str]] = {
    "forwardX11": "a graphical program cannot be shown",
    "depends": "nothing is installed there: install the Debian packages before",
    "sources": "nothing is copied there: name the files by their paths",
    "files": "nothing is copied there: name the files by their paths",
    "libs": "nothing is copied there: set LD_LIBRARY_PATH in `env`",
    "bins": "nothing is copied there: name the program by its path",
    "code": "nothing is copied there: name the files by their paths",
    "build": "nothing is built there: build it before, or in `command`",
    "install": "nothing is installed there: install it before, or in `command`",
}
"""Attributes of the original that no host of this version has a use for, and what to do instead."""


def check_application(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the attributes of an Application."""
    yield from check_command(one, peers, facts)
    for name, why in NOT_YET.items():
        if one.attributes.get(name):
            yield f"attribute {name!r} is not supported yet: {why}"
    try:
        command_argv(one.attributes.get("command", ""))
    except BadValueError as error:
        yield str(error)


def _not_yet(what: str) -> Attribute:
    return Attribute.string(help=f"{what} (not supported yet).", flags=Flags.Design)


class Application(CommandApplication):
    """Runs `command`; text with shell syntax is run by /bin/sh. Without a command it stops at once.

    It runs in a folder of its own, and every file that it writes there is a trace. With `listens`, it is STARTED when something on
    the host accepts on that port.
    """

    check: ClassVar[Check | None] = staticmethod(check_application)

    command = Attribute.string(help="What to run; ${RUN_HOME} is the folder that it runs in.", flags=Flags.Design)
    stdin = Attribute.string(help="Standard input: a text, or the path of a local file.", flags=Flags.Design)
    listens = Attribute.integer(help="TCP port on which it accepts when it has started.", range=(1, 65_535), flags=Flags.Design)
    sudo = Attribute.boolean(False, help="Run as root; commands in namespaces always do.", flags=Flags.Design)
    forwardX11 = Attribute.boolean(False, help="Show its windows here (not supported yet).", flags=Flags.Design)
    depends = _not_yet("Packages to install before")
    sources = _not_yet("Files to download or copy")
    files = _not_yet("Files to copy")
    libs = _not_yet("Libraries to copy")
    bins = _not_yet("Programs to copy")
    code = _not_yet("Source code to copy")
    build = _not_yet("Commands that build it")
    install = _not_yet("Commands that install it")

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

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until it accepts, if it is to."""
        if self.get("listens"):
            await host.host.wait_listening(self.get("listens"), process=process)


class Server(Application):
    """An Application that does not end by itself: the run does not wait for it, and stops it at the end."""

    service = True
