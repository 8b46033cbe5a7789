"""Uploads and downloads that are checked by SHA-256, skipped where nothing would change, and taken up where they were interrupted."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, TypeVar

import asyncssh

from nepi.errors import ResourceError
from nepi.hosts.remote.in_order import in_order
from nepi.hosts.remote.sftp_blocks import AHEAD, BLOCK, opened_for_reading, read_blocks, write_blocks, written
from nepi.hosts.remote.sftp_digests import Way, digest_there, digests_there
from nepi.hosts.remote.transport import FileFacts

__all__ = ["Upload", "get", "put", "uploads_of"]

T = TypeVar("T")

FILES_AHEAD: Final = 8
"""Files of one folder that are on their way at once."""

TRIES: Final = 2
"""How often a file is sent before it is said that it does not arrive undamaged."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to be sent.

    Attributes:
        source: here.
        path: there.
        size: bytes.
        mode: permission bits it shall have there.
        digest: SHA-256 of its content, hexadecimal.
    """

    source: Path
    path: PurePosixPath
    size: int
    mode: int
    digest: str

    @property
    def part(self) -> PurePosixPath:
        """Where it grows. The name depends on the content: what is taken up is the same file."""
        return self.path.with_name(f".{self.path.name[:180]}.{self.digest[:16]}.part")


def uploads_of(source: Path, path: PurePosixPath, mode: int | None) -> tuple[list[Upload], list[PurePosixPath]]:
    """Return the files that a file or folder consists of, and the folders; links are followed.

    Raises:
        OSError: something cannot be read.
    """
    if not source.is_dir():
        facts = source.stat()
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return [Upload(source, path, facts.st_size, stat.S_IMODE(facts.st_mode) if mode is None else mode, digest)], []
    files, folders = [], [path]
    for entry in sorted(source.iterdir()):
        more, below = uploads_of(entry, path / entry.name, mode)
        files += more
        folders += below
    return files, folders


async def put(way: Way, source: Path, path: PurePosixPath, mode: int | None) -> bool:
    """Upload a file or a folder unless the same is there; return whether anything was sent.

    Raises:
        ResourceError: it cannot be read here or written there, or does not arrive as it was sent.
    """
    try:
        files, folders = await asyncio.to_thread(uploads_of, source, path, mode)
    except OSError as error:
        raise ResourceError(f"{way.name}: sending {source}: {error.filename or source}: {error.strerror}") from error
    made = [await _make_folder(way, folder) for folder in folders]
    left = changed = await _changed(way, files)
    for _ in range(TRIES):
        async with aclosing(in_order((_send(way, upload) for upload in left), FILES_AHEAD)) as sent:
            async for _ in sent:
                pass
        left = await _arrived(way, left)
        if not left:
            return any(made) or bool(changed)
    raise ResourceError(f"{way.name}: sending {left[0].source} to {left[0].path}: it arrives otherwise; does it change meanwhile?")


async def get(way: Way, path: PurePosixPath, target: Path, resume: bool) -> int:
    """Download a file as it is now, even if it grows; return its size in bytes.

    Raises:
        ResourceError: it cannot be read there or written here, or does not arrive as it was sent.
    """
    facts = await way.facts(path)
    if facts is None or facts.is_dir:
        what = "there is no such file" if facts is None else "that is a folder"
        raise ResourceError(f"{way.name}: fetching {path}: {what}")
    try:
        await asyncio.to_thread(_prepare, target, resume)
        for _ in range(TRIES):
            await way.doing("fetching", path, lambda client: _fetch(client, path, target, facts.size))
            if await asyncio.to_thread(_digest_of, target) == await digest_there(way, path, facts.size):
                return facts.size
            await asyncio.to_thread(_prepare, target, False)
    except OSError as error:
        raise ResourceError(f"{way.name}: fetching {path}: {error.filename or target}: {error.strerror}") from error
    raise ResourceError(f"{way.name}: fetching {path}: it arrives otherwise than it is there; is it written anew meanwhile?")


async def _make_folder(way: Way, path: PurePosixPath) -> bool:
    async def make(client: asyncssh.SFTPClient) -> bool:
        if await client.isdir(str(path)):
            return False
        await client.makedirs(str(path), exist_ok=True)
        return True

    return await way.doing("making", path, make)


async def _changed(way: Way, files: Sequence[Upload]) -> list[Upload]:
    """Return those that the host has not, or otherwise; of the others it sees to the mode."""
    facts: dict[Upload, FileFacts | None] = {}
    async with aclosing(in_order((way.facts(upload.path) for upload in files), AHEAD)) as found:
        waiting = iter(files)
        async for fact in found:
            facts[next(waiting)] = fact
    for upload, fact in facts.items():
        if fact is not None and fact.is_dir:
            raise ResourceError(f"{way.name}: sending {upload.source} to {upload.path}: that is a folder")
    alike = [upload for upload, fact in facts.items() if fact is not None and fact.size == upload.size]
    digests = await digests_there(way, [upload.path for upload in alike])
    same = [upload for upload in alike if digests.get(upload.path) == upload.digest]
    for upload in same:
        fact = facts[upload]
        if fact is not None and fact.mode != upload.mode:
            await way.doing("setting the mode of", upload.path, partial(_set_mode, upload=upload))
    return [upload for upload in files if upload not in same]


async def _send(way: Way, upload: Upload) -> None:
    async def send(client: asyncssh.SFTPClient) -> None:
        async with written(client, upload.part, keep=True) as file:
            have = (await file.stat()).size or 0
            if have > upload.size:
                await file.truncate(0)
                have = 0
            with upload.source.open("rb") as source:
                # What was on its way when it was interrupted may have left holes.
                await write_blocks(
                    client, file, max(0, have - AHEAD * BLOCK), upload.size, lambda start, count: _piece(source, start, count)
                )

    try:
        await way.doing("writing", upload.path, send)
    except OSError as error:
        raise ResourceError(f"{way.name}: sending {upload.source}: {error.strerror}") from error


async def _arrived(way: Way, uploads: Sequence[Upload]) -> list[Upload]:
    """Give those that are whole their names; return the others."""
    digests = await digests_there(way, [upload.part for upload in uploads])
    whole = [upload for upload in uploads if digests.get(upload.part) == upload.digest]
    damaged = [upload for upload in uploads if upload not in whole]
    todo = [(upload, _name) for upload in whole] + [(upload, _drop) for upload in damaged]
    settling = (way.doing("writing", upload.path, partial(settle, upload=upload)) for upload, settle in todo)
    async with aclosing(in_order(settling, AHEAD)) as settled:
        async for _ in settled:
            pass
    return damaged


def _piece(source: BinaryIO, start: int, count: int) -> bytes:
    source.seek(start)
    return source.read(count)


async def _name(client: asyncssh.SFTPClient, upload: Upload) -> None:
    try:
        await client.chmod(str(upload.part), upload.mode)
        await client.posix_rename(str(upload.part), str(upload.path))
    except asyncssh.SFTPNoSuchFile:
        # After a loss of the connection: it was renamed, and the answer was lost.
        if not await client.exists(str(upload.path)):
            raise


async def _set_mode(client: asyncssh.SFTPClient, upload: Upload) -> None:
    await client.chmod(str(upload.path), upload.mode)


async def _drop(client: asyncssh.SFTPClient, upload: Upload) -> None:
    await client.remove(str(upload.part))


async def _fetch(client: asyncssh.SFTPClient, path: PurePosixPath, target: Path, size: int) -> None:
    with target.open("ab") as local:
        have = local.tell()
        if have > size:  # it is another file now
            local.truncate(0)
            have = 0
        async with await opened_for_reading(client, path) as file, aclosing(read_blocks(client, file, have, size)) as blocks:
            async for data in blocks:
                local.write(data)


def _prepare(target: Path, keep: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.open("ab" if keep else "wb").close()


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
