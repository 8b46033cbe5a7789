"""Gates: conditions that count what they still wait for. See docs/design/engine.md.

A gate is open (still waiting), met (with the instant at which it came true) or impossible (with the reason). `Gates` builds
them from condition values and hangs their leaves on the members that they wait for; entering a state then touches exactly those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from nepi.engine.members import Member, append_living
from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within
from nepi.model.states import ENDED, ResourceAction, ResourceState
from nepi.plan.wording import condition_text

AT_LEAST: Final = 16
"""Added to a state to key the gates that the seed's order satisfies."""
ANY_END: Final = 32
"""Key of the gates that any of the four last states satisfies."""
_LAST: Final = int(ResourceState.RELEASED)

Tag = tuple[Member, ResourceAction]
"""The action that a gate holds back."""
_STARTED: Final = int(ResourceState.STARTED)


class Gate:
    """One condition that is being waited for.

    Attributes:
        missing: how many more parts must be met.
        spare: how many more parts may become impossible.
        met_at: when it came true; the latest of its parts' instants. None while it has not.
        owner: called with the gate once, when it is met or has become impossible.
        reason: why it is impossible, or "".
        culprit: the member that made it impossible, or 0.
        closed: nobody waits for it any more.
        tag: the action that it holds back, for gates of actions.
        parent: the gate that this one is a part of, or None.
    """

    __slots__ = ("closed", "culprit", "met_at", "missing", "owner", "parent", "reason", "spare", "tag", "times")

    def __init__(self, missing: int, spare: int, owner: Callable[[Gate], None], tag: Tag | None = None, parent: Gate | None = None) -> None:
        self.missing = missing
        self.spare = spare
        self.met_at: float | None = None
        self.owner = owner
        self.tag = tag
        self.parent = parent
        self.times: list[float] | None = [] if spare else None
        self.reason = ""
        self.culprit = 0
        self.closed = False

    @property
    def is_dead(self) -> bool:
        """Whether nobody waits for it any more, or for what it is a part of."""
        gate: Gate | None = self
        while gate is not None:
            if gate.closed:
                return True
            gate = gate.parent
        return False

    def part_met(self, at: float) -> None:
        """One part came true at the instant `at`, which may lie in the past."""
        if self.closed:
            return
        self.missing -= 1
        if self.times is None:
            if self.met_at is None or at > self.met_at:
                self.met_at = at
        else:
            self.times.append(at)
        if self.missing == 0:
            self.closed = True
            if self.times is not None:
                self.met_at = max(self.times)
            self.owner(self)

    def part_impossible(self, reason: str, culprit: int) -> None:
        """One part can never come true."""
        if self.closed:
            return
        if self.spare:
            self.spare -= 1
            return
        self.fail(reason, culprit)

    def fail(self, reason: str, culprit: int) -> None:
        """The whole gate can never come true."""
        if self.closed:
            return
        self.closed = True
        self.met_at = None
        self.reason = reason
        self.culprit = culprit
        self.owner(self)


class AtTime(Protocol):
    """Calls back at an instant."""

    def __call__(self, due: float, callback: Callable[[float], None], *, is_deadline: bool = False) -> None:
        """Call `callback(due)` then; a deadline only ends somebody's patience."""


class Gates:
    """Builds gates. What it needs from outside (time, timers, trace watches) comes in as arguments.

    Args:
        members: all members by guid.
        at_time: `at_time(due, callback, is_deadline=...)` calls back when the engine is told of an instant >= due.
        watch_trace: orders a look-out for a trace line.
        label: names a resource in reasons.
    """

    def __init__(
        self,
        members: dict[int, Member],
        at_time: AtTime,
        watch_trace: Callable[[int, str, str], None],
        label: Callable[[int], str],
    ) -> None:
        self._members = members
        self._at_time = at_time
        self._watch_trace = watch_trace
        self._label = label
        self._trace_leaves: dict[tuple[int, str, str], list[Gate]] = {}

    def build(self, conditions: list[Condition], owner: Callable[[Gate], None], now: float, parent: Gate | None = None) -> Gate:
        """Return a gate for all of `conditions`; `owner` may be called before this returns."""
        gate = Gate(max(len(conditions), 1), 0, owner, parent=parent)
        if not conditions:
            gate.part_met(now)
        for condition in conditions:
            self._attach(condition, gate, now)
        return gate

    def _attach(self, condition: Condition, parent: Gate, now: float) -> None:
        match condition:
            case Reached():
                self._attach_reached(condition, parent, now)
            case AllOf(parts=parts):
                self._attach_parts(parts, len(parts), parent, now)
            case AnyOf(parts=parts):
                self._attach_parts(parts, 1, parent, now)
            case After(part=part, delay_s=delay_s):
                self._attach_after(part, delay_s, parent, now)
            case Within(part=part, deadline_s=deadline_s):
                self._attach_within(part, deadline_s, parent, now)
            case Exited(guid=guid, status=status):
                self._attach_exited(guid, status, parent, now)
            case TraceMatched(guid=guid, trace=trace, pattern=pattern):
                self._attach_trace((guid, trace, pattern), parent)
            case _:
                raise TypeError(f"{condition!r} is no condition")

    def _attach_parts(self, parts: tuple[Condition, ...], count: int, parent: Gate, now: float) -> None:
        if not parts:
            parent.part_met(now)
            return
        # All parts are looked at before any is counted: of several that are true already, the earliest decide.
        inner = Gate(count, len(parts) - count, self._pass_on(parent), parent=parent)
        held: list[Gate] = []
        for part in parts:
            leaf = Gate(1, 0, lambda _leaf: None, parent=inner)
            self._attach(part, leaf, now)
            held.append(leaf)
        for leaf in sorted((one for one in held if one.closed and one.met_at is not None), key=_met_at):
            inner.part_met(_met_at(leaf))
        for leaf in held:
            if not leaf.closed:
                leaf.owner = self._pass_on(inner)
            elif leaf.met_at is None:
                inner.part_impossible(leaf.reason, leaf.culprit)

    def _pass_on(self, parent: Gate) -> Callable[[Gate], None]:
        def pass_on(gate: Gate) -> None:
            if gate.met_at is None:
                parent.part_impossible(gate.reason, gate.culprit)
            else:
                parent.part_met(gate.met_at)

        return pass_on

    def _attach_after(self, part: Condition, delay_s: float, parent: Gate, now: float) -> None:
        def met_or_not(gate: Gate) -> None:
            if gate.met_at is None:
                parent.part_impossible(gate.reason, gate.culprit)
                return
            due = gate.met_at + delay_s
            if due <= now:
                parent.part_met(due)
            else:
                self._at_time(due, lambda _at: parent.part_met(due))

        self._attach(part, Gate(1, 0, met_or_not, parent=parent), now)

    def _attach_within(self, part: Condition, deadline_s: float, parent: Gate, now: float) -> None:
        inner = Gate(1, 0, self._pass_on(parent), parent=parent)
        self._attach(part, inner, now)
        if not inner.closed:
            reason = f"its deadline of {deadline_s:g} s has passed, and {condition_text(part, self._label)} has not come true"
            self._at_time(now + deadline_s, lambda _at: inner.fail(reason, 0), is_deadline=True)

    def _attach_reached(self, condition: Reached, parent: Gate, now: float) -> None:
        count = len(condition.guids) if condition.count is None else condition.count
        if count == len(condition.guids) == 1:
            gate = parent
        else:
            gate = Gate(count, len(condition.guids) - count, self._pass_on(parent), parent=parent)
        waits: list[tuple[Member, int]] = []
        met: list[float] = []
        failed: list[tuple[str, int]] = []
        for guid in condition.guids:
            member = self._members[guid]
            at = reached_at(member, condition)
            if at is not None:
                met.append(at)
            elif condition.mode == "strict" and cannot_reach(member, condition.state):
                failed.append((self.never(member, condition.state), guid))
            else:
                waits.append((member, key_of(condition)))
        if count <= 0:
            parent.part_met(now)  # nothing is asked for
            return
        for at in sorted(met):
            gate.part_met(at)
        for reason, guid in failed:
            gate.part_impossible(reason, guid)
        if not gate.closed:
            for member, key in waits:
                member.wait(key, gate)

    def _attach_exited(self, guid: int, status: int, parent: Gate, now: float) -> None:
        member = self._members[guid]
        known = member.exit_status
        if known is not None and (known == status or member.state in ENDED or not member.may_run_again):
            self._settle_exit(member, status, parent, now)
        elif member.state in ENDED:
            parent.part_impossible(f"{self._label(guid)} ended without an exit status", guid)
        else:
            member.exit_waiters = [*(member.exit_waiters or ()), (status, parent)]

    def _settle_exit(self, member: Member, status: int, gate: Gate, at: float) -> None:
        if member.exit_status == status:
            gate.part_met(at)
        else:
            gate.part_impossible(f"{self._label(member.guid)} exited with status {member.exit_status}, not {status}", member.guid)

    def exited(self, member: Member, now: float) -> None:
        """Settle the gates that wait for this member's exit status; who waits for another one waits on while it may be started again."""
        waiters, member.exit_waiters = member.exit_waiters or [], None
        for status, gate in waiters:
            if status != member.exit_status and member.may_run_again:
                member.exit_waiters = [*(member.exit_waiters or ()), (status, gate)]
            else:
                self._settle_exit(member, status, gate, now)

    def _attach_trace(self, key: tuple[int, str, str], parent: Gate) -> None:
        leaves = self._trace_leaves.get(key)
        if leaves is None:
            leaves = self._trace_leaves[key] = []
            self._watch_trace(*key)
        append_living(leaves, parent)

    @property
    def watched_traces(self) -> list[tuple[int, str, str]]:
        """The (guid, trace, pattern) that are being looked out for."""
        return list(self._trace_leaves)

    def trace_seen(self, key: tuple[int, str, str], matched: bool, now: float) -> None:
        """Settle the gates that wait for a trace."""
        for gate in self._trace_leaves.pop(key, []):
            if matched:
                gate.part_met(now)
            else:
                guid, trace, pattern = key
                gate.part_impossible(f"{self._label(guid)} ended and its trace {trace!r} never matched {pattern!r}", guid)

    def entered(self, member: Member, now: float) -> None:
        """Open the gates that waited for the state which `member` has just entered; fail those that waited for another end."""
        state = member.state
        ended = state in ENDED
        for key in member.waited_for():
            if key == state or key < state <= _STARTED or AT_LEAST <= key <= AT_LEAST + state or (ended and key == ANY_END):
                for gate in member.stop_waiting(key):
                    gate.part_met(now)
            elif ended and key < _LAST:
                reason = self.never(member, key)
                for gate in member.stop_waiting(key):
                    gate.part_impossible(reason, member.guid)
        if not ended:
            return
        waiters, member.exit_waiters = member.exit_waiters or [], None
        for status, gate in waiters:
            if member.exit_status is None:
                gate.part_impossible(f"{self._label(member.guid)} ended without an exit status", member.guid)
            else:
                self._settle_exit(member, status, gate, now)

    def never(self, member: Member, state: int) -> str:
        """Say why `member` cannot reach `state` any more."""
        why = f" ({member.reason})" if member.reason else ""
        return f"{self._label(member.guid)} is {ResourceState(member.state).name}{why} and did not get {ResourceState(state).name} before"


def key_of(condition: Reached) -> int:
    """Return the key under which a leaf of this condition hangs on a member."""
    if condition.mode == "strict":
        return int(condition.state)
    return ANY_END if condition.mode == "ended" else AT_LEAST + condition.state


def cannot_reach(member: Member, state: int) -> bool:
    """Whether a strict condition on `state` can never be met by this member (DESIGN §8's table)."""
    return member.state in ENDED and state != _LAST


def entered_strictly(member: Member, state: int) -> float | None:
    """Return when a member was in `state`, or None: a resource that is STARTED is READY too, even when it never said so."""
    at = member.entered[state]
    if at is None and state < _STARTED and member.state > state:
        at = min((later for later in member.entered[state + 1 : _STARTED + 1] if later is not None), default=None)
    return at


def reached_at(member: Member, condition: Reached) -> float | None:
    """Return when the member satisfied the condition, or None."""
    entered = member.entered
    if condition.mode == "strict":
        return entered_strictly(member, condition.state)
    if condition.mode == "ended":
        times = [entered[state] for state in sorted(ENDED)]
        return min((at for at in times if at is not None), default=None)
    if member.state < condition.state:
        return None
    exact = entered[condition.state]
    if exact is not None:
        return exact
    later = [at for at in entered[condition.state :] if at is not None]
    return min(later, default=0.0)


def _met_at(gate: Gate) -> float:
    assert gate.met_at is not None
    return gate.met_at
