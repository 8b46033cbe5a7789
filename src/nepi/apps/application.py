"""Application: a command of the user's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from nepi.apps.command_application import check_command
from nepi.apps.command_line import command_argv
from nepi.apps.provisioned import Provisioned, check_provisioning
from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute, Flags
from nepi.hosts.port import Process
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check


def check_application(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with the attributes of an Application."""
    yield from check_command(one, peers, facts)
    try:
        command_argv(one.attributes.get("command", ""))
    except BadValueError as error:
        yield str(error)
    yield from check_provisioning(one, peers, facts)


class Application(Provisioned):
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
    forwardX11 = Attribute.boolean(
        False, help="Show its windows here (hosts only), as ssh -Y; only while the controller's connection lives.", flags=Flags.Design
    )

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
