"""What the nodes of a run that are on one host share: what is known of it, and what was already brought there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nepi.errors import ResourceError
from nepi.hosts.port import Completed
from nepi.hosts.remote.remote_host import RemoteHost
from nepi.resources.linux.packages import Distribution

Ask = Callable[[Sequence[str]], Awaitable[Completed]]
"""Runs a short command in one round trip, perhaps twice."""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What is known of a host from the first look at it.

    Attributes:
        user: who is logged in there.
        is_root: whether that is root.
        distribution: what is installed there.
    """

    user: str
    is_root: bool
    distribution: Distribution


class Machine:
    """A host of a run.

    Attributes:
        name: how it is called in messages.
        facts: what is known of it.
        store: folder of uploaded files, by their SHA-256.
        installing: held while packages are installed; their manager takes one at a time.
        installed: packages that are known to be there.
    """

    def __init__(self, name: str, host: RemoteHost, ask: Ask, store: PurePosixPath, facts: MachineFacts) -> None:
        self.name = name
        self.facts = facts
        self.store = store
        self.installing = asyncio.Lock()
        self.installed: set[str] = set()
        self._host = host
        self._ask = ask
        self._programs: set[str] = set()
        self._once: dict[Hashable, asyncio.Task[None]] = {}

    async def missing(self, tools: Iterable[str]) -> list[str]:
        """Return those of `tools` that are not there; those that are there are not asked for again."""
        wanted = [tool for tool in dict.fromkeys(tools) if tool not in self._programs]
        if not wanted:
            return []
        gone = await self._host.look_for([tool for tool in wanted if "/" not in tool])
        gone += [tool for tool in wanted if "/" in tool and (await self._ask(["test", "-x", tool])).exit.status != 0]
        self._programs.update(tool for tool in wanted if tool not in gone)
        return gone

    async def once(self, key: Hashable, action: Callable[[], Awaitable[None]]) -> None:
        """Do something that several resources want done, once; when it failed, the next one who wants it tries again."""
        task = self._once.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):

            async def act() -> None:
                await action()

            task = self._once[key] = asyncio.get_running_loop().create_task(act())
        await asyncio.shield(task)

    async def bring(self, source: Path, target: Path, mode: int) -> None:
        """Bring a local file or folder there; content that the host has, from this run or an earlier one, is not sent again.

        Raises:
            ResourceError: it cannot be read here or written there.
        """
        content = await asyncio.to_thread(_content, source)
        if content is None:
            await self.once((str(source), str(target)), lambda: self._put(source, PurePosixPath(target)))
            return
        digest, may_execute = content
        await self.once((digest, str(target), mode), lambda: self._bring_file(source, digest, target, mode | may_execute))

    async def _put(self, source: Path, target: PurePosixPath) -> None:
        await self._host.transport.files.put(source, target)

    async def _bring_file(self, source: Path, digest: str, target: Path, mode: int) -> None:
        kept = self.store / digest[:2] / digest
        await self.once(digest, lambda: self._put(source, kept))
        argv = ["install", "-D", "-m", f"{mode & 0o777:o}", "--", str(kept), str(target)]
        try:
            await self._do(argv, f"write {target}")
        except ResourceError:  # a node of this run or of another may have been told meanwhile to remove what was uploaded
            await self._put(source, kept)
            await self._do(argv, f"write {target}")

    async def _do(self, argv: Sequence[str], what: str) -> None:
        done = await self._ask(argv)
        if done.exit.status != 0:
            raise ResourceError(f"{self.name}: cannot {what}: {done.stderr.decode(errors='replace').strip()}")


def _content(path: Path) -> tuple[str, int] | None:
    """Return a file's SHA-256 and who may execute it; None for a folder."""
    try:
        if path.is_dir():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_mode & 0o111
    except OSError as error:
        raise ResourceError(f"{path} cannot be read: {error.strerror}") from None
