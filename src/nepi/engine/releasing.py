"""Giving back: in reverse order of the needs, each as soon as nothing depends on it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nepi.engine.events import Guids
from nepi.engine.members import Member
from nepi.model.states import ResourceAction, ResourceState

if TYPE_CHECKING:
    from nepi.engine.core import Engine

RELEASE, RELEASED = ResourceAction.RELEASE, ResourceState.RELEASED


class Releasing:
    """Orders the releases of one engine's members."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def asked(self, guids: Guids) -> None:
        """Members, and whatever needs them, are to be given back."""
        engine = self._engine
        wanted = self._with_dependents(guids)
        for member in wanted:
            member.release_wanted = True
            member.given_up = False
            engine.failing.close_gates(member)
            member.pause = None
            if member.repeat is not None and member.repeat != RELEASE:
                member.repeat = None
            if member.doing is not None or member.renewing:
                engine.out.cancel(member.guid)
                member.doing = None
                member.renewing = ""
        for member in wanted:
            if member.dependents_left == 0:
                engine.attempt(member, RELEASE)

    def _with_dependents(self, guids: Guids) -> list[Member]:
        """Return the members that are to be released and were not yet, with everything that needs them."""
        members = self._engine.members
        found: dict[int, Member] = {}
        todo = list(guids)
        for guid in todo:
            member = members[guid]
            if guid in found or member.release_wanted or member.state == RELEASED:
                continue
            found[guid] = member
            if member.dependents:
                todo.extend(member.dependents)
        return list(found.values())

    def has_released(self, member: Member) -> None:
        """A member has entered RELEASED: what it needed may follow."""
        engine = self._engine
        member.release_wanted = True
        engine.failing.close_gates(member)
        member.repeat = member.pause = None
        member.renewing = ""
        for guid in member.providers:
            provider = engine.members[guid]
            provider.dependents_left -= 1
            if provider.dependents_left == 0 and provider.release_wanted:
                engine.attempt(provider, RELEASE)
