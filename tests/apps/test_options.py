"""The kinds of values, and how all mistakes are named at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.apps.option_kinds import HOST, Rate, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import Kind
from nepi.apps.ping_command import PingOptions
from nepi.errors import BadValueError


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Switch(), True, ["-x"]),
        (Switch(), False, []),
        (Whole(0, 9), "5", ["-x", "5"]),
        (Whole(0, 255, True), "0x1F", ["-x", "31"]),
        (Seconds(0, 60), "200ms", ["-x", "0.2"]),
        (Seconds(0, 60), "0.2", ["-x", "0.2"]),
        (Seconds(0, 60), 0.00001, ["-x", "0.00001"]),
        (Seconds(0, 60), 20, ["-x", "20"]),
        (Seconds(0, 90, whole=True), "1m", ["-x", "60"]),
        (Seconds(1, 9, or_zero=True), 0, ["-x", "0"]),
        (Seconds(0, 60, milliseconds=True), "1.5s", ["-x", "1500"]),
        (Size(0, 9999), "1kB", ["-x", "1000"]),
        (Size(0, 9999), "56", ["-x", "56"]),
        (Rate(0, 10**9), "10Mbit", ["-x", "10000000"]),
        (Word(), " a b ", ["-x", "a b"]),
    ],
)
def test_values_become_words(kind: Kind, value: object, words: list[str]) -> None:
    read = kind.read(value)
    assert kind.words("-x", read) == words
    assert kind.read(read) == read


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Switch(), "yes"),
        (Switch(), 1),
        (Whole(0, 9), 10),
        (Whole(0, 9), "0x5"),
        (Whole(0, 9), "²"),
        (Whole(0, 9), 5.0),
        (Whole(0, 9), True),
        (Seconds(0, 60), "61s"),
        (Seconds(0, 60), "1 parsec"),
        (Seconds(0, 60), True),
        (Seconds(0, 60), float("nan")),
        (Seconds(0, 60), None),
        (Seconds(0, 60, whole=True), "1500ms"),
        (Seconds(1, 60), 0),
        (Size(0, 9), "10B"),
        (Size(0, 9), "5Mbit"),
        (Size(0, 9), []),
        (Rate(0, 10**6), "10Mbit"),
        (Rate(0, 10**6), "1000"),
        (Rate(0, 10**6), None),
        (Word(), "-rf"),
        (Word(), ""),
        (Word(), 5),
        (Word(), "a\0"),
        (HOST, "a b"),
    ],
)
def test_other_values_are_refused(kind: Kind, value: object) -> None:
    with pytest.raises(BadValueError):
        kind.read(value)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(BadValueError) as caught:
        PingOptions.from_attributes({"target": "b", "count": 0, "interval": "2 weeks", "quiet": "True", "command": "left alone"})
    message = str(caught.value)
    assert message.startswith("ping: count: 0 is outside 1 to ")
    assert "; interval: " in message
    assert "; quiet: 'True' is neither True nor False" in message


def test_a_value_that_must_be_set_is_named() -> None:
    with pytest.raises(BadValueError, match="^ping: target: must be set$"):
        PingOptions.from_attributes({"target": "", "count": 3})


def test_unset_attributes_are_left_to_the_tool() -> None:
    assert PingOptions.from_attributes({"target": "b", "count": None, "interval": ""}) == PingOptions(target="b")


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.binary()))
def test_any_value_is_answered(value: object) -> None:
    for kind in (Switch(), Whole(0, 9), Seconds(0, 9), Size(0, 9), Rate(0, 9), Word()):
        try:
            assert kind.words("-x", kind.read(value))[:1] in ([], ["-x"])
        except BadValueError:
            continue
