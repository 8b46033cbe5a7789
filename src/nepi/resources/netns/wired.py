"""What a run knows of its links in user space: who fails with the process that moves their frames, and which were pushed beyond it."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.namespace import LinkCounters, NamespaceSession, Overload
from nepi.model.states import ENDED

if TYPE_CHECKING:
    from nepi.execution.resource import ResourceManager


class Wired:
    """The links in user space of one run.

    Args:
        session: the agent's.
    """

    def __init__(self, session: NamespaceSession) -> None:
        self._session = session
        self._overloaded: dict[tuple[str, str], LinkCounters] = {}
        session.wire.on_overload(self._note)

    def join(self, member: ResourceManager) -> None:
        """Let a resource fail when the process that moves its frames ends."""
        reference = weakref.ref(member)

        def lost(reason: asyncio.Future[str]) -> None:
            found = reference()
            if not reason.cancelled() and found is not None and found.state not in ENDED:
                found.explain_failure(f"{reason.result()}; see wire.log in the run's folder")
                found.fail()

        self._session.wire.lost.add_done_callback(lost)

    def overload(self, place: str, ifname: str) -> str | None:
        """Return how an end of a link was pushed beyond what the process can do, or None when it was not."""
        counters = self._overloaded.get((place, ifname))
        return counters.broken_promise() if counters is not None else None

    def _note(self, overload: Overload) -> None:
        self._overloaded[overload.place, overload.ifname] = overload.counters

    async def settle(self) -> None:
        """Ask for the last figures of links that were pushed too far, before the process ends."""
        if self._overloaded and self._session.wire.runs:
            try:
                counted = await self._session.link_counters()
            except (ConnectError, ResourceError):
                return  # then what was told when it happened has to do
            self._overloaded.update({end: counters for end, counters in counted.items() if end in self._overloaded})
