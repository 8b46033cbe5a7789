"""Files over SFTP by blocks, with many requests on their way at once.

asyncssh can do this by itself, but what it has on its way when one request fails is left to complain of its own failure later.
So files are opened with a block size of 0, by which it leaves that to its caller.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import PurePosixPath
from typing import Final

import asyncssh

from nepi.hosts.remote.in_order import in_order

__all__ = ["AHEAD", "BLOCK", "opened_for_reading", "read_at", "read_blocks", "write_blocks", "written"]

BLOCK: Final = 128 * 1024
"""Bytes that one request is about, at most; a server may permit less."""

AHEAD: Final = 16
"""Requests on their way at once for one file."""


async def opened_for_reading(client: asyncssh.SFTPClient, path: PurePosixPath) -> asyncssh.SFTPClientFile:
    """Open a file for reading."""
    return await client.open(str(path), asyncssh.FXF_READ, encoding=None, block_size=0)


@asynccontextmanager
async def written(client: asyncssh.SFTPClient, path: PurePosixPath, *, keep: bool = False) -> AsyncGenerator[asyncssh.SFTPClientFile, None]:
    """Open a file for writing, made with its folder when it is not there. When that fails in the end it is removed.

    Args:
        client: for files.
        path: of the file.
        keep: what it has already stays, and it is removed only if the disk is full.

    Raises:
        SFTPNoSpaceOnFilesystem: the disk is full; with figures.
    """
    flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | (0 if keep else asyncssh.FXF_TRUNC)
    try:
        file = await client.open(str(path), flags, encoding=None, block_size=0)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        await client.makedirs(str(path.parent), exist_ok=True)
        file = await client.open(str(path), flags, encoding=None, block_size=0)
    try:
        async with file:
            yield file
    except BaseException as error:
        full = await _space_left(client, path.parent) if isinstance(error, asyncssh.SFTPFailure) else ""
        if full or not keep:
            with suppress(asyncssh.Error):
                await client.remove(str(path))
        if full:
            raise asyncssh.SFTPNoSpaceOnFilesystem(full) from error
        raise


async def _space_left(client: asyncssh.SFTPClient, folder: PurePosixPath) -> str:
    """Say how much is left where nothing is; "" where there is room.

    The version of the protocol that OpenSSH speaks has one word, "Failure", for a full disk and much else.
    """
    try:
        disk = await client.statvfs(str(folder))
    except asyncssh.Error:
        return ""
    free = disk.bavail * disk.frsize
    if free < BLOCK or disk.favail == 0 < disk.files:
        return f"{free:,} bytes and {disk.favail:,} files are free there"
    return ""


async def read_blocks(client: asyncssh.SFTPClient, file: asyncssh.SFTPClientFile, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """Yield what is in a file from `start` to `end`, in order; less when it ends before. Close it when leaving early."""
    block = min(BLOCK, client.limits.max_read_len)
    requests = (_read_block(file, offset, min(block, end - offset)) for offset in range(start, end, block))
    async with aclosing(in_order(requests, AHEAD)) as blocks:
        async for data in blocks:
            yield data


async def write_blocks(
    client: asyncssh.SFTPClient, file: asyncssh.SFTPClientFile, start: int, end: int, read: Callable[[int, int], bytes]
) -> None:
    """Write `start` to `end` of a file; `read(offset, size)` gives the content."""

    async def write(offset: int) -> None:
        await file.write(read(offset, min(block, end - offset)), offset)

    block = min(BLOCK, client.limits.max_write_len)
    async with aclosing(in_order((write(offset) for offset in range(start, end, block)), AHEAD)) as written:
        async for _ in written:
            pass


async def read_at(file: asyncssh.SFTPClientFile, offset: int, size: int) -> bytes:
    """Read at most `size` bytes with one request; nothing at the end of the file."""
    data: object = await file.read(size, offset)
    assert isinstance(data, bytes)  # no encoding was asked for
    return data


async def _read_block(file: asyncssh.SFTPClientFile, offset: int, size: int) -> bytes:
    """Read one block; less comes at the end of the file only."""
    data = await read_at(file, offset, size)
    while data and len(data) < size and (more := await read_at(file, offset + len(data), size - len(data))):
        data += more
    return data
