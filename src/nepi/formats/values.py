"""Values of attributes in files: what a text means is decided by the attribute that it is for, and a value is written as it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from nepi.errors import BadValueError, did_you_mean
from nepi.formats.tree import NULLS, Entries, Items, Node, Scalar
from nepi.model.attributes import Attribute, Flags, FromEnvironment, Reference, Types
from nepi.units import format_duration, format_fraction, format_rate, format_size

RESOURCE: Final = "resource"
"""The key of a value that is a reference: `{resource: b}`."""
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BARE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")  # names that YAML never wants quoted; quoted, they would be texts
_WHOLE: Final = re.compile(r"[-+]?[0-9]+")
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TRUTH: Final = {"true": True, "false": False}
_ALMOST_TRUTH: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_WRITTEN: Final[Mapping[str, Callable[[Any], str]]] = {
    Types.Duration: format_duration,
    Types.Rate: format_rate,
    Types.Size: format_size,
    Types.Fraction: format_fraction,
}


# From files.


def read_value(attribute: Attribute, node: Node, guids: Mapping[str, int]) -> Any:
    """Return the value that a part of a file says, as it will be kept.

    Args:
        attribute: what it is for.
        node: the part of the file.
        guids: the resources by name.

    Raises:
        BadValueError: it cannot be the value of this attribute.
    """
    if attribute.has_flag(Flags.Credential):
        return _read_credential(attribute, node)
    if isinstance(node, Entries) and list(node.entries) == [RESOURCE]:
        return attribute.converted(_reference(node.entries[RESOURCE], guids))
    if not isinstance(node, Scalar):
        return attribute.converted(plain_data(node))
    if node.is_null:
        return None
    if node.plain and attribute.takes_resource and node.text in guids:
        return attribute.converted(Reference(guids[node.text]))
    return attribute.converted(_read_scalar(attribute, node))


def _read_scalar(attribute: Attribute, node: Scalar) -> Any:
    """Return what a text stands for, before it is checked."""
    match attribute.type:
        case Types.Bool:
            return truth(node)
        case Types.Enumerate:
            value = plain_data(node)
            return value if value in (attribute.allowed or ()) else node.text
        case Types.Double:
            return node.text.replace("_", "x")  # Python would take 1_000, and nobody else
    return node.text


def truth(node: Scalar) -> bool:
    """Return a truth value.

    Raises:
        BadValueError: it is none.
    """
    found = _TRUTH.get(node.text.lower()) if node.plain else None
    if found is None:
        meant = _ALMOST_TRUTH.get(node.text.lower())
        hint = f"; write {meant}, since yes, no, on and off are texts here" if meant else ""
        raise BadValueError(f"expected true or false, got {node.text!r}{hint}")
    return found


def _reference(node: Node, guids: Mapping[str, int]) -> Reference:
    name = node.text if isinstance(node, Scalar) else None
    if name is None or name not in guids:
        shown = repr(name) if name is not None else "a list or a mapping"
        raise BadValueError(f"there is no resource named {shown}{did_you_mean(name or '', guids)}")
    return Reference(guids[name])


def _read_credential(attribute: Attribute, node: Node) -> FromEnvironment:
    """Credentials stand in no file: the file says which environment variable holds it. What it says otherwise is not repeated."""
    match = _VARIABLE.fullmatch(node.text) if isinstance(node, Scalar) else None
    if match is None:
        raise BadValueError(
            f"attribute {attribute.name!r} is a credential, and those stand in no file: write ${{NAME}}, "
            "and set the environment variable NAME before loading it"
        )
    return FromEnvironment(match[1])


def plain_data(node: Node) -> Any:
    """Return a part of a file as the YAML 1.2 core schema reads it: for values whose type nobody knows."""
    match node:
        case Entries(entries=entries):
            return {key: plain_data(value) for key, value in entries.items()}
        case Items(items=items):
            return [plain_data(one) for one in items]
        case Scalar(text=text, plain=False):
            return text
    if node.is_null:
        return None
    if node.text in _TRUTH:
        return _TRUTH[node.text]
    if _WHOLE.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if _NUMBER.fullmatch(node.text) else node.text


# To files.


def written_value(attribute: Attribute | None, value: Any, names: Mapping[int, str]) -> Any:
    """Return a value as it is written: text with its unit, or plain data; `Bare` for what must not be quoted, `Quoted` for what must be.

    Args:
        attribute: what it is the value of; None when its type does not declare it.
        value: as it is kept.
        names: the resources by guid.
    """
    if isinstance(value, Reference):
        name = names[value.guid]
        bare = attribute is not None and attribute.takes_resource and _BARE.fullmatch(name) and name not in NULLS
        return Bare(name) if bare else {RESOURCE: name}
    if isinstance(value, FromEnvironment):
        return f"${{{value.variable}}}"
    if attribute is not None and isinstance(value, str) and attribute.takes_resource and value in names.values():
        return Quoted(value)
    form = _WRITTEN.get(attribute.type) if attribute is not None else None
    return form(value) if form is not None and isinstance(value, int | float) else value


class Bare(str):
    """A text that is written without quotes: a resource's name where it means the resource."""

    __slots__ = ()


class Quoted(str):
    """A text that is written in quotes, because without them it would mean something else."""

    __slots__ = ()
