"""A node of the namespace backend as a host: commands run in it, files are this machine's."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nepi.errors import CommandError, ConnectError, DeadlineError, ResourceError
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.port import Completed, Exit, Process

if TYPE_CHECKING:
    from nepi.hosts.namespace import NamespaceSession

SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
STDERR_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command that is to be started, as `NamespaceSession.spawn` takes it.

    Attributes:
        wire: whether it is the process that moves the frames of user-space links, which runs on no node.
    """

    tag: str
    node: str
    argv: tuple[str, ...]
    cwd: str
    stdout: str
    stderr: str | None
    stdin: str | None
    env: Mapping[str, str] | None
    owner: int
    wire: bool = False
    open_stdin: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what the agent is sent."""
        fields = ("tag", "node", "argv", "cwd", "stdout", "stderr", "stdin", "owner")
        command = {name: getattr(self, name) for name in fields} | {"env": dict(self.env) if self.env else None}
        return command | {name: True for name in ("wire", "open_stdin") if getattr(self, name)}


class NamespaceProcess:
    """A command in a node. Satisfies `nepi.hosts.port.Process`.

    Attributes:
        tag: its name in the run; also in its environment, as NEPI_COMMAND.
        identity: which process of this machine it is.
        stderr_path: the file that receives its standard error.
        owner: guid of the resource whose command it is.
        started_at: seconds since the epoch.
    """

    def __init__(
        self,
        session: NamespaceSession,
        tag: str,
        node: str,
        argv: tuple[str, ...],
        identity: ProcessIdentity,
        stderr_path: Path,
        owner: int = 0,
    ) -> None:
        self._session = session
        self.tag = tag
        self.node = node
        self.argv = argv
        self.identity = identity
        self.stderr_path = stderr_path
        self.owner = owner
        self.started_at = 0.0
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    def __repr__(self) -> str:
        return f"<{' '.join(self.argv)!r} on {self.node}, pid {self.pid}>"

    @property
    def pid(self) -> int:
        """The process id, as this machine sees it."""
        return self.identity.pid

    @property
    def exit(self) -> Exit | None:
        """How it ended, or None while it runs."""
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> Exit:
        """Wait until it has ended; any number of callers, also after the end."""
        return await asyncio.shield(self._exit)

    async def stop(self, *, grace_s: float = 5.0) -> Exit:
        """End the whole process tree: TERM, and KILL to what is left after `grace_s`. Harmless when it has ended.

        Raises:
            DeadlineError: something cannot even be killed.
        """
        try:
            answer = await self._session.connection.request("stop", tag=self.tag, grace_s=grace_s)
        except ConnectError:
            return await self.wait()
        if answer["left"]:
            raise DeadlineError(f"{self!r} and its children could not be killed", resource=self.node, action="stop", backend="netns")
        if answer["exit"] is not None:
            self._session.take_exits([answer["exit"]])
        return await self.wait()

    async def signal(self, number: int) -> None:
        """Send one signal to the process (not its children). Harmless when it has ended."""
        if not self._exit.done():
            await self._session.connection.request("signal", tag=self.tag, number=int(number))

    async def write_stdin(self, data: bytes, *, eof: bool = False) -> None:
        """Write to its standard input. See the port."""
        request = self._session.connection.request("stdin", tag=self.tag, data=base64.b64encode(data).decode(), eof=eof)
        try:
            refused = (await request)["refused"]
        except ConnectError:
            refused = "it has ended with the run's namespace agent"
        if refused:
            what = f"{len(data)} bytes cannot be written to {' '.join(self.argv)!r}: {refused}"
            raise ResourceError(what, resource=self.node, action="write", backend="netns")

    def stderr_tail(self) -> str:
        """Return the last part of what it wrote to standard error."""
        return read_tail(self.stderr_path)

    def ended(self, exit_: Mapping[str, Any] | None) -> None:
        """Note how it ended; None when nobody saw it (the agent is gone)."""
        if self._exit.done() or self._exit.get_loop().is_closed():
            return
        if exit_ is None:
            self._exit.set_result(Exit(None, self.started_at, 0.0))
        else:
            self._exit.set_result(Exit(exit_["status"], exit_["started_at"], exit_["ended_at"]))


def read_tail(path: Path) -> str:
    """Return the last few kilobytes of a text file; "" when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - STDERR_TAIL_BYTES, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


class NamespaceHost:
    """A node as a place where commands run. Satisfies `nepi.hosts.port.Host`."""

    def __init__(self, session: NamespaceSession, name: str, *, owner: int = 0) -> None:
        self._session = session
        self._name = name
        self._owner = owner
        self._scratch = session.run_dir / "scratch" / name.replace("/", "_")
        self._runs = self._scratch

    @property
    def name(self) -> str:
        """The resource's name; how other nodes of the experiment reach it by name."""
        return self._name

    async def start(
        self,
        argv: Sequence[str],
        *,
        stdout: Path,
        stderr: Path | None = None,
        stdin: Path | None = None,
        open_stdin: bool = False,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        owner: int = 0,
    ) -> NamespaceProcess:
        """Start a command; it is in the ledger before it executes. See the port."""
        for path in {stdout.parent, (stderr or stdout).parent}:
            path.mkdir(parents=True, exist_ok=True)
        request = CommandRequest(
            tag=self._session.new_tag(self._name),
            node=self._name,
            argv=tuple(argv),
            cwd=_absolute(cwd or self._scratch),
            stdout=_absolute(stdout),
            stderr=_absolute(stderr) if stderr else None,
            stdin=_absolute(stdin) if stdin else None,
            env=env,
            owner=owner or self._owner,
            open_stdin=open_stdin,
        )
        return await self._session.spawn(request)

    def processes_of(self, owner: int) -> list[NamespaceProcess]:
        """Return the commands that were started here for a resource, by an earlier controller too, oldest first. See the port."""
        known = self._session.processes.values()
        return sorted((one for one in known if one.owner == owner and one.node == self._name), key=lambda one: one.started_at)

    @property
    def place(self) -> dict[str, Any]:
        """What finds it again from a ledger's row: its agent, with which everything in it ends."""
        return {"agent": self._session.identity.to_json()}

    @property
    def scratch(self) -> Path:
        """The folder that the run has on this host for this node."""
        return self._scratch

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        deadline_s: float | None = None,
    ) -> Completed:
        """Run a command to its end and return what it wrote. See the port."""
        self._runs.mkdir(parents=True, exist_ok=True)
        base = self._runs / f".run-{self._session.new_tag('')}"
        out, err, source = (base.with_suffix(suffix) for suffix in (".out", ".err", ".in"))
        try:
            if stdin:
                source.write_bytes(stdin)
            process = await self.start(argv, stdout=out, stderr=err, stdin=source if stdin else None, env=env, cwd=cwd)
            try:
                async with asyncio.timeout(deadline_s):
                    exit_ = await process.wait()
            except BaseException as error:
                await process.stop(grace_s=1.0)
                if isinstance(error, TimeoutError):
                    what = f"command {' '.join(argv)!r} was still running after {deadline_s:g} s and has been ended"
                    raise DeadlineError(what, resource=self._name, backend="netns") from None
                raise
            return Completed(tuple(argv), exit_, out.read_bytes(), err.read_bytes())
        finally:
            for path in (out, err, source):
                path.unlink(missing_ok=True)

    async def wait_listening(self, port: int, *, protocol: str = "tcp", process: Process | None = None) -> None:
        """Wait until something on this host listens on `port`; the caller bounds the time. See the port."""
        tag = process.tag if isinstance(process, NamespaceProcess) else None
        connection = self._session.connection
        future = connection.request("listening", node=self._name, port=port, protocol=protocol, tag=tag)
        number = connection.last_id
        try:
            answer = await future
        except asyncio.CancelledError:
            connection.request("unlisten", of=number).add_done_callback(lambda done: done.exception())
            raise
        if not answer["listening"] and isinstance(process, NamespaceProcess):
            exit_ = await process.wait()
            tail = process.stderr_tail() or f"it ended before it listened on {protocol} port {port}"
            raise CommandError(process.argv, exit_.status, tail, resource=self._name, action="start", backend="netns")

    async def read_file(self, path: Path) -> bytes:
        """Return a file of the host, whole."""
        return await asyncio.to_thread(path.read_bytes)

    async def write_file(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file on the host, whole, making its folder."""
        await asyncio.to_thread(_write, path, data, mode)

    def missing_tools(self, tools: Sequence[str]) -> list[str]:
        """Return those of `tools` (program names) that this host does not have."""
        return self._session.missing_tools(tools)


def _absolute(path: Path) -> str:
    return str(path.absolute())


def _write(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def missing_tools(tools: Sequence[str]) -> list[str]:
    """Return those of `tools` that this machine does not have, where commands of nodes are looked for."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
    return [tool for tool in tools if shutil.which(tool, path=path) is None]
