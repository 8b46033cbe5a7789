"""Conditions as values: `server.started + "2s"`, `a.finished & b.finished`, `quorum(0.95, nodes, "READY")`.

What they mean over time is the engine's business (`engine/gates.py`); here they are only written down, composed and turned into JSON.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import index
from typing import Any, Literal, SupportsIndex

from nepi.errors import BadValueError
from nepi.model.states import ResourceAction, ResourceState
from nepi.units import duration_s

Mode = Literal["strict", "at_least", "ended"]
"""How `Reached` compares: strict is DESIGN §8's table, at_least the seed's order, ended any of the four last states."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that becomes true during a run, once and for good, or turns out to be impossible."""

    def __and__(self, other: Condition) -> Condition:
        return AllOf((*_parts(self, AllOf), *_parts(other, AllOf)))

    def __or__(self, other: Condition) -> Condition:
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))

    def __add__(self, delay: str | float) -> Condition:
        return After(self, duration_s(delay))

    def within(self, deadline: str | float) -> Condition:
        """Return the same condition, impossible when it has not become true after `deadline`."""
        return Within(self, duration_s(deadline))


@dataclass(frozen=True, slots=True)
class Reached(Condition):
    """`count` of the resources reached a state (all of them when count is None)."""

    guids: tuple[int, ...]
    state: int
    mode: Mode = "strict"
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Exited(Condition):
    """The resource's process ended by itself with this exit status."""

    guid: int
    status: int


@dataclass(frozen=True, slots=True)
class TraceMatched(Condition):
    """A line of a trace matches a regular expression."""

    guid: int
    trace: str
    pattern: str


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    """Every part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one part is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class After(Condition):
    """`delay_s` seconds have gone since the part became true."""

    part: Condition
    delay_s: float


@dataclass(frozen=True, slots=True)
class Within(Condition):
    """The part became true within `deadline_s` seconds of being asked for."""

    part: Condition
    deadline_s: float


def _parts(condition: Condition, kind: type[AllOf] | type[AnyOf]) -> tuple[Condition, ...]:
    as_condition(condition)
    return condition.parts if isinstance(condition, kind) else (condition,)


def state_named(state: str | int) -> ResourceState:
    """Return a state given by its name (any case) or its number.

    Raises:
        BadValueError: there is no such state.
    """
    try:
        return ResourceState[state.upper()] if isinstance(state, str) else ResourceState(state)
    except (KeyError, ValueError):
        raise BadValueError(f"there is no state {state!r}; the states are {', '.join(s.name for s in ResourceState)}") from None


def action_named(action: str | int) -> ResourceAction:
    """Return an action given by its name (any case) or its number.

    Raises:
        BadValueError: there is no such action.
    """
    try:
        return ResourceAction[action.upper()] if isinstance(action, str) else ResourceAction(action)
    except (KeyError, ValueError):
        raise BadValueError(f"there is no action {action!r}; the actions are {', '.join(a.name for a in ResourceAction)}") from None


def as_condition(value: object) -> Condition:
    """Return `value`, which must be a condition.

    Raises:
        BadValueError: it is none.
    """
    if not isinstance(value, Condition):
        raise BadValueError(f"expected a condition such as server.started, got {value!r}")
    return value


def quorum(share: float, resources: Iterable[SupportsIndex], state: str | int) -> Condition:
    """Return the condition that enough of `resources` reached `state`.

    Args:
        share: a fraction in (0, 1] of them (a float), or how many (an int >= 1).
        resources: handles or guids.
        state: the state's name or number.

    Raises:
        BadValueError: no resources, or a share that they cannot reach.
    """
    guids = tuple(index(one) for one in resources)
    count = math.ceil(share * len(guids) - 1e-9) if isinstance(share, float) else int(share)
    if not 1 <= count <= len(guids):
        raise BadValueError(f"quorum: {share!r} of {len(guids)} resources cannot be reached")
    return Reached(guids, state_named(state), "strict", count)


def trace_matches(resource: SupportsIndex, pattern: str, trace: str = "stdout") -> Condition:
    """Return the condition that a line of `resource`'s trace matches `pattern` (a regular expression, searched).

    Raises:
        BadValueError: the pattern is no regular expression.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadValueError(f"trace_matches: {pattern!r} is no regular expression: {error}") from None
    return TraceMatched(index(resource), trace, pattern)


def members_of(condition: Condition) -> Iterator[int]:
    """Yield the guids that a condition speaks of, in order, repeated ones repeatedly."""
    match condition:
        case Reached(guids=guids):
            yield from guids
        case Exited(guid=guid) | TraceMatched(guid=guid):
            yield guid
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from members_of(part)
        case After(part=part) | Within(part=part):
            yield from members_of(part)


def to_record(condition: Condition) -> list[Any]:
    """Return the condition as plain JSON data."""
    match condition:
        case Reached(guids=guids, state=state, mode=mode, count=count):
            return ["reached", list(guids), int(state), mode, count]
        case Exited(guid=guid, status=status):
            return ["exited", guid, status]
        case TraceMatched(guid=guid, trace=trace, pattern=pattern):
            return ["trace_matched", guid, trace, pattern]
        case AllOf(parts=parts):
            return ["all", [to_record(part) for part in parts]]
        case AnyOf(parts=parts):
            return ["any", [to_record(part) for part in parts]]
        case After(part=part, delay_s=delay_s):
            return ["after", to_record(part), delay_s]
        case Within(part=part, deadline_s=deadline_s):
            return ["within", to_record(part), deadline_s]
    raise BadValueError(f"{condition!r} is no condition")


def from_record(record: list[Any]) -> Condition:
    """Return the condition that `to_record` wrote.

    Raises:
        BadValueError: it is no such record.
    """
    match record:
        case ["reached", list(guids), int(state), ("strict" | "at_least" | "ended") as mode, (int() | None) as count]:
            return Reached(tuple(guids), state, mode, count)
        case ["exited", int(guid), int(status)]:
            return Exited(guid, status)
        case ["trace_matched", int(guid), str(trace), str(pattern)]:
            return TraceMatched(guid, trace, pattern)
        case ["all", list(parts)]:
            return AllOf(tuple(from_record(part) for part in parts))
        case ["any", list(parts)]:
            return AnyOf(tuple(from_record(part) for part in parts))
        case ["after", list(part), (int() | float()) as delay_s]:
            return After(from_record(part), delay_s)
        case ["within", list(part), (int() | float()) as deadline_s]:
            return Within(from_record(part), deadline_s)
    raise BadValueError(f"not a condition: {record!r}")
