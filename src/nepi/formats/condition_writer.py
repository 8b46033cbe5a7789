"""Conditions as text, so that reading it gives the same condition."""

from __future__ import annotations

from collections.abc import Callable

from nepi.errors import BadValueError
from nepi.formats.condition_words import ALL_OF, BARE_NAME, BEYOND, ENDED, EXITED, QUORUM, STDOUT, TRACE_MATCHES, WITHIN, quoted
from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within
from nepi.model.states import ResourceState
from nepi.units import format_duration


def condition_text(condition: Condition, name_of: Callable[[int], str]) -> str:
    """Return a condition as files have it: "server.started + 1s".

    Args:
        condition: what is waited for.
        name_of: returns the name of a resource.
    """

    def word(guid: int) -> str:
        name = name_of(guid)
        return name if BARE_NAME.fullmatch(name) else quoted(name)

    match condition:
        case Reached():
            return _reached(condition, word)
        case Exited(guid=guid, status=status):
            return f"{word(guid)}.{EXITED}({status})"
        case TraceMatched(guid=guid, trace=trace, pattern=pattern):
            where = "" if trace == STDOUT else f", {quoted(trace)}"
            return f"{TRACE_MATCHES}({word(guid)}, {quoted(pattern)}{where})"
        case AllOf(parts=parts):
            return " & ".join(_inner(part, name_of, AnyOf, AllOf, Within) for part in parts)
        case AnyOf(parts=parts):
            return " | ".join(_inner(part, name_of, AnyOf, Within) for part in parts)
        case After(part=part, delay_s=delay_s):
            return f"{_inner(part, name_of, AllOf, AnyOf, Within)} + {format_duration(delay_s)}"
        case Within(part=part, deadline_s=deadline_s):
            return f"{_inner(part, name_of, Within)} {WITHIN} {format_duration(deadline_s)}"
    raise BadValueError(f"{condition!r} is no condition")


def _inner(part: Condition, name_of: Callable[[int], str], *looser: type[Condition]) -> str:
    """Return a part, in parentheses if it binds looser than what it is a part of."""
    text = condition_text(part, name_of)
    return f"({text})" if isinstance(part, looser) else text


def _reached(condition: Reached, word: Callable[[int], str]) -> str:
    guids, count = condition.guids, condition.count
    if len(guids) == 1 and count is None:
        return f"{word(guids[0])}.{_state(condition)}"
    names = ", ".join(word(guid) for guid in guids)
    state = _state(condition, upper=True)
    return f"{ALL_OF}([{names}], {state})" if count is None else f"{QUORUM}({count}, [{names}], {state})"


def _state(condition: Reached, *, upper: bool = False) -> str:
    word = ENDED if condition.mode == "ended" else ResourceState(condition.state).name.lower()
    beyond = " " + " ".join(BEYOND) if condition.mode == "at_least" else ""
    return (word.upper() if upper else word) + beyond
