"""The engine: events and the time in, instructions out. Pure; docs/design/engine.md has the idea."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nepi.engine import events as ev
from nepi.engine.changing import Changing
from nepi.engine.dropping import without_members
from nepi.engine.explain import Explanation, explain
from nepi.engine.failing import Failing
from nepi.engine.gates import Gate, Gates, entered_strictly
from nepi.engine.groups import Group
from nepi.engine.lifecycle import ORDERED
from nepi.engine.members import Member
from nepi.engine.outbox import Outbox
from nepi.engine.releasing import Releasing
from nepi.engine.resuming import order_again
from nepi.engine.timers import Timers
from nepi.engine.watching import Watching
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
        self.now = self.real = 0.0
        self.out = Outbox()
        self.timers = Timers()
        self.real_timers = Timers()
        self.gates = Gates(self.members, self.timers.at, self.out.watch_trace, self._name)
        self.groups: dict[int, Group] = {}
        self.failing = Failing(self)
        self.releasing = Releasing(self)
        self.changing = Changing(self)
        self.watching = Watching(self)
        self._turn = 0
        self._handlers = self._by_kind()

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

    def handle_all(self, events: Sequence[ev.Event], *, now: float, real: float | None = None) -> list[ev.Instruction]:
        """Take events that happened at one instant, in order; as `handle`, with one answer to all of them.

        Args:
            events: what happened.
            now: by the run's clock, which may be a simulation's: what conditions and delays count in.
            real: by a clock that never stands still, which actions have to keep their deadlines by; the same one, unless given.
        """
        self.now = now
        self.real = now if real is None else real
        self._turn += 1
        if events and isinstance(events[0], ev.Resumed):
            order_again(self, events[0])  # before anything that became due meanwhile: no deadline has passed while nobody was there
        for timers, instant in ((self.timers, now), (self.real_timers, self.real)):
            due = timers.due_at
            if due is not None and due <= instant:
                timers.run(instant)
        for event in events:
            try:
                self._handlers[type(event)](event)
            except KeyError as error:
                raise IllegalMoveError(f"{event!r} speaks of a resource that never joined: {error}") from error
        return self.out.take()

    @property
    def next_deadline(self) -> float | None:
        """The instant of the run's clock at which the engine wants to be told the time again, or None."""
        return self.timers.due_at

    @property
    def next_delay(self) -> float | None:
        """The instant of the run's clock at which something goes on that waits for nothing but the time, or None.

        Unlike `next_deadline` it leaves out those at which only somebody's patience is over.
        """
        return self.timers.delay_at

    @property
    def next_limit(self) -> float | None:
        """The instant of the real clock at which an action, or somebody's patience, is over; or None."""
        return self.real_timers.due_at

    def why(self, guid: int) -> Explanation:
        """Explain what a resource is waiting for."""
        return explain(self, self.members[guid])

    # Events.

    def _by_kind(self) -> dict[type, Callable[[Any], None]]:
        """Return who handles which kind of event; a dictionary, because a replay of a long journal asks a million times."""
        members, failing = self.members, self.failing
        return {
            ev.Joined: self._joined,
            ev.Needed: self._needed,
            ev.ConditionAdded: self._condition_added,
            ev.ConditionsDropped: lambda event: self._conditions_dropped(members[event.guid], event.action, event.members),
            ev.DeployAsked: self._deploy_asked,
            ev.SetAsked: self.changing.asked,
            ev.SetFailed: lambda event: self.changing.failed(members[event.guid], event.reason),
            ev.Renewed: lambda event: failing.renewed(members[event.guid]),
            ev.ActionAsked: self._action_asked,
            ev.Entered: self._entered,
            ev.Announced: self._announced,
            ev.Failed: lambda event: failing.failed(members[event.guid], event.action, event.reason),
            ev.Explained: self._explained,
            ev.Exited: self._exited,
            ev.TraceSeen: lambda event: self.gates.trace_seen((event.guid, event.trace, event.pattern), event.matched, self.now),
            ev.Waiting: self._waiting,
            ev.WatchAsked: self.watching.asked,
            ev.WatchDropped: lambda event: self.watching.dropped(event.watch),
            ev.ReleaseAsked: lambda event: self.releasing.asked(event.guids),
            ev.AbortAsked: lambda event: failing.abort(event.reason, None),
            ev.Resumed: lambda _event: None,  # it was seen to before the time
            ev.Ticked: lambda _event: None,
        }

    def _entered(self, event: ev.Entered) -> None:
        members, enter, state = self.members, self._enter, event.state
        for guid in event.guids:
            enter(members[guid], state)

    def _announced(self, event: ev.Announced) -> None:
        members, enter = self.members, self._enter
        for guid, state in zip(event.guids, event.states, strict=True):
            enter(members[guid], state)

    def _explained(self, event: ev.Explained) -> None:
        member = self.members[event.guid]
        member.reason = member.reason or event.reason

    def _exited(self, event: ev.Exited) -> None:
        member = self.members[event.guid]
        member.exit_status = event.status
        self.gates.exited(member, self.now)

    def _action_asked(self, event: ev.ActionAsked) -> None:
        for guid in event.guids:
            self.attempt(self.members[guid], event.action)

    # Description.

    def _joined(self, event: ev.Joined) -> None:
        for guid in event.guids:
            self.members[guid] = Member(guid, event.profile, self.now)

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
            self.releasing.asked(tuple(late))

    def _condition_added(self, event: ev.ConditionAdded) -> None:
        member = self.members[event.guid]
        if member.conditions is None:
            member.conditions = {}
        member.conditions.setdefault(event.action, []).append(event.condition)
        self.rearm(member, event.action)

    def _conditions_dropped(self, member: Member, action: ResourceAction, dropped: ev.Guids | None) -> None:
        kept = (member.conditions or {}).get(action, [])
        if dropped is not None:
            kept = [left for one in kept if (left := without_members(one, frozenset(dropped))) is not None]
        else:
            kept = []
        if member.conditions is not None:
            member.conditions[action] = kept
        self.rearm(member, action)

    def rearm(self, member: Member, action: ResourceAction) -> None:
        """Build the gate of an action again because its conditions changed; only if it is being waited for, or is a STOP."""
        gate = (member.gates or {}).get(action)
        if gate is not None and not gate.closed and member.gates is not None:
            member.gates.pop(action).closed = True
            self.arm(member, action)
        elif action == STOP and gate is None and member.deploy_wanted:
            self.arm(member, STOP)

    # Deployment.

    def _deploy_asked(self, event: ev.DeployAsked) -> None:
        group = self.groups.setdefault(event.group, Group())
        group.quorum = event.quorum or group.quorum
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
                self.arm(member, DEPLOY)
            elif member.state in (READY, ResourceState.STOPPED):
                # It was made ready by hand before; only the start is left.
                self._start_after_barrier(member, group)
            if member.conditions and STOP in member.conditions:
                self.arm(member, STOP)

    def arm(self, member: Member, action: ResourceAction) -> None:
        """Let an action wait for its conditions (and a deployment for its needs); perform it at once if there are none."""
        if self.aborted is not None and action != STOP:
            return
        if member.pause is not None and member.pause.action == action:
            return  # its next attempt comes in its own time
        conditions = (member.conditions or {}).get(action) or []
        needs = member.needs if action == DEPLOY else ((member.guid, STARTED),) if action == STOP else ()
        if not conditions and not needs:
            self.attempt(member, action)
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
            self.gates.build([condition], self._part_of(gate), self.now, gate)

    def _need(self, gate: Gate, provider: Member, state: int) -> None:
        at = entered_strictly(provider, state)
        if at is not None:
            gate.part_met(at)
        elif provider.state >= ResourceState.STOPPED:
            gate.part_impossible(self.gates.never(provider, state), provider.guid)
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
        assert gate.tag is not None, "only gates of `arm` have this owner"
        member, action = gate.tag
        if member.gates is not None and member.gates.get(action) is gate:
            del member.gates[action]
        if gate.met_at is not None:
            if member.pause is None or member.pause.action != action:  # else its next attempt comes in its own time
                self.attempt(member, action)
        elif gate.culprit != member.guid and _is_ahead(member, action):
            # A resource that waits for its own start before its stop does not fail because it never started.
            self.cannot(member, action.name.lower(), gate)

    def cannot(self, member: Member, what: str, gate: Gate) -> None:
        """A member waited for something that can never come true: it fails, and inherits what that failure means."""
        if member.release_wanted or self.aborted is not None or member.given_up or member.state in (FAILED, RELEASED):
            return
        culprit = self.members.get(gate.culprit)
        member.inherited = culprit is not None and culprit is not member and (culprit.inherited or not culprit.profile.critical)
        if member.doing is not None:
            self.out.cancel(member.guid)
        self.failing.give_up(member, f"cannot {what}: {gate.reason}")

    def attempt(self, member: Member, action: ResourceAction) -> None:
        """Perform an action unless the table, an abort or a release forbids it."""
        if action != RELEASE and (member.release_wanted or member.renewing or (self.aborted is not None and action != STOP)):
            return
        if action == STOP and member.state == READY and (member.doing == START or member.pause is not None):
            member.stop_wanted = True  # it is being started, or will be again after it failed, only to be stopped
            return
        if (member.state, action) not in ORDERED or member.doing == action or (member.given_up and action != RELEASE):
            return
        self._perform(member, action)

    def _perform(self, member: Member, action: ResourceAction) -> None:
        member.doing = action
        member.repeat = None
        member.pause = None
        member.performed = self._turn
        if member.gates is not None and action in member.gates:
            # It was ordered by hand before its conditions were met; they shall not order it once more.
            member.gates.pop(action).closed = True
        limit = member.profile.deadlines_s[action]
        if limit is not None:
            member.ordered_at = self.real
            self.real_timers.limit(limit, self.real, member, action, self._overdue)
        self.out.perform(action, member.guid)

    def _overdue(self, member: Member, action: ResourceAction, limit: float) -> None:
        reason = f"{action.name.lower()} was not done within {limit:g} s"
        self.out.cancel(member.guid)
        self.failing.failed(member, action, reason)

    def _waiting(self, event: ev.Waiting) -> None:
        member = self.members[event.guid]
        action = event.action
        if (
            member.state == RELEASED
            or (member.release_wanted and action != RELEASE)
            or (self.aborted is not None and action in (DEPLOY, START))
            or self._is_old_news(member, action)
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
        due = self.now + event.delay_s
        self.timers.at(due, lambda _at: self._repeat(member, action))

    def _is_old_news(self, member: Member, action: ResourceAction) -> bool:
        """Whether it was said by an attempt that is over: one that failed meanwhile, or before the order that is only now on its way."""
        return bool(member.renewing) or member.pause is not None or (member.doing == action and member.performed == self._turn)

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
        self.out.perform(ResourceAction(action), member.guid)

    # States.

    def _enter(self, member: Member, state: ResourceState) -> None:
        before = member.state
        if before == RELEASED or (member.renewing and state < FAILED):
            return  # the latter: it speaks of the candidate that failed
        member.state = int(state)
        member.entered[state] = self.now
        member.changed = self._turn
        if member.doing is not None and state >= _REACHED[member.doing]:  # type: ignore[index]  # doing is an action's number
            member.doing = None
            member.attempts = 0
        if member.pause is not None and state >= _REACHED[member.pause.action]:
            member.pause = None  # it got there by itself
        if state == FAILED:
            self.failing.has_failed(member)  # first, so that who waits for a resource that aborts the run is told of the abort
        if member.waiters or member.exit_waiters:
            self.gates.entered(member, self.now)
        if before < READY <= state and member.deploy_wanted:
            self._counted(member)
        if state == STARTED and (member.stop_wanted or (self.aborted is not None and self.stop_on_abort)):
            member.stop_wanted = False
            self.attempt(member, STOP)
        if member.repeaters:
            self._wake_repeaters(member)
        if state == RELEASED:
            self.releasing.has_released(member)

    def _counted(self, member: Member) -> None:
        group = self.groups[member.group]
        was_waited_for = member.guid in group.starters
        opens = group.lose(member.guid) if member.state in (FAILED, RELEASED) else group.ready(member.guid)
        if opens:
            for guid in group.take_starters():
                self._start_after_barrier(self.members[guid], group)
        elif not was_waited_for:
            self._start_after_barrier(member, group)
        elif group.is_out_of_reach:
            ready = f"only {group.total - group.lost} of {group.total} can become READY, and its quorum is {group.needed}"
            self.failing.abort(f"deployment group {member.group}: {ready}", member.guid)

    def spared(self, member: Member) -> bool:
        """Whether a member that fails is one of those whom its deployment group can do without."""
        group = self.groups.get(member.group)
        return group is not None and group.quorum is not None and member.entered[READY] is None

    def _start_after_barrier(self, member: Member, group: Group) -> None:
        if group.holds_back(member.guid):
            return
        group.starters.pop(member.guid, None)  # those who come later shall not start it once more
        if member.state in (READY, ResourceState.STOPPED) and not member.release_wanted:
            self.arm(member, START)

    def _wake_repeaters(self, member: Member) -> None:
        repeaters, member.repeaters = member.repeaters or {}, None
        for guid in repeaters:
            other = self.members[guid]
            if other.repeat is not None:
                self._repeat(other, other.repeat)

    def _name(self, guid: int) -> str:
        return self.label(guid)


def _is_ahead(member: Member, action: ResourceAction) -> bool:
    """Whether a member may still come to an action: nobody fails for a stop that is not needed any more."""
    return member.state < _REACHED[action] or (member.state, action) in ORDERED
