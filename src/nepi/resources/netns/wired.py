"""What a run knows of its links in user space: who fails with the process that moves their frames, and which were pushed beyond it."""

from __future__ import annotations

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
        self._members: dict[int, weakref.ref[ResourceManager]] = {}
        session.wire.on_overload(self._note)
        session.wire.on_lost(self._lost)

    def join(self, member: ResourceManager) -> None:
        """Let a resource fail when the process that moves its frames ends; once for each resource, before or after its link is made."""
        self._members[member.guid] = weakref.ref(member)

    def _lost(self, reason: str) -> None:
        members, self._members = self._members, {}
        for reference in members.values():
            member = reference()
            if member is not None and member.state not in ENDED:
                member.explain_failure(f"{reason}; see wire.log in the run's folder")
                member.fail()

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
