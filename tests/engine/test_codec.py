"""Every event comes back from the journal as it was; every instruction can be written."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.engine import events as ev
from nepi.engine.codec import event_from, event_record, instruction_record
from nepi.errors import RunError
from nepi.model.conditions import After, AllOf, AnyOf, Condition, Exited, Reached, TraceMatched, Within
from nepi.model.states import ResourceAction, ResourceState

guid = st.integers(1, 10**6)
guids = st.lists(guid, max_size=8).map(tuple) | st.integers(1, 50).map(lambda n: tuple(range(3, 3 + n)))
seconds = st.floats(0, 1e6, allow_nan=False)
text = st.text(max_size=20)
state = st.sampled_from(ResourceState)
action = st.sampled_from(ResourceAction)
leaf: st.SearchStrategy[Condition] = (
    st.builds(Reached, guids, state.map(int), st.sampled_from(["strict", "at_least", "ended"]), st.none() | st.integers(1, 9))
    | st.builds(Exited, guid, st.integers(-64, 255))
    | st.builds(TraceMatched, guid, text, text)
)
condition = st.recursive(
    leaf,
    lambda inner: (
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple))
        | st.builds(After, inner, seconds)
        | st.builds(Within, inner, seconds)
    ),
    max_leaves=6,
)
limit = st.none() | seconds
retry = st.none() | st.builds(ev.Retry, st.integers(1, 9), seconds, st.floats(1, 9), st.floats(0, 1), limit, st.booleans(), guid)
profile = st.builds(ev.Profile, st.booleans(), retry, st.tuples(limit, limit, limit, limit), st.integers(0, 9))


@st.composite
def needed(draw: st.DrawFn) -> ev.Needed:
    rows = draw(st.lists(st.tuples(guid, guid, state.map(int)), min_size=1, max_size=6))
    dependents, providers, states = zip(*rows, strict=True)
    return ev.Needed(dependents, providers, states)


@st.composite
def announced(draw: st.DrawFn) -> ev.Announced:
    rows = draw(st.lists(st.tuples(guid, state), min_size=1, max_size=6))
    who, what = zip(*rows, strict=True)
    return ev.Announced(who, what)


EVENTS: dict[type, st.SearchStrategy[Any]] = {
    ev.Joined: st.builds(ev.Joined, profile, guids),
    ev.Needed: needed(),
    ev.Announced: announced(),
    ev.ConditionAdded: st.builds(ev.ConditionAdded, guid, action, condition),
    ev.ConditionsDropped: st.builds(ev.ConditionsDropped, guid, action, st.none() | guids),
    ev.DeployAsked: st.builds(ev.DeployAsked, guid, guids, st.booleans(), st.none() | st.floats(0.1, 1.0)),
    ev.SetAsked: st.builds(
        ev.SetAsked, guid, guid, condition, st.dictionaries(text, st.none() | text | guid).map(lambda d: tuple(d.items()))
    ),
    ev.SetFailed: st.builds(ev.SetFailed, guid, guid, text),
    ev.Renewed: st.builds(ev.Renewed, guid),
    ev.ActionAsked: st.builds(ev.ActionAsked, action, guids),
    ev.Entered: st.builds(ev.Entered, state, guids),
    ev.Failed: st.builds(ev.Failed, guid, action, text),
    ev.Explained: st.builds(ev.Explained, guid, text),
    ev.Exited: st.builds(ev.Exited, guid, st.integers(-64, 255)),
    ev.TraceSeen: st.builds(ev.TraceSeen, guid, text, text, st.booleans()),
    ev.Waiting: st.builds(ev.Waiting, guid, action, guids, seconds),
    ev.WatchAsked: st.builds(ev.WatchAsked, guid, condition, st.booleans()),
    ev.WatchDropped: st.builds(ev.WatchDropped, guid),
    ev.ReleaseAsked: st.builds(ev.ReleaseAsked, guids),
    ev.AbortAsked: st.builds(ev.AbortAsked, text),
    ev.Resumed: st.lists(st.tuples(guid, text), max_size=3).map(lambda rows: ev.Resumed(*(tuple(zip(*rows, strict=True)) or ((), ())))),
    ev.Ticked: st.builds(ev.Ticked),
}
INSTRUCTIONS: dict[type, st.SearchStrategy[Any]] = {
    ev.Perform: st.builds(ev.Perform, action, guids),
    ev.Cancel: st.builds(ev.Cancel, guid),
    ev.Fail: st.builds(ev.Fail, guid, text),
    ev.GoOn: st.builds(ev.GoOn, guid, text),
    ev.Reset: st.builds(ev.Reset, guid, state, text),
    ev.Renew: st.builds(ev.Renew, guid, st.booleans(), text),
    ev.Change: st.builds(ev.Change, guid, guid),
    ev.LeaveBehind: st.builds(ev.LeaveBehind, guid, text),
    ev.Abort: st.builds(ev.Abort, text, st.none() | guid),
    ev.Met: st.builds(ev.Met, guid),
    ev.Missed: st.builds(ev.Missed, guid, text),
    ev.WatchTrace: st.builds(ev.WatchTrace, guid, text, text),
}


def test_every_kind_of_event_and_instruction_is_tried_here() -> None:
    assert set(EVENTS) == set(get_args(ev.Event))
    assert set(INSTRUCTIONS) == set(get_args(ev.Instruction))


@given(st.one_of(*EVENTS.values()))
def test_an_event_comes_back_from_the_journal_as_it_was(event: ev.Event) -> None:
    assert event_from(json.loads(json.dumps(event_record(event)))) == event


@given(st.one_of(*INSTRUCTIONS.values()))
def test_an_instruction_can_be_written_and_tells_its_kind(instruction: ev.Instruction) -> None:
    record = json.loads(json.dumps(instruction_record(instruction)))
    assert record[0].replace("_", "") == type(instruction).__name__.lower()


@given(st.one_of(*INSTRUCTIONS.values()), st.one_of(*INSTRUCTIONS.values()))
def test_different_instructions_are_written_differently(one: ev.Instruction, other: ev.Instruction) -> None:
    assert (instruction_record(one) == instruction_record(other)) == (one == other)


@pytest.mark.parametrize(
    "damaged",
    [
        [],
        ["nonsense"],
        ["entered"],
        ["entered", "NOWHERE", [1]],
        ["entered", "READY", 7],
        ["entered", "READY", [1], "more"],
        ["joined", {}, [1]],
        ["joined", {"critical": True, "deadlines_s": [1, 2]}, [1]],
        ["condition_added", 1, "DEPLOY", ["moon is full"]],
        ["condition_added", 1, "DANCE", ["exited", 1, 0]],
        ["needed", [1], [2], 7],
        ["announced", [1], "x"],
        {"entered": 1},
        7,
        None,
    ],
)
def test_what_is_no_event_is_refused_and_shown(damaged: Any) -> None:
    with pytest.raises(RunError, match="not an event of the journal"):
        event_from(damaged)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=8
    )
)
def test_anything_else_is_refused_by_one_kind_of_error(anything: Any) -> None:
    try:
        event = event_from(anything)
    except RunError:
        return
    assert type(event) in EVENTS


def test_runs_of_guids_and_states_are_written_short() -> None:
    joined = ev.Joined(ev.Profile(), (*range(1, 5001), 7000, 7002, 7003))
    assert event_record(joined)[2] == [[1, 5000], 7000, [7002, 7003]]
    needs = ev.Needed((3, 4, 5), (1, 1, 2), (3, 3, 4))
    assert event_record(needs) == ["needed", (3, 4, 5), (1, 1, 2), [[3, 2], [4, 1]]]
