"""From a file's document to a description: names become guids, texts become values and conditions. Mistakes are noted with their places."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from nepi.errors import BadValueError, UnknownResourceError, did_you_mean
from nepi.formats.condition_parser import parse_condition
from nepi.formats.condition_words import ConditionTextError
from nepi.formats.document import ACTIONS, Change, LinkEntry, structural_keys
from nepi.formats.listing import FindType, Listing, Present, own_name
from nepi.formats.places import Place
from nepi.formats.policies import POLICIES, read_policy
from nepi.formats.structure import find
from nepi.formats.tree import Entries, Node, Scalar
from nepi.formats.values import plain_data, read_value, truth
from nepi.formats.written import Source, Written
from nepi.model.attributes import Flags
from nepi.model.conditions import Condition
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.states import ResourceAction
from nepi.units import duration_s

BACK: Final = "Back"
"""What the name of an attribute of a link's way back ends in."""


def describe_document(source: Source, find_type: FindType, backend: str, present: Mapping[str, Present]) -> ExperimentDescription:
    """Return what a file describes. Mistakes are noted in `source.mistakes`; what is wrong is left out.

    Args:
        source: the file; its `written` is filled.
        find_type: finds types.
        backend: where types named without one belong.
        present: resources that are there already, by name (those of its topology).
    """
    return _Reader(source, find_type, backend, present).description()


def settings_of(source: Source) -> ExperimentDescription:
    """Return what a file says of the experiment as a whole, without resources. Mistakes are noted."""
    document = source.document
    stop = _checked(source, "stop_on_abort", lambda node: truth(node) if isinstance(node, Scalar) else False)
    deadline_s = _checked(source, "deadline", lambda _: duration_s(document.deadline or ""))
    return ExperimentDescription(
        document.experiment, document.backend, [], tuple(document.networks), document.routing, bool(stop), deadline_s
    )


def topology_of(source: Source) -> Any:
    """Return what a file says of its topology, as plain data, or None."""
    root = source.root
    return plain_data(root.entries["topology"]) if isinstance(root, Entries) and source.document.topology is not None else None


def _checked(source: Source, key: str, read: Callable[[Node], Any]) -> Any:
    """Return what a key at the top says, or None when it is not there."""
    root = source.root
    if not isinstance(root, Entries) or key not in root.entries:
        return None
    try:
        return read(root.entries[key])
    except BadValueError as error:
        source.mistakes.add(root.entries[key].place, f"{key}: {error}")
        return None


class _Reader:
    def __init__(self, source: Source, find_type: FindType, backend: str, present: Mapping[str, Present]) -> None:
        self._source = source
        self._document = source.document
        self._mistakes = source.mistakes
        self._backend = backend
        self._listing = Listing(source, find_type, backend, present)
        self._guids = self._listing.guids

    def description(self) -> ExperimentDescription:
        peers = self._listing.connections()
        resources = [self._described(one, peers[one.guid]) for one in self._listing.resources]
        settings = settings_of(self._source)
        return dataclasses.replace(settings, backend=self._backend, resources=resources)

    # What they are.

    def _described(self, one: Written, peers: tuple[int, ...]) -> ResourceDescription:
        return ResourceDescription(
            one.guid,
            one.spec.rtype if one.spec is not None else one.rtype,
            one.name or own_name(one),
            self._attributes(one),
            peers if one.spec is not None and one.spec.role == "link" else tuple(sorted(peers)),
            tuple(self._conditions(one)),
            tuple(self._traces(one)),
            tuple(self._changes(one)),
            self._policy(one),
        )

    def _note(self, one: Written, place: Place, sentence: str) -> None:
        one.faulty = True
        self._mistakes.add(place, sentence)

    def _attributes(self, one: Written) -> dict[str, Any]:
        values = self._values(one, one.node, structural_keys(type(one.entry)), ())
        back = one.part("back")
        if isinstance(one.entry, LinkEntry) and one.entry.back and isinstance(back, Entries):
            values.update({f"{name}{BACK}": value for name, value in self._values(one, back, (), ("back",), BACK).items()})
        return values

    def _values(self, one: Written, node: Node, structural: Iterable[str], path: tuple[str | int, ...], suffix: str = "") -> dict[str, Any]:
        """Return the attributes in a mapping; those that are called like one of its keys stand below `attributes`."""
        known = frozenset(structural)
        found: dict[str, Any] = {}
        if not isinstance(node, Entries) or one.spec is None:
            return found
        parts = [((*path, key), value) for key, value in node.entries.items() if key not in known]
        if "attributes" in known and isinstance(more := node.entries.get("attributes"), Entries):
            parts += [((*path, "attributes", key), value) for key, value in more.entries.items()]
        for key_path, value in parts:
            name = str(key_path[-1])
            attribute = one.spec.attributes.get(f"{name}{suffix}")
            if attribute is None:
                others = [other.removesuffix(suffix) for other in one.spec.attributes if other.endswith(suffix)]
                near = did_you_mean(name, [*others, *known]) or f"; see `nepi types {one.spec.rtype}`"
                parent = find(one.node, key_path[:-1])
                self._note(
                    one, one.place_of(name, parent), f"{one.key(*key_path)}: {one.spec.rtype} has no attribute {name + suffix!r}{near}"
                )
                continue
            if attribute.flags & (Flags.ReadOnly | Flags.NoWrite):
                self._note(one, value.place, f"{one.key(*key_path)}: it can be read only; the resource sets it")
                continue
            try:
                found[name] = read_value(attribute, value, self._guids)
            except BadValueError as error:
                reason = str(error).removeprefix(f"attribute {attribute.name!r}: ")  # its key says that already
                self._note(one, value.place, f"{one.key(*key_path)}: {reason}")
        return found

    def _conditions(self, one: Written) -> Iterator[tuple[ResourceAction, Condition]]:
        keys = one.node.entries if isinstance(one.node, Entries) else {}
        for key in keys:  # their order is the order of registration
            if key in ACTIONS:
                for number, text in enumerate(getattr(one.entry, key)):
                    node = one.part(key, number)
                    yield from ((ACTIONS[key], found) for found in self._condition(one, node, text, (key,)))
            elif key == "conditions":
                for number, _ in enumerate(one.entry.conditions):
                    part = one.part("conditions", number)
                    for action, node in part.entries.items() if isinstance(part, Entries) else ():
                        text = node.text if isinstance(node, Scalar) else ""
                        path = ("conditions", number, action)
                        yield from ((ACTIONS[action], found) for found in self._condition(one, node, text, path))

    def _condition(self, one: Written, node: Node, text: str, path: tuple[str | int, ...]) -> Iterator[Condition]:
        """Yield the condition that a text says, or nothing when that is a mistake."""
        try:
            yield parse_condition(text, self._guid_of)
        except ConditionTextError as error:
            quote = isinstance(node, Scalar) and not node.plain
            in_line = isinstance(node, Scalar) and "\n" not in node.text
            place = node.place.right(error.column + quote) if in_line else node.place
            self._note(one, place, f"{one.key(*path)}: {error.sentence}")

    def _guid_of(self, name: str) -> int:
        if name not in self._guids:
            raise UnknownResourceError(f"there is no resource named {name!r}{did_you_mean(name, self._guids)}")
        return self._guids[name]

    def _traces(self, one: Written) -> Iterator[str]:
        known = one.spec.traces if one.spec is not None else {}
        for number, name in enumerate(one.entry.traces):
            if name in known:
                yield name
            elif one.spec is not None:
                near = did_you_mean(name, known) or f"; it has {', '.join(known) or 'none'}"
                place = one.part("traces", number).place
                self._note(one, place, f"{one.key('traces')}: {one.spec.rtype} has no trace {name!r}{near}")

    def _changes(self, one: Written) -> Iterator[tuple[Condition, dict[str, Any]]]:
        for number, change in enumerate(one.entry.set):
            node = one.part("set", number)
            path = ("set", number)
            values = self._values(one, node, structural_keys(Change), path)
            for condition in self._condition(one, find(node, ("when",)), change.when, (*path, "when")):
                yield condition, values

    def _policy(self, one: Written) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for kind in POLICIES:
            written = getattr(one.entry, kind)
            try:
                found.update({kind: read_policy(kind, written)} if written is not None else {})
            except BadValueError as error:
                self._note(one, one.part(kind).place, f"{one.key(kind)}: {error}")
        return found
