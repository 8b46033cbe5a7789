"""A run's place on one host: its session there, its folders, what is known of the host; shared by the nodes that are this host."""

from __future__ import annotations

import asyncio
import shlex
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from nepi.errors import ResourceError
from nepi.hosts.batching import Batcher
from nepi.hosts.port import Completed
from nepi.hosts.remote.quoting import call
from nepi.hosts.remote.session import RemoteSession
from nepi.model.states import ENDED
from nepi.resources.linux.display import Display
from nepi.resources.linux.layout import Layout, home_of
from nepi.resources.linux.machine import Machine, MachineFacts
from nepi.resources.linux.packages import distribution

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager
    from nepi.hosts.remote.remote_host import RemoteHost
    from nepi.hosts.remote.transport import Transport

FOLDERS_AT_ONCE = 200
ASK_DEADLINE_S = 120.0
_END = """for control in "$1"/*/*/.control; do
case $control in "$3"*) continue ;; esac
[ -d "$control/commands" ] || continue
( . "$2/host.sh"; cd "$control/commands" && set -- && for file in *.pid; do [ -e "$file" ] && set -- "$@" "${file%.pid}"; done
[ $# = 0 ] || nepi_stop "$control" 50 "$@" )
done"""
"""Ends what runs still of other runs; with this run's own text of what that takes, never with theirs."""
_HAVE_FILES = """for folder do
for file in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do if [ -e "$file" ]; then echo some; continue 2; fi; done; echo none
done"""
_CLEAN = """for folder do for run in "$folder"/*; do case $run in "$KEEP"*) ;; *) rm -rf -- "$run" ;; esac; done; done"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run's folder is on a host; see `Layout`.

    Attributes:
        home: the attribute of the nodes.
        run: the run's name with its token.
        way: what stands for the way there.
    """

    home: str | None
    run: str
    way: str


class Site:
    """A run's place on a host. Made by `LinuxRun`.

    Attributes:
        session: what runs there is started, watched and ended by it.
        layout: where things are.
        machine: what is known of the host and was brought there.
        display: this machine's display, for commands there.
    """

    def __init__(self, name: str, session: RemoteSession, layout: Layout) -> None:
        self.session = session
        self.layout = layout
        self.display = Display(session.transport)
        self._name = name
        self._cleaned: set[str] = set()
        self._asked: Batcher[PurePosixPath, bool] = Batcher(self._have_files, size=FOLDERS_AT_ONCE)
        self._members: dict[int, weakref.ref[ResourceManager]] = {}
        self._admin = session.host(name, scratch=Path(layout.exp), owner=0)
        facts = session.facts
        known = MachineFacts(facts.user, facts.uid == 0, distribution(facts.os_release))
        self.machine = Machine(name, self._admin, self.ask, layout.store, known)
        session.lost.add_done_callback(self._lost)

    @classmethod
    async def open(
        cls, ec: ExperimentController, name: str, transport: Transport, way: dict[str, Any], place: Place, *, resume: bool
    ) -> Self:
        """Reach the host and make the run's folder there.

        Args:
            ec: the run's controller.
            name: how the host is called in messages.
            transport: the way to it.
            way: what the way is opened again from by a later process.
            place: where the run's folder is.
            resume: whether an earlier controller of the run has been there.

        Raises:
            ConnectError: it cannot be reached, or is not the host that it should be.
        """

        def layout(facts: Any) -> Layout:
            return Layout(home_of(place.home, PurePosixPath(facts.home)), ec.exp_id, place.run, place.way)

        session = await RemoteSession.open(
            transport, Path(ec.run_dir), ec.ledger, root=lambda facts: layout(facts).exp, way=way, resume=resume
        )
        return cls(name, session, layout(session.facts))

    @property
    def login_home(self) -> PurePosixPath:
        """The home of who is logged in."""
        return PurePosixPath(self.session.facts.home)

    @property
    def transport(self) -> Transport:
        """The way to the host."""
        return self.session.transport

    @property
    def trouble(self) -> list[str]:
        """What went wrong on the way and changes nothing."""
        return self.session.trouble

    def host(self, name: str, *, owner: int) -> RemoteHost:
        """Return a node on this host as a place where commands run."""
        return self.session.host(name, scratch=Path(self.layout.node(name)), owner=owner)

    async def make(self, folders: Iterable[PurePosixPath]) -> None:
        """Make folders."""
        await self._do(["mkdir", "-p", "--", *map(str, folders)], "make the run's folders")

    async def clean(self, *, home: bool, experiment: bool, processes: bool) -> None:
        """Remove what earlier runs have left there, once for the run. What this run has is left alone.

        Args:
            home: files of all experiments, and what was uploaded.
            experiment: files of this one.
            processes: commands of all other runs that run still.
        """
        if processes and "processes" not in self._cleaned:
            self._cleaned.add("processes")
            folder = self.layout.experiment.parent
            argv = ["/bin/sh", "-c", _END, "sh", str(folder), str(self.layout.exp / ".control"), self.layout.ours]
            await self._do(argv, "end what runs of earlier runs")
        todo: list[PurePosixPath] = []
        if home and "home" not in self._cleaned:
            todo = [self.layout.store, *await self._experiments()]
        elif experiment and not self._cleaned & {"home", "experiment"}:
            todo = [self.layout.experiment]
        if todo:
            self._cleaned.add("home" if home else "experiment")
            argv = ["env", f"KEEP={self.layout.ours}", "/bin/sh", "-c", _CLEAN, "sh", *map(str, todo)]
            await self._do(argv, "remove what earlier runs have left")

    async def _experiments(self) -> list[PurePosixPath]:
        folder = self.layout.experiment.parent
        return [folder / name for name in await self.transport.files.list(folder)]

    async def ask(self, argv: Sequence[str]) -> Completed:
        """Run a short command in one round trip; perhaps twice, when the connection is lost meanwhile, which must be as good as once."""
        return await self.transport.run(call("exec", *argv), deadline_s=ASK_DEADLINE_S, once=False)

    async def _do(self, argv: list[str], what: str) -> None:
        done = await self.ask(argv)
        if done.exit.status != 0:
            words = done.stderr.decode(errors="replace").strip()
            raise ResourceError(f"{self._name}: cannot {what} ({shlex.join(argv[:3])} ...): {words}")

    # What was written there.

    async def gather(self, folder: PurePosixPath, target: Path) -> None:
        """Bring here every file of a folder that is not here already, or is another one. Most have none, and are asked for together."""
        if await self._asked.add(folder):
            await self._admin.gather(folder, target)

    async def _have_files(self, folders: list[PurePosixPath]) -> list[bool | Exception]:
        done = await self.ask(["/bin/sh", "-c", _HAVE_FILES, "sh", *map(str, folders)])
        answers = done.stdout.split()
        if done.exit.status != 0 or len(answers) != len(folders):
            words = done.stderr.decode(errors="replace").strip()
            raise ResourceError(f"{self._name}: cannot look for the files that were written: {words}")
        return [answer == b"some" for answer in answers]

    # Who is there.

    def join(self, member: ResourceManager) -> None:
        """Let a node fail when the host is lost for good."""
        if self.session.lost.done():
            raise ResourceError(self._epitaph())
        self._members[member.guid] = weakref.ref(member)

    async def leave(self, member: ResourceManager) -> None:
        """Take away what is a node's there."""
        if self._members.pop(member.guid, None) is not None and not self.session.keeps_folder and not self.session.lost.done():
            await self.session.remove(self.layout.node(member.name))

    def _epitaph(self) -> str:
        return f"{self._name} is lost: {self.session.lost.result()}"

    def _lost(self, lost: asyncio.Future[str]) -> None:
        if lost.cancelled():
            return
        for reference in list(self._members.values()):
            member = reference()
            if member is not None and member.state not in ENDED:
                member.explain_failure(self._epitaph())
                member.fail()

    async def close(self) -> None:
        """Take away the run's folder and what runs there; the connection is left to who made it."""
        await self.display.close()
        await self.session.close()

    async def detach(self) -> None:
        """Leave everything as it is, and disconnect."""
        await self.display.close()
        await self.session.detach()
