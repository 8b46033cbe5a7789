"""Resource attributes made from the rows of a tool's options, so that each option is declared once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from os import PathLike, fspath
from typing import Any, Final

from nepi.apps.option_kinds import HOST, Rate, Seconds, Size, Switch, Whole, Word
from nepi.apps.options import CommandOptions, Option, option_rows
from nepi.execution.attribute import Attribute, Flags, Types
from nepi.model.attributes import Reference

_TYPES: Final[dict[type, str]] = {
    Switch: Types.Bool,
    Whole: Types.Integer,
    Seconds: Types.Duration,
    Size: Types.Size,
    Rate: Types.Rate,
    Word: Types.String,
}


class OptionAttribute(Attribute):
    """An attribute that takes what the tool's option takes; a word may also refer to a resource, whose address it then is."""

    __slots__ = ("_option",)

    def __init__(self, option: Option, default: Any) -> None:
        self._option = option
        super().__init__(option.attribute, option.help, _TYPES[type(option.kind)], Flags.Design, default)

    @property
    def takes_resource(self) -> bool:
        """Whether a resource's bare name in a file means that resource, and not the text: where the option wants a host."""
        return self._option.kind is HOST

    def _convert(self, value: Any) -> Any:
        if isinstance(value, Reference) and isinstance(self._option.kind, Word):
            return value
        return self._option.kind.read(fspath(value) if isinstance(value, PathLike) else value)


def option_attributes(options: type[CommandOptions], defaults: Mapping[str, Any]) -> dict[str, Attribute]:
    """Return the attributes of a tool's options, by name.

    Args:
        options: the tool's options.
        defaults: by attribute, where another default than the tool's is wanted.
    """
    given = {one.name: None if one.default is MISSING else one.default for one in fields(options)}
    return {row.attribute: OptionAttribute(row, defaults.get(row.attribute, given[name])) for name, row in option_rows(options).items()}
