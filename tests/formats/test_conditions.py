from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import UnknownResourceError, did_you_mean
from nepi.formats.condition_parser import parse_condition
from nepi.formats.condition_words import ConditionTextError
from nepi.formats.condition_writer import condition_text
from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Mode, Reached, TraceMatched, Within
from nepi.model.states import ResourceState

NAMES = {1: "a", 2: "b", 3: "log", 4: "x-1", 5: "r1.lan", 6: "c++", 7: "within", 8: "quorum", 9: 'the "odd" one', 10: "a.started"}
GUIDS = {name: guid for guid, name in NAMES.items()}
A, B = 1, 2


def guid_of(name: str) -> int:
    if name not in GUIDS:
        raise UnknownResourceError(f"there is no resource named {name!r}{did_you_mean(name, GUIDS)}")
    return GUIDS[name]


def started(*guids: int, mode: Any = "strict", count: int | None = None) -> Reached:
    return Reached(guids, ResourceState.STARTED, mode, count)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("a.started", started(A)),
        ("a.started + 1s", After(started(A), 1.0)),
        ("a.started+1m30s + 2ms", After(After(started(A), 90.0), 0.002)),
        ("a.started or beyond", started(A, mode="at_least")),
        ("a.ended", Reached((A,), ResourceState.STOPPED, "ended")),
        ("a.exited(0)", Exited(A, 0)),
        ("a.exited(-9)", Exited(A, -9)),
        ("a.started & b.started", AllOf((started(A), started(B)))),
        ("a.started | b.started & x-1.started", AnyOf((started(A), AllOf((started(B), started(4)))))),
        ("(a.started | b.started) & x-1.started", AllOf((AnyOf((started(A), started(B))), started(4)))),
        ("a.started & b.started + 1s within 30s", Within(AllOf((started(A), After(started(B), 1.0))), 30.0)),
        ("(a.started within 5s) | b.started", AnyOf((Within(started(A), 5.0), started(B)))),
        ("quorum(0.95, [a, b], READY)", Reached((A, B), ResourceState.READY, "strict", 2)),
        ("quorum(50%, [a, b], ready)", Reached((A, B), ResourceState.READY, "strict", 1)),
        ("quorum(1, [a, b], ENDED)", Reached((A, B), ResourceState.STOPPED, "ended", 1)),
        ("all_of([a, b], STARTED or beyond)", started(A, B, mode="at_least")),
        ('trace_matches(log, "ready")', TraceMatched(3, "stdout", "ready")),
        (r'trace_matches(log, "it' r's \d+ ""s""", stderr)', TraceMatched(3, "stderr", r'its \d+ "s"')),
        ("r1.lan.started", started(5)),
        ('"c++".started', started(6)),
        ("within.started within 1s", Within(started(7), 1.0)),
        ("all_of([within, quorum], STARTED)", started(7, 8)),
        ('"the ""odd"" one".exited(1)', Exited(9, 1)),
        ("a.started.started", started(10)),
    ],
)
def test_a_text_says_a_condition(text: str, condition: Condition) -> None:
    assert parse_condition(text, guid_of) == condition
    assert parse_condition(condition_text(condition, NAMES.__getitem__), guid_of) == condition


@pytest.mark.parametrize(
    ("text", "column", "sentence"),
    [
        ("", 0, "expected a condition such as server.started, but the text ends here"),
        ("a", 0, "expected a condition such as a.started, got 'a'"),
        ("a.startet", 2, "there is no state 'startet' (did you mean 'started'?)"),
        ("loog.started", 0, "there is no resource named 'loog' (did you mean 'log'?)"),
        ("a.started and b.started", 10, "expected '&', got 'and'"),
        ("a.started b.started", 10, "expected '&', '|', '+ 1s', 'within 30s' or the end, got 'b.started'"),
        ("a.started +", 11, "expected a time like 1s or 1m30s, but the text ends here"),
        ("a.started + 1", 12, "duration '1': the unit is missing; write for example 1s"),
        ("a.started within 30", 17, "duration '30': the unit is missing; write for example 30s"),
        ("(a.started", 10, "expected ')' at the end of the part in parentheses, but the text ends here"),
        ("a.exited", 8, "expected '(' and an exit status, as in exited(0), but the text ends here"),
        ("a.exited(x)", 9, "expected an exit status like 0, got 'x'"),
        ("quorum(3, [a, b], READY)", 0, "quorum: 3 of 2 resources cannot be reached"),
        ("quorum(many, [a, b], READY)", 7, "expected how many (3) or which part (0.95, 95%), got 'many'"),
        ("quorum(1, a, READY)", 10, "expected '[' before the names, got 'a'"),
        ("trace_matches(log, ready)", 19, "expected a regular expression in quotes, got 'ready'"),
        ("trace_matches(log, '(')", 19, "trace_matches: '(' is no regular expression: missing ), unterminated subpattern at position 0"),
        ("a.started & 'b", 12, "the quote is never closed"),
        ("a.started; b.started", 9, "';' is not part of a condition"),
        ("__import__('os').system('x')", 0, "expected a condition such as __import__.started, got '__import__'"),
        ("(" * 60 + "a.started" + ")" * 60, 40, "more than 40 parentheses within each other"),
        ("a" * 200_001, 0, "a condition has at most 200000 characters"),
    ],
)
def test_a_mistake_is_told_with_its_column(text: str, column: int, sentence: str) -> None:
    with pytest.raises(ConditionTextError) as caught:
        parse_condition(text, guid_of)
    assert (caught.value.sentence, caught.value.column) == (sentence, column)


guids = st.sampled_from(sorted(NAMES))
durations = st.floats(0, 1e6)
modes: st.SearchStrategy[Mode] = st.sampled_from(["strict", "at_least"])


@st.composite
def reached(draw: st.DrawFn) -> Condition:
    members = tuple(draw(st.lists(guids, min_size=1, max_size=4)))
    count = draw(st.none() | st.integers(1, len(members)))
    if draw(st.booleans()):
        return Reached(members, ResourceState.STOPPED, "ended", count)
    return Reached(members, draw(st.sampled_from(ResourceState)), draw(modes), count)


leaves = st.one_of(
    reached(),
    st.builds(Exited, guids, st.integers(-64, 255)),
    st.builds(TraceMatched, guids, st.sampled_from(["stdout", "a b", 'x"']), st.text(max_size=12)),
)


def composed(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    return st.one_of(
        st.builds(lambda one, other: one & other, parts, parts),
        st.builds(lambda one, other: one | other, parts, parts),
        st.builds(lambda one, time: one + time, parts, durations),
        st.builds(lambda one, time: one.within(time), parts, durations),
    )


conditions = st.recursive(leaves, composed, max_leaves=8)


def can_be_read(condition: Condition) -> bool:
    """Whether its patterns are regular expressions: others cannot be made by a program either."""
    import re

    match condition:
        case TraceMatched(pattern=pattern):
            try:
                re.compile(pattern)
            except re.error:
                return False
        case AllOf(parts=parts) | AnyOf(parts=parts):
            return all(map(can_be_read, parts))
        case After(part=part) | Within(part=part):
            return can_be_read(part)
    return True


@given(conditions.filter(can_be_read))
def test_every_condition_is_read_as_it_was_written(condition: Condition) -> None:
    assert parse_condition(condition_text(condition, NAMES.__getitem__), guid_of) == condition


@given(st.text(max_size=40) | st.text("ab.started()[],&|+\"' 1s", max_size=40))
def test_no_text_does_anything_but_being_read_or_refused(text: str) -> None:
    column = 0
    try:
        parse_condition(text, guid_of)
    except ConditionTextError as error:
        column = error.column
    assert 0 <= column <= len(text)
