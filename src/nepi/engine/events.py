"""What the engine is told (past participles) and what it orders (imperatives).

Both are plain data in groups, because a run of thousands of resources moves in groups: `Entered(READY, (1, 2, 3))` is three facts
in that order. `codec.py` turns them into journal records and back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nepi.model.conditions import Condition
from nepi.model.policies import Retry as Retry
from nepi.model.states import ResourceAction, ResourceState

Guids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """What resources of one kind have in common, as far as the engine is concerned.

    Attributes:
        critical: a failure aborts the run.
        retry: when a failed deploy, start or run is tried again; None for never.
        deadlines_s: seconds that DEPLOY, START, STOP, RELEASE may take, in that order; None for no limit.
        replacements: how many other candidates are tried when one has failed for good.
    """

    critical: bool = True
    retry: Retry | None = None
    deadlines_s: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None)
    replacements: int = 0


# Events.


@dataclass(frozen=True, slots=True)
class Joined:
    """Resources of one profile became part of the run."""

    profile: Profile
    guids: Guids


@dataclass(frozen=True, slots=True)
class Needed:
    """`dependents[i]` cannot be deployed before `providers[i]` is in `states[i]`, and is released before it."""

    dependents: Guids
    providers: Guids
    states: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ConditionAdded:
    """An action of a resource waits for a condition, together with those that it has already."""

    guid: int
    action: ResourceAction
    condition: Condition


@dataclass(frozen=True, slots=True)
class ConditionsDropped:
    """An action of a resource no longer waits for the named members (for nothing at all when `members` is None)."""

    guid: int
    action: ResourceAction
    members: Guids | None


@dataclass(frozen=True, slots=True)
class DeployAsked:
    """Resources were put into a deployment group; with `barrier`, none starts before all of the group are READY.

    Attributes:
        group: its number.
        guids: the resources.
        barrier: whether they wait for each other.
        quorum: which share of the group, in (0, 1], must be READY; None for all that have not failed.
    """

    group: int
    guids: Guids
    barrier: bool
    quorum: float | None = None


@dataclass(frozen=True, slots=True)
class SetAsked:
    """Attributes of a resource are to be set when a condition is met.

    Attributes:
        change: a number that no other change of the run has.
        guid: the resource.
        condition: what is waited for.
        values: by attribute, as JSON data; a credential's is None here.
    """

    change: int
    guid: int
    condition: Condition
    values: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class SetFailed:
    """Setting attributes of a resource failed, as a whole. `reason` is for people."""

    change: int
    guid: int
    reason: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """What was made on a failed candidate has been abandoned; the resource can be deployed anew."""

    guid: int


@dataclass(frozen=True, slots=True)
class ActionAsked:
    """Somebody orders an action now, conditions aside (they still hold for the other actions)."""

    action: ResourceAction
    guids: Guids


@dataclass(frozen=True, slots=True)
class Entered:
    """Resources announced a state, in this order."""

    state: ResourceState
    guids: Guids


@dataclass(frozen=True, slots=True)
class Announced:
    """Resources announced states in turn, `guids[i]` the state `states[i]`; one event instead of many short `Entered`."""

    guids: Guids
    states: tuple[ResourceState, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """An action raised; of START after STARTED was announced: it failed while it ran. `reason` is for people."""

    guid: int
    action: ResourceAction
    reason: str


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a resource that announces (or is about to announce) FAILED did so."""

    guid: int
    reason: str


@dataclass(frozen=True, slots=True)
class Exited:
    """A resource's process ended by itself."""

    guid: int
    status: int


@dataclass(frozen=True, slots=True)
class TraceSeen:
    """A watched trace matched its pattern, or (`matched` false) can no longer do so."""

    guid: int
    trace: str
    pattern: str
    matched: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A seed-style action came back undone: repeat it when one of `peers` changes state, at the latest after `delay_s`."""

    guid: int
    action: ResourceAction
    peers: Guids
    delay_s: float


@dataclass(frozen=True, slots=True)
class WatchAsked:
    """Somebody wants to know when a condition is met.

    Attributes:
        watch: a number that no other watch of the run has.
        condition: what is waited for.
        survives_abort: whether an abort leaves it waiting (waits for a release do).
    """

    watch: int
    condition: Condition
    survives_abort: bool = False


@dataclass(frozen=True, slots=True)
class WatchDropped:
    """Nobody waits for this watch any more."""

    watch: int


@dataclass(frozen=True, slots=True)
class ReleaseAsked:
    """Resources, and whatever needs them, are to be given back."""

    guids: Guids


@dataclass(frozen=True, slots=True)
class AbortAsked:
    """The user, or an error outside of any resource, ends the run early."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Another controller has taken the run up: what was in flight is ordered again, and what it could not take hold of has failed.

    Attributes:
        lost: resources that could not be taken up.
        reasons: why, one for each.
    """

    lost: Guids = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time went on; only `now` matters."""


Event = (
    Joined
    | Needed
    | ConditionAdded
    | ConditionsDropped
    | DeployAsked
    | SetAsked
    | SetFailed
    | Renewed
    | ActionAsked
    | Entered
    | Announced
    | Failed
    | Explained
    | Exited
    | TraceSeen
    | Waiting
    | WatchAsked
    | WatchDropped
    | ReleaseAsked
    | AbortAsked
    | Resumed
    | Ticked
)

# Instructions.


@dataclass(frozen=True, slots=True)
class Perform:
    """Carry out an action on these resources, in this order; they do not wait for each other."""

    action: ResourceAction
    guids: Guids


@dataclass(frozen=True, slots=True)
class Cancel:
    """Whatever is being done on this resource is not wanted any more."""

    guid: int


@dataclass(frozen=True, slots=True)
class Fail:
    """This resource has failed for good: mark it FAILED."""

    guid: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reset:
    """A failed action will be tried again: put the resource back into this state. `why` is for people."""

    guid: int
    state: ResourceState
    why: str = ""


@dataclass(frozen=True, slots=True)
class Renew:
    """Abandon what was made, go back to NEW, answer with `Renewed`; the resource is then deployed anew.

    Attributes:
        guid: the resource.
        exclude: whether its candidate has failed and must not be taken again.
        why: for people.
    """

    guid: int
    exclude: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class GoOn:
    """A resource has failed and the run goes on without it; nothing is to be done. `why` is for people."""

    guid: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Set the attributes of this change now."""

    change: int
    guid: int


@dataclass(frozen=True, slots=True)
class LeaveBehind:
    """Giving this resource back failed or took too long: mark it RELEASED, keep its ledger rows, say so."""

    guid: int
    reason: str


@dataclass(frozen=True, slots=True)
class Abort:
    """The run is aborted: nothing new is deployed or started."""

    reason: str
    guid: int | None


@dataclass(frozen=True, slots=True)
class Met:
    """What a watch waited for has come true."""

    watch: int


@dataclass(frozen=True, slots=True)
class Missed:
    """What a watch waited for cannot come true any more."""

    watch: int
    reason: str


@dataclass(frozen=True, slots=True)
class WatchTrace:
    """Look out for a line of a trace that matches, and answer with `TraceSeen`."""

    guid: int
    trace: str
    pattern: str


Instruction = Perform | Change | Cancel | Fail | GoOn | Reset | Renew | LeaveBehind | Abort | Met | Missed | WatchTrace


def entering(event: Event, state: ResourceState) -> Guids:
    """Return the resources that announce `state` in this event."""
    match event:
        case Entered(state=entered, guids=guids):
            return guids if entered == state else ()
        case Announced(guids=guids, states=states):
            return tuple(guid for guid, announced in zip(guids, states, strict=True) if announced == state)
        case _:
            return ()
