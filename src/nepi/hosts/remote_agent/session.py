"""A run's session on the namespaces of another machine: what `NamespaceSession` is on this one, with the same methods."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Self

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.execution.ledger import Ledger, Row, Thing
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.agent_client import Message
from nepi.hosts.namespace import END_DEADLINE_S, NamespaceSession
from nepi.hosts.namespace_host import CommandRequest, NamespaceHost, NamespaceProcess
from nepi.hosts.remote.transport import Transport
from nepi.hosts.remote_agent import deploying
from nepi.hosts.remote_agent.connection import AgentGoneError, RemoteConnection
from nepi.hosts.remote_agent.deploying import KIND, Machine
from nepi.hosts.remote_agent.ending import end_there
from nepi.hosts.remote_agent.host import Paths, RemoteNamespaceHost, pieces
from nepi.hosts.remote_agent.mirror import Mirror
from nepi.hosts.row_book import RowBook

LOGS = ("agent.log", "exits.jsonl")


class AgentRowOnly(RowBook):
    """Rows of a session on another machine: the agent's alone. What it makes ends with it, so nothing else has to be found there."""

    def intend(self, things: list[Thing]) -> list[int]:
        """Record nothing."""
        return [0] * len(things)

    def made(self, rows: list[int], identities: list[dict[str, Any] | None] | None = None) -> None:
        """Record nothing."""

    def forget(self, rows: list[int]) -> None:
        """Take the agent's row out of the ledger, when it is meant."""
        super().forget([row for row in rows if row])


class RemoteNamespaceSession(NamespaceSession):
    """The namespaces, links and commands of one run on another machine.

    Attributes:
        run_dir: a folder of this machine for what is of that one: logs, `wire.json`.
        remote_dir: the agent's folder there.
        machine: what was found out of it.
        facts: what namespaces can do there, as `agent/probe.py` says.
        transport: the way.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        ledger: Ledger,
        row: Row | int,
        identity: dict[str, Any],
        features: Message,
        connection: RemoteConnection,
        transport: Transport,
        machine: Machine,
        facts: dict[str, Any],
    ) -> None:
        self.machine, self.transport, self.facts = machine, transport, facts
        self.remote_dir = PurePosixPath(identity["run_dir"])
        self._identity = identity
        self._machine_name = name
        self._paths = Paths(folder, self.remote_dir, machine)
        self._mirror = Mirror(connection)
        self._written: dict[str, list[str]] = {}
        self._finishing: set[asyncio.Task[None]] = set()
        own = folder / "hosts" / name
        own.mkdir(parents=True, exist_ok=True)
        process = ProcessIdentity(identity["pid"], identity["start_ticks"], identity["boot_id"])
        number = row if isinstance(row, int) else row.id
        super().__init__(own, ledger, number, process, features, connection, rows=AgentRowOnly(ledger))
        connection.on_back = self._back

    # -- life

    @classmethod
    async def open_on(cls, name: str, folder: Path, ledger: Ledger, transport: Transport, way: dict[str, Any], *, owner: int = 0) -> Self:
        """Bring the agent to a machine, start it, connect to it.

        Args:
            name: of the machine in the run.
            folder: the run's folder here.
            way: how a later process goes there; for the ledger.
            owner: guid of the machine's resource.

        Raises:
            ConnectError: namespaces cannot be made there; the message says what to do.
        """
        machine = await deploying.find_out(transport)
        await deploying.bring(transport, machine)
        remote_dir = machine.home / ".cache" / "nepi" / "runs" / f"{folder.name}-{name}-{secrets.token_hex(4)}"
        facts, started = await asyncio.gather(
            deploying.features_of(transport, machine),
            deploying.start(transport, machine, remote_dir, ledger, way, name=name, owner=owner),
            return_exceptions=True,
        )
        if isinstance(started, BaseException):
            raise started
        row, identity, features = started
        try:
            if isinstance(facts, BaseException):
                raise facts
            return await cls._connected(name, folder, ledger, row, identity, features, transport, machine, facts)
        except BaseException:
            with contextlib.suppress(ConnectError, DeadlineError):
                if await end_there(transport, identity):
                    ledger.forget([row])
            raise

    @classmethod
    async def resume_on(cls, name: str, folder: Path, ledger: Ledger, transport: Transport) -> Self | None:
        """Connect to the agent that an earlier controller started on a machine, or return None when it is gone.

        Raises:
            ConnectError, DeadlineError: the machine cannot be reached. The agent may be there still, so its row stays.
        """
        row = next((one for one in ledger.rows() if one.kind == KIND and one.identity["machine"] == name), None)
        if row is None or not row.identity.get("pid"):
            return None
        machine = await deploying.find_out(transport)
        facts = await deploying.features_of(transport, machine)
        try:
            session = await cls._connected(name, folder, ledger, row.id, row.identity, {}, transport, machine, facts)
        except AgentGoneError:
            if await end_there(transport, row.identity):  # its folder is left
                ledger.forget([row.id])
            return None
        await session._take_up()
        await session._follow_again()
        return session

    @classmethod
    async def _connected(
        cls,
        name: str,
        folder: Path,
        ledger: Ledger,
        row: int,
        identity: dict[str, Any],
        features: Message,
        transport: Transport,
        machine: Machine,
        facts: dict[str, Any],
    ) -> Self:
        command = deploying.proxy_command(identity["python"], PurePosixPath(identity["agent"]), PurePosixPath(identity["run_dir"]))
        events: list[Message] = []
        connection = RemoteConnection(transport, command, identity["boot_id"], events.append)
        try:
            watching = connection.request("watch")
            features = features or await connection.request("hello")
            await watching
        except BaseException as error:
            connection.close()
            await connection.closed()
            if connection.is_gone and isinstance(error, ConnectError):
                raise AgentGoneError(str(error), backend="netns") from error
            raise
        session = cls(name, folder, ledger, row, identity, features, connection, transport, machine, facts)
        session._rows.know(row, ("agent",))
        connection.on_event(session._take_event)
        connection.lost.add_done_callback(lambda lost: session._connection_lost(lost.result()))
        for event in events:
            session._take_event(event)
        return session

    def _watch_agent(self) -> None:
        """Its connection tells."""

    def _connection_lost(self, reason: str) -> None:
        self._gone.set()
        self._lose(f"the namespace agent on {self._machine_name} is gone: {reason}")

    def _back(self) -> None:
        """The connection was away, and with it what happened meanwhile."""
        self._mirror.back()
        task = asyncio.get_running_loop().create_task(self._ask_for_exits())
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)

    async def _ask_for_exits(self) -> None:
        with contextlib.suppress(ConnectError, ResourceError):
            for known in (await self.connection.request("exits"))["commands"]:
                process = self._processes.get(known["tag"])
                if known["exit"] is not None and process is not None and process.exit is None:
                    self.take_exits([known["exit"]])

    async def close(self) -> None:
        """End the agent and everything in it, take its folder away, and take it out of the ledger. Harmless when done.

        Raises:
            ConnectError, DeadlineError: it may be there still; its row stays in the ledger.
        """
        self._closing = True
        if not self._gone.is_set():
            await self._fetch_logs()
            self.connection.request("end").add_done_callback(lambda done: done.cancelled() or done.exception())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_DEADLINE_S):
                    await self._gone.wait()
        assert isinstance(self.connection, RemoteConnection)
        away = self.connection.unreachable
        await self._let_go("ended")
        if away:
            what = f"the namespace agent on {self._machine_name} may be there still: {self.connection.lost.result()}; `nepi gc` tries again"
            raise ConnectError(what, backend="netns")
        if not await end_there(self.transport, self._identity):
            raise DeadlineError(f"the namespace agent on {self._machine_name} cannot be killed", backend="netns")
        self._rows.forget_all()

    def hurry(self) -> None:
        """Everything here is being given back: a machine that is away may stay so."""
        assert isinstance(self.connection, RemoteConnection)
        self.connection.hurry()

    async def _fetch_logs(self) -> None:
        with contextlib.suppress(ConnectError, ResourceError):
            self._mirror.follow((self.run_dir / log, str(self.remote_dir / log)) for log in LOGS)
            await self._mirror.fetch([str(self.remote_dir / log) for log in LOGS])

    async def _let_go(self, reason: str) -> None:
        self.wire.let_go()
        self._mirror.close()
        self.connection.close(reason)
        assert isinstance(self.connection, RemoteConnection)
        await self.connection.closed()
        if self._finishing:
            await asyncio.wait(self._finishing)

    def detach(self) -> asyncio.Task[None]:
        """Let go of the agent without ending anything; done when nothing here has to do with it any more."""
        self._closing = True
        self.connection.close("detached")
        return asyncio.get_running_loop().create_task(self._let_go("detached"))

    # -- places and files

    def _host_of(self, name: str, owner: int) -> NamespaceHost:
        return RemoteNamespaceHost(self, name, owner=owner)

    def local(self, path: str) -> Path:
        """Return where this machine has, or will have, a file that commands write there."""
        return self._paths.here(path)

    def missing_tools(self, tools: Sequence[str]) -> list[str]:
        """Return those of `tools` that commands there do not find; a path is taken to be there."""
        return [tool for tool in tools if "/" not in tool and tool not in self.machine.programs]

    async def read_file(self, path: str) -> bytes:
        """Return a file of the machine, whole.

        Raises:
            ResourceError: it cannot be read.
        """
        there, data = self._paths.there(path), b""
        while True:
            (piece,) = (await self.connection.request("read", files=[[there, len(data)]]))["pieces"]
            if piece["size"] is None:
                raise ResourceError(f"{self._machine_name} has no file {there}", backend="netns")
            data += base64.b64decode(piece["data"])
            if len(data) >= piece["size"]:
                return data

    async def write_file(self, path: str, data: bytes, mode: int) -> None:
        """Write a file of the machine, whole.

        Raises:
            ResourceError: it cannot be written.
        """
        there = self._paths.there(path)
        for offset, text in pieces(data):
            await self.connection.request("write", path=there, data=text, offset=offset, mode=mode)

    # -- commands

    async def spawn(self, request: CommandRequest) -> NamespaceProcess:
        """Start a command there. Files of the run's folder that it is given are brought there, those that it writes come here."""
        asked = self._paths.of_request(request)
        outputs = [path for path in (request.stdout, request.stderr) if path]
        named = self._paths.named_in([*request.argv, *(request.env or {}).values()])
        for local in (*named, *([Path(request.stdin)] if request.stdin else [])):
            if local.is_file() and not self._mirror.knows(self._paths.there(str(local))):
                await self.write_file(str(local), local.read_bytes(), local.stat().st_mode & 0o777)
            elif not local.is_dir():
                outputs.append(str(local))
        there = [self._paths.there(path) for path in dict.fromkeys(outputs)]
        self._mirror.follow((Path(path), self._paths.there(path)) for path in dict.fromkeys(outputs))
        process = await super().spawn(asked)
        self._written[request.tag] = there
        return process

    async def _follow_again(self) -> None:
        """Go on with the files of commands that an earlier controller started, also of those that have ended since."""
        commands = (await self.connection.request("exits"))["commands"]
        for known in commands:
            outputs = list(dict.fromkeys([known["stdout"], known["stderr"], *self._paths.written_there(known["argv"])]))
            self._mirror.follow([(self._paths.here(path), path) for path in outputs], known=True)
            self._written[known["tag"]] = outputs
        await self._mirror.fetch([path for known in commands for path in self._written[known["tag"]]])

    def _take_event(self, event: Message) -> None:
        if event["event"] == "grown":
            self._mirror.grown(event["paths"])
        else:
            super()._take_event(event)

    def _note_exits(self) -> None:
        exits, self._exits = self._exits, []
        if exits:
            task = asyncio.get_running_loop().create_task(self._finish(exits))
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)

    async def _finish(self, exits: list[Message]) -> None:
        """Commands have ended: all that they wrote is fetched, then those who wait for them go on."""
        paths = [path for exit_ in exits for path in self._written.get(exit_["tag"], ())]
        with contextlib.suppress(ConnectError, ResourceError):  # then what has arrived has to do
            await self._mirror.fetch(paths)
            passing = self._paths.there(f"{self.run_dir}/runs/")
            self._mirror.leave(paths, remove=[path for path in paths if path.startswith(passing)])
        for exit_ in exits:
            process = self._processes.get(exit_["tag"])
            if process is not None:
                process.ended(exit_)
