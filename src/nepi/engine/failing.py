"""What happens when something fails: tried again, replaced, given up; and what an abort ends. docs/design/policies.md has the idea."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nepi.engine.gates import Gate
from nepi.engine.lifecycle import RETRIED
from nepi.engine.members import Member, Pause
from nepi.model.states import ENDED, ResourceAction, ResourceState

if TYPE_CHECKING:
    from nepi.engine.core import Engine

DEPLOY, START, STOP, RELEASE = ResourceAction
NEW, READY, STARTED = ResourceState.NEW, ResourceState.READY, ResourceState.STARTED
FAILED, RELEASED = ResourceState.FAILED, ResourceState.RELEASED
RENEWED_WITHIN_S: Final = 60.0
"""How long abandoning a failed candidate may take where the resource has no deadline for its release."""


class Failing:
    """Applies the policies of one engine's members."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def failed(self, member: Member, action: ResourceAction, reason: str) -> None:
        """An action of a member failed, or (of START, when it is STARTED) what it does."""
        out = self._engine.out
        if action == RELEASE:
            if member.state != RELEASED and not member.given_up:
                member.given_up = True
                out.leave_behind(member.guid, reason)
            return
        if member.pause is not None or member.renewing:
            return  # the same failure, told once more
        member.reason = member.reason or reason
        if member.state in (FAILED, RELEASED) or member.release_wanted or member.given_up:
            return  # it has failed already, or is being given back, and that goes on
        member.repeat = None
        if member.doing is not None and member.doing != action:
            out.cancel(member.guid)  # what followed the failed action too early
        what = "run" if action == START and member.state == STARTED else action.name.lower()
        pause = self._next_attempt(member, action, what)
        if pause is not None:
            self._try_again(member, pause)
        elif self._may_renew(member, action):
            self._replace(member, f"{what} failed ({member.reason})")
        else:
            self.give_up(member, reason)

    # Again.

    def _next_attempt(self, member: Member, action: ResourceAction, what: str) -> Pause | None:
        """Count a failed attempt and return the wait for the next one, if the policy has one."""
        retry = member.profile.retry
        if retry is None or action not in RETRIED or member.state in ENDED or self._engine.aborted is not None:
            return None
        if what == "run":
            if not retry.runs:
                return None
            member.failed_runs += 1
            failed = member.failed_runs
        else:
            member.attempts += 1
            failed = member.attempts
        if failed >= retry.attempts:
            return None
        return Pause(action, what, failed + 1, retry.attempts, retry.wait_s(member.guid, failed), member.reason)

    def _try_again(self, member: Member, pause: Pause) -> None:
        engine, back = self._engine, RETRIED[pause.action]
        self._begin_anew(member, back)
        member.pause = pause
        count = f"attempt {pause.attempt} of {pause.attempts} in {pause.wait_s:g} s"
        engine.out.reset(member.guid, back, f"{pause.what} failed ({pause.failure}); {count}")

        def over(_at: float) -> None:
            if member.pause is pause:
                member.pause = None
                if pause.action in (member.gates or {}):
                    return  # it was called by hand, and its conditions are not met yet
                again = engine.arm if member.deploy_wanted else engine.attempt
                again(member, pause.action)

        engine.timers.at(engine.now + pause.wait_s, over)

    def _begin_anew(self, member: Member, state: ResourceState) -> None:
        member.doing = None
        member.reason = ""
        member.exit_status = None
        member.state = int(state)

    # Another candidate.

    def _may_renew(self, member: Member, action: ResourceAction) -> bool:
        may = member.replaced < member.profile.replacements and self._engine.aborted is None
        return may and action in RETRIED and member.state not in ENDED

    def _replace(self, member: Member, failure: str) -> None:
        """Let a member, and whatever was deployed on it, go back to the beginning."""
        member.replaced += 1
        member.doing = None  # it has come back, with the failure
        why = f"{failure}; replacement {member.replaced} of {member.profile.replacements}"
        label = self._engine.label(member.guid)
        waiting: list[Member] = []
        for other in self._living_dependents(member):
            if _has_begun(other):
                self._renew(other, exclude=False, why=f"{label} is replaced: {failure}")
            else:
                waiting.append(other)
        self._renew(member, exclude=True, why=why)
        for other in waiting:  # the old candidate may have been READY, which counts no longer
            self._engine.rearm(other, DEPLOY)

    def _living_dependents(self, member: Member) -> list[Member]:
        """Return those who need a member, directly or not, and have not ended, the latest first."""
        members, found = self._engine.members, dict.fromkeys(member.dependents or ())
        todo = list(found)
        for guid in todo:
            for one in members[guid].dependents or ():
                if one not in found:
                    found[one] = None
                    todo.append(one)
        dependents = [members[guid] for guid in reversed(found)]
        return [one for one in dependents if not (one.state in ENDED or one.release_wanted or one.given_up or one.renewing)]

    def _renew(self, member: Member, *, exclude: bool, why: str) -> None:
        engine = self._engine
        if member.doing is not None:
            engine.out.cancel(member.guid)
        for action in (DEPLOY, START):
            gate = (member.gates or {}).pop(action, None)
            if gate is not None:
                gate.closed = True
        self._begin_anew(member, NEW)
        member.repeat = member.pause = None
        member.attempts = 0
        member.entered[NEW + 1 :] = [None] * (RELEASED - NEW)  # what needs it waits for the new candidate
        member.renewing = why
        engine.out.renew(member.guid, exclude, why)
        limit = member.profile.deadlines_s[RELEASE] or RENEWED_WITHIN_S

        def overdue(_at: float) -> None:
            if member.renewing is why:
                engine.out.cancel(member.guid)
                member.renewing = ""
                self.give_up(member, f"what was made on the failed candidate was not abandoned within {limit:g} s")

        engine.real_timers.at(engine.real + limit, overdue)

    def renewed(self, member: Member) -> None:
        """What was made on a failed candidate is abandoned: deploy anew."""
        if not member.renewing:
            return
        member.renewing = ""
        if member.deploy_wanted and not member.release_wanted and member.state == NEW:
            self._engine.arm(member, DEPLOY)

    # For good.

    def give_up(self, member: Member, reason: str) -> None:
        """Order that a member is marked FAILED."""
        member.doing = None
        member.pause = None
        member.given_up = True
        member.reason = member.reason or reason
        self.close_gates(member)
        self._engine.out.fail(member.guid, member.reason)

    def has_failed(self, member: Member) -> None:
        """A member has entered FAILED: abort, or say why not."""
        engine = self._engine
        self.close_gates(member)
        member.repeat = member.pause = None
        member.renewing = ""
        member.inherited = member.inherited or engine.spared(member)
        if member.release_wanted or engine.aborted is not None:
            return
        if member.profile.critical and not member.inherited:
            why = f": {member.reason}" if member.reason else ""
            self.abort(f"{engine.label(member.guid)} failed{why}", member.guid)
        else:
            engine.out.go_on(member.guid, self._why_not(member))

    def _why_not(self, member: Member) -> str:
        if not member.profile.critical:
            return "it is not critical"
        group = self._engine.groups.get(member.group)
        if group is not None and group.quorum is not None and member.entered[READY] is None:
            return f"its deployment group goes on with {group.quorum:.0%} of it"
        return "what it waited for failed, and was not critical"

    def abort(self, reason: str, guid: int | None) -> None:
        """End the run early: nothing new is deployed, started or set, every wait ends."""
        engine = self._engine
        if engine.aborted is not None:
            return
        engine.aborted = reason
        engine.out.abort(reason, guid)
        engine.watching.abort(reason, guid or 0)
        for member in engine.members.values():
            self.close_gates(member)
            member.pause = None
            if member.repeat in (DEPLOY, START):
                member.repeat = None
            if engine.stop_on_abort and member.state == STARTED:
                engine.attempt(member, STOP)

    def close_gates(self, member: Member) -> None:
        """Let nothing of a member wait any longer."""
        if member.gates is None and member.changes is None:
            return
        gates: list[Gate] = list((member.gates or {}).values())
        gates += [change.gate for change in (member.changes or {}).values()]
        for gate in gates:
            gate.closed = True
        member.gates = member.changes = None


def _has_begun(member: Member) -> bool:
    """Whether something of a member may have been made already."""
    return member.state != NEW or member.doing is not None or member.pause is not None
