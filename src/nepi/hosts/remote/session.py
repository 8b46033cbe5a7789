"""A run's session on one host: its folder there, the watcher, the commands; opened once, taken up by a later controller, given back."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, Self

from nepi.errors import ConnectError, ResourceError
from nepi.execution.ledger import Ledger, Row, Thing
from nepi.hosts.remote.asking import ask
from nepi.hosts.remote.commands import KIND, Commands
from nepi.hosts.remote.host_facts import LIBRARY, HostFacts, ask_facts, read_facts
from nepi.hosts.remote.mirror import FileMirror
from nepi.hosts.remote.quoting import SHELL, call, script, script_with, with_sudo
from nepi.hosts.remote.remote_host import RemoteHost
from nepi.hosts.remote.remote_process import RemoteProcess
from nepi.hosts.remote.transport import Transport
from nepi.hosts.remote.watcher import Watcher
from nepi.hosts.row_book import RowBook

FOLDER_KIND: Final = "ssh-folder"
CONTROL: Final = ".control"
SETUP_DEADLINE_S: Final = 60.0
CLOSE_DEADLINE_S: Final = 120.0
GIVE_UP_S: Final = 600.0


class RemoteSession:
    """What a run has on one host. Methods are called on one event loop.

    Attributes:
        transport: the way there.
        facts: the host as it says it is.
        root: the run's folder there; removed at the end, unless `keeps_folder` is set.
        control: the bookkeeping in it.
        lost: done, with the reason, when the host is given up; its commands then count as lost.
    """

    def __init__(
        self, transport: Transport, facts: HostFacts, run_dir: Path, ledger: Ledger, root: PurePosixPath, token: str, way: dict[str, Any]
    ) -> None:
        self.transport = transport
        self.facts = facts
        self.run_dir = run_dir
        self.root = root
        self.control = root / CONTROL
        self.token = token
        self.keeps_folder = False
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._way = way
        self._rows = RowBook(ledger)
        self._closing = False
        self.commands = Commands(transport, self.control, token, self._rows)
        self._watching: Watcher | None = None
        self._patience: asyncio.Task[None] | None = None
        self._give_up_s = GIVE_UP_S

    # -- life

    @classmethod
    async def open(
        cls,
        transport: Transport,
        run_dir: Path,
        ledger: Ledger,
        *,
        root: PurePosixPath | Callable[[HostFacts], PurePosixPath],
        way: dict[str, Any],
        resume: bool = False,
        give_up_s: float = GIVE_UP_S,
    ) -> Self:
        """Look at a host, make the run's folder there and watch it.

        Args:
            transport: the way there; the session closes it.
            run_dir: the run's folder here.
            ledger: of the run.
            root: the run's folder there, absolute.
            way: what `reopening.transport_of` makes the same transport of, without secrets; kept in the ledger.
            resume: take up what an earlier controller of the run has there, if it has something.
            give_up_s: seconds without a connection after which the commands there count as lost.

        Raises:
            ConnectError: the host cannot be reached.
            ResourceError: commands cannot be run there.
        """
        facts = await ask_facts(transport)
        there = root(facts) if callable(root) else root
        if not there.is_absolute():
            raise ResourceError(f"the run's folder on {transport.name} must be an absolute path, not {there}", backend="linux")
        rows = ledger.rows() if resume else []
        folder = next(
            (row for row in rows if row.kind == FOLDER_KIND and row.identity["path"] == str(there) and row.identity["way"] == way), None
        )
        token = folder.identity["token"] if folder is not None else secrets.token_hex(6)
        session = cls(transport, facts, run_dir, ledger, there, token, way)
        session._give_up_s = give_up_s
        try:
            await session._set_up(ledger, folder)
            if folder is not None:
                session._take_up([row for row in rows if row.kind == KIND and row.identity["control"] == str(session.control)])
            await session._watch()
        except BaseException as error:
            if folder is None and isinstance(error, ResourceError) and not isinstance(error, ConnectError):
                await session._undo()
            await session._let_go()
            raise
        return session

    async def _set_up(self, ledger: Ledger, folder: Row | None) -> None:
        identity = {"path": str(self.root), "token": self.token, "way": self._way, "host": self.transport.name}
        row = folder.id if folder is not None else self._rows_of(ledger, identity)
        self._rows.know(row, (FOLDER_KIND,))
        text = script_with(LIBRARY, [call("nepi_setup", self.control, LIBRARY)])
        done = await ask(self.transport, text, deadline_s=SETUP_DEADLINE_S)
        words_said = done.stdout.split()
        if words_said[-2:-1] != [b"ready"]:
            words = done.stderr.decode(errors="replace").strip()
            raise ResourceError(
                f"cannot make {self.control} on {self.transport.name}: {words}", resource=self.transport.name, backend="linux"
            )
        self.commands.detaching = words_said[-1].decode()
        ledger.made([row], durable=True)

    @staticmethod
    def _rows_of(ledger: Ledger, identity: dict[str, Any]) -> int:
        # It survives the reboot of either machine, so its row does.
        return ledger.intend([Thing(FOLDER_KIND, identity)], durable=True)[0]

    async def _undo(self) -> None:
        """Give back what there is of a session that could not be opened; what cannot be stays in the ledger."""
        with contextlib.suppress(ResourceError):
            await give_back(self.transport, self.root, [f"{self.token}."], remove=True, sudo=False)
            self._rows.forget_all()

    def _take_up(self, rows: Sequence[Row]) -> None:
        """Know the commands of an earlier controller; the watcher finds out what became of them."""
        highest = 0
        for row in rows:
            identity = row.identity
            tag = identity["tag"]
            highest = max(highest, int(tag.split(".")[1]))
            commands = self.control / "commands"
            mirrors = [FileMirror(commands / f"{tag}.{name}", Path(local), base) for name, local, base in identity.get("outputs", [])]
            for mirror in mirrors:
                mirror.create()
            process = RemoteProcess(
                self.commands, tag, [identity["program"]], mirrors, node=identity["node"], owner=row.owner, is_privileged=identity["sudo"]
            )
            process.row = row.id
            self._rows.know(row.id, ("process", tag))
            self.commands.processes[tag] = process
            self.commands.is_privileged = self.commands.is_privileged or process.is_privileged
        # The rows do not tell all numbers of earlier controllers: of what has ended they know nothing any more, though the host may, and
        # would take a new command of that number for the old one. No controller uses up numbers as fast as microseconds go by.
        self.commands.number_from(max(highest + 1001, time.time_ns() // 1000))
        self.commands.boot_id = self.facts.boot_id

    async def _watch(self) -> None:
        broken: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def on_broken(why: str) -> None:
            if not broken.done():
                broken.set_result(why)
            self._lose(why)

        watcher = self.commands.watcher = self._watching = Watcher(
            self.transport, self.control, self.commands.take, self._caught_up, on_broken
        )
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_task(watcher.ready.wait())
        await asyncio.wait({ready, broken}, timeout=SETUP_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        if ready.cancel() and not broken.done():
            raise ConnectError(f"host {self.transport.name} cannot be watched: {watcher.trouble}", backend="linux")
        if broken.done():
            raise ResourceError(f"host {self.transport.name} cannot be watched: {broken.result()}", backend="linux")
        self._patience = asyncio.get_running_loop().create_task(self._wait_patiently())

    async def _caught_up(self, boot_id: str) -> None:
        assert self._watching is not None
        await self.commands.catch_up(boot_id, await self._watching.clock())

    async def _wait_patiently(self) -> None:
        """Give the host up when it cannot be reached for too long. That nothing happens has no event, so it is looked at."""
        while not self.lost.done():
            assert self._watching is not None
            since = self._watching.silent_since
            waited_s = time.monotonic() - since if since is not None else 0.0
            if waited_s >= self._give_up_s:
                self._lose(f"host {self.transport.name} could not be reached for {waited_s:.0f} s: {self._watching.trouble}")
                return
            await asyncio.sleep(max(self._give_up_s - waited_s, 0.05))

    def _lose(self, reason: str) -> None:
        self.commands.lose_all(reason)
        if not self._closing and not self.lost.done():
            self.lost.set_result(reason)

    # -- what it is for

    @property
    def clock_offset_s(self) -> float:
        """The host's wall clock minus ours, as measured when it was last connected to."""
        return self.commands.clock.offset_s if self.commands.clock is not None else 0.0

    @property
    def way(self) -> dict[str, Any]:
        """What `reopening.transport_of` makes the same transport of."""
        return dict(self._way)

    @property
    def rows(self) -> RowBook:
        """The ledger's rows of what there is on the host."""
        return self._rows

    @property
    def trouble(self) -> list[str]:
        """What went wrong and changed nothing, for the summary."""
        return [*self._rows.trouble, *self.commands.trouble]

    def host(self, name: str, *, scratch: PurePosixPath | Path | None = None, owner: int = 0) -> RemoteHost:
        """Return the host as the place where the commands of a node run.

        Args:
            name: of the node.
            scratch: its folder there; a folder of that name in `root` if it is not said.
            owner: guid of the node.
        """
        return RemoteHost(self, name, Path(scratch) if scratch is not None else Path(self.root / name.replace("/", "_")), owner)

    async def refresh_tools(self) -> None:
        """Look anew which programs there are."""
        text = script(self.control, ["nepi_facts"])
        done = await ask(self.transport, text, deadline_s=SETUP_DEADLINE_S)
        self.facts = read_facts(done.stdout.decode("utf-8", "surrogateescape"))

    # -- the end

    async def remove(self, folder: PurePosixPath) -> None:
        """Remove a folder of the run's, also what commands have left in it that ran as root.

        Raises:
            ConnectError: the host cannot be reached.
            ResourceError: it cannot be removed.
        """
        text = script(self.control, ["cd /", f"{call('nepi_is_plain', folder)} && {call('rm -rf --', folder)}"])
        command = with_sudo(SHELL) if self.commands.is_privileged else SHELL
        done = await ask(self.transport, text, deadline_s=CLOSE_DEADLINE_S, command=command)
        if done.exit.status != 0:
            words = done.stderr.decode(errors="replace").strip()
            raise ResourceError(f"{folder} on {self.transport.name} could not be removed: {words}", backend="linux")

    async def close(self) -> None:
        """Kill what runs there, remove the run's folder, and disconnect.

        Raises:
            ConnectError: the host cannot be reached; its rows stay in the ledger.
            ResourceError: something could not be killed or removed; likewise.
        """
        self._closing = True
        try:
            if self._watching is not None:
                await self._watching.close()
            await give_back(self.transport, self.root, [f"{self.token}."], remove=not self.keeps_folder, sudo=self.commands.is_privileged)
            self._rows.forget_all()
        finally:
            self.commands.lose_all("the run has ended")
            await self._let_go()

    async def _let_go(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if self._watching is not None:
            await self._watching.close()
        await self.commands.close()
        await self.transport.close()

    def detach(self) -> asyncio.Task[None]:
        """Leave everything there as it is, for somebody who attaches or collects later; return the task that disconnects."""
        self._closing = True
        if self._watching is not None:
            self._watching.abandon()
        if self._patience is not None:
            self._patience.cancel()
        self._detaching = asyncio.get_running_loop().create_task(self._let_go())
        return self._detaching


async def give_back(transport: Transport, root: PurePosixPath, tags: Sequence[str], *, remove: bool, sudo: bool) -> None:
    """Kill commands by their tags, or by what these begin with, and remove the run's folder on a host if that is asked for.

    Raises:
        ConnectError: it cannot be reached.
        ResourceError: something is left there; it is said what.
    """
    control = root / CONTROL
    stop = call("nepi_stop", control, 0, *tags)
    removal = ["cd /", call("nepi_remove", root)] if remove else []
    text = script_with(LIBRARY, [stop, *removal])
    done = await ask(transport, text, deadline_s=CLOSE_DEADLINE_S, command=with_sudo(SHELL) if sudo else SHELL)
    answer = done.stdout.decode(errors="replace").splitlines()
    words = done.stderr.decode(errors="replace").strip()
    if answer[:1] != ["left"]:
        raise ResourceError(f"commands on {transport.name} could not be ended: {' '.join(answer) or words}", backend="linux")
    if remove and answer[-1:] != ["removed"]:
        raise ResourceError(f"{root} on {transport.name} could not be removed: {words}", backend="linux")
