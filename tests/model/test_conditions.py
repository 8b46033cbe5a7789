from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.model.attributes import Reference
from nepi.model.conditions import (
    After,
    AllOf,
    AnyOf,
    Condition,
    Exited,
    Reached,
    TraceMatched,
    Within,
    from_record,
    members_of,
    quorum,
    state_named,
    to_record,
    trace_matches,
)
from nepi.model.states import ResourceState

READY, STARTED = ResourceState.READY, ResourceState.STARTED
first, second, third = Reached((1,), READY), Reached((2,), STARTED), Exited(3, 0)

guids = st.integers(1, 9)
leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        Reached,
        st.lists(guids, min_size=1, max_size=3).map(tuple),
        st.sampled_from(ResourceState).map(int),
        st.sampled_from(["strict", "at_least", "ended"]),
        st.none() | st.integers(1, 3),
    ),
    st.builds(Exited, guids, st.integers(-15, 255)),
    st.builds(TraceMatched, guids, st.text(max_size=5), st.text(max_size=5)),
)
spans = st.floats(0, 1e6)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(After, inner, spans),
        st.builds(Within, inner, spans),
    ),
)


@given(conditions)
def test_a_condition_survives_json(condition: Condition) -> None:
    assert from_record(json.loads(json.dumps(to_record(condition)))) == condition


@given(conditions, conditions, conditions)
def test_and_and_or_are_associative(a: Condition, b: Condition, c: Condition) -> None:
    assert (a & b) & c == a & (b & c)
    assert (a | b) | c == a | (b | c)


def test_conditions_of_one_kind_are_kept_flat() -> None:
    assert (first & second & third, first | second | third) == (AllOf((first, second, third)), AnyOf((first, second, third)))


@given(conditions, conditions)
def test_members_of_a_composed_condition_are_those_of_its_parts(a: Condition, b: Condition) -> None:
    together = [*members_of(a), *members_of(b)]
    assert list(members_of(a & b)) == list(members_of(a | b)) == list(members_of((a & b) + 1.0)) == together


def test_conditions_compose_as_they_read() -> None:
    assert (first & second | third) == AnyOf((AllOf((first, second)), third))
    assert [first + "2s", first + 1 + 2] == [After(first, 2.0), After(After(first, 1.0), 2.0)]
    assert (first & second).within("1m") == Within(AllOf((first, second)), 60.0)


@pytest.mark.parametrize("wrong", [1, "ready", None])
def test_only_conditions_compose(wrong: Any) -> None:
    with pytest.raises(BadValueError, match="expected a condition such as server.started"):
        first & wrong
    with pytest.raises(BadValueError, match="expected a condition such as server.started"):
        first | wrong


@pytest.mark.parametrize("wrong", ["2", "-1s", -1, "soon"])
def test_a_delay_is_a_duration(wrong: Any) -> None:
    with pytest.raises(BadValueError):
        first + wrong
    with pytest.raises(BadValueError):
        first.within(wrong)


def test_conditions_are_hashable_values() -> None:
    assert {first & second, first & second, first | second} == {AllOf((first, second)), AnyOf((first, second))}


def test_states_are_found_by_name_in_any_case_and_by_number() -> None:
    assert [state_named(state) for state in ("READY", "ready", 3, ResourceState.READY)] == [READY] * 4
    for wrong in ("REDY", 9, -1):
        with pytest.raises(BadValueError, match="there is no state .*; the states are NEW, DISCOVERED, PROVISIONED, READY"):
            state_named(wrong)


@pytest.mark.parametrize(("share", "count"), [(0.95, 10), (0.5, 5), (1.0, 10), (0.3, 3), (0.01, 1), (4, 4), (10, 10)])
def test_a_quorum_is_a_share_or_a_number(share: float, count: int) -> None:
    assert quorum(share, [Reference(guid) for guid in range(1, 11)], "ready") == Reached(tuple(range(1, 11)), READY, "strict", count)


@pytest.mark.parametrize("share", [0, 0.0, 11, 1.01, -1])
def test_a_quorum_that_cannot_be_reached_is_refused(share: float) -> None:
    with pytest.raises(BadValueError, match="of 10 resources cannot be reached"):
        quorum(share, range(1, 11), "READY")


def test_a_quorum_of_nothing_is_refused() -> None:
    with pytest.raises(BadValueError, match="of 0 resources"):
        quorum(0.5, [], "READY")


def test_a_pattern_is_checked_when_it_is_written() -> None:
    assert trace_matches(Reference(4), r"ready|ok") == TraceMatched(4, "stdout", "ready|ok")
    with pytest.raises(BadValueError, match=r"trace_matches: '\(' is no regular expression"):
        trace_matches(4, "(")


@pytest.mark.parametrize(
    "record",
    [
        [],
        ["reached"],
        ["reached", 1, 3, "strict", None],
        ["reached", [1], 3, "loose", None],
        ["all", [["never"]]],
        ["after", ["exited", 1, 0], "x"],
    ],
)
def test_a_damaged_record_is_refused(record: list[Any]) -> None:
    with pytest.raises(BadValueError, match="not a condition"):
        from_record(record)


def test_the_base_class_is_no_condition() -> None:
    with pytest.raises(BadValueError, match="is no condition"):
        to_record(Condition())
