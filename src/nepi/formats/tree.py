"""YAML as a tree with places: scalars are kept as written, and what a scalar means is for the one who knows what is expected there.

So `yes`, `10` or `00:11:22:33:44:55` are never taken for something that nobody meant, and a file can do no harm: size, depth and what
aliases multiply are bounded, tags are refused, and nothing is ever constructed from a name in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from nepi.errors import did_you_mean
from nepi.formats.places import Mistakes, Place

MOST_DEPTH: Final = 40
MOST_NODES: Final = 2_000_000
MOST_REPEATED: Final = 200_000
"""How many nodes aliases may add to those that are written: more is a bomb, not an experiment."""
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NULLS: Final = ("", "~", "null", "Null", "NULL")
_MERGE: Final = "<<"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text as written, without its quotes.

    Attributes:
        text: what it says.
        plain: it is not quoted.
        place: of its first character, the quote included.
    """

    text: str
    plain: bool
    place: Place
    size: int = 1

    @property
    def is_null(self) -> bool:
        """Whether it says "nothing": ~, null, or nothing at all."""
        return self.plain and self.text in NULLS


@dataclass(slots=True)
class Items:
    """A list."""

    items: list[Node]
    place: Place
    size: int = 1


@dataclass(slots=True)
class Entries:
    """A mapping.

    Attributes:
        entries: values by key.
        keys: the place of each key.
    """

    entries: dict[str, Node]
    keys: dict[str, Place]
    place: Place
    size: int = 1

    def place_of(self, key: str) -> Place:
        """Return the place of a key, or of the mapping when it does not have it."""
        return self.keys.get(key, self.place)


Node = Scalar | Items | Entries


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read."""

    node: Items | Entries
    anchor: str | None
    key: Scalar | None = None
    merged: list[Entries] = field(default_factory=list)


def compose(text: str, mistakes: Mistakes) -> Node:
    """Return the tree of a YAML text.

    Raises:
        PlanError: it is no YAML, or one that is not read here. Duplicate keys are noted only.
    """
    composer = _Composer(mistakes)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.YAMLError as error:
        mistakes.give_up(*_yaml_mistake(error, text))
    if composer.root is None:
        mistakes.give_up(Place(), "the file is empty; `nepi init` writes a commented one to begin with")
    return composer.root


class _Composer:
    def __init__(self, mistakes: Mistakes) -> None:
        self.root: Node | None = None
        self._mistakes = mistakes
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._written = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        """Take one event of the parser."""
        place = _place(event.start_mark)
        match event:
            case yaml.ScalarEvent():
                self._untagged(event.tag, event.value, place)
                self._add(Scalar(event.value, not event.style, place), event.anchor)
            case yaml.AliasEvent():
                self._add(self._aliased(str(event.anchor), place), None)
            case yaml.SequenceStartEvent():
                self._untagged(event.tag, "[", place)
                self._open(Items([], place), event.anchor)
            case yaml.MappingStartEvent():
                self._untagged(event.tag, "{", place)
                self._open(Entries({}, {}, place), event.anchor)
            case yaml.CollectionEndEvent():
                self._close()
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._mistakes.give_up(place, "a second document begins here ('---'); a file holds one experiment")

    def _untagged(self, tag: str | None, text: str, place: Place) -> None:
        if tag is not None:
            self._mistakes.give_up(place, f"the tag {tag!r} before {text[:20]!r} is not read: write the value without it")

    def _open(self, node: Items | Entries, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors.pop(anchor, None)
        self._stack.append(_Open(node, anchor))
        if len(self._stack) > MOST_DEPTH:
            self._mistakes.give_up(node.place, f"more than {MOST_DEPTH} lists and mappings within each other")

    def _close(self) -> None:
        done = self._stack.pop()
        if isinstance(done.node, Entries):
            for other in done.merged:
                for key, value in other.entries.items():
                    if key not in done.node.entries:
                        done.node.entries[key] = value
                        done.node.keys[key] = other.keys[key]
                        done.node.size += value.size
        self._add(done.node, done.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        """Put a finished node where it belongs: as a key, a value, an item, or the root."""
        if anchor is not None:
            self._anchors[anchor] = node
        self._written += 1
        if self._written > MOST_NODES:
            self._mistakes.give_up(node.place, f"the file has more than {MOST_NODES} values")
        if node.size > self._written + MOST_REPEATED:
            self._mistakes.give_up(node.place, f"aliases repeat what they stand for more than {MOST_REPEATED} times over; write it out")
        if not self._stack:
            self.root = node
            return
        into = self._stack[-1]
        if isinstance(into.node, Items):
            into.node.items.append(node)
            into.node.size += node.size
        elif into.key is None:
            into.key = self._key(node)
        else:
            self._add_entry(into, into.key, node)
            into.key = None

    def _key(self, node: Node) -> Scalar:
        if not isinstance(node, Scalar):
            self._mistakes.give_up(node.place, "a key is a word, not a list or a mapping")
        return node

    def _add_entry(self, into: _Open, key: Scalar, value: Node) -> None:
        entries = into.node
        assert isinstance(entries, Entries)
        if key.plain and key.text == _MERGE:
            into.merged += self._merged(value)
        elif key.text in entries.entries:
            first = entries.keys[key.text]
            self._mistakes.add(key.place, f"the key {key.text!r} is there twice; the first is in line {first.line}")
        else:
            entries.entries[key.text] = value
            entries.keys[key.text] = key.place
            entries.size += value.size + 1

    def _merged(self, value: Node) -> Iterator[Entries]:
        for one in value.items if isinstance(value, Items) else [value]:
            if isinstance(one, Entries):
                yield one
            else:
                self._mistakes.add(one.place, "'<<' takes an alias of a mapping, like '<<: *fast'")

    def _aliased(self, anchor: str, place: Place) -> Node:
        node = self._anchors.get(anchor)
        if node is None:
            if any(one.anchor == anchor for one in self._stack):
                self._mistakes.give_up(place, f"the alias '*{anchor}' is inside of what it stands for")
            self._mistakes.give_up(place, f"there is no anchor '&{anchor}' before this{did_you_mean(anchor, self._anchors)}")
        return node


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _yaml_mistake(error: yaml.YAMLError, text: str) -> tuple[Place, str]:
    """Return what the parser says against the text, in words that help."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        place = _place(error.problem_mark)
        line = text.splitlines()[place.line - 1] if place.line <= text.count("\n") + 1 and text.splitlines()[place.line - 1 :] else ""
        if re.match(r" *\t", line):
            return Place(place.line, line.index("\t") + 1), "the line is indented by a tab; YAML takes spaces only"
        context = f" ({error.context})" if error.context else ""
        return place, f"this is not YAML: {error.problem}{context}"
    position = getattr(error, "position", None)
    if isinstance(position, int) and position <= len(text):
        character = getattr(error, "character", "")
        shown = f"{character!r}" if isinstance(character, str) else f"U+{character:04X}"
        before = text[:position]
        return Place(before.count("\n") + 1, position - before.rfind("\n")), f"the character {shown} cannot be part of a YAML file"
    return Place(), f"this is not YAML: {error}"
