"""A host's files over SFTP: reading, writing, looking, removing. Uploads and downloads with checks are in `ssh_copying`."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path, PurePosixPath
from typing import Final, Protocol, TypeVar
from uuid import uuid4

import asyncssh

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.remote import ssh_copying
from nepi.hosts.remote.sftp_blocks import BLOCK, opened_for_reading, read_at, read_blocks, write_blocks, written
from nepi.hosts.remote.ssh_channels import ConnectionGoneError
from nepi.hosts.remote.ssh_live import Live
from nepi.hosts.remote.transport import FileFacts
from nepi.model.commands import Completed

__all__ = ["SshFiles"]

T = TypeVar("T")

LOSSES: Final = 20
"""How often in a row the connection may be lost during one operation on a file. Each time there must have been a new one."""

REASONS: Final[tuple[tuple[type[asyncssh.SFTPError], str], ...]] = (
    (asyncssh.SFTPNoSuchFile, "there is no such file or folder"),
    (asyncssh.SFTPNoSuchPath, "there is no such folder"),
    (asyncssh.SFTPPermissionDenied, "the user there has no right to it"),
    (asyncssh.SFTPQuotaExceeded, "the user's quota is used up"),
    (asyncssh.SFTPOpUnsupported, "the server's SFTP cannot do it; OpenSSH's can"),
)


class Way(Protocol):
    """What files need of the way to a host."""

    name: str

    async def ready(self) -> Live:
        """Return the connection."""

    async def run(self, command: str, *, stdin: bytes = b"", deadline_s: float | None = None, once: bool = True) -> Completed:
        """As in `Transport`."""


class SshFiles:
    """`Files` over SFTP. All operations may be done twice, so each is tried again after a loss of the connection.

    Args:
        way: to the host.
    """

    def __init__(self, way: Way) -> None:
        self._way = way

    async def facts(self, path: PurePosixPath) -> FileFacts | None:
        """As in `Files`."""

        async def look(client: asyncssh.SFTPClient) -> FileFacts | None:
            try:
                return _facts(await client.stat(str(path)))
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return None

        return await self.doing("looking at", path, look)

    async def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        """As in `Files`."""

        async def read(client: asyncssh.SFTPClient) -> bytes:
            file = await opened_for_reading(client, path)
            try:
                return await _read(client, file, offset, size)
            finally:
                await file.close()

        return await self.doing("reading", path, read)

    async def write(self, path: PurePosixPath, data: bytes, *, mode: int = 0o644) -> None:
        """As in `Files`."""
        beside = path.with_name(f".{path.name[:200]}.{uuid4().hex[:12]}.tmp")

        async def write(client: asyncssh.SFTPClient) -> None:
            async with written(client, beside) as file:
                await write_blocks(client, file, 0, len(data), lambda start, count: data[start : start + count])
                await file.chmod(mode)
            await client.posix_rename(str(beside), str(path))

        await self.doing("writing", path, write)

    async def put(self, source: Path, path: PurePosixPath, *, mode: int | None = None) -> bool:
        """As in `Files`. `mode` is for files; folders get what the source has."""
        return await ssh_copying.put(self, source, path, mode)

    async def get(self, path: PurePosixPath, target: Path, *, resume: bool = True) -> int:
        """As in `Files`."""
        return await ssh_copying.get(self, path, target, resume)

    async def list(self, path: PurePosixPath) -> Sequence[str]:
        """As in `Files`; sorted."""
        names = await self.doing("listing", path, lambda client: client.listdir(str(path)))
        return sorted(name for name in names if name not in (".", ".."))

    async def remove(self, path: PurePosixPath) -> None:
        """As in `Files`."""
        if ".." in path.parts or not path.name:
            raise ResourceError(f"{self.name}: {str(path)!r} will not be removed: give the path of a file or folder, without '..'")

        async def resolve(client: asyncssh.SFTPClient) -> tuple[PurePosixPath, PurePosixPath]:
            # The last part is not followed: of a link the link itself is removed.
            return PurePosixPath(await client.realpath(str(path.parent))), PurePosixPath(await client.realpath("."))

        try:
            parent, home = await self.doing("looking for", path, resolve)
        except ResourceError as error:
            if isinstance(error.__cause__, asyncssh.SFTPNoSuchFile):
                return
            raise
        if home.is_relative_to(parent / path.name):
            raise ResourceError(f"{self.name}: {str(path)!r} will not be removed: the home {home} is in it")
        done = await self._way.run(f"rm -rf -- {shlex.quote(str(parent / path.name))}", once=False)
        if done.exit.status != 0:
            raise ResourceError(f"{self.name}: removing {path}: {done.stderr.decode(errors='replace').strip()[-500:]}")

    # For `ssh_copying`.

    @property
    def name(self) -> str:
        """How the host is called."""
        return self._way.name

    async def run(self, command: str, stdin: bytes = b"") -> Completed:
        """Run a command that may be run twice."""
        return await self._way.run(command, stdin=stdin, once=False)

    async def doing(self, what: str, path: PurePosixPath, work: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """Do something with the client, again after a loss of the connection.

        Raises:
            ResourceError: with the host, path and reason.
        """
        for _ in range(LOSSES):
            live = await self._way.ready()
            client = None
            try:
                client = await live.files()
                return await work(client)
            except ConnectionGoneError:
                continue
            except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError, ConnectionError):
                # The last one is the socket's, which asyncssh passes on as it is.
                if client is not None and not live.gone.is_set():
                    live.forget_files(client)
            except asyncssh.SFTPError as error:
                raise ResourceError(f"{self.name}: {what} {path}: {_reason(error)}") from error
        raise ConnectError(f"{self.name}: {what} {path}: the connection was lost {LOSSES} times meanwhile")


async def _read(client: asyncssh.SFTPClient, file: asyncssh.SFTPClientFile, offset: int, size: int | None) -> bytes:
    end = offset + size if size is not None else max(offset, (await file.stat()).size or 0)
    pieces = []
    async with aclosing(read_blocks(client, file, offset, end)) as blocks:
        async for data in blocks:
            pieces.append(data)
    if size is None:  # files that have grown meanwhile, and those of /proc, whose size is 0
        position = offset + sum(map(len, pieces))
        while data := await read_at(file, position, min(BLOCK, client.limits.max_read_len)):
            pieces.append(data)
            position += len(data)
    return b"".join(pieces)


def _reason(error: asyncssh.SFTPError) -> str:
    if isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem):
        return f"the disk is full ({error.reason})"
    return next((text for kind, text in REASONS if isinstance(error, kind)), f"the server says {error.reason!r}")


def _facts(attributes: asyncssh.SFTPAttrs) -> FileFacts:
    permissions = attributes.permissions or 0
    return FileFacts(attributes.size or 0, stat.S_IMODE(permissions), float(attributes.mtime or 0), stat.S_ISDIR(permissions))
