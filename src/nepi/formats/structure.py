"""From the tree of a file to its `Document`: pydantic finds what is missing, unknown or of the wrong kind; here it is said where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from nepi.errors import did_you_mean
from nepi.formats.document import ApplicationEntry, Change, ConditionOf, Document, Entry, LinkEntry, ResourceEntry
from nepi.formats.places import Mistakes, Place
from nepi.formats.tree import Entries, Items, Node, Scalar

_EXPECTED: Final = {
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping (name: ...)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}
_MODELS: Final[dict[str, type[BaseModel]]] = {
    "nodes": Entry,
    "switches": Entry,
    "links": LinkEntry,
    "applications": ApplicationEntry,
    "resources": ResourceEntry,
}


def read_document(root: Node, mistakes: Mistakes) -> tuple[Document, set[str]]:
    """Return the document that a tree is. What is wrong in its structure is noted, and left out as far as it reaches.

    Returns:
        The document, and the names of entries that were left out. A link that was left out has no ends.

    Raises:
        PlanError: nothing is left.
    """
    if not isinstance(root, Entries):
        mistakes.give_up(root.place, "an experiment's file has keys: experiment, backend, nodes, links, applications, ...")
    _check_listed_twice(root, mistakes)
    data = _said(_texts(root))
    try:
        return Document.model_validate(data), set()
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True)
    for one in found:
        _note(root, one, mistakes)
    links, names = _leave_out(data, [one["loc"] for one in found])
    try:
        document = Document.model_validate(data)
    except ValidationError:
        raise mistakes.error() from None
    for index in sorted(links):
        document.links.insert(index, LinkEntry.model_construct(ends=[]))
    return document, names


def _said(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data without keys that say nothing, such as a section whose entries are commented out."""
    for section, model in _MODELS.items():
        entries = data.get(section)
        for entry in entries if isinstance(entries, list) else entries.values() if isinstance(entries, dict) else ():
            for key in model.model_fields if isinstance(entry, dict) else ():
                if key in entry and entry[key] is None:
                    del entry[key]
    return {key: value for key, value in data.items() if value is not None}


def _leave_out(data: dict[str, Any], paths: Iterable[Sequence[str | int]]) -> tuple[set[int], set[str]]:
    """Take what is wrong out of the data: a key, or the whole entry when it cannot do without.

    Returns:
        The indices of links that were left out, and the names of other entries that were.
    """
    links: set[int] = set()
    names: set[str] = set()
    data.setdefault("experiment", "")
    for path in paths:
        section, entries = str(path[0]), data.get(str(path[0]))
        if len(path) == 1 or not isinstance(entries, dict | list):
            data.pop(section, None)
            continue
        entry = entries[path[1]] if isinstance(entries, list) or path[1] in entries else None  # type: ignore[index]  # as pydantic says
        if len(path) > 2 and isinstance(entry, dict) and not _MODELS[section].model_fields[str(path[2])].is_required():
            entry.pop(path[2], None)
        elif isinstance(entries, list):
            links.add(int(path[1]))
        else:
            entries.pop(str(path[1]), None)
            names.add(str(path[1]))
    if links:
        data["links"] = [one for index, one in enumerate(data["links"]) if index not in links]
    data["experiment"] = data.get("experiment") or "unnamed"
    return links, names


def _check_listed_twice(root: Entries, mistakes: Mistakes) -> None:
    """A list of names becomes a mapping, in which a name that is there twice would be lost."""
    for section in ("nodes", "switches"):
        named = root.entries.get(section)
        seen: dict[str, Place] = {}
        for one in named.items if isinstance(named, Items) else ():
            if isinstance(one, Scalar) and seen.setdefault(one.text, one.place) is not one.place:
                mistakes.add(one.place, f"{section}: {one.text!r} is there twice; names are unique within an experiment")


def _texts(node: Node) -> Any:
    """Return a tree as plain data whose scalars are texts, or None where nothing is said."""
    match node:
        case Entries(entries=entries):
            return {key: _texts(value) for key, value in entries.items()}
        case Items(items=items):
            return [_texts(one) for one in items]
    return None if node.is_null else node.text


def _note(root: Entries, error: Any, mistakes: Mistakes) -> None:
    """Note one of pydantic's errors, in our words and with its place."""
    path: Sequence[str | int] = error["loc"]
    here = find(root, path)
    key = dotted(path)
    match error["type"]:
        case "missing":
            parent = find(root, path[:-1])
            example = " (the name of the experiment)" if path == ("experiment",) else ""
            mistakes.add(parent.place, f"{dotted(path[:-1]) + ': ' if path[:-1] else ''}the key {path[-1]!r}{example} is missing")
        case "extra_forbidden":
            known = list(_model_at(path).model_fields)
            near = did_you_mean(str(path[-1]), known) or f"; there are {', '.join(known)}"
            mistakes.add(_key_place(root, path), f"there is no key {key!r}{near}")
        case "too_short" | "too_long":
            mistakes.add(here.place, f"{key}: expected two names, as in [a, b], got {_shown(here)}")
        case "string_too_short":
            mistakes.add(here.place, f"{key}: expected a text that is not empty")
        case kind:
            expected = _EXPECTED.get(kind, error["msg"])
            mistakes.add(here.place, f"{key}: expected {expected}, got {_shown(here)}")


def _model_at(path: Sequence[str | int]) -> type[BaseModel]:
    """Return the model of the mapping that has the last key of a path."""
    if len(path) == 1:
        return Document
    if "conditions" in path[2:]:
        return ConditionOf
    return Change if "set" in path[2:-1] else _MODELS.get(str(path[0]), Entry)


def find(root: Node, path: Sequence[str | int]) -> Node:
    """Return the part of a tree at a path, or the last part before it that is there. An item of a list is found by its text, too."""
    node = root
    for step in path:
        if isinstance(node, Entries) and step in node.entries:
            node = node.entries[str(step)]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        elif isinstance(node, Items):
            node = next((one for one in node.items if isinstance(one, Scalar) and one.text == step), node)
    return node


def _key_place(root: Node, path: Sequence[str | int]) -> Place:
    parent = find(root, path[:-1])
    return parent.place_of(str(path[-1])) if isinstance(parent, Entries) else parent.place


def dotted(path: Sequence[str | int]) -> str:
    """Return a path as messages have it: "links[0].ends"."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _shown(node: Node) -> str:
    match node:
        case Entries():
            return "a mapping"
        case Items(items=items):
            return f"a list of {len(items)}"
    return "nothing" if node.is_null else repr(node.text)
