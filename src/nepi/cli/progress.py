"""What a run is doing, counted as it goes: the numbers behind `nepi run`'s display. Cheap, for it is called on the run's own loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby, repeat
from typing import TYPE_CHECKING, Final

from nepi.engine import events as ev
from nepi.model.states import ResourceAction, ResourceState

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController

SHOWN: Final = 6
_DOING: Final = {
    ResourceAction.DEPLOY: "deploying",
    ResourceAction.START: "starting",
    ResourceAction.STOP: "stopping",
    ResourceAction.RELEASE: "giving back",
}


@dataclass(slots=True)
class Snapshot:
    """The state of a run at one instant.

    Attributes:
        elapsed_s: since the run began.
        counts: resources by state, states without any left out.
        doing: what is being carried out: word, names of the first few, how many in all.
        running: (name, seconds) of the first few that run and end by themselves.
        running_count: how many do.
        last: the last thing that happened, or "".
        failures: (name, reason).
        aborted: why, or "".
    """

    elapsed_s: float
    total: int
    counts: dict[ResourceState, int] = field(default_factory=dict)
    doing: list[tuple[str, list[str], int]] = field(default_factory=list)
    running: list[tuple[str, float]] = field(default_factory=list)
    running_count: int = 0
    last: str = ""
    failures: list[tuple[str, str]] = field(default_factory=list)
    aborted: str = ""


class Progress:
    """Follows one controller."""

    def __init__(self, ec: ExperimentController) -> None:
        self.ec = ec
        self.began = time.monotonic()
        self._lock = threading.Lock()
        self._states: dict[int, ResourceState] = {}
        self._counts = [0] * len(ResourceState)
        self._doing: dict[int, ResourceAction] = {}
        self._running: dict[int, float] = {}
        self._reasons: dict[int, str] = {}
        self._failures: dict[int, str] = {}
        self._last: tuple[float, ResourceState, ev.Guids] | None = None
        self._aborted = ""

    def name(self, guid: int) -> str:
        """Return the name of a resource."""
        return self.ec.registry.name_of(guid)

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """See one batch."""
        with self._lock:
            for event in events:
                match event:
                    case ev.Entered(state=state, guids=guids):
                        self._entered(now, zip(guids, repeat(state)))
                        self._last = (now, state, guids)
                    case ev.Announced(guids=guids, states=states):
                        self._entered(now, zip(guids, states, strict=True))
                        self._last = (now, states[-1], ev.entering(event, states[-1]))
                    case ev.Joined(guids=guids):
                        self._states |= dict.fromkeys(guids, ResourceState.NEW)
                        self._counts[ResourceState.NEW] += len(guids)
                    case ev.Resumed():
                        self._take_over(now)
                    case ev.Failed(guid=guid, reason=reason) | ev.Explained(guid=guid, reason=reason):
                        self._reasons[guid] = reason
                        self._doing.pop(guid, None)
                    case ev.Waiting(guid=guid):
                        self._doing.pop(guid, None)
            for decision in decisions:
                self._decided(decision)

    def _take_over(self, now: float) -> None:
        """The run was taken up from another controller, whose events nobody here has seen."""
        self.began = time.monotonic() - now
        for guid, member in self.ec.members.items():
            state = ResourceState(member.state)
            self._states[guid] = state
            self._counts[state] += 1
            manager = self.ec.get_resource(guid)
            if state == ResourceState.STARTED and manager is not None and not manager.service:
                self._running[guid] = member.entered[state] or now

    def _entered(self, now: float, entries: Iterable[tuple[int, ResourceState]]) -> None:
        states, counts, doing, running = self._states, self._counts, self._doing, self._running
        for guid, state in entries:
            counts[states.get(guid, ResourceState.NEW)] -= 1
            counts[state] += 1
            states[guid] = state
            doing.pop(guid, None)
            if state == ResourceState.STARTED:
                manager = self.ec.get_resource(guid)
                if manager is not None and not manager.service:
                    running[guid] = now
            elif state > ResourceState.STARTED:
                running.pop(guid, None)
                if state == ResourceState.FAILED:
                    self._failures[guid] = self._reasons.get(guid, "")

    def _decided(self, decision: ev.Instruction) -> None:
        match decision:
            case ev.Perform(action=action, guids=guids):
                self._doing |= dict.fromkeys(guids, action)
            case ev.Fail(guid=guid, reason=reason):
                self._reasons[guid] = reason
            case ev.LeaveBehind(guid=guid, reason=reason):
                self._failures[guid] = f"left behind: {reason}"
            case ev.Abort(reason=reason):
                self._aborted = reason

    def snapshot(self) -> Snapshot:
        """Return the present state; from any thread."""
        elapsed_s = time.monotonic() - self.began
        with self._lock:
            doing: dict[ResourceAction, list[int]] = {}
            for guid, action in self._doing.items():
                doing.setdefault(action, []).append(guid)
            return Snapshot(
                elapsed_s,
                len(self._states),
                {state: self._counts[state] for state in ResourceState if self._counts[state]},
                [(_DOING[action], [self.name(guid) for guid in guids[:SHOWN]], len(guids)) for action, guids in sorted(doing.items())],
                [(self.name(guid), elapsed_s - since) for guid, since in list(self._running.items())[:SHOWN]],
                len(self._running),
                self._last_text(),
                [(self.name(guid), reason) for guid, reason in self._failures.items()],
                self._aborted,
            )

    def _last_text(self) -> str:
        if self._last is None:
            return ""
        at, state, guids = self._last
        return f"{at:.2f} s  {state.name}  {shortened([self.name(guid) for guid in guids[:SHOWN]], len(guids))}"


def entered(event: ev.Event) -> list[tuple[ResourceState, ev.Guids]]:
    """Return the states that an event says were entered, with those who entered them, in order; one row a state when there are many."""
    match event:
        case ev.Entered(state=state, guids=guids):
            return [(state, guids)]
        case ev.Announced(guids=guids, states=states):
            pairs = zip(states, guids, strict=True)
            rows = [(state, tuple(guid for _, guid in group)) for state, group in groupby(pairs, key=lambda pair: pair[0])]
            return rows if len(rows) <= SHOWN else [(state, ev.entering(event, state)) for state in dict.fromkeys(states)]
    return []


def shortened(names: list[str], count: int) -> str:
    """Return the first few names, and how many more there are."""
    more = count - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
