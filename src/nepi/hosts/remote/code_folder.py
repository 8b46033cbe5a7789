"""Programs of ours on a machine: a folder of files that import nothing of the rest of the package, brought there once for each version."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from nepi.errors import ConnectError
from nepi.hosts.remote.quoting import call
from nepi.hosts.remote.transport import Transport

DEADLINE_S: Final = 60.0
PLACE: Final = ".cache/nepi"
"""Below the home of who is logged in."""

UNPACK: Final = """
import os, sys, tarfile
folder = os.path.join(os.path.expanduser("~"), sys.argv[1])
part = folder + "." + str(os.getpid())
os.makedirs(part, mode=0o755)
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|gz") as archive:
    for member in archive:
        target = os.path.join(part, member.name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(archive.extractfile(member).read())
open(os.path.join(part, "complete"), "w").close()
try:
    os.rename(part, folder)
except OSError:
    import shutil
    shutil.rmtree(part)
    if not os.path.exists(os.path.join(folder, "complete")):
        raise
"""


class CodeFolder:
    """Some folders of the package, as a machine gets them.

    Args:
        what: how its folder there begins.
        root: the folder that the others are in.
        parts: names of these.
        suffixes: of the files that are brought.
    """

    def __init__(self, what: str, root: Path, parts: tuple[str, ...], suffixes: tuple[str, ...]) -> None:
        self._what = what
        self._root = root
        self._parts = parts
        self._suffixes = suffixes

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield the files: their names there, and where they are here."""
        for part in self._parts:
            for path in sorted((self._root / part).iterdir()):
                if path.suffix in self._suffixes:
                    yield f"{part}/{path.name}", path

    @cached_property
    def folder(self) -> str:
        """Where this version lies, relative to a home; a file `complete` in it says that it is all there."""
        digest = hashlib.sha256()
        for name, path in self.files():
            digest.update(f"{name}\0".encode() + path.read_bytes())
        return f"{PLACE}/{self._what}-{digest.hexdigest()[:16]}"

    @cached_property
    def archive(self) -> bytes:
        """What is uploaded, compressed: the same bytes for the same content."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w:gz", compresslevel=6) as archive:
            for name, path in self.files():
                archive.add(path, name, filter=_plain)
        return plain.getvalue()

    async def bring(self, transport: Transport, python: str) -> None:
        """Upload this version.

        Args:
            transport: the way to the machine.
            python: its interpreter.

        Raises:
            ConnectError: that failed.
        """
        command = call("exec", python, "-I", "-S", "-c", UNPACK, self.folder)
        done = await transport.run(command, stdin=self.archive, deadline_s=DEADLINE_S, once=False)
        if done.exit.status != 0:
            words = done.stderr.decode(errors="replace").strip().splitlines()
            raise ConnectError(f"the {self._what}'s programs cannot be brought to {transport.name}: {words[-1] if words else done.exit}")

    def there(self, home: PurePosixPath) -> PurePosixPath:
        """Return where this version lies on a machine."""
        return home / self.folder


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime, info.mode = 0, 0o644
    return info
