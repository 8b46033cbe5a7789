"""A scripted world around an engine: it answers what is ordered in any order, or not, and checks every order that it gets.

The rules here are written anew from the design, as an oracle; they share no code with gates, groups or core.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from nepi.engine import events as ev
from nepi.engine.codec import event_record, instruction_record
from nepi.engine.core import Engine
from nepi.engine.replay import replay
from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within
from nepi.model.states import ENDED, ResourceAction, ResourceState

NEW, DISCOVERED, PROVISIONED, READY, STARTED, STOPPED, FINISHED, FAILED, RELEASED = ResourceState
DEPLOY, START, STOP, RELEASE = ResourceAction
TARGET = {DEPLOY: READY, START: STARTED, STOP: STOPPED, RELEASE: RELEASED}
FROM = {DEPLOY: (NEW, DISCOVERED, PROVISIONED), START: (READY, STOPPED), STOP: (STARTED,), RELEASE: tuple(ResourceState)[:-1]}
RELEASE_LIMIT_S = 4.0
MOST_STEPS = 2000


class World:
    """What surrounds the engine: resources, a clock, users.

    Args:
        chance: makes every choice.
        stop_on_abort: the policy of the run.
    """

    def __init__(self, chance: Random, *, stop_on_abort: bool = False) -> None:
        self.engine = Engine(stop_on_abort=stop_on_abort)
        self.chance = chance
        self.now = self.real = 0.0
        self.apart = chance.random() < 0.3  # whether the run's clock is a simulation's, so that either may stand still
        self.ordered: dict[int, float] = {}
        self.lines: list[dict[str, Any]] = []
        self.stop_on_abort = stop_on_abort
        self.history: dict[int, list[tuple[float, ResourceState]]] = {}
        self.state: dict[int, ResourceState] = {}
        self.in_flight: dict[int, ResourceAction] = {}
        self.cancelled: dict[int, ResourceAction] = {}
        self.repeating: set[tuple[int, ResourceAction]] = set()
        self.by_hand: set[tuple[int, ResourceAction]] = set()
        self.attempted: set[tuple[int, ResourceAction]] = set()
        self.answered: set[int] = set()
        self.needs: dict[int, list[tuple[int, ResourceState]]] = {}
        self.conditions: dict[tuple[int, ResourceAction], list[Condition]] = {}
        self.exits: dict[tuple[int, int], float] = {}
        self.seen: dict[tuple[int, str], float] = {}
        self.looked_for: list[tuple[int, str]] = []
        self.releasing: set[int] = set()
        self.aborted = False
        self.watches: dict[int, tuple[Condition, bool]] = {}
        self.inbox: list[ev.Event] = []
        self.left_behind: set[int] = set()
        self.profiles: dict[int, ev.Profile] = {}
        self.not_before: dict[tuple[int, ResourceAction], float] = {}
        self.failed_runs: dict[int, int] = {}
        self.replaced: dict[int, int] = {}
        self.renewing: set[int] = set()
        self.anew: dict[int, int] = {}
        self.changes: dict[int, tuple[int, Condition]] = {}

    # Telling.

    def tell(self, *events: ev.Event) -> None:
        """Let the engine handle events as one batch, and check and carry out what it decides."""
        for event in events:
            self._note(event)
        decided = self.engine.handle_all(events, now=self.now, real=self.real)
        self.lines.append(
            {
                "n": len(self.lines),
                "t": self.now,
                "r": self.real,
                "ev": [event_record(event) for event in events],
                "do": [instruction_record(one) for one in decided],
            }
        )
        for instruction in decided:
            self._carry_out(instruction)
        # A new attempt may have been ordered at the same instant, before the old one said that it waits.
        self.repeating.update((event.guid, event.action) for event in events if isinstance(event, ev.Waiting))

    def _note(self, event: ev.Event) -> None:
        match event:
            case ev.Joined(guids=guids, profile=profile):
                for guid in guids:
                    self.profiles[guid] = profile
                    self.state[guid] = NEW
                    self.history[guid] = [(self.now, NEW)]
            case ev.Needed(dependents=dependents, providers=providers, states=states):
                for dependent, provider, state in zip(dependents, providers, states, strict=True):
                    self.needs.setdefault(dependent, []).append((provider, ResourceState(state)))
                    if provider in self.releasing and self.state[provider] is not RELEASED:
                        self._mark_releasing([dependent])
            case ev.ConditionAdded(guid=guid, action=action, condition=condition):
                self.conditions.setdefault((guid, action), []).append(condition)
            case ev.ConditionsDropped(guid=guid, action=action):
                self.conditions[guid, action] = []  # what is left of them may be waited for, but need not be
            case ev.ActionAsked(action=action, guids=guids):
                self.by_hand.update((guid, action) for guid in guids)
                for guid in guids:
                    self.not_before.pop((guid, action), None)
            case ev.SetAsked(change=change, guid=guid, condition=condition):
                self.changes[change] = (guid, condition)
            case ev.Renewed(guid=guid):
                self.renewing.discard(guid)
            case ev.Entered(state=state, guids=guids):
                for guid in guids:
                    self._entered(guid, state)
            case ev.Failed(guid=guid, action=action):
                if self.in_flight.get(guid) == action:
                    del self.in_flight[guid]
            case ev.Exited(guid=guid, status=status):
                self.exits.setdefault((guid, status), self.now)
            case ev.TraceSeen(guid=guid, pattern=pattern, matched=True):
                self.seen[guid, pattern] = self.now
            case ev.Waiting(guid=guid, action=action):
                self.repeating.add((guid, action))
            case ev.WatchAsked(watch=watch, condition=condition, survives_abort=survives):
                self.watches[watch] = (condition, survives)
            case ev.WatchDropped(watch=watch):
                self.watches.pop(watch, None)
            case ev.ReleaseAsked(guids=guids):
                self._mark_releasing(guids)
            case _:
                pass

    def _entered(self, guid: int, state: ResourceState) -> None:
        if self.state[guid] is RELEASED or (guid in self.renewing and state < FAILED):
            return
        self.renewing.discard(guid)
        self.state[guid] = state
        self.history[guid].append((self.now, state))
        action = self.in_flight.get(guid)
        if action is not None and state >= TARGET[action]:
            del self.in_flight[guid]
        if state is RELEASED:
            self.releasing.add(guid)

    def _mark_releasing(self, guids: Iterable[int]) -> None:
        todo = list(guids)
        while todo:
            guid = todo.pop()
            if guid in self.releasing:
                continue
            self.releasing.add(guid)
            self.renewing.discard(guid)
            todo += self.dependents(guid)

    def dependents(self, guid: int) -> list[int]:
        return [one for one, needs in self.needs.items() if any(provider == guid for provider, _ in needs)]

    # Carrying out, and checking.

    def _carry_out(self, instruction: ev.Instruction) -> None:
        match instruction:
            case ev.Perform(action=action, guids=guids):
                assert guids, "an order of nothing"
                for guid in guids:
                    self._check_perform(guid, action)
                    # What has moved on in the same batch does so without the order.
                    if self.state[guid] in FROM[action] and not (action is START and (self.now, STOPPED) in self.history[guid]):
                        self.in_flight[guid] = action
                    if (guid, action) not in self.repeating:
                        self.ordered[guid] = self.real
                    self.repeating.discard((guid, action))
                    self.answered.discard(guid)
            case ev.Cancel(guid=guid):
                if guid in self.in_flight:
                    self.cancelled[guid] = self.in_flight.pop(guid)
            case ev.Fail(guid=guid, reason=reason):
                self._check_patience(guid, reason)
                self.renewing.discard(guid)
                self.inbox.append(ev.Entered(FAILED, (guid,)))
            case ev.Reset(guid=guid, state=state):
                self._check_reset(guid, state)
                if self.state[guid] < FAILED:  # else it has failed for good in the same batch, as the dispatcher sees
                    self.state[guid] = state
            case ev.Renew(guid=guid, exclude=exclude):
                self._check_renew(guid, exclude)
            case ev.Change(change=change, guid=guid):
                told, condition = self.changes.pop(change)
                assert told == guid
                assert not self.aborted, f"change of {guid} after the abort"
                assert guid not in self.releasing or self._asked_in_this_batch(guid), f"change of {guid}, which is being given back"
                true_at = self.earliest(condition)
                assert true_at is not None, f"change of {guid} before {condition}"
                assert true_at <= self.now
            case ev.GoOn(guid=guid):
                assert not self.aborted
                assert guid not in self.releasing or self._asked_in_this_batch(guid)
            case ev.LeaveBehind(guid=guid, reason=reason):
                self._check_patience(guid, reason)
                assert guid in self.releasing
                assert guid not in self.left_behind
                self.left_behind.add(guid)
                self.inbox.append(ev.Entered(RELEASED, (guid,)))
            case ev.Abort():
                assert not self.aborted, "aborted twice"
                self.aborted = True
            case ev.Met(watch=watch):
                condition, _ = self.watches.pop(watch)
                true_at = self.earliest(condition)
                assert true_at is not None, f"{condition} was told to be met"
                assert true_at <= self.now
            case ev.Missed(watch=watch):
                self.watches.pop(watch)
            case ev.WatchTrace(guid=guid, pattern=pattern):
                self.looked_for.append((guid, pattern))

    def _check_patience(self, guid: int, reason: str) -> None:
        """Check that what was not done in time had its time, in reality, however far the run's clock has come."""
        name, _, _ = reason.partition(" was not done within ")
        if name.upper() in ResourceAction.__members__:
            limit = self.profiles[guid].deadlines_s[ResourceAction[name.upper()]]
            assert limit is not None, f"{name} of {guid} has no deadline"
            assert self.real >= self.ordered[guid] + limit - 1e-9, f"{name} of {guid} had {self.real - self.ordered[guid]:g} s of {limit:g}"

    def _check_reset(self, guid: int, state: ResourceState) -> None:
        retry = self.profiles[guid].retry
        assert retry is not None, f"{guid} is tried again without a policy"
        assert not self.aborted, f"{guid} is tried again after the abort"
        action = DEPLOY if state is NEW else START
        if self.state[guid] is STARTED and action is START:
            self.failed_runs[guid] = self.failed_runs.get(guid, 0) + 1
            assert retry.runs, f"{guid} is started again without such a policy"
            assert self.failed_runs[guid] < retry.attempts, f"{guid} is started again too often"
        self.attempted.add((guid, action))  # what is tried again has met its conditions, or was done without being ordered
        self.in_flight.pop(guid, None)
        shortest = retry.delay_s * (1 - retry.jitter)
        self.not_before[guid, action] = self.now + min(shortest, retry.longest_s if retry.longest_s is not None else shortest)

    def _check_renew(self, guid: int, exclude: bool) -> None:
        assert not self.aborted, f"{guid} is replaced after the abort"
        assert guid not in self.renewing, f"{guid} is replaced while it is being replaced"
        if exclude:
            self.replaced[guid] = self.replaced.get(guid, 0) + 1
            assert self.replaced[guid] <= self.profiles[guid].replacements, f"{guid} is replaced too often"
        if self.state[guid] < FAILED:
            self.state[guid] = NEW
        self.in_flight.pop(guid, None)
        self.renewing.add(guid)
        self.anew[guid] = len(self.history[guid])
        self.attempted.discard((guid, DEPLOY))
        self.repeating -= {(guid, action) for action in ResourceAction}
        self.not_before = {key: at for key, at in self.not_before.items() if key[0] != guid}

    def _check_perform(self, guid: int, action: ResourceAction) -> None:
        what, repeated = f"{action.name} of {guid}", (guid, action) in self.repeating
        assert RELEASED not in [state for _, state in self.history[guid][:-1]]
        if self.aborted:
            assert action in (STOP, RELEASE), f"{what} after the abort"
            if action is STOP and self.stop_on_abort:
                return
        if action is RELEASE:
            assert guid in self.releasing, f"{what} that nobody asked for"
            left = [] if repeated else [one for one in self.dependents(guid) if self.state[one] is not RELEASED]
            assert not left, f"{what} before {left}"
        else:
            # Orders of a batch were decided before its later events: in a batch that asks for a release, it may come first.
            assert guid not in self.releasing or self._asked_in_this_batch(guid), f"{what} after its release was asked for"
        if repeated:
            return
        if action in (DEPLOY, START):
            assert guid not in self.renewing, f"{what} while its failed candidate is being abandoned"
            due = self.not_before.pop((guid, action), None)
            assert due is None or self.now >= due - 1e-9, f"{what} at {self.now}, its next attempt is due at {due}"
        assert self.in_flight.get(guid) is not action, f"{what} while it is in flight"
        if (guid, action) in self.by_hand | self.attempted:
            return  # what is tried again has met its conditions already
        self.attempted.add((guid, action))
        if action is DEPLOY:
            for provider, state in self.needs.get(guid, []):
                assert self._has_been(provider, state), f"{what} before {provider} was {state.name}"
        for condition in self.conditions.get((guid, action), []):
            true_at = self.earliest(condition)
            assert true_at is not None, f"{what} before {condition}"
            assert true_at <= self.now, f"{what} at {self.now}, its condition is true at {true_at}"

    def _asked_in_this_batch(self, guid: int) -> bool:
        return any(record[0] in ("release_asked", "needed") or record[:2] == ["entered", "RELEASED"] for record in self.lines[-1]["ev"])

    # The oracle.

    def earliest(self, condition: Condition) -> float | None:
        """Return the earliest instant at which the condition can be true, or None while it is not."""
        match condition:
            case Reached(guids=guids, state=state, mode=mode, count=count):
                times = [at for guid in guids if (at := self._reached(guid, state, mode)) is not None]
                return _nth(times, len(guids) if count is None else count)
            case Exited(guid=guid, status=status):
                return self.exits.get((guid, status))
            case TraceMatched(guid=guid, pattern=pattern):
                return self.seen.get((guid, pattern))
            case AllOf(parts=parts):
                return _nth([at for part in parts if (at := self.earliest(part)) is not None], len(parts))
            case AnyOf(parts=parts):
                return _nth([at for part in parts if (at := self.earliest(part)) is not None], min(1, len(parts)))
            case After(part=part, delay_s=delay_s):
                at_part = self.earliest(part)
                return None if at_part is None else at_part + delay_s
            case Within(part=part):
                return self.earliest(part)
        raise AssertionError(condition)

    def _has_been(self, guid: int, state: ResourceState) -> bool:
        """Whether a provider got to a state, on its present candidate."""
        return any(entered == state or state < entered <= STARTED for _, entered in self.history[guid][self.anew.get(guid, 0) :])

    def _reached(self, guid: int, state: int, mode: str) -> float | None:
        for at, entered in self.history[guid]:
            if mode == "strict":
                through = entered == state or state < entered <= STARTED
            elif mode == "ended":
                through = entered in ENDED
            else:
                through = entered >= state
            if through:
                return at
        return None

    # Living.

    def deliver(self) -> None:
        """Tell what waits in the inbox, some of it in one batch."""
        while self.inbox:
            size = self.chance.randint(1, 3)
            batch, self.inbox = self.inbox[:size], self.inbox[size:]
            self.tell(*batch)

    def pass_time(self, seconds: float | None = None) -> None:
        """Let time go on: by `seconds`, or to the next instant that the engine wants to see."""
        due, limit = self.engine.next_deadline, self.engine.next_limit
        if not self.apart:
            first = min((one for one in (due, limit) if one is not None), default=None)
            self.now = self.real = _later(self.now, first, seconds)
        elif due is None or (limit is not None and self.chance.random() < 0.5):
            self.real = _later(self.real, limit, seconds)
        else:
            self.now = _later(self.now, due, seconds)
        self.tell(ev.Ticked())

    @property
    def is_due(self) -> bool:
        """Whether anything will happen if only time goes on."""
        return self.engine.next_deadline is not None or self.engine.next_limit is not None

    def answer(self, guid: int, *, faults: bool = True) -> None:
        """Let one action that is in flight come back, or say something on its way."""
        if guid in self.answered:
            return
        action = self.in_flight[guid]
        how = self.chance.choice(("done", "done", "done", "raise", "step", "wait", "fail", "end", "twice") if faults else ("done",))
        target = TARGET[action]
        if how != "step":
            self.answered.add(guid)
        match how:
            case "raise":
                self.inbox.append(ev.Failed(guid, action, "broken"))
            case "step" if action is DEPLOY:
                self.inbox.append(ev.Entered(self.chance.choice((DISCOVERED, PROVISIONED)), (guid,)))
            case "wait":
                peers = tuple(self.chance.sample(sorted(self.state), self.chance.randint(0, min(3, len(self.state)))))
                self.inbox.append(ev.Waiting(guid, action, peers, self.chance.choice((0.5, 1.0))))
            case "fail" if action is not RELEASE:
                self.inbox.append(ev.Entered(FAILED, (guid,)))
            case "end" if action is not RELEASE:
                self.inbox.append(ev.Entered(self.chance.choice((STOPPED, FINISHED)), (guid,)))
            case "twice":
                self.inbox += [ev.Entered(target, (guid,)), ev.Failed(guid, action, "and then it broke")]
            case _:
                self.inbox.append(ev.Entered(target, (guid,)))

    def crash(self, guid: int) -> None:
        """Let what runs fail by itself."""
        self.inbox.append(ev.Failed(guid, START, "it crashed"))

    def abandon(self, guid: int) -> None:
        """Let what was made on a failed candidate be abandoned."""
        self.inbox.append(ev.Renewed(guid))

    def come_back_late(self, guid: int) -> None:
        """Let a cancelled action announce what it has done all the same."""
        action = self.cancelled.pop(guid)
        if action is not RELEASE:
            self.inbox.append(ev.Entered(self.chance.choice((TARGET[action], FAILED)), (guid,)))

    def wind_up(self) -> None:
        """Release everything, answering some releases, failing some, and letting others hang until their deadline."""
        self.tell(ev.ReleaseAsked(tuple(self.state)))
        hanging: set[int] = set()
        for _ in range(MOST_STEPS):
            self.deliver()
            if all(state is RELEASED for state in self.state.values()):
                break
            for guid in [one for one in sorted(self.in_flight) if one not in hanging]:
                if self.chance.random() < 0.15:
                    hanging.add(guid)
                else:
                    self.answer(guid)
            if not self.inbox:
                assert self.is_due, f"nothing will ever happen: {self.state}"
                self.pass_time()
        assert set(self.state.values()) <= {RELEASED}, f"not released: {self.state}"
        assert {guid: one.state for guid, one in self.engine.members.items()} == dict.fromkeys(self.state, RELEASED)
        assert self.in_flight == {}

    def check_replay(self) -> None:
        """Check that the journal gives the same decisions again."""
        assert replay(self.lines, stop_on_abort=self.stop_on_abort).differences == []


def _later(instant: float, due: float | None, seconds: float | None) -> float:
    return max(instant, due) if seconds is None and due is not None else instant + (seconds or 0.0)


def _nth(times: list[float], count: int) -> float | None:
    if count <= 0:
        return 0.0
    return sorted(times)[count - 1] if len(times) >= count else None
