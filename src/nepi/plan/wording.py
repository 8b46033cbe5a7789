"""Conditions in words, as `nepi plan` and messages show them; written as a program would write them where that is possible."""

from __future__ import annotations

from collections.abc import Callable

from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within
from nepi.model.states import ResourceState
from nepi.units import format_duration


def condition_text(condition: Condition, name: Callable[[int], str]) -> str:
    """Return a condition in words: "server.started + 1s".

    Args:
        condition: what is waited for.
        name: returns the name of a resource.
    """
    match condition:
        case Reached():
            return _reached_text(condition, name)
        case Exited(guid=guid, status=status):
            return f"{name(guid)}.exited({status})"
        case TraceMatched(guid=guid, trace=trace, pattern=pattern):
            return f"trace_matches({name(guid)}, {pattern!r}, {trace!r})"
        case AllOf(parts=parts):
            return " & ".join(_inner(part, name) for part in parts)
        case AnyOf(parts=parts):
            return " | ".join(_inner(part, name) for part in parts)
        case After(part=part, delay_s=delay_s):
            return f"{_inner(part, name)} + {format_duration(delay_s)}"
        case Within(part=part, deadline_s=deadline_s):
            return f"{_inner(part, name)} within {format_duration(deadline_s)}"
    return repr(condition)


def _inner(part: Condition, name: Callable[[int], str]) -> str:
    text = condition_text(part, name)
    return f"({text})" if isinstance(part, AllOf | AnyOf | After | Within) else text


def _reached_text(condition: Reached, name: Callable[[int], str]) -> str:
    state = "ended" if condition.mode == "ended" else ResourceState(condition.state).name.lower()
    suffix = " or beyond" if condition.mode == "at_least" else ""
    guids = condition.guids
    if len(guids) == 1:
        return f"{name(guids[0])}.{state}{suffix}"
    shown = ", ".join(name(guid) for guid in guids[:4]) + (", ..." if len(guids) > 4 else "")
    count = f"{'all' if condition.count is None else condition.count} of "
    return f"{count}{len(guids)} ({shown}) {state}{suffix}"
