"""What the values of a message mean in the simulation process; without ns-3, on stand-ins for its namespaces."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nepi.hosts.ns3.inside.values import Names, Problem, cpp_value, known, member, text_of
from nepi.hosts.ns3.protocol import enum_value, new_value, ref

NS = SimpleNamespace(Pair=lambda one, other: (one, other), LEVEL=7, Outer=SimpleNamespace(Inner="inner"))
NEPI = SimpleNamespace(Own="own")
NOTHING = object()
NAMES = Names(NS, NEPI, nothing=NOTHING)


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (5, 5),
        ("text", "text"),
        (True, True),
        (None, NOTHING),
        (ref(3), "object 3"),
        (enum_value("LEVEL"), 7),
        (enum_value("ns3::Outer::Inner"), "inner"),
        (enum_value("nepi::Own"), "own"),
        (new_value("Pair", 1, ref(3)), (1, "object 3")),
        ({"list": ["a", "b"]}, ["a", "b"]),
    ],
)
def test_a_value_means_what_it_says(value: Any, meaning: Any) -> None:
    assert cpp_value(value, {3: "object 3"}, NAMES) == meaning


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (ref(4), "there is no object 4"),
        (enum_value("NOWHERE"), "there is no 'NOWHERE' in this ns-3"),
        (enum_value("Outer::__dict__"), "is not a name that can be asked for"),
        ({"what": 1}, "is no value"),
        ([1], "is no value"),
    ],
)
def test_what_means_nothing_is_refused(value: Any, why: str) -> None:
    with pytest.raises(Problem, match=why):
        cpp_value(value, {3: "object 3"}, NAMES)


def test_members_with_underscores_are_nobodys_business() -> None:
    with pytest.raises(Problem, match="not a name that can be asked for"):
        member(NS, "__class__")
    with pytest.raises(Problem, match="has no 'Else'"):
        member(NS, "Else")


def test_objects_are_known_by_number() -> None:
    assert known({1: "one"}, 1) == "one"


def test_values_are_written_as_ns3_reads_them() -> None:
    assert [text_of(value) for value in (True, False, 5, "5Mbps", 0.5)] == ["true", "false", "5", "5Mbps", "0.5"]
