"""Files of a simulation on another machine: written there under names of their own, and brought to where they are to be here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nepi.errors import NepiError
from nepi.hosts.ns3.protocol import Operation
from nepi.hosts.remote.mirror import FileMirror
from nepi.hosts.remote.remote_host import RemoteHost

_WRITES: Final = frozenset({"flush", "close_files"})
"""Not "destroy": after that it is closed, which brings everything."""
_CALLS: Final = frozenset({"invoke", "static", "check"})


class ThereFiles:
    """The files of one simulation.

    Whatever text in an operation is the path of a file in the run's folder here becomes that of a file there.

    Args:
        run_dir: the run's folder here.
        folder: the simulation's folder there, which exists; all files are in it, so that no other folder has to be made.
        host: there.
    """

    def __init__(self, run_dir: Path, folder: PurePosixPath, host: RemoteHost) -> None:
        self._here = tuple(dict.fromkeys((f"{run_dir}/", f"{run_dir.absolute()}/")))
        self._folder = folder
        self._host = host
        self._mirrors: dict[str, FileMirror] = {}
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    def there(self, path: str) -> str:
        """Return where a file of the run's folder is there; from now on it is brought here."""
        mirror = self._mirrors.get(path)
        if mirror is None:
            local = Path(path)
            name = f"{len(self._mirrors) + 1}-{local.parent.name}-{local.name}"
            mirror = self._mirrors[path] = FileMirror(self._folder / name, local)
            mirror.create()
        return str(mirror.remote)

    def placed(self, operation: Operation) -> Operation:
        """Return an operation as the simulation there is asked for it."""
        placed: Operation = self._placed(operation)
        return placed

    def _placed(self, value: Any) -> Any:
        match value:
            case str() if value.startswith(self._here):
                return self.there(value)
            case list():
                return [self._placed(one) for one in value]
            case dict():
                return {name: self._placed(one) for name, one in value.items()}
        return value

    def are_written_by(self, asked: Sequence[Operation], placed: Sequence[Operation]) -> bool:
        """Whether files are whole, as far as the simulation has come, when these operations have been answered."""
        return any(one[0] in _WRITES or (one[0] in _CALLS and one != other) for one, other in zip(asked, placed, strict=True))

    async def bring(self) -> None:
        """Bring here what has been written by now. Asked for by several at once, it is done for all of them together.

        Raises:
            ConnectError: the connection was lost.
            ResourceError, TraceError: a file cannot be read there, or not be written here.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._bring_next())
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())  # who asked may have gone
        await asyncio.shield(self._next)

    async def bring_or_tell(self) -> None:
        """Bring it; what cannot be brought is told once, in the run's summary, and changes nothing: what is here has to do."""
        try:
            await self.bring()
        except NepiError as error:
            trouble = self._host.session.commands.trouble
            what = f"files of the simulation on {self._host.transport.name} are not whole here: {error}"
            if what not in trouble:
                trouble.append(what)

    async def _bring_next(self) -> None:
        async with self._lock:
            self._next = None  # who asks from now on wants what is written from now on, too
            await self._host.bring(list(self._mirrors.values()))
