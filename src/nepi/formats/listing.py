"""Which resources a file has: their types, numbers and connections, in the order of registration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from nepi.errors import UnknownTypeError, did_you_mean
from nepi.formats.document import SECTIONS, ApplicationEntry, Entry, LinkEntry
from nepi.formats.structure import find
from nepi.formats.tree import Entries, Items, Scalar
from nepi.formats.written import Source, Written
from nepi.model.type_choice import chosen_type
from nepi.model.typespec import TypeSpec

FindType = Callable[[str, str], TypeSpec]
"""Returns the type of a name within a backend, or raises UnknownTypeError."""


@dataclass(frozen=True, slots=True)
class Present:
    """A resource that was there before the file's, such as one of its topology."""

    guid: int
    rtype: str


class Listing:
    """The resources of a file, and those that were there before by name.

    Args:
        source: the file; its `written` is filled.
        find_type: finds types.
        backend: where types named without one belong.
        present: resources that are there already, by name.

    Attributes:
        guids: of all resources, by name.
        resources: those of the file, in the order of registration.
    """

    def __init__(self, source: Source, find_type: FindType, backend: str, present: Mapping[str, Present]) -> None:
        self._source = source
        self._mistakes = source.mistakes
        self._find_type = find_type
        self._backend = backend
        self._first_guid = max((one.guid for one in present.values()), default=0) + 1
        there = {name: one.guid for name, one in present.items()}
        self.guids = {**dict.fromkeys(source.left_out, 0), **there}  # what is left out is not said to be missing, too
        written = list(self._entries())
        self._choose_types(written, {name: one.rtype for name, one in present.items()})
        self.resources = self._numbered(written)
        source.written.update({one.guid: one for one in self.resources})

    def _entries(self) -> Iterator[Written]:
        """Yield the resources in the order of the file."""
        root = self._source.root
        for section in root.entries if isinstance(root, Entries) else ():
            if section not in SECTIONS:
                continue
            found = getattr(self._source.document, section)
            within = find(root, (section,))
            by_text = {one.text: one for one in within.items if isinstance(one, Scalar)} if isinstance(within, Items) else {}
            for key, entry in enumerate(found) if isinstance(found, list) else found.items():
                if isinstance(entry, LinkEntry) and not entry.ends:
                    continue  # it was left out
                path = (section, key)
                node = by_text.get(str(key)) or find(root, path)
                place = within.place_of(str(key)) if isinstance(within, Entries) else node.place
                name = (entry.name or "") if isinstance(entry, LinkEntry) else str(key)
                yield Written(path, entry, node, place, name)

    def _broken(self, one: Written) -> None:
        one.faulty = self._source.broken = True

    def _choose_types(self, written: list[Written], types: dict[str, str]) -> None:
        """Give every resource its type; that of one which says what it is connected to may follow from the types of those."""
        for with_peers in (False, True):
            for one in written:
                peers = [name for _, name in _connected(one.entry)]
                if bool(peers) == with_peers:
                    one.spec = self._type_of(one, [types[peer] for peer in peers if peer in types])
                    if one.spec is not None and one.name:
                        types.setdefault(one.name, one.spec.rtype)

    def _type_of(self, one: Written, peers: list[str]) -> TypeSpec | None:
        try:
            return chosen_type(self._find_type, one.rtype, self._backend, peers)
        except UnknownTypeError as error:
            self._broken(one)
            if not self._backend and "::" not in one.rtype:
                self._mistakes.add(self._source.root.place, f"types such as {one.rtype!r} need a backend: write backend: netns at the top")
                return None
            self._mistakes.add(one.part("type").place if one.entry.type else one.place, f"{one.key()}: {error}")
            return None

    def _numbered(self, written: list[Written]) -> list[Written]:
        """Give every resource its guid, and return them in the order of registration."""
        by_name: dict[str, Written] = {}
        for one in written:
            if not one.name:
                continue
            if one.name in by_name or one.name in self.guids:
                there = f"; the other is in line {by_name[one.name].place.line}" if one.name in by_name else " of the topology"
                self._broken(one)
                self._mistakes.add(one.place, f"two resources are called {one.name!r}{there}: names are unique within an experiment")
            by_name.setdefault(one.name, one)
        chosen = self._chosen_guids(by_name)
        first = [by_name[name] for name in chosen]
        number = max([self._first_guid - 1, *chosen.values()])
        for one in written:
            if chosen.get(one.name) is not None and by_name[one.name] is one:
                one.guid = chosen[one.name]
                continue
            number += 1
            one.guid = number
            first.append(one)
        for one in written:
            self.guids.setdefault(one.name or own_name(one), one.guid)
        return first

    def _chosen_guids(self, by_name: Mapping[str, Written]) -> dict[str, int]:
        chosen: dict[str, int] = {}
        taken: set[int] = set()
        for name, text in self._source.document.guids.items():
            place = find(self._source.root, ("guids", name)).place
            if name not in by_name:
                self._mistakes.add(place, f"guids: there is no resource named {name!r} in this file{did_you_mean(name, by_name)}")
            elif not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= self._first_guid):
                self._mistakes.add(place, f"guids.{name}: expected a whole number from {self._first_guid} on, got {text!r}")
            elif int(text) in taken:
                self._mistakes.add(place, f"guids.{name}: the number {text} is given twice")
            else:
                chosen[name] = int(text)
                taken.add(int(text))
        return chosen

    def connections(self) -> dict[int, tuple[int, ...]]:
        """Return the peers of each resource, in the order in which they are written; a connection counts for both."""
        own: dict[int, dict[int, None]] = {}
        others: dict[int, dict[int, None]] = {}
        for one in self.resources:
            for path, name in _connected(one.entry):
                guid = self._peer(one, path, name)
                if guid is not None:
                    own.setdefault(one.guid, {})[guid] = None
                    others.setdefault(guid, {})[one.guid] = None
        return {one.guid: tuple({**own.get(one.guid, {}), **others.get(one.guid, {})}) for one in self.resources}

    def _peer(self, one: Written, path: tuple[str | int, ...], name: str) -> int | None:
        place = one.part(*path).place
        guid = self.guids.get(name)
        if guid is None:
            self._broken(one)
            self._mistakes.add(place, f"{one.key(*path)}: there is no resource named {name!r}{did_you_mean(name, self.guids)}")
        elif guid == one.guid:
            self._broken(one)
            self._mistakes.add(place, f"{one.key(*path)}: {name!r} cannot be connected to itself")
            return None
        return guid


def own_name(one: Written) -> str:
    """Return the name that a resource has when it is given none."""
    return f"{(one.spec.rtype if one.spec is not None else one.rtype).rpartition('::')[2].lower()}-{one.guid}"


def _connected(entry: Entry) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what an entry is connected to, with the path of each."""
    if isinstance(entry, LinkEntry):
        yield from ((("ends", number), name) for number, name in enumerate(entry.ends))
    if isinstance(entry, ApplicationEntry) and entry.on is not None:
        yield ("on",), entry.on
    yield from ((("connect", number), name) for number, name in enumerate(entry.connect))
