from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nepi.errors import BadValueError
from nepi.model.attributes import UNITS, Attribute, Flags, Reference, Types


def make(type: str, **more: Any) -> Attribute:
    return Attribute("x", "An attribute.", type, **more)


@pytest.mark.parametrize(
    ("type", "written", "kept"),
    [
        (Types.String, "a", "a"),
        (Types.String, 3, "3"),
        (Types.String, 1.5, "1.5"),
        (Types.String, Path("/tmp/x"), "/tmp/x"),
        (Types.String, Reference(3), Reference(3)),
        (Types.Bool, True, True),
        (Types.Integer, 3, 3),
        (Types.Integer, 3.0, 3),
        (Types.Integer, "0x10", 16),
        (Types.Double, "1.5", 1.5),
        (Types.Double, 2, 2.0),
        (Types.Duration, "100ms", 0.1),
        (Types.Duration, timedelta(seconds=2), 2.0),
        (Types.Duration, 3, 3.0),
        (Types.Rate, "10Mbit", 10_000_000),
        (Types.Size, "64kB", 64_000),
        (Types.Fraction, "0.1%", 0.001),
    ],
)
def test_a_value_is_kept_in_the_unit_of_its_type(type: str, written: Any, kept: Any) -> None:
    attribute = make(type)
    attribute.value = written
    assert (attribute.value, attribute.value.__class__) == (kept, kept.__class__)


@pytest.mark.parametrize(
    ("type", "written", "sentence"),
    [
        (Types.String, True, "attribute 'x': expected a text, got True"),
        (Types.String, None.__class__, "attribute 'x': expected a text, got <class 'NoneType'>"),
        (Types.Bool, "True", "attribute 'x': expected True or False, got 'True'"),
        (Types.Bool, 1, "attribute 'x': expected True or False, got 1"),
        (Types.Integer, 1.5, "attribute 'x': expected a whole number, got 1.5"),
        (Types.Integer, True, "attribute 'x': expected a whole number, got True"),
        (Types.Integer, "many", "attribute 'x': expected a whole number, got 'many'"),
        (Types.Integer, Reference(1), "attribute 'x': expected a whole number, got Reference(1)"),
        (Types.Double, "much", "attribute 'x': expected a number, got 'much'"),
        (Types.Double, False, "attribute 'x': expected a number, got False"),
        ("NONSENSE", "a", "attribute 'x': unknown attribute type 'NONSENSE'"),
    ],
)
def test_a_value_of_another_type_is_refused_with_a_sentence(type: str, written: Any, sentence: str) -> None:
    attribute = make(type)
    with pytest.raises(BadValueError) as caught:
        attribute.value = written
    assert str(caught.value) == sentence
    assert attribute.value is None


@pytest.mark.parametrize("type", [Types.Duration, Types.Rate, Types.Size])
def test_a_quantity_without_unit_is_refused(type: str) -> None:
    with pytest.raises(BadValueError, match="attribute 'x': .*unit is missing"):
        make(type).converted("10")


@pytest.mark.parametrize("type", [Types.Integer, Types.Double, Types.Duration, Types.Rate, Types.Size])
def test_a_range_includes_both_of_its_ends(type: str) -> None:
    attribute = make(type, range=(2, 4))
    assert [attribute.converted(value) for value in (2, 3, 4)] == [2, 3, 4]
    for value in (1, 5):
        with pytest.raises(BadValueError, match="is outside of 2 to 4"):
            attribute.converted(value)


def test_a_choice_is_one_of_the_allowed_values() -> None:
    attribute = make(Types.Enumerate, allowed=("fifo", "red", 3))
    assert [attribute.converted(value) for value in ("fifo", 3)] == ["fifo", 3]
    with pytest.raises(BadValueError, match=r"attribute 'x': 'fito' is none of fifo, red, 3 \(did you mean 'fifo'\?\)"):
        attribute.converted("fito")


def test_none_means_not_set_for_every_type() -> None:
    for type in (Types.String, Types.Bool, Types.Enumerate, Types.Integer, Types.Rate):
        attribute = make(type, range=(1, 2))
        attribute.value = None
        assert attribute.value is None


def test_a_wrong_default_fails_when_it_is_declared() -> None:
    with pytest.raises(BadValueError, match="attribute 'x': 5 is outside of 0 to 4"):
        make(Types.Integer, default=5, range=(0, 4))
    with pytest.raises(BadValueError, match="attribute 'x': 'b' is none of a"):
        make(Types.Enumerate, default="b", allowed=["a"])


def test_a_hook_sees_old_and_new_value_and_decides_what_is_kept() -> None:
    seen: list[tuple[Any, Any]] = []

    def hook(old: Any, new: Any) -> Any:
        seen.append((old, new))
        return new * 2

    attribute = make(Types.Integer, default=1, set_hook=hook)
    attribute.value = "3"
    attribute.value = 4
    assert (seen, attribute.value) == ([(1, 3), (6, 4)], 8)


def test_a_refused_value_reaches_no_hook() -> None:
    seen: list[Any] = []
    attribute = make(Types.Integer, set_hook=lambda _old, new: seen.append(new))
    with pytest.raises(BadValueError):
        attribute.value = "x"
    assert seen == []


def test_has_changed_tells_a_set_value_from_the_default() -> None:
    attribute = make(Types.Duration, default="1s")
    assert not attribute.has_changed
    attribute.value = 1
    assert not attribute.has_changed
    attribute.value = "2s"
    assert attribute.has_changed


def test_a_subclass_may_refuse_more() -> None:
    class Even(Attribute):
        def is_valid_value(self, value: Any) -> bool:
            return bool(value % 2 == 0)

    attribute = Even("x", "An even number.", Types.Integer)
    assert attribute.converted(4) == 4
    with pytest.raises(BadValueError, match="attribute 'x': invalid value 3"):
        attribute.converted(3)


def test_flags_of_the_seed_keep_their_values_and_are_asked_for_by_all_their_bits() -> None:
    assert (Flags.NoFlags, Flags.ReadOnly, Flags.ExecReadOnly, Flags.Credential, Flags.Filter) == (0, 1, 2, 4, 8)
    assert Flags.NoFlags == make(Types.String, flags=None).flags
    attribute = make(Types.String, flags=Flags.ReadOnly | Flags.Filter)
    asked = (Flags.ReadOnly, Flags.Filter, Flags.ReadOnly | Flags.Filter, Flags.Credential, Flags.ReadOnly | Flags.Credential)
    assert [attribute.has_flag(flag) for flag in asked] == [True, True, True, False, False]


def test_flags_are_different_bits() -> None:
    bits = [value for name, value in vars(Flags).items() if not name.startswith("_") and name != "NoFlags"]
    assert sum(bits) == 2 ** len(bits) - 1


def test_a_copy_is_independent_and_keeps_what_was_declared() -> None:
    attribute = make(Types.Integer, default=1, range=(0, 9), flags=Flags.Credential)
    attribute.value = 2
    other = attribute.copy()
    other.value = 3
    assert (attribute.value, other.value) == (2, 3)
    assert (other.name, other.help, other.type, other.default, other.range, other.flags, other.allowed) == (
        "x",
        "An attribute.",
        Types.Integer,
        1,
        (0, 9),
        Flags.Credential,
        None,
    )


class Resource:
    """Stands for a resource manager: what a declared member asks of it."""

    interval = Attribute.duration("100ms", help="Time between packets.")
    label = Attribute.string("none", help="A word.")
    renamed = Attribute("realName", "Declared under another name.")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {"interval": 0.1}

    def get(self, name: str) -> Any:
        return self.values[name]

    def set(self, name: str, value: Any) -> None:
        self.values[name] = value


def test_a_declared_member_is_called_like_the_member_and_reads_and_sets_the_value_of_an_instance() -> None:
    assert (Resource.interval.name, Resource.interval.default, Resource.renamed.name) == ("interval", 0.1, "realName")
    one = Resource()
    assert one.interval == 0.1
    one.interval = "2s"
    one.renamed = "y"
    assert one.values == {"interval": "2s", "realName": "y"}
    assert Resource.interval.value == 0.1


@pytest.mark.parametrize(
    ("declared", "type", "default", "unit"),
    [
        (Attribute.string("a", help="h"), Types.String, "a", ""),
        (Attribute.boolean(True, help="h"), Types.Bool, True, ""),
        (Attribute.integer(3, help="h", range=(1, 3)), Types.Integer, 3, ""),
        (Attribute.number(0.5, help="h"), Types.Double, 0.5, ""),
        (Attribute.choice(("a", "b"), "a", help="h"), Types.Enumerate, "a", ""),
        (Attribute.duration("1m", help="h"), Types.Duration, 60.0, "s"),
        (Attribute.rate("1Gbit", help="h"), Types.Rate, 10**9, "bit/s"),
        (Attribute.size("1MiB", help="h"), Types.Size, 2**20, "B"),
        (Attribute.fraction("50%", help="h"), Types.Fraction, 0.5, "of 1"),
        (Attribute.string(help="h"), Types.String, None, ""),
    ],
)
def test_each_kind_of_member_has_its_type_default_and_unit(declared: Attribute, type: str, default: Any, unit: str) -> None:
    assert (declared.type, declared.default, declared.value, declared.unit, declared.help) == (type, default, default, unit, "h")
    assert UNITS.get(type, "") == unit


def test_references_are_values() -> None:
    assert Reference(3) == Reference(3) != Reference(4)
    assert Reference(3) != 3
    assert {Reference(3), Reference(3)} == {Reference(3)}
    assert [10, 11, 12, 13][Reference(2)] == 12
    assert repr(Reference(3)) == "Reference(3)"


@given(
    st.sampled_from([Types.String, Types.Bool, Types.Integer, Types.Double, Types.Duration, Types.Rate, Types.Size, Types.Fraction]),
    st.data(),
)
def test_what_was_converted_stays_as_it_is_when_converted_again(type: str, data: st.DataObject) -> None:
    written = data.draw(st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.binary(max_size=2), st.none()))
    attribute = make(type)
    try:
        kept = attribute.converted(written)
    except BadValueError:
        return
    if kept == kept:
        assert attribute.converted(kept) == kept
