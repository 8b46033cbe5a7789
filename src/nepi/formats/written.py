"""An experiment's file that was read: its text, its tree, its structure, and where each of its resources stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nepi.formats.document import DEFAULT_TYPES, Document, Entry
from nepi.formats.places import Mistakes, Place
from nepi.formats.structure import dotted, find, read_document
from nepi.formats.tree import Entries, Node, compose
from nepi.model.typespec import TypeSpec


@dataclass(slots=True)
class Written:
    """One resource as it stands in the file.

    Attributes:
        path: of its entry, as in ("applications", "client").
        entry: its keys.
        node: its part of the tree.
        place: of its name, or of its entry.
        name: "" for a link without one.
        guid: its number.
        spec: its type; None when it is unknown.
        faulty: it has a mistake.
    """

    path: tuple[str | int, ...]
    entry: Entry
    node: Node
    place: Place
    name: str
    guid: int = 0
    spec: TypeSpec | None = None
    faulty: bool = False

    @property
    def rtype(self) -> str:
        """The type that it says, or that its section implies."""
        return self.entry.type or DEFAULT_TYPES.get(str(self.path[0]), "")

    def key(self, *more: str | int) -> str:
        """Return one of its keys as messages have it."""
        return dotted((*self.path, *more))

    def part(self, *more: str | int) -> Node:
        """Return one of its parts."""
        return find(self.node, more)

    def place_of(self, key: str, within: Node | None = None) -> Place:
        """Return the place of one of its keys."""
        node = within if within is not None else self.node
        return node.place_of(key) if isinstance(node, Entries) else self.place


@dataclass(slots=True)
class Source:
    """An experiment's file that was read.

    Attributes:
        path: as the user wrote it.
        text: what stands in it.
        mistakes: those noted so far; says where something is.
        root: its tree.
        document: its structure.
        left_out: names of resources that are not in it because of a mistake.
        written: its resources, by guid; filled by `describe_document`.
        broken: a resource or a connection is missing because of a mistake, so that what the plan would find may be a follow-up.
    """

    path: Path
    text: str
    mistakes: Mistakes
    root: Node
    document: Document
    left_out: set[str]
    written: dict[int, Written] = field(default_factory=dict)
    broken: bool = False

    def place_of_key(self, key: str) -> Place:
        """Return the place of what a key at the top says."""
        return find(self.root, (key,)).place

    def place_of(self, sentence: str) -> Place:
        """Return the place of what a sentence of the plan speaks of: an attribute of a resource, or the resource that it names first."""
        if sentence.startswith("networks"):
            return self.place_of_key("networks")
        found = [(at, one) for one in self.written.values() if one.name and (at := sentence.find(repr(one.name))) >= 0]
        if not found:  # it speaks of the whole, or of what the topology has made
            return self.place_of_key("topology") if self.document.topology is not None else Place()
        _, one = min(found, key=lambda pair: pair[0])
        keys = one.node.keys if isinstance(one.node, Entries) else {}
        return next((place for key, place in keys.items() if f"attribute {key!r}" in sentence), one.place)

    def refused(self, guid: int, sentence: str) -> None:
        """Note that a resource was refused when it was made."""
        self.broken = True
        self.mistakes.add(self.written[guid].place if guid in self.written else Place(), sentence)

    def not_follow_ups(self, sentences: Iterable[str]) -> list[str]:
        """Return those sentences of the plan that speak of nothing that has a mistake already."""
        faulty = [repr(one.name) for one in self.written.values() if one.faulty and one.name]
        return [one for one in sentences if not any(name in one for name in faulty)]

    def located(self, sentences: Iterable[str]) -> list[str]:
        """Return sentences of the plan with their places."""
        found = sorted((self.place_of(one), one) for one in sentences)
        return [self.mistakes.located(place, one) for place, one in found]


def read_source(path: Path, text: str) -> Source:
    """Return the structure of a file.

    Raises:
        PlanError: it is no YAML, or nothing like an experiment. Other mistakes are noted.
    """
    mistakes = Mistakes(str(path))
    root = compose(text, mistakes)
    document, left_out = read_document(root, mistakes)
    return Source(path, text, mistakes, root, document, left_out, broken=bool(mistakes))
