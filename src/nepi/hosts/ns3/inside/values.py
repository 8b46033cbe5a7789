"""Between JSON and C++: what a value of a message means, and what can be told of what a method has returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Problem(Exception):
    """An operation that cannot be done; its text goes back to who asked for it."""


def text_of(value: Any) -> str:
    """Return the text of a value, as ns-3's attributes take it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Names:
    """C++ names, looked up in namespace ns3, then in nepi.

    Args:
        scopes: namespaces, nearest first.
        nothing: the null pointer.
    """

    def __init__(self, *scopes: Any, nothing: Any = None) -> None:
        self._scopes = scopes
        self.nothing = nothing
        self._found: dict[str, Any] = {}

    def find(self, name: str) -> Any:
        """Return what a name such as "Ipv4Address" or "Simulator::Now" stands for.

        Raises:
            Problem: it stands for nothing.
        """
        if name in self._found:
            return self._found[name]
        parts = name.removeprefix("ns3::").removeprefix("nepi::").split("::")
        for scope in self._scopes:
            found: Any = scope
            for part in parts:
                found = None if found is None else member(found, part, absent=True)
            if found is not None:
                self._found[name] = found
                return found
        raise Problem(f"there is no {name!r} in this ns-3")


def member(owner: Any, name: str, *, absent: bool = False) -> Any:
    """Return a member of an object or scope.

    Raises:
        Problem: it has none of this name, or the name is not for others.
    """
    if not name.isidentifier() or name.startswith("_"):
        raise Problem(f"{name!r} is not a name that can be asked for")
    try:
        return getattr(owner, name)
    except AttributeError:
        if absent:
            return None
        raise Problem(f"{type(owner).__name__} has no {name!r}") from None


def cpp_value(value: Any, objects: Mapping[int, Any], names: Names) -> Any:
    """Return what a value of a message means.

    Raises:
        Problem: it means nothing.
    """
    match value:
        case {"ref": int(number)}:
            return known(objects, number)
        case {"new": str(class_), "args": list(args)}:
            return names.find(class_)(*[cpp_value(one, objects, names) for one in args])
        case {"enum": str(name)}:
            return names.find(name)
        case {"list": list(texts)}:
            return texts
        case None:
            return names.nothing
        case dict() | list():
            raise Problem(f"{value!r} is no value")
    return value


def known(objects: Mapping[int, Any], number: int) -> Any:
    """Return an object by its number.

    Raises:
        Problem: there is none; making it failed, perhaps.
    """
    try:
        return objects[number]
    except KeyError:
        raise Problem(f"there is no object {number}") from None
