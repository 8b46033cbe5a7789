"""The port "a place where commands run and files live".

Applications are written against these protocols only, so that one class runs on a namespace, on this machine or on a
host behind two jump hosts. Implementations stand beside this module; nothing here touches the world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nepi.model.commands import Completed, Exit

__all__ = ["Completed", "Exit", "Host", "Process"]


class Process(Protocol):
    """A command that was started on a host. It belongs to the run: it lives on when the controller dies."""

    started_at: float
    """When it was started, seconds since the epoch."""

    @property
    def pid(self) -> int:
        """The process id, as this machine sees it."""

    async def wait(self) -> Exit:
        """Wait until the process has ended; any number of callers, also after the end."""

    async def stop(self, *, grace_s: float = 5.0) -> Exit:
        """End the whole process tree: TERM, and KILL to what is left after `grace_s`. Harmless when it has ended."""

    async def write_stdin(self, data: bytes, *, eof: bool = False) -> None:
        """Write to its standard input, which was left open; returns when the host has taken all of it.

        Args:
            data: what it is to read.
            eof: nothing comes after it.

        Raises:
            ResourceError: it has ended, does not read any more, or its standard input was closed or never open.
        """

    async def signal(self, number: int) -> None:
        """Send one signal to the process (not its children). Harmless when it has ended."""


class Host(Protocol):
    """A place where commands run and files live."""

    @property
    def name(self) -> str:
        """The resource's name; how other nodes of the experiment reach it by name."""

    @property
    def scratch(self) -> Path:
        """The folder that the run has on this host for this node."""

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
    ) -> Process:
        """Start a command; it is in the ledger before it executes.

        Args:
            argv: program and arguments; no shell is involved.
            stdout: local file that receives standard output, created or appended to.
            stderr: local file for standard error; None sends it where standard output goes.
            stdin: local file to read from; None means /dev/null.
            open_stdin: standard input is left open for `Process.write_stdin`, also by a later controller; instead of `stdin`.
            env: variables on top of the host's environment.
            cwd: working directory, created if missing; None means the run's scratch folder of this host.
            owner: guid of the resource whose command it is; finds it again after the controller was replaced.

        Raises:
            CommandError: the program does not exist or cannot be executed (status None).
            ConnectError: the host cannot be reached.
        """

    def processes_of(self, owner: int) -> Sequence[Process]:
        """Return the commands that were started here for a resource, by an earlier controller of the run too, oldest first."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        deadline_s: float | None = None,
    ) -> Completed:
        """Run a command to its end and return what it wrote. A non-zero status is not an error here.

        Raises:
            CommandError: the program does not exist or cannot be executed.
            DeadlineError: it was still running after `deadline_s`; it has been ended.
        """

    async def wait_listening(self, port: int, *, protocol: str = "tcp", process: Process | None = None) -> None:
        """Wait until something on this host listens on `port`; the caller bounds the time.

        Args:
            port: 1 to 65535.
            protocol: "tcp" or "udp".
            process: when given and it ends first, the wait ends with an error.

        Raises:
            CommandError: `process` ended before anything listened.
        """

    async def read_file(self, path: Path) -> bytes:
        """Return a file of the host, whole."""

    async def write_file(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file on the host, whole, making its folder."""

    def missing_tools(self, tools: Sequence[str]) -> list[str]:
        """Return those of `tools` (program names) that this host does not have."""
