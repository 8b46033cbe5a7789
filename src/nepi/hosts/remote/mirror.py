"""Local copies of what commands on a host write: they grow with it, and nothing is brought twice."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from nepi.errors import TraceError


class Mirror(Protocol):
    """The copy of one output.

    Attributes:
        remote: the file on the host.
        size: how much of it is here.
    """

    remote: PurePosixPath
    size: int

    def append(self, data: bytes) -> None:
        """Take what comes next.

        Raises:
            TraceError: it cannot be written.
        """

    def digest(self) -> str:
        """Return the SHA-256 of what is here."""

    def restart(self) -> None:
        """Forget what is here, because it is not what the host has."""


class FileMirror:
    """A copy in a local file, behind what was in it before.

    Attributes:
        base: where in the local file it begins.
    """

    def __init__(self, remote: PurePosixPath, local: Path, base: int | None = None) -> None:
        self.remote = remote
        self.local = local
        there = local.stat().st_size if local.exists() else 0
        self.base = there if base is None else base
        self.size = max(there - self.base, 0)

    def create(self) -> None:
        """Have the local file there, though nothing was written yet."""
        try:
            self.local.parent.mkdir(parents=True, exist_ok=True)
            self.local.touch()
        except OSError as error:
            raise TraceError(f"cannot write {self.local}: {error.strerror}") from error

    def append(self, data: bytes) -> None:
        """Take what comes next."""
        try:
            with self.local.open("r+b") as file:
                file.seek(self.base + self.size)
                file.write(data)
        except OSError as error:
            raise TraceError(f"cannot write {self.local}: {error.strerror}") from error
        self.size += len(data)

    def digest(self) -> str:
        """Return the SHA-256 of what is here."""
        digest, left = hashlib.sha256(), self.size
        with self.local.open("rb") as file:
            file.seek(self.base)
            while left and (data := file.read(min(left, 1 << 20))):
                digest.update(data)
                left -= len(data)
        return digest.hexdigest()

    def restart(self) -> None:
        """Forget what is here."""
        self.size = 0


class MemoryMirror:
    """A copy in memory."""

    def __init__(self, remote: PurePosixPath) -> None:
        self.remote = remote
        self.data = bytearray()

    @property
    def size(self) -> int:
        """How much of it is here."""
        return len(self.data)

    @size.setter
    def size(self, value: int) -> None:
        del self.data[value:]

    def append(self, data: bytes) -> None:
        """Take what comes next."""
        self.data += data

    def digest(self) -> str:
        """Return the SHA-256 of what is here."""
        return hashlib.sha256(self.data).hexdigest()

    def restart(self) -> None:
        """Forget what is here."""
        self.data.clear()
