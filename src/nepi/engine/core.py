"""The engine: events and the time in, instructions out. Pure; docs/design/engine.md has the idea."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import assert_never

from nepi.engine import events as ev
from nepi.engine.dropping import without_members
from nepi.engine.explain import Explanation, explain
from nepi.engine.gates import Gate, Gates, entered_strictly
from nepi.engine.groups import Group
from nepi.engine.lifecycle import ORDERED, RETRIED
from nepi.engine.members import Member
from nepi.engine.outbox import Outbox
from nepi.engine.timers import Timers
from nepi.errors import IllegalMoveError
from nepi.model.states import ResourceAction, ResourceState

DEPLOY, START, STOP, RELEASE = ResourceAction
READY, STARTED, FAILED, RELEASED = ResourceState.READY, ResourceState.STARTED, ResourceState.FAILED, ResourceState.RELEASED

_REACHED = {DEPLOY: READY, START: STARTED, STOP: ResourceState.STOPPED, RELEASE: RELEASED}
"""The state from which on an ordered action counts as done."""


class Engine:
    """Decides what is done when. One per run; not thread-safe, and needs not be.

    Args:
        stop_on_abort: an abort also stops what is running (the default only starts nothing new).
        label: names a resource in reasons; by default "#<guid>".
    """

    def __init__(self, *, stop_on_abort: bool = False, label: Callable[[int], str] = "#{}".format) -> None:
        self.stop_on_abort = stop_on_abort
        self.label = label
        self.members: dict[int, Member] = {}
        self.aborted: str | None = None
        self._now = 0.0
        self._turn = 0
        self._out = Outbox()
        self._timers = Timers()
        self._gates = Gates(self.members, self._timers.at, self._out.watch_trace, self._name)
        self._groups: dict[int, Group] = {}
        self._watches: dict[int, tuple[Gate, bool]] = {}

    # What others see.

    def handle(self, event: ev.Event, *, now: float) -> list[ev.Instruction]:
        """Take one event and return what has to be done because of it.

        Args:
            event: what happened, seen from outside.
            now: monotonic seconds since the run began; never read from a clock here.

        Raises:
            IllegalMoveError: the event speaks of a resource that never joined; our bug, never caught.
        """
        return self.handle_all((event,), now=now)

    def handle_all(self, events: Iterable[ev.Event], *, now: float) -> list[ev.Instruction]:
        """Take events that happened at one instant, in order; as `handle`, with one answer to all of them."""
        self._now = now
        self._turn += 1
        due = self._timers.due_at
        if due is not None and due <= now:
            self._timers.run(now)
        for event in events:
            try:
                self._dispatch(event)
            except KeyError as error:
                raise IllegalMoveError(f"{event!r} speaks of a resource that never joined: {error}") from error
        return self._out.take()

    @property
    def next_deadline(self) -> float | None:
        """The instant at which the engine wants to be told the time again, or None."""
        return self._timers.due_at

    def why(self, guid: int) -> Explanation:
        """Explain what a resource is waiting for."""
        return explain(self, self.members[guid])

    # Events.

    def _dispatch(self, event: ev.Event) -> None:
        match event:
            case ev.Entered(state=state, guids=guids):
                members, enter = self.members, self._enter
                for guid in guids:
                    enter(members[guid], state)
            case ev.Announced(guids=guids, states=states):
                members, enter = self.members, self._enter
                for guid, state in zip(guids, states, strict=True):
                    enter(members[guid], state)
            case ev.Failed(guid=guid, action=action, reason=reason):
                self._failed(self.members[guid], action, reason)
            case ev.Explained(guid=guid, reason=reason):
                self.members[guid].reason = self.members[guid].reason or reason
            case ev.Exited(guid=guid, status=status):
                member = self.members[guid]
                member.exit_status = status
                self._gates.exited(member, self._now)
            case ev.Waiting():
                self._waiting(event)
            case ev.TraceSeen(guid=guid, trace=trace, pattern=pattern, matched=matched):
                self._gates.trace_seen((guid, trace, pattern), matched, self._now)
            case ev.Ticked():
                pass
            case _:
                self._asked(event)

    def _asked(
        self,
        event: ev.Joined
        | ev.Needed
        | ev.ConditionAdded
        | ev.ConditionsDropped
        | ev.DeployAsked
        | ev.ActionAsked
        | ev.WatchAsked
        | ev.WatchDropped
        | ev.ReleaseAsked
        | ev.AbortAsked,
    ) -> None:
        match event:
            case ev.Joined(profile=profile, guids=guids):
                for guid in guids:
                    self.members[guid] = Member(guid, profile, self._now)
            case ev.Needed():
                self._needed(event)
            case ev.ConditionAdded():
                self._condition_added(event)
            case ev.ConditionsDropped(guid=guid, action=action, members=dropped):
                self._conditions_dropped(self.members[guid], action, dropped)
            case ev.DeployAsked():
                self._deploy_asked(event)
            case ev.ActionAsked(action=action, guids=guids):
                for guid in guids:
                    self._try(self.members[guid], action)
            case ev.WatchAsked():
                self._watch_asked(event)
            case ev.WatchDropped(watch=watch):
                gate, _ = self._watches.pop(watch, (None, False))
                if gate is not None:
                    gate.closed = True
            case ev.ReleaseAsked(guids=guids):
                self._release_asked(guids)
            case ev.AbortAsked(reason=reason):
                self._abort(reason, None)
            case _:
                assert_never(event)

    # Description.

    def _needed(self, event: ev.Needed) -> None:
        members = self.members
        late = []
        for dependent, provider, state in zip(event.dependents, event.providers, event.states, strict=True):
            member, other = members[dependent], members[provider]
            if other.release_wanted and other.state != RELEASED:
                late.append(dependent)  # what it needs is being given back; that must not wait for it for ever
            member.needs += ((provider, state),)
            if provider not in member.providers:
                member.providers += (provider,)
                if member.state != RELEASED:
                    other.dependents_left += 1
                    if other.dependents is None:
                        other.dependents = [dependent]
                    else:
                        other.dependents.append(dependent)
        if late:
            self._release_asked(tuple(late))

    def _condition_added(self, event: ev.ConditionAdded) -> None:
        member = self.members[event.guid]
        if member.conditions is None:
            member.conditions = {}
        member.conditions.setdefault(event.action, []).append(event.condition)
        self._rearm(member, event.action)

    def _conditions_dropped(self, member: Member, action: ResourceAction, dropped: ev.Guids | None) -> None:
        kept = (member.conditions or {}).get(action, [])
        if dropped is not None:
            kept = [left for one in kept if (left := without_members(one, frozenset(dropped))) is not None]
        else:
            kept = []
        if member.conditions is not None:
            member.conditions[action] = kept
        self._rearm(member, action)

    def _rearm(self, member: Member, action: ResourceAction) -> None:
        """Build the gate of an action again because its conditions changed; only if it is being waited for, or is a STOP."""
        gate = (member.gates or {}).get(action)
        if gate is not None and not gate.closed and member.gates is not None:
            member.gates.pop(action).closed = True
            self._arm(member, action)
        elif action == STOP and gate is None and member.deploy_wanted:
            self._arm(member, STOP)

    # Deployment.

    def _deploy_asked(self, event: ev.DeployAsked) -> None:
        group = self._groups.setdefault(event.group, Group())
        fresh = []
        for guid in event.guids:
            member = self.members[guid]
            if member.deploy_wanted or member.release_wanted:
                continue
            member.deploy_wanted = True
            member.group = event.group
            group.add(guid, event.barrier, counted=member.state < READY)
            fresh.append(member)
        for member in fresh:
            if member.state < READY:
                self._arm(member, DEPLOY)
            elif member.state in (READY, ResourceState.STOPPED):
                # It was made ready by hand before; only the start is left.
                self._start_after_barrier(member, group)
            if member.conditions and STOP in member.conditions:
                self._arm(member, STOP)

    def _arm(self, member: Member, action: ResourceAction) -> None:
        """Let an action wait for its conditions (and a deployment for its needs); perform it at once if there are none."""
        if self.aborted is not None and action != STOP:
            return
        conditions = (member.conditions or {}).get(action) or []
        needs = member.needs if action == DEPLOY else ((member.guid, STARTED),) if action == STOP else ()
        if not conditions and not needs:
            self._try(member, action)
            return
        gate = Gate(len(needs) + len(conditions), 0, self._gate_done, (member, action))
        if member.gates is None:
            member.gates = {}
        member.gates[action] = gate
        for provider, state in needs:
            self._need(gate, self.members[provider], state)
        for condition in conditions:
            if gate.closed:
                return
            self._gates.build([condition], self._part_of(gate), self._now, gate)

    def _need(self, gate: Gate, provider: Member, state: int) -> None:
        at = entered_strictly(provider, state)
        if at is not None:
            gate.part_met(at)
        elif provider.state >= ResourceState.STOPPED:
            gate.part_impossible(self._gates.never(provider, state), provider.guid)
        else:
            provider.wait(state, gate)

    def _part_of(self, gate: Gate) -> Callable[[Gate], None]:
        def done(part: Gate) -> None:
            if part.met_at is None:
                gate.part_impossible(part.reason, part.culprit)
            else:
                gate.part_met(part.met_at)

        return done

    def _gate_done(self, gate: Gate) -> None:
        assert gate.tag is not None, "only gates of `_arm` have this owner"
        member, action = gate.tag
        if member.gates is not None and member.gates.get(action) is gate:
            del member.gates[action]
        if gate.met_at is not None:
            self._try(member, action)
        elif not member.release_wanted and self.aborted is None and gate.culprit != member.guid and _is_ahead(member, action):
            # A resource that waits for its own start before its stop does not fail because it never started.
            culprit = self.members.get(gate.culprit)
            member.inherited = culprit is not None and (culprit.inherited or not culprit.profile.critical)
            if member.doing is not None:
                self._out.cancel(member.guid)
            self._give_up(member, f"cannot {action.name.lower()}: {gate.reason}")

    def _try(self, member: Member, action: ResourceAction) -> None:
        """Perform an action unless the table, an abort or a release forbids it."""
        if action != RELEASE and (member.release_wanted or (self.aborted is not None and action != STOP)):
            return
        if (member.state, action) not in ORDERED or member.doing == action or (member.given_up and action != RELEASE):
            return
        self._perform(member, action)

    def _perform(self, member: Member, action: ResourceAction) -> None:
        member.doing = action
        member.repeat = None
        member.performed = self._turn
        if member.gates is not None and action in member.gates:
            # It was ordered by hand before its conditions were met; they shall not order it once more.
            member.gates.pop(action).closed = True
        limit = member.profile.deadlines_s[action]
        if limit is not None:
            member.ordered_at = self._now
            self._timers.limit(limit, self._now, member, action, self._overdue)
        self._out.perform(action, member.guid)

    def _overdue(self, member: Member, action: ResourceAction, limit: float) -> None:
        reason = f"{action.name.lower()} was not done within {limit:g} s"
        self._out.cancel(member.guid)
        self._failed(member, action, reason)

    def _waiting(self, event: ev.Waiting) -> None:
        member = self.members[event.guid]
        action = event.action
        if (
            member.state == RELEASED
            or (member.release_wanted and action != RELEASE)
            or (self.aborted is not None and action in (DEPLOY, START))
        ):
            return
        member.repeat = action
        for guid in event.peers:
            peer = self.members.get(guid)
            if peer is None:  # it was connected just now, by another thread, and has not joined yet
                continue
            if peer.changed > member.performed:
                # It changed after the action was ordered: what the action saw of it may be old.
                self._repeat(member, action)
                return
            if peer.repeaters is None:
                peer.repeaters = {}
            peer.repeaters[event.guid] = None
        due = self._now + event.delay_s
        self._timers.at(due, lambda _at: self._repeat(member, action))

    def _repeat(self, member: Member, action: int) -> None:
        if member.repeat != action:
            return
        member.repeat = None
        if (member.state, action) not in ORDERED or member.doing not in (None, action):
            return
        if member.doing is None:  # somebody called it without being asked to; from now on it is as good as ordered
            self._perform(member, ResourceAction(action))
            return
        member.performed = self._turn
        self._out.perform(ResourceAction(action), member.guid)

    # States.

    def _enter(self, member: Member, state: ResourceState) -> None:
        before = member.state
        if before == RELEASED:
            return
        member.state = int(state)
        member.entered[state] = self._now
        member.changed = self._turn
        if member.doing is not None and state >= _REACHED[member.doing]:  # type: ignore[index]  # doing is an action's number
            member.doing = None
            member.attempts = 0
        if state == FAILED:
            self._has_failed(member)  # first, so that who waits for a resource that aborts the run is told of the abort
        if member.waiters or member.exit_waiters:
            self._gates.entered(member, self._now)
        if before < READY <= state and member.deploy_wanted:
            self._counted(member)
        if self.aborted is not None and state == STARTED and self.stop_on_abort:
            self._try(member, STOP)
        if member.repeaters:
            self._wake_repeaters(member)
        if state == RELEASED:
            self._has_released(member)

    def _counted(self, member: Member) -> None:
        group = self._groups[member.group]
        if group.ready(member.guid):
            for guid in group.take_starters():
                self._start_after_barrier(self.members[guid], group)
        elif member.guid not in group.starters:
            self._start_after_barrier(member, group)

    def _start_after_barrier(self, member: Member, group: Group) -> None:
        if group.holds_back(member.guid):
            return
        group.starters.pop(member.guid, None)  # those who come later shall not start it once more
        if member.state in (READY, ResourceState.STOPPED) and not member.release_wanted:
            self._arm(member, START)

    def _wake_repeaters(self, member: Member) -> None:
        repeaters, member.repeaters = member.repeaters or {}, None
        for guid in repeaters:
            other = self.members[guid]
            if other.repeat is not None:
                self._repeat(other, other.repeat)

    # Failure.

    def _failed(self, member: Member, action: ResourceAction, reason: str) -> None:
        if action == RELEASE:
            if member.state != RELEASED and not member.given_up:
                member.given_up = True
                self._out.leave_behind(member.guid, reason)
            return
        member.reason = member.reason or reason
        if member.state in (FAILED, RELEASED) or member.release_wanted or member.given_up:
            return  # it has failed already, or is being given back, and that goes on
        member.repeat = None
        if member.doing is not None and member.doing != action:
            self._out.cancel(member.guid)  # what followed the failed action too early
        retry = member.profile.retry
        member.attempts += 1
        may_retry = retry is not None and action in RETRIED and self.aborted is None
        if retry is None or not may_retry or member.attempts >= retry.attempts:
            self._give_up(member, reason)
            return
        member.doing = None
        member.reason = ""
        member.state = int(RETRIED[action])
        self._out.reset(member.guid, RETRIED[action])
        due = self._now + retry.delay_s * retry.factor ** (member.attempts - 1)
        self._timers.at(due, lambda _at: self._try(member, action))

    def _give_up(self, member: Member, reason: str) -> None:
        member.doing = None
        member.given_up = True
        member.reason = member.reason or reason
        self._close_gates(member)
        self._out.fail(member.guid, member.reason)

    def _has_failed(self, member: Member) -> None:
        self._close_gates(member)
        member.repeat = None
        if member.profile.critical and not member.inherited and not member.release_wanted:
            why = f": {member.reason}" if member.reason else ""
            self._abort(f"{self._name(member.guid)} failed{why}", member.guid)

    def _abort(self, reason: str, guid: int | None) -> None:
        if self.aborted is not None:
            return
        self.aborted = reason
        self._out.abort(reason, guid)
        for watch in [watch for watch, (_, survives) in self._watches.items() if not survives]:
            gate, _ = self._watches[watch]
            gate.fail(reason, guid or 0)
        for member in self.members.values():
            self._close_gates(member)
            if member.repeat in (DEPLOY, START):
                member.repeat = None
            if self.stop_on_abort and member.state == STARTED:
                self._try(member, STOP)

    def _close_gates(self, member: Member) -> None:
        for gate in (member.gates or {}).values():
            gate.closed = True
        member.gates = None

    # Waits.

    def _watch_asked(self, event: ev.WatchAsked) -> None:
        def done(gate: Gate) -> None:
            self._watches.pop(event.watch, None)
            if gate.met_at is None:
                self._out.missed(event.watch, gate.reason)
            else:
                self._out.met(event.watch)

        if self.aborted is not None and not event.survives_abort:
            self._out.missed(event.watch, self.aborted)
            return
        gate = self._gates.build([event.condition], done, self._now)
        if not gate.closed:
            self._watches[event.watch] = (gate, event.survives_abort)

    # Release.

    def _release_asked(self, guids: ev.Guids) -> None:
        wanted = self._with_dependents(guids)
        for member in wanted:
            member.release_wanted = True
            member.given_up = False
            self._close_gates(member)
            if member.repeat is not None and member.repeat != RELEASE:
                member.repeat = None
            if member.doing is not None:
                self._out.cancel(member.guid)
                member.doing = None
        for member in wanted:
            if member.dependents_left == 0:
                self._try(member, RELEASE)

    def _with_dependents(self, guids: ev.Guids) -> list[Member]:
        """Return the members that are to be released and were not yet, with everything that needs them."""
        found: dict[int, Member] = {}
        todo = list(guids)
        for guid in todo:
            member = self.members[guid]
            if guid in found or member.release_wanted or member.state == RELEASED:
                continue
            found[guid] = member
            if member.dependents:
                todo.extend(member.dependents)
        return list(found.values())

    def _has_released(self, member: Member) -> None:
        member.release_wanted = True
        self._close_gates(member)
        member.repeat = None
        for guid in member.providers:
            provider = self.members[guid]
            provider.dependents_left -= 1
            if provider.dependents_left == 0 and provider.release_wanted:
                self._try(provider, RELEASE)

    def _name(self, guid: int) -> str:
        return self.label(guid)


def _is_ahead(member: Member, action: ResourceAction) -> bool:
    """Whether a member may still come to an action: nobody fails for a stop that is not needed any more."""
    return member.state < _REACHED[action] or (member.state, action) in ORDERED
