"""SHA-256 of a host's files: computed there, or by reading them where there is no sha256sum(1)."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import PurePosixPath
from typing import Final, Protocol, TypeVar

import asyncssh

from nepi.hosts.remote.sftp_blocks import opened_for_reading, read_blocks
from nepi.hosts.remote.transport import FileFacts
from nepi.model.commands import Completed

__all__ = ["Way", "digest_there", "digests_in", "digests_there"]

T = TypeVar("T")

_LINE: Final = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.*)")


class Way(Protocol):
    """What copying needs of a host's files."""

    @property
    def name(self) -> str:
        """How the host is called."""

    async def run(self, command: str, stdin: bytes = b"") -> Completed:
        """Run a command that may be run twice."""

    async def facts(self, path: PurePosixPath) -> FileFacts | None:
        """As in `Files`."""

    async def doing(self, what: str, path: PurePosixPath, work: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """Do something with the client, again after a loss of the connection."""


def digests_in(output: bytes) -> dict[str, str]:
    """Read what sha256sum(1) prints: path to digest."""
    found = {}
    for line in output.split(b"\n"):
        if match := _LINE.fullmatch(line):
            name = match[3]
            if match[1]:  # names with a line feed, a carriage return or a backslash
                name = re.sub(rb"\\(.)", lambda escape: {b"n": b"\n", b"r": b"\r"}.get(escape[1], escape[1]), name)
            found[name.decode(errors="surrogateescape")] = match[2].decode()
    return found


async def digests_there(way: Way, paths: Sequence[PurePosixPath]) -> dict[PurePosixPath, str]:
    """Return the digest of each file."""
    if not paths:
        return {}
    names = b"\0".join(str(path).encode(errors="surrogateescape") for path in paths)
    done = await way.run("xargs -0 sha256sum --", names)
    found = digests_in(done.stdout)
    return {path: found.get(str(path)) or await _digest_by_reading(way, path, None) for path in paths}


async def digest_there(way: Way, path: PurePosixPath, size: int) -> str:
    """Return the digest of the first `size` bytes of a file."""
    done = await way.run(f"head -c {size} < {shlex.quote(str(path))} | sha256sum")
    found = digests_in(done.stdout)
    return found.get("-") or await _digest_by_reading(way, path, size)


async def _digest_by_reading(way: Way, path: PurePosixPath, size: int | None) -> str:
    """Where there is no sha256sum."""

    async def read(client: asyncssh.SFTPClient) -> str:
        digest = hashlib.sha256()
        async with await opened_for_reading(client, path) as file:
            end = (await file.stat()).size or 0 if size is None else size
            async with aclosing(read_blocks(client, file, 0, end)) as blocks:
                async for data in blocks:
                    digest.update(data)
        return digest.hexdigest()

    return await way.doing("reading", path, read)
