"""Files over SFTP by blocks, with many requests on their way at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import PurePosixPath
from typing import Final

import asyncssh

from nepi.hosts.remote.in_order import in_order

__all__ = ["AHEAD", "BLOCK", "opened_for_writing", "read_at", "read_blocks", "write_blocks"]

BLOCK: Final = 128 * 1024
"""Bytes that one request is about, at most; a server may permit less."""

AHEAD: Final = 16
"""Requests on their way at once for one file."""


async def opened_for_writing(client: asyncssh.SFTPClient, path: PurePosixPath, *, keep: bool = False) -> asyncssh.SFTPClientFile:
    """Open a file for writing, made with its folder when it is not there; what it has is cut off unless it is to be kept."""
    flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | (0 if keep else asyncssh.FXF_TRUNC)
    try:
        return await client.open(str(path), flags, encoding=None)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        await client.makedirs(str(path.parent), exist_ok=True)
        return await client.open(str(path), flags, encoding=None)


async def read_blocks(file: asyncssh.SFTPClientFile, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """Yield what is in a file from `start` to `end`, in order; less when it ends before. Close it when leaving early."""
    block = min(BLOCK, file.read_len)
    requests = (_read_block(file, offset, min(block, end - offset)) for offset in range(start, end, block))
    async with aclosing(in_order(requests, AHEAD)) as blocks:
        async for data in blocks:
            yield data


async def write_blocks(file: asyncssh.SFTPClientFile, start: int, end: int, read: Callable[[int, int], bytes]) -> None:
    """Write `start` to `end` of a file; `read(offset, size)` gives the content."""

    async def write(offset: int) -> None:
        await file.write(read(offset, min(block, end - offset)), offset)

    block = min(BLOCK, file.write_len)
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
