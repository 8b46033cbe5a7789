"""Drives an engine by hand: short calls for events, the answers in the order in which they were decided."""

from __future__ import annotations

from typing import Any

from nepi.engine import events as ev
from nepi.engine.codec import event_record, instruction_record
from nepi.engine.core import Engine
from nepi.engine.events import (
    Abort,
    Cancel,
    Change,
    Fail,
    GoOn,
    LeaveBehind,
    Met,
    Missed,
    Perform,
    Profile,
    Renew,
    Reset,
    Retry,
    WatchTrace,
)
from nepi.engine.replay import Replay, replay
from nepi.model.conditions import Condition, Exited, Reached, TraceMatched
from nepi.model.states import ResourceAction, ResourceState

NEW, DISCOVERED, PROVISIONED, READY, STARTED, STOPPED, FINISHED, FAILED, RELEASED = ResourceState
DEPLOY, START, STOP, RELEASE = ResourceAction
CRITICAL = Profile()
TOLERANT = Profile(critical=False)

__all__ = [
    "CRITICAL",
    "DEPLOY",
    "DISCOVERED",
    "FAILED",
    "FINISHED",
    "NEW",
    "PROVISIONED",
    "READY",
    "RELEASE",
    "RELEASED",
    "START",
    "STARTED",
    "STOP",
    "STOPPED",
    "TOLERANT",
    "Abort",
    "Cancel",
    "Change",
    "Drive",
    "Fail",
    "GoOn",
    "LeaveBehind",
    "Met",
    "Missed",
    "Perform",
    "Profile",
    "Renew",
    "Reset",
    "Retry",
    "WatchTrace",
    "at_least",
    "ended",
    "exited",
    "strict",
    "trace_line",
]


def strict(guid: int, state: ResourceState) -> Condition:
    return Reached((guid,), state)


def at_least(state: ResourceState, *guids: int) -> Condition:
    return Reached(guids, state, "at_least")


def ended(*guids: int) -> Condition:
    return Reached(guids, STOPPED, "ended")


def exited(guid: int, status: int = 0) -> Condition:
    return Exited(guid, status)


def trace_line(guid: int, pattern: str = "ready", trace: str = "stdout") -> Condition:
    return TraceMatched(guid, trace, pattern)


class Drive:
    """An engine, the time, and a journal of all that was said."""

    def __init__(self, *, stop_on_abort: bool = False) -> None:
        self.engine = Engine(stop_on_abort=stop_on_abort)
        self.now = 0.0
        self.lines: list[dict[str, Any]] = []
        self._stop_on_abort = stop_on_abort
        self.notes: list[ev.GoOn] = []

    def tell(self, event: ev.Event) -> list[ev.Instruction]:
        decided = self.engine.handle(event, now=self.now)
        self.lines.append(
            {"n": len(self.lines), "t": self.now, "ev": [event_record(event)], "do": [instruction_record(one) for one in decided]}
        )
        self.notes += [one for one in decided if isinstance(one, GoOn)]  # nothing is done about them; most tests do not look
        return [one for one in decided if not isinstance(one, GoOn)]

    def replayed(self) -> Replay:
        return replay(self.lines, stop_on_abort=self._stop_on_abort)

    def join(self, *guids: int, profile: Profile = CRITICAL) -> None:
        assert self.tell(ev.Joined(profile, guids)) == []

    def need(self, dependent: int, provider: int, state: ResourceState = READY) -> list[ev.Instruction]:
        return self.tell(ev.Needed((dependent,), (provider,), (state,)))

    def when(self, guid: int, action: ResourceAction, condition: Condition) -> list[ev.Instruction]:
        return self.tell(ev.ConditionAdded(guid, action, condition))

    def drop(self, guid: int, action: ResourceAction, *members: int) -> list[ev.Instruction]:
        return self.tell(ev.ConditionsDropped(guid, action, members or None))

    def deploy(self, *guids: int, group: int = 1, barrier: bool = True) -> list[ev.Instruction]:
        return self.tell(ev.DeployAsked(group, guids, barrier))

    def order(self, action: ResourceAction, *guids: int) -> list[ev.Instruction]:
        return self.tell(ev.ActionAsked(action, guids))

    def enter(self, state: ResourceState, *guids: int) -> list[ev.Instruction]:
        return self.tell(ev.Entered(state, guids))

    def fail(self, guid: int, action: ResourceAction, reason: str = "broken") -> list[ev.Instruction]:
        return self.tell(ev.Failed(guid, action, reason))

    def exit(self, guid: int, status: int = 0) -> list[ev.Instruction]:
        return self.tell(ev.Exited(guid, status))

    def wait(self, watch: int, condition: Condition, *, survives_abort: bool = False) -> list[ev.Instruction]:
        return self.tell(ev.WatchAsked(watch, condition, survives_abort))

    def release(self, *guids: int) -> list[ev.Instruction]:
        return self.tell(ev.ReleaseAsked(guids))

    def abort(self, reason: str = "enough") -> list[ev.Instruction]:
        return self.tell(ev.AbortAsked(reason))

    def waiting(self, guid: int, action: ResourceAction, *peers: int, delay_s: float = 1.0) -> list[ev.Instruction]:
        return self.tell(ev.Waiting(guid, action, peers, delay_s))

    def line(self, guid: int, matched: bool = True, pattern: str = "ready") -> list[ev.Instruction]:
        return self.tell(ev.TraceSeen(guid, "stdout", pattern, matched))

    def at(self, now: float) -> list[ev.Instruction]:
        """Let it be `now`, and nothing else."""
        self.now = now
        return self.tell(ev.Ticked())

    def started(self, *guids: int, group: int = 1) -> None:
        """Deploy resources by themselves, through READY, to STARTED."""
        self.deploy(*guids, group=group)
        self.enter(READY, *guids)
        self.enter(STARTED, *guids)

    def put(self, guid: int, state: ResourceState) -> None:
        """Bring a resource to a state by announcing it, whatever was before."""
        if state is not NEW:
            self.enter(state, guid)
