"""How an application's attributes become words of a command line: one row for each option, checked when the options are made.

An application declares a frozen dataclass whose fields carry `option(...)`; everything else (checking, reading what users
write, building the words) is the same for all of them and stands here and in `option_kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Final, Protocol, Self

from nepi.errors import BadValueError

_KEY: Final = "option"


class Kind(Protocol):
    """What values an option takes."""

    def read(self, value: object) -> object:
        """Return `value`, as users write it or already read, in the field's type. Raises BadValueError with the reason only."""

    def words(self, flag: str, value: object) -> list[str]:
        """Return the words for a value that `read` returned."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a tool.

    Attributes:
        attribute: the resource attribute's name, camelCase as the original's.
        flag: as the tool wants it ("-c", "--bidir"); "" when the command's builder places the value itself.
        kind: the values that it takes.
        help: one line for the attribute's documentation, with the unit.
    """

    attribute: str
    flag: str
    kind: Kind
    help: str


def option(attribute: str, flag: str, kind: Kind, help: str) -> Mapping[str, Option]:
    """Return the metadata that makes a dataclass field an option."""
    return {_KEY: Option(attribute, flag, kind, help)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """Base of every application's options: a value that exists is a value that the tool accepts.

    A field that is None is not given to the tool, whose own default then counts.

    Raises:
        BadValueError: at construction; names the tool and every attribute that is wrong, each with its reason.
    """

    tool: ClassVar[str] = ""
    package: ClassVar[str] = ""
    """The Debian package that has the tool; that of the same name unless told."""

    def __post_init__(self) -> None:
        mistakes = []
        for name, row in option_rows(type(self)).items():
            value = getattr(self, name)
            if value is None:
                continue
            try:
                object.__setattr__(self, name, row.kind.read(value))
            except BadValueError as error:
                mistakes.append(f"{row.attribute}: {error}")
        mistakes = mistakes or list(self.conflicts())
        if mistakes:
            raise BadValueError(f"{self.tool}: " + "; ".join(mistakes))

    def conflicts(self) -> list[str]:
        """Return what is wrong with values that are right one by one; each sentence starts with an attribute's name."""
        return []

    @classmethod
    def from_attributes(cls, values: Mapping[str, object]) -> Self:
        """Return the options that a resource's attributes ask for.

        Args:
            values: by attribute name, as users write them ("200ms", 5, True); None and "" mean "not set", and
                attributes that are no option of this tool are left alone.

        Raises:
            BadValueError: as the constructor; a missing value that the tool cannot do without is named too.
        """
        chosen: dict[str, Any] = {}
        missing = []
        required = {f.name for f in fields(cls) if f.default is MISSING}
        for name, row in option_rows(cls).items():
            value = values.get(row.attribute)
            if value is not None and value != "":
                chosen[name] = value
            elif name in required:
                missing.append(row.attribute)
        if missing:
            raise BadValueError(f"{cls.tool}: " + "; ".join(f"{attribute}: must be set" for attribute in missing))
        return cls(**chosen)

    def argv(self) -> list[str]:
        """Return the whole command line; tools that want operands too build it themselves."""
        return [self.tool, *self.words()]

    def words(self) -> list[str]:
        """Return the words of every option that has a flag, in the order of the fields."""
        return [
            word
            for name, row in option_rows(type(self)).items()
            if row.flag and getattr(self, name) is not None
            for word in row.kind.words(row.flag, getattr(self, name))
        ]


def option_rows(options: type[CommandOptions]) -> dict[str, Option]:
    """Return the rows of a tool's options by field name: what a resource type declares its attributes from."""
    return {f.name: f.metadata[_KEY] for f in fields(options) if _KEY in f.metadata}
