"""A machine as a host of the port: commands run there detached from us, files are its own, outputs are mirrored here."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from nepi.errors import CommandError, DeadlineError, NepiError, ResourceError
from nepi.hosts.port import Completed, Process
from nepi.hosts.remote.asking import ask
from nepi.hosts.remote.commands import Start
from nepi.hosts.remote.mirror import FileMirror, MemoryMirror, Mirror
from nepi.hosts.remote.quoting import SHELL, call, is_privileged, script, with_sudo
from nepi.hosts.remote.remote_process import RemoteProcess, output_mirrors
from nepi.hosts.remote.talking import Talk
from nepi.hosts.remote.transport import Transport

if TYPE_CHECKING:
    from nepi.hosts.remote.session import RemoteSession

FILES_AT_ONCE: Final = 4
GATHER_DEADLINE_S: Final = 600.0


class RemoteHost:
    """A machine as a place where the commands of one node run. Satisfies `nepi.hosts.port.Host`.

    `cwd` and the paths of files are the host's; `stdout`, `stderr` and `stdin` are local ones. A command that begins with
    `sudo -n --` runs as root, gets its variables all the same, and is stopped as root.
    """

    def __init__(self, session: RemoteSession, name: str, scratch: Path, owner: int) -> None:
        self._session = session
        self._name = name
        self._scratch = scratch
        self._owner = owner

    @property
    def name(self) -> str:
        """The resource's name."""
        return self._name

    @property
    def scratch(self) -> Path:
        """The folder that the run has on this host for this node."""
        return self._scratch

    @property
    def transport(self) -> Transport:
        """The way to the host, for what the port has no word for."""
        return self._session.transport

    @property
    def session(self) -> RemoteSession:
        """What the run has on this host."""
        return self._session

    # -- commands

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
    ) -> RemoteProcess:
        """Start a command; it is in the ledger before it executes. See the port."""
        commands = self._session.commands
        tag = commands.new_tag()
        stderr = None if stderr == stdout else stderr
        mirrors = output_mirrors(self._session.control, tag, stdout, stderr)
        for mirror in mirrors:
            mirror.create()
        source = "open" if open_stdin else "null"
        if stdin is not None and not open_stdin:
            source = str(self._input(tag))
            await self.transport.files.put(stdin, PurePosixPath(source), mode=0o600)
        return await self._start(argv, tag, mirrors, stderr is None, source, env, cwd, owner)

    def _input(self, tag: str) -> PurePosixPath:
        return self._session.control / "commands" / f"{tag}.input"

    async def _start(
        self,
        argv: Sequence[str],
        tag: str,
        mirrors: Sequence[Mirror],
        joined: bool,
        stdin: str,
        env: Mapping[str, str] | None,
        cwd: Path | None,
        owner: int,
    ) -> RemoteProcess:
        if not argv:
            raise CommandError(argv, None, "there is no command", resource=self._name, action="start", backend="linux")
        self._refuse_without_sudo(argv)
        session = self._session
        process = RemoteProcess(
            session.commands, tag, argv, mirrors, node=self._name, owner=owner or self._owner, is_privileged=is_privileged(argv)
        )
        files = [mirror for mirror in mirrors if isinstance(mirror, FileMirror)]
        identity = {
            "control": str(session.control),
            "way": session.way,
            "host": self.transport.name,
            "node": self._name,
            "program": argv[0],
            "sudo": process.is_privileged,
            "outputs": [[mirror.remote.suffix[1:], str(mirror.local), mirror.base] for mirror in files],
        }
        return await session.commands.start(Start(process, dict(env or {}), PurePosixPath(cwd or self._scratch), stdin, joined, identity))

    def _refuse_without_sudo(self, argv: Sequence[str]) -> None:
        facts = self._session.facts
        if is_privileged(argv) and not facts.is_root and not facts.can_sudo:
            what = (
                f"{facts.user} may not run commands as root on {self.transport.name} without a password ({facts.sudo_trouble}): "
                f"allow it there with a line '{facts.user} ALL=(ALL) NOPASSWD: ALL' in /etc/sudoers.d, or log in as root"
            )
            raise CommandError(argv, None, what, resource=self._name, action="start", backend="linux")

    def processes_of(self, owner: int) -> list[RemoteProcess]:
        """Return the commands that were started here for a resource, by an earlier controller too, oldest first. See the port."""
        known = self._session.commands.processes.values()
        return sorted((one for one in known if one.owner == owner and one.node == self._name), key=lambda one: one.started_at)

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        deadline_s: float | None = None,
    ) -> Completed:
        """Run a command to its end and return what it wrote; it outlives a loss of the connection. See the port."""
        commands = self._session.commands
        tag = commands.new_tag()
        folder = self._session.control / "commands"
        out, err = MemoryMirror(folder / f"{tag}.out"), MemoryMirror(folder / f"{tag}.err")
        source = "null"
        if stdin:
            source = str(self._input(tag))
            await self.transport.files.write(PurePosixPath(source), stdin, mode=0o600)
        try:
            async with asyncio.timeout(deadline_s):
                process = await self._start(argv, tag, [out, err], False, source, env, cwd, 0)
                exit_ = await process.wait()
        except BaseException as error:
            await self._abandon(tag)
            if isinstance(error, TimeoutError):
                what = f"command {' '.join(argv)!r} was still running after {deadline_s:g} s and has been ended"
                raise DeadlineError(what, resource=self._name, backend="linux") from None
            raise
        commands.forget(process)
        return Completed(tuple(argv), exit_, bytes(out.data), bytes(err.data))

    async def talk(self, argv: Sequence[str], *, cwd: PurePosixPath, env: Mapping[str, str] | None = None, owner: int = 0) -> Talk:
        """Start a command that talks with us for as long as it runs, and ends with the connection.

        Args:
            argv: program and arguments.
            cwd: its working directory, made when it is missing.
            env: variables on top of the host's environment.
            owner: guid of the resource whose command it is.

        Raises:
            ConnectError: the host cannot be reached.
        """
        session = self._session
        return await Talk.begin(session, argv, cwd=cwd, env=env or {}, node=self._name, owner=owner or self._owner)

    async def _abandon(self, tag: str) -> None:
        """End a command that nobody waits for any more; what cannot be ended now is at the session's end."""
        process = self._session.commands.processes.get(tag)
        if process is not None:
            try:
                await process.stop(grace_s=1.0)
            except NepiError as error:
                self._session.commands.trouble.append(str(error))

    async def wait_listening(self, port: int, *, protocol: str = "tcp", process: Process | None = None) -> None:
        """Wait until something on this host listens on `port`; the caller bounds the time. See the port."""
        watcher = self._session.commands.watcher
        if process is None:
            return await watcher.wait_listening(port, protocol)
        loop = asyncio.get_running_loop()
        listening = loop.create_task(watcher.wait_listening(port, protocol))
        ended = loop.create_task(process.wait())
        try:
            await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                return listening.result()
        finally:
            for task in (listening, ended):
                task.cancel()
            await asyncio.wait({listening, ended})
        if isinstance(process, RemoteProcess):
            tail = process.stderr_tail() or f"it ended before it listened on {protocol} port {port}"
            status = process.exit.status if process.exit is not None else None
            raise CommandError(process.argv, status, tail, resource=self._name, action="start", backend="linux")
        return None

    # -- files

    async def bring(self, mirrors: Sequence[Mirror]) -> None:
        """Bring here what files of the host have by now; of one that is not there, nothing.

        Raises:
            ConnectError: the connection was lost; asked again, it goes on where it was.
            TraceError: it cannot be written here, or what is here is not what is there.
        """
        await self._session.commands.bring_files(mirrors)

    async def read_file(self, path: Path) -> bytes:
        """Return a file of the host, whole."""
        return await self.transport.files.read(PurePosixPath(path))

    async def write_file(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file on the host, whole, making its folder."""
        await self.transport.files.write(PurePosixPath(path), data, mode=mode)

    async def gather(self, folder: PurePosixPath | Path, target: Path) -> list[Path]:
        """Bring here all files of a folder of the host that are not here already; return the local paths of those that were brought.

        Raises:
            ConnectError: the connection was lost; asked again, only what is missing is brought.
            ResourceError: a file does not arrive as it is there.
        """
        session = self._session
        lines, command = [call("nepi_folder", str(folder))], SHELL
        if session.commands.is_privileged:  # what root has written there could not be brought otherwise by who is logged in
            lines, command = [call("chown -R -h --", session.facts.uid, str(folder)), *lines], with_sudo(SHELL)
        done = await ask(self.transport, script(session.control, lines), deadline_s=GATHER_DEADLINE_S, command=command)
        if missed := _missed(done.stderr):
            session.commands.trouble.append(f"not all of {folder} on {self.transport.name} could be brought: {missed}")
        limit = asyncio.Semaphore(FILES_AT_ONCE)

        async def bring(name: str, digest: str) -> Path | None:
            async with limit:
                return await self._bring(PurePosixPath(folder) / name, target / name, digest)

        found = [bring(name, digest) for name, digest in _listed(done.stdout) if ".." not in PurePosixPath(name).parts]
        return [path for path in await asyncio.gather(*found) if path is not None]

    async def _bring(self, source: PurePosixPath, target: Path, digest: str) -> Path | None:
        if await asyncio.to_thread(_digest, target) == digest:
            return None
        await asyncio.to_thread(target.parent.mkdir, parents=True, exist_ok=True)
        await self.transport.files.get(source, target, resume=False)
        if await asyncio.to_thread(_digest, target) != digest:  # it may still be written to: as it is there now
            await self.transport.files.get(source, target, resume=False)
        return target

    # -- tools

    def missing_tools(self, tools: Sequence[str]) -> list[str]:
        """Return those of `tools` (program names) that this host did not have when it was last looked at."""
        return [tool for tool in tools if tool not in self._session.facts.tools]

    async def look_for(self, tools: Sequence[str]) -> list[str]:
        """Return those of `tools` that this host does not have now."""
        if self.missing_tools(tools):
            await self._session.refresh_tools()
        return self.missing_tools(tools)


def _missed(said: bytes) -> str:
    """Return what find and sha256sum complained of, but for files that were gone when it was their turn."""
    lines = said.decode(errors="replace").splitlines()
    return "; ".join(line for line in lines if not line.endswith("No such file or directory"))[:1000]


def _listed(output: bytes) -> list[tuple[str, str]]:
    """Read what sha256sum prints: names, below the folder, with their digests. Source: sha256sum(1), of backslashes."""
    found = []
    for raw in output.splitlines():
        digest, _, name = raw.decode("utf-8", "surrogateescape").partition("  ")
        if digest.startswith("\\"):
            digest, name = digest[1:], name.replace("\\\\", "\\")
        found.append((name.removeprefix("./"), digest))
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ResourceError(f"{path} cannot be read: {error.strerror}") from None
