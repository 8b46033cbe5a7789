"""Attributes: what can be set on a resource. Types, ranges, allowed values and hooks are enforced here, flags by the controller."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, Self

from nepi.errors import BadValueError, did_you_mean
from nepi.units import duration_s, fraction, rate_bps, size_bytes


class Types:
    """The types that an attribute can have. The first five are the seed's."""

    String = "STRING"
    Bool = "BOOL"
    Enumerate = "ENUM"
    Double = "DOUBLE"
    Integer = "INTEGER"
    Duration = "DURATION"
    Rate = "RATE"
    Size = "SIZE"
    Fraction = "FRACTION"


UNITS: dict[str, str] = {Types.Duration: "s", Types.Rate: "bit/s", Types.Size: "B", Types.Fraction: "of 1"}
"""The unit in which a value of such a type is kept, whatever unit it was written with."""


class Flags:
    """Who may read or set an attribute, and when. The seed's names keep the seed's values."""

    NoFlags = 0x00
    ReadOnly = 0x01
    ExecReadOnly = 0x02
    Credential = 0x04
    Filter = 0x08
    NoRead = 0x10
    NoWrite = 0x20
    Design = 0x40
    Construct = 0x80
    Reserved = 0x100
    Global = 0x200


_TAKE_RESOURCES = ("target", "nexthop", "controller_ip", "remote_ip")
"""Attributes of every backend that say where packets go."""
_HIDDEN = "a wrong value (not shown, since it is a credential)"


class Reference:
    """A value that names another resource; the plan turns it into that resource's address."""

    __slots__ = ("guid",)

    def __init__(self, guid: int) -> None:
        self.guid = guid

    def __index__(self) -> int:
        return self.guid

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and other.guid == self.guid

    def __hash__(self) -> int:
        return hash((Reference, self.guid))

    def __repr__(self) -> str:
        return f"Reference({self.guid})"


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """Stands in a description for a value that no file holds, a credential: it is taken from an environment variable when it is needed."""

    variable: str


class Attribute:
    """One settable property of a resource type.

    Declared in a class body, the member's name is the attribute's name, and the member reads as the value on an instance::

        class Beacon(ResourceManager, rtype="demo::Beacon"):
            interval = Attribute.duration("100ms", help="Time between packets.")

    Args:
        name: how the attribute is called; "" when it is declared in a class body.
        help: one sentence for people.
        type: one of `Types`.
        flags: any of `Flags`, or-ed.
        default: value while nothing was set; None means "not set".
        allowed: for `Types.Enumerate`, the values that it can take.
        range: for numbers, (least, greatest), both included.
        set_hook: called with (old, new) on each set; what it returns is kept.

    Raises:
        BadValueError: the default is not a valid value, so that a wrong type fails when it is declared.
    """

    __slots__ = ("_allowed", "_changed", "_default", "_flags", "_help", "_name", "_range", "_type", "_value", "set_hook")

    def __init__(
        self,
        name: str,
        help: str,
        type: str = Types.String,
        flags: int | None = Flags.NoFlags,
        default: Any = None,
        allowed: Collection[Any] | None = None,
        range: tuple[float, float] | None = None,
        set_hook: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self._name = name
        self._help = help
        self._type = type
        self._flags = flags or Flags.NoFlags
        self._allowed = allowed
        self._range = range
        self.set_hook = set_hook
        self._changed = False
        self._default = self._value = self.converted(default)

    # What the declaration said.

    @property
    def name(self) -> str:
        """How the attribute is called."""
        return self._name

    @property
    def help(self) -> str:
        """One sentence for people."""
        return self._help

    @property
    def type(self) -> str:
        """One of `Types`."""
        return self._type

    @property
    def flags(self) -> int:
        """The flags, or-ed."""
        return self._flags

    @property
    def default(self) -> Any:
        """The value while nothing was set."""
        return self._default

    @property
    def allowed(self) -> Collection[Any] | None:
        """The values that an enumerated attribute can take."""
        return self._allowed

    @property
    def range(self) -> tuple[float, float] | None:
        """(least, greatest) of a number, both included."""
        return self._range

    @property
    def unit(self) -> str:
        """The unit of `value`, or "" when it has none."""
        return UNITS.get(self._type, "")

    @property
    def takes_resource(self) -> bool:
        """Whether a resource's bare name in a file means that resource, and not the text."""
        return self._type == Types.String and self._name in _TAKE_RESOURCES

    def has_flag(self, flag: int) -> bool:
        """Whether all bits of `flag` are set."""
        return (self._flags & flag) == flag

    # The value.

    @property
    def value(self) -> Any:
        """The present value, in the unit that `unit` says. Setting it checks, converts and calls the hook."""
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        value = self.converted(value)
        if self.set_hook is not None:
            value = self.set_hook(self._value, value)
        self._value = value
        self._changed = True

    @property
    def has_changed(self) -> bool:
        """Whether the value was set and differs from the default."""
        return self._changed and self._value != self._default

    def is_valid_value(self, value: Any) -> bool:
        """Whether a converted `value` may be kept; for subclasses to override."""
        return True

    def converted(self, value: Any) -> Any:
        """Return `value` as it will be kept.

        Raises:
            BadValueError: wrong type, unit, range, or not among the allowed values.
        """
        if value is None:
            return None
        try:
            value = self._convert(value)
        except BadValueError as error:
            raise BadValueError(f"attribute {self._name!r}: {_HIDDEN if self._flags & Flags.Credential else error}") from None
        if not self.is_valid_value(value):
            raise BadValueError(f"attribute {self._name!r}: {_HIDDEN if self._flags & Flags.Credential else f'invalid value {value!r}'}")
        return value

    def _convert(self, value: Any) -> Any:
        if self._type == Types.Enumerate:
            if value not in (self._allowed or ()):
                known = [str(one) for one in self._allowed or ()]
                raise BadValueError(f"{value!r} is none of {', '.join(known)}{did_you_mean(str(value), known)}")
            return value
        converter = _CONVERTERS.get(self._type)
        if converter is None:
            raise BadValueError(f"unknown attribute type {self._type!r}")
        value = converter(value)
        if self._range is not None and self._type not in (Types.String, Types.Bool):
            least, greatest = self._range
            if not least <= value <= greatest:
                raise BadValueError(f"{value!r} is outside of {least} to {greatest}")
        return value

    def copy(self) -> Attribute:
        """Return an independent attribute with the same declaration and value."""
        return copy.copy(self)

    # Declared as a member of a resource manager's class.

    def __set_name__(self, owner: builtins.type[Any], name: str) -> None:
        if not self._name:
            self._name = name

    def __get__(self, instance: Any, owner: builtins.type[Any] | None = None) -> Any:
        return self if instance is None else instance.get(self._name)

    def __set__(self, instance: Any, value: Any) -> None:
        instance.set(self._name, value)

    @classmethod
    def string(cls, default: str | None = None, *, help: str, flags: int = 0, set_hook: Callable[[Any, Any], Any] | None = None) -> Self:
        """Declare a text."""
        return cls("", help, Types.String, flags, default, set_hook=set_hook)

    @classmethod
    def boolean(cls, default: bool | None = None, *, help: str, flags: int = 0) -> Self:
        """Declare a truth value."""
        return cls("", help, Types.Bool, flags, default)

    @classmethod
    def integer(cls, default: int | None = None, *, help: str, flags: int = 0, range: tuple[float, float] | None = None) -> Self:
        """Declare a whole number."""
        return cls("", help, Types.Integer, flags, default, range=range)

    @classmethod
    def number(cls, default: float | None = None, *, help: str, flags: int = 0, range: tuple[float, float] | None = None) -> Self:
        """Declare a number."""
        return cls("", help, Types.Double, flags, default, range=range)

    @classmethod
    def choice(cls, allowed: Collection[Any], default: Any = None, *, help: str, flags: int = 0) -> Self:
        """Declare a value out of `allowed`."""
        return cls("", help, Types.Enumerate, flags, default, allowed=allowed)

    @classmethod
    def duration(cls, default: str | float | None = None, *, help: str, flags: int = 0, range: tuple[float, float] | None = None) -> Self:
        """Declare a time span; written "100ms", kept in seconds."""
        return cls("", help, Types.Duration, flags, default, range=range)

    @classmethod
    def rate(cls, default: str | int | None = None, *, help: str, flags: int = 0, range: tuple[float, float] | None = None) -> Self:
        """Declare a bit rate; written "10Mbit", kept in bit/s."""
        return cls("", help, Types.Rate, flags, default, range=range)

    @classmethod
    def size(cls, default: str | int | None = None, *, help: str, flags: int = 0, range: tuple[float, float] | None = None) -> Self:
        """Declare an amount of data; written "64kB", kept in bytes."""
        return cls("", help, Types.Size, flags, default, range=range)

    @classmethod
    def fraction(cls, default: str | float | None = None, *, help: str, flags: int = 0) -> Self:
        """Declare a part of a whole; written "0.1%", kept as a number from 0 to 1."""
        return cls("", help, Types.Fraction, flags, default)


def _text(value: Any) -> Any:
    if isinstance(value, str | Reference):
        return value
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise BadValueError(f"expected a text, got {value!r}")


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise BadValueError(f"expected True or False, got {value!r}")


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            pass
    raise BadValueError(f"expected a whole number, got {value!r}")


def _number(value: Any) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    raise BadValueError(f"expected a number, got {value!r}")


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    Types.String: _text,
    Types.Bool: _truth,
    Types.Integer: _whole,
    Types.Double: _number,
    Types.Duration: duration_s,
    Types.Rate: rate_bps,
    Types.Size: size_bytes,
    Types.Fraction: fraction,
}
