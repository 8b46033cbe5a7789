"""Attributes that are set when a condition is met: gates whose target is a change. They inherit failures as starts do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nepi.engine import events as ev
from nepi.engine.gates import Gate
from nepi.engine.members import Member, PendingChange
from nepi.model.states import ENDED

if TYPE_CHECKING:
    from nepi.engine.core import Engine


class Changing:
    """Orders the changes of one engine's members."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def asked(self, event: ev.SetAsked) -> None:
        """Somebody wants attributes of a member set when a condition is met."""
        engine = self._engine
        member = engine.members[event.guid]
        if engine.aborted is not None or member.release_wanted:
            return
        names = tuple(name for name, _ in event.values)

        def settled(gate: Gate) -> None:
            if member.changes is not None:
                member.changes.pop(event.change, None)
            if gate.met_at is not None:
                engine.out.change(event.change, member.guid)
            elif member.state not in ENDED and gate.culprit != member.guid:
                engine.cannot(member, f"set {', '.join(names)}", gate)

        gate = engine.gates.build([event.condition], settled, engine.now)
        if not gate.closed:
            if member.changes is None:
                member.changes = {}
            member.changes[event.change] = PendingChange(names, event.condition, gate)

    def failed(self, member: Member, reason: str) -> None:
        """Attributes of a member could not be set: it is not what it was to be, and trying again is no business of its policy."""
        if member.state in ENDED or member.release_wanted or member.given_up:
            return
        if member.doing is not None:
            self._engine.out.cancel(member.guid)
        self._engine.failing.give_up(member, reason)
