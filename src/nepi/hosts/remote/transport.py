"""The seam between a remote host and the way to it: command lines, streams and files, over SSH or on this machine itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from nepi.model.commands import Completed, Exit

__all__ = ["FileFacts", "Files", "Stream", "Transport"]


class Stream(Protocol):
    """A command that talks with us for as long as it runs, on a channel of its own."""

    def lines(self) -> AsyncIterator[bytes]:
        """Yield what it prints, line by line without the line ends, until it ends or the connection is lost."""

    async def write(self, data: bytes) -> None:
        """Write to its standard input.

        Raises:
            ConnectError: the connection is lost, or it has ended.
        """

    def last_words(self) -> bytes:
        """Return the last part, at most 4 kB, of what it has written to standard error so far."""

    async def close(self) -> Exit | None:
        """Close its standard input and the channel; return how it ended, or None when that is not known."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a host says of one of its files.

    Attributes:
        size: bytes.
        mode: permission bits.
        modified_at: seconds since the epoch by the host's clock.
        is_dir: it is a folder.
    """

    size: int
    mode: int
    modified_at: float
    is_dir: bool


class Files(Protocol):
    """A host's files. Paths are absolute, or relative to the user's home. Errors are `ResourceError` with the host, path and reason."""

    async def facts(self, path: PurePosixPath) -> FileFacts | None:
        """Return what is there, or None."""

    async def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        """Return `size` bytes from `offset` on, or fewer at the end of the file."""

    async def write(self, path: PurePosixPath, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file whole, making its folder; nobody sees half of it."""

    async def put(self, source: Path, path: PurePosixPath, *, mode: int | None = None) -> bool:
        """Upload a file or a folder unless the host has the same content already; return whether anything was sent.

        An interrupted upload is taken up where it stopped; the content is checked by SHA-256 at the end.
        """

    async def get(self, path: PurePosixPath, target: Path, *, resume: bool = True) -> int:
        """Download a file, appending to what `target` has of it already when `resume`; return its size in bytes."""

    async def list(self, path: PurePosixPath) -> Sequence[str]:
        """Return the names in a folder."""

    async def remove(self, path: PurePosixPath) -> None:
        """Remove a file, or a folder with all that is in it. Harmless when it is not there. Refuses "/" and a home."""


class Transport(Protocol):
    """The way to one host. Queues what would be too much for it, and comes back by itself after a loss of the connection.

    Attributes:
        name: how the host is called in messages.
    """

    name: str
    files: Files

    async def run(self, command: str, *, stdin: bytes = b"", deadline_s: float | None = None, once: bool = True) -> Completed:
        """Have a line of POSIX shell executed to its end, in the user's home.

        Args:
            command: text for sh(1), made by `nepi.hosts.remote.quoting` only.
            stdin: what it reads.
            deadline_s: seconds until it is given up, waiting for the connection included. Its channel is closed then; what it
                started on the host need not notice.
            once: it must not be executed a second time, so a connection that is lost after it was sent is an error; False tries again.

        Raises:
            ConnectError: the host cannot be reached, or the connection was lost meanwhile.
            DeadlineError: it took longer than `deadline_s`.
        """

    async def open(self, command: str, *, forward_x11: bool = False) -> Stream:
        """Start a line of POSIX shell that stays; it ends with the connection: its standard input ends, and nobody reads it any more.

        Of the connection's ten channels two are kept from streams, so that commands and files have their turn; what is more waits.

        Args:
            command: as for `run`.
            forward_x11: what it draws appears on this machine's display.

        Raises:
            ConnectError: the host cannot be reached.
        """

    async def connected(self) -> int:
        """Wait until there is a connection and return its number: it grows by one each time the connection was made anew.

        Raises:
            ConnectError: the host cannot be reached within the connect deadline.
        """

    async def lost(self) -> None:
        """Wait until the present connection is lost; return at once when there is none."""

    async def close(self) -> None:
        """Close the connection, and what runs by `open` with it."""
