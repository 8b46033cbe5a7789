"""Files that commands write on another machine, kept alike on this one.

What has grown is fetched soon, and all of it before a command counts as ended.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.agent_client import Requests

FILES_AT_ONCE = 200


@dataclass(slots=True)
class _File:
    """One file.

    Attributes:
        here: on this machine.
        there: on the other one.
        fetched: how many bytes of it have been appended here.
    """

    here: Path
    there: str
    fetched: int = 0


class Mirror:
    """The files of one session.

    Args:
        connection: to the agent.
    """

    def __init__(self, connection: Requests) -> None:
        self._connection = connection
        self._files: dict[str, _File] = {}
        self._followed: set[str] = set()
        self._grown: dict[str, None] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def follow(self, files: Iterable[tuple[Path, str]], *, known: bool = False) -> None:
        """Keep files alike from now on; the request is on its way when this returns.

        Args:
            files: where each is here and there.
            known: an earlier controller has fetched what is here.
        """
        asked = list(files)
        new = [
            _File(here, there, here.stat().st_size if known and here.exists() else 0) for here, there in asked if there not in self._files
        ]
        for one in new:
            self._files[one.there] = one
            one.here.parent.mkdir(parents=True, exist_ok=True)
            one.here.touch()
        fresh = [there for _, there in asked if there not in self._followed]
        if fresh:
            self._followed.update(fresh)
            request = self._connection.request("follow", paths=fresh)
            request.add_done_callback(lambda done: done.cancelled() or done.exception())

    def knows(self, there: str) -> bool:
        """Whether a file is followed, or was."""
        return there in self._files

    def grown(self, paths: Iterable[str]) -> None:
        """Files have grown: fetch what is new, soon."""
        self._grown.update((path, None) for path in paths if path in self._files)
        if self._grown and (self._fetching is None or self._fetching.done()):
            self._fetching = asyncio.get_running_loop().create_task(self._fetch_grown())

    def back(self) -> None:
        """The connection was away: any file may have grown."""
        self.grown(list(self._followed))

    async def _fetch_grown(self) -> None:
        while self._grown:
            some = list(self._grown)[:FILES_AT_ONCE]
            for path in some:
                del self._grown[path]
            try:
                await self.fetch(some)
            except (ConnectError, ResourceError):
                return  # what is missing comes when the command ends, or nobody can have it any more

    async def fetch(self, paths: Sequence[str]) -> None:
        """Fetch what files have beyond what is here, to their present ends.

        Raises:
            ConnectError: there is no way to the machine any more.
        """
        async with self._turn:
            left = [self._files[path] for path in dict.fromkeys(paths) if path in self._files]
            while left:
                asked = left[:FILES_AT_ONCE]
                answer = await self._connection.request("read", files=[[one.there, one.fetched] for one in asked])
                more = [one for one, piece in zip(asked, answer["pieces"], strict=True) if self._take(one, piece["size"], piece["data"])]
                left = more + left[FILES_AT_ONCE:]

    @staticmethod
    def _take(one: _File, size: int | None, data: str) -> bool:
        """Append a piece; return whether there is more."""
        if data:
            piece = base64.b64decode(data)
            with one.here.open("ab") as file:
                file.write(piece)
            one.fetched += len(piece)
        return size is not None and size > one.fetched

    def leave(self, paths: Sequence[str], *, remove: Sequence[str] = ()) -> None:
        """Follow files no more; they stay known, because a later command may append to them.

        Args:
            paths: there.
            remove: those of them that are needed no more, neither there nor by anybody who comes later.
        """
        self._followed.difference_update(paths)
        for path in remove:
            self._files.pop(path, None)
        request = self._connection.request("leave", paths=list(paths), remove=list(remove))
        request.add_done_callback(lambda done: done.cancelled() or done.exception())

    def close(self) -> None:
        """Fetch nothing any more."""
        if self._fetching is not None:
            self._fetching.cancel()
