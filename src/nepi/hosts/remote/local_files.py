"""`Files` of this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar
from uuid import uuid4

from nepi.errors import ResourceError
from nepi.hosts.remote.transport import FileFacts

__all__ = ["LocalFiles"]

T = TypeVar("T")


class LocalFiles:
    """`Files` of this machine, done on other threads.

    Args:
        name: how the host is called in messages.
        home: where relative paths begin.
    """

    def __init__(self, name: str, home: Path) -> None:
        self._name = name
        self._home = home

    async def facts(self, path: PurePosixPath) -> FileFacts | None:
        """As in `Files`."""
        return await self._doing("looking at", path, _facts)

    async def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        """As in `Files`."""

        def read(place: Path) -> bytes:
            with place.open("rb") as file:
                file.seek(offset)
                return file.read(-1 if size is None else size)

        return await self._doing("reading", path, read)

    async def write(self, path: PurePosixPath, data: bytes, *, mode: int = 0o644) -> None:
        """As in `Files`."""

        def write(place: Path) -> None:
            with _Beside(place, mode) as beside:
                beside.write_bytes(data)

        await self._doing("writing", path, write)

    async def put(self, source: Path, path: PurePosixPath, *, mode: int | None = None) -> bool:
        """As in `Files`."""
        return await self._doing("writing", path, lambda place: _put(source, place, mode))

    async def get(self, path: PurePosixPath, target: Path, *, resume: bool = True) -> int:
        """As in `Files`."""
        return await self._doing("fetching", path, lambda place: _get(place, target, resume))

    async def list(self, path: PurePosixPath) -> Sequence[str]:
        """As in `Files`; sorted."""
        return await self._doing("listing", path, lambda place: sorted(entry.name for entry in place.iterdir()))

    async def remove(self, path: PurePosixPath) -> None:
        """As in `Files`."""
        if ".." in path.parts or not path.name:
            raise ResourceError(f"{self._name}: {str(path)!r} will not be removed: give the path of a file or folder, without '..'")

        def remove(place: Path) -> None:
            place = place.parent.resolve() / place.name  # the last part is not followed: of a link the link itself is removed
            if any(home.resolve().is_relative_to(place) for home in (self._home, Path.home())):
                raise ResourceError(f"{self._name}: {str(path)!r} will not be removed: the home is in it")
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

        await self._doing("removing", path, remove)

    async def _doing(self, what: str, path: PurePosixPath, work: Callable[[Path], T]) -> T:
        try:
            return await asyncio.to_thread(work, self._home / path)
        except OSError as error:
            other = f"{error.filename}: " if error.filename not in (None, str(self._home / path)) else ""
            raise ResourceError(f"{self._name}: {what} {path}: {other}{error.strerror or error}") from error


class _Beside:
    """A file beside another one, whose name it gets when it is whole."""

    def __init__(self, place: Path, mode: int) -> None:
        self._place = place
        self._mode = mode
        self._path = place.with_name(f".{place.name[:200]}.{uuid4().hex[:12]}.tmp")

    def __enter__(self) -> Path:
        self._place.parent.mkdir(parents=True, exist_ok=True)
        return self._path

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._path.chmod(self._mode)
            os.replace(self._path, self._place)  # noqa: PTH105  # the same; Path.replace is a method of what vanishes
        else:
            self._path.unlink(missing_ok=True)


def _facts(place: Path) -> FileFacts | None:
    try:
        found = place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return FileFacts(found.st_size, stat.S_IMODE(found.st_mode), found.st_mtime, stat.S_ISDIR(found.st_mode))


def _put(source: Path, place: Path, mode: int | None) -> bool:
    if source.is_dir():
        new = not place.is_dir()
        place.mkdir(parents=True, exist_ok=True)
        return any([new, *[_put(entry, place / entry.name, mode) for entry in sorted(source.iterdir())]])
    wanted = stat.S_IMODE(source.stat().st_mode) if mode is None else mode
    facts = _facts(place)
    if facts is not None and facts.size == source.stat().st_size and _digest(place) == _digest(source):
        if facts.mode != wanted:
            place.chmod(wanted)
        return False
    with _Beside(place, wanted) as beside:
        shutil.copyfile(source, beside)
    return True


def _get(place: Path, target: Path, resume: bool) -> int:
    if place.is_dir():
        raise IsADirectoryError(None, "that is a folder", str(place))
    size = place.stat().st_size
    target.parent.mkdir(parents=True, exist_ok=True)
    with place.open("rb") as there, target.open("ab" if resume else "wb") as here:
        have = here.tell()
        # What is here already may be the beginning of something else.
        if have and (have > size or _digest(target, have) != _digest(place, have)):
            here.truncate(0)
            have = 0
        there.seek(have)
        left = size - have
        while left and (data := there.read(min(left, 1024 * 1024))):
            here.write(data)
            left -= len(data)
    return size


def _digest(path: Path, size: int | None = None) -> bytes:
    digest = hashlib.sha256()
    left = path.stat().st_size if size is None else size
    with path.open("rb") as file:
        while left and (data := file.read(min(left, 1024 * 1024))):
            digest.update(data)
            left -= len(data)
    return digest.digest()
