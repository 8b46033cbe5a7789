"""What a topology is made of: nodes and links, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from nepi.errors import BadValueError, did_you_mean

Kind = Literal["host", "router", "switch"]
KINDS: Final = get_args(Kind)

Position = tuple[float, float]
"""Where a node is drawn: to the right, and up. Of geographic ones longitude and latitude in degrees."""


@dataclass(frozen=True, slots=True)
class TopologyNode:
    """A computer or a switch.

    Attributes:
        name: unique among all nodes and links.
        kind: "host" is a computer for applications, "router" one that is there to pass packets on, "switch" an Ethernet switch.
            A host with several links passes packets on as well, unless its attribute `forwarding` is False.
        position: where it is drawn, None when that does not matter.
        attributes: of the resource that will be made of it.
    """

    name: str
    kind: Kind = "host"
    position: Position | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TopologyLink:
    """A link between two nodes.

    Attributes:
        name: unique among all nodes and links.
        ends: names of two different nodes.
        role: what it is there for ("bottleneck", "access"), so that all links of a role can be changed together; or "".
        attributes: of the resource that will be made of it (rate, delay, weight, ...), with their units.
    """

    name: str
    ends: tuple[str, str]
    role: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


def checked_kind(kind: object, whose: str) -> Kind:
    """Return a node's kind.

    Raises:
        BadValueError: there is no such kind.
    """
    for known in get_args(Kind):
        if kind == known:
            return known  # type: ignore[no-any-return] # get_args knows no literal types
    raise BadValueError(f"{whose} has the kind {kind!r}: use {', '.join(map(repr, KINDS))}{did_you_mean(str(kind), KINDS)}")


def checked_attributes(attributes: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """Return attributes that can be written down as JSON and YAML: names with texts, numbers and truth values.

    Raises:
        BadValueError: a value of another kind.
    """
    for name, value in attributes.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise BadValueError(f"{whose}: {name!r} is no name of an attribute")
        if value is not None and not isinstance(value, str | int | float | bool):
            raise BadValueError(f"{whose}: {name} is {value!r}; use a text (with its unit), a number, True or False")
    return {name: value for name, value in attributes.items() if value is not None}


def link_name(first: str, second: str, number: int = 1) -> str:
    """Return the name of a link that nobody has named: "a--b", and "a--b--2" for the second one between them."""
    return f"{first}--{second}" + (f"--{number}" if number > 1 else "")
