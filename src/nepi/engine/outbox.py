"""Gathers the instructions that one event causes; neighbours of the same kind become one group."""

from __future__ import annotations

from nepi.engine.events import Abort, Cancel, Change, Fail, GoOn, Instruction, LeaveBehind, Met, Missed, Perform, Renew, Reset, WatchTrace
from nepi.model.states import ResourceAction, ResourceState


class Outbox:
    """Instructions in the order in which they were decided."""

    def __init__(self) -> None:
        self._done: list[Instruction] = []
        self._action: ResourceAction | None = None
        self._guids: list[int] = []

    def perform(self, action: ResourceAction, guid: int) -> None:
        """Order an action of one resource."""
        if action is not self._action:
            self._close_group()
            self._action = action
        self._guids.append(guid)

    def cancel(self, guid: int) -> None:
        """Order that what is being done on a resource is given up."""
        self._add(Cancel(guid))

    def fail(self, guid: int, reason: str) -> None:
        """Order that a resource is marked FAILED."""
        self._add(Fail(guid, reason))

    def go_on(self, guid: int, why: str) -> None:
        """Tell that a failure does not abort the run."""
        self._add(GoOn(guid, why))

    def reset(self, guid: int, state: ResourceState, why: str) -> None:
        """Order that a resource goes back to the state before a failed attempt."""
        self._add(Reset(guid, state, why))

    def renew(self, guid: int, exclude: bool, why: str) -> None:
        """Order that a resource goes back to its beginning."""
        self._add(Renew(guid, exclude, why))

    def change(self, change: int, guid: int) -> None:
        """Order that attributes are set."""
        self._add(Change(change, guid))

    def leave_behind(self, guid: int, reason: str) -> None:
        """Order that a resource is marked RELEASED although it could not be given back."""
        self._add(LeaveBehind(guid, reason))

    def abort(self, reason: str, guid: int | None) -> None:
        """Tell that the run is aborted."""
        self._add(Abort(reason, guid))

    def met(self, watch: int) -> None:
        """Tell a waiter that it came true."""
        self._add(Met(watch))

    def missed(self, watch: int, reason: str) -> None:
        """Tell a waiter that it never will."""
        self._add(Missed(watch, reason))

    def watch_trace(self, guid: int, trace: str, pattern: str) -> None:
        """Order a look-out for a trace line."""
        self._add(WatchTrace(guid, trace, pattern))

    def take(self) -> list[Instruction]:
        """Return everything that was decided since the last call."""
        self._close_group()
        done, self._done = self._done, []
        return done

    def _add(self, instruction: Instruction) -> None:
        self._close_group()
        self._done.append(instruction)

    def _close_group(self) -> None:
        if self._action is not None:
            self._done.append(Perform(self._action, tuple(self._guids)))
            self._action = None
            self._guids = []
