"""Things that the resources of a run share and that live as long as the run: an agent, a connection, a simulation process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol, TypeVar, cast

from nepi.util.logger import Logger


class Session(Protocol):
    """Something that is opened once for a run and closed at its end.

    One that can be left open for somebody else (`--keep`) has a method `detach()`, too, called on the loop instead of `close`; when it
    returns something to wait for, that is waited for. One that had trouble on the way which changes nothing (a full disk) has a list
    `trouble` of sentences for the summary.
    """

    async def close(self) -> None:
        """Give back what it holds; called when every resource has been released."""


S = TypeVar("S", bound=Session)


class Sessions(Logger):
    """The sessions of one run, opened when first asked for, closed in the opposite order."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__("sessions")
        self._loop = loop
        self._opening: dict[Hashable, asyncio.Task[Any]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._abandoned = False
        self.failures: list[str] = []
        self.trouble: list[str] = []

    async def get(self, key: Hashable, open_: Callable[[], Awaitable[S]]) -> S:
        """Return the session of this key, opening it if nobody has; callers that come meanwhile wait for the same one."""
        task = self._opening.get(key)
        if task is not None and task.done():
            return cast(S, task.result())
        if task is None:

            async def opened() -> S:
                return await open_()

            task = self._opening[key] = self._loop.create_task(opened())
        return cast(S, await asyncio.shield(task))

    def opened(self, key: Hashable) -> Any:
        """Return the session of this key if it is open, else None."""
        task = self._opening.get(key)
        return task.result() if task is not None and task.done() and not task.cancelled() and task.exception() is None else None

    def end(self, key: Hashable) -> asyncio.Task[None]:
        """Close one before the end of the run, because nothing needs it any more; whoever asks for its key from now on opens a new one."""
        opening = self._opening.pop(key, None)

        async def closed() -> None:
            if opening is not None:
                session = await opening
                try:
                    await session.close()
                finally:
                    self._note_trouble(session)

        task = self._loop.create_task(closed())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def close(self) -> None:
        """Close all of them, or let go of them after `abandon`; what fails is told in `failures`."""
        if self._ending:
            await asyncio.wait(self._ending)
        for key, task in reversed(list(self._opening.items())):
            try:
                session = await task
            except (Exception, asyncio.CancelledError):
                continue  # it never opened, and whoever asked for it has been told
            try:
                if self._abandoned:
                    detached = getattr(session, "detach", lambda: None)()
                    if inspect.isawaitable(detached):
                        await detached
                else:
                    await session.close()
            except Exception as error:
                self.failures.append(f"{key}: {error}")
                self.error(f"session {key} did not close: {error}")
            self._note_trouble(session)
        self._opening.clear()

    def _note_trouble(self, session: Any) -> None:
        self.trouble += [one for one in getattr(session, "trouble", ()) if one not in self.trouble]

    def abandon(self) -> None:
        """Let `close` leave them open, for somebody who attaches or collects later; from any thread."""
        self._abandoned = True
