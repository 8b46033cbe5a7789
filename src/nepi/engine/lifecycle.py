"""The life-cycle of a resource, as one table. The picture in the docs is drawn from it.

A move is either ordered (an action takes the resource from one state to another) or announced (the resource manager says
that it happened by itself). What a resource manager announces is a fact even without a row here; it is then irregular,
and a replay of the journal names it. Actions are given only along rows. RELEASED is never left.
"""

from __future__ import annotations

from typing import Final

from nepi.model.states import ENDED, ResourceAction, ResourceState

NEW, DISCOVERED, PROVISIONED, READY, STARTED, STOPPED, FINISHED, FAILED, RELEASED = ResourceState
DEPLOY, START, STOP, RELEASE = ResourceAction

ORDERED: Final[dict[tuple[ResourceState, ResourceAction], ResourceState]] = {
    (NEW, DEPLOY): READY,
    (DISCOVERED, DEPLOY): READY,
    (PROVISIONED, DEPLOY): READY,
    (READY, START): STARTED,
    (STOPPED, START): STARTED,
    (STARTED, STOP): STOPPED,
    **{(state, RELEASE): RELEASED for state in ResourceState if state is not RELEASED},
}
"""(state, action) to the state that the action leads to. A pair without a row cannot be ordered."""

ANNOUNCED: Final[dict[ResourceState, frozenset[ResourceState]]] = {
    NEW: frozenset({DISCOVERED, PROVISIONED, READY, FAILED, RELEASED}),
    DISCOVERED: frozenset({PROVISIONED, READY, FAILED, RELEASED}),
    PROVISIONED: frozenset({READY, FAILED, RELEASED}),
    READY: frozenset({STARTED, STOPPED, FINISHED, FAILED, RELEASED}),
    STARTED: frozenset({STOPPED, FINISHED, FAILED, RELEASED}),
    STOPPED: frozenset({STARTED, FAILED, RELEASED}),
    FINISHED: frozenset({FAILED, RELEASED}),
    FAILED: frozenset({RELEASED}),
    RELEASED: frozenset(),
}
"""Each state to those that may be announced next."""

RETRIED: Final[dict[ResourceAction, ResourceState]] = {DEPLOY: NEW, START: READY}
"""The action that failed to the state from which its next attempt starts."""


def draw() -> str:
    """Return the table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", "    [*] --> NEW"]
    for (state, action), target in ORDERED.items():
        if action is not RELEASE:
            lines.append(f"    {state.name} --> {target.name}: {action.name.lower()}")
    for state, targets in ANNOUNCED.items():
        ordered = {target for (source, action), target in ORDERED.items() if source is state and action is not RELEASE}
        lines += [f"    {state.name} --> {target.name}" for target in sorted(targets - ordered) if target is not RELEASED]
    lines += [f"    {state.name} --> RELEASED: release" for state in ResourceState if state is not RELEASED]
    return "\n".join([*lines, "    RELEASED --> [*]"])


def is_over(state: int) -> bool:
    """Whether a resource in this state does nothing any more."""
    return state in ENDED
