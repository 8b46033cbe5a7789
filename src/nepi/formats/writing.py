"""From a description to what stands in a file: which section a resource is in, where a connection is written down, what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nepi.errors import UnknownTypeError
from nepi.formats.condition_writer import condition_text
from nepi.formats.document import ACTIONS, DEFAULT_TYPES, SECTIONS, ApplicationEntry, Change, Entry, LinkEntry, structural_keys
from nepi.formats.listing import FindType
from nepi.formats.policies import written_policy
from nepi.formats.reading import BACK
from nepi.formats.values import written_value
from nepi.model.conditions import Condition
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.states import ResourceAction
from nepi.model.type_choice import chosen_type
from nepi.model.typespec import TypeSpec
from nepi.units import format_duration

_KEYS: Final = {action: key for key, action in ACTIONS.items()}


def written_document(description: ExperimentDescription, find_type: FindType) -> dict[str, Any]:
    """Return what a file says of an experiment, as data that `yaml_text` takes.

    Raises:
        UnknownTypeError: a type is not there any more.
    """
    writer = _Writer(description, find_type)
    head: dict[str, Any] = {"experiment": description.exp_id}
    if description.backend:
        head["backend"] = description.backend
    if description.networks:
        head["networks"] = list(description.networks)
    if description.routing:
        head["routing"] = description.routing
    if description.deadline_s is not None:
        head["deadline"] = format_duration(description.deadline_s)
    if description.stop_on_abort:
        head["stop_on_abort"] = True
    return {**head, **writer.sections()}


@dataclass(slots=True)
class _Placed:
    """A resource, and where it is written down.

    Attributes:
        one: the resource.
        spec: its type.
        section: of the file.
        peers: the connections that are written at it.
    """

    one: ResourceDescription
    spec: TypeSpec
    section: str = "resources"
    peers: list[int] = field(default_factory=list)


class _Writer:
    def __init__(self, description: ExperimentDescription, find_type: FindType) -> None:
        self._backend = description.backend
        self._find_type = find_type
        self._names = {one.guid: one.name for one in description.resources}
        self._placed = {one.guid: _Placed(one, find_type(one.rtype, description.backend)) for one in description.resources}
        self._place()

    # Where things are written.

    def _place(self) -> None:
        for placed in self._placed.values():
            if placed.spec.role in ("node", "switch"):
                placed.section = "nodes" if placed.spec.role == "node" else "switches"
            elif len(placed.one.connections) == 2 and self._is_default(placed, "links"):
                placed.section = "links"
            if self._says_all(placed):
                placed.peers = list(placed.one.connections)
        seen: set[int] = set()
        for guid, placed in self._placed.items():
            if not self._says_all(placed):
                placed.peers = [peer for peer in placed.one.connections if peer in seen and not self._says_all(self._placed[peer])]
            seen.add(guid)
            if placed.section == "resources" and self._is_application(placed):
                placed.section = "applications"

    def _says_all(self, placed: _Placed) -> bool:
        """Whether all connections are written at this resource: the order of a link's ends matters."""
        return placed.section == "links" or placed.spec.role == "link"

    def _is_default(self, placed: _Placed, section: str) -> bool:
        return self._short(placed) == DEFAULT_TYPES.get(section)

    def _is_application(self, placed: _Placed) -> bool:
        on_one_node = len(placed.peers) == 1 and self._placed[placed.peers[0]].section == "nodes"
        return placed.spec.role in ("", "application") and on_one_node

    def _short(self, placed: _Placed) -> str:
        """Return a type's name as it is written: without its backend when that is the experiment's."""
        rtype = placed.one.rtype
        short = rtype.removeprefix(f"{self._backend}::") if self._backend else rtype
        if "::" in short and placed.spec.role == "link" and self._follows(short.rpartition("::")[2], placed):
            return short.rpartition("::")[2]
        return short if self._find_type(short, self._backend).rtype == placed.spec.rtype else rtype

    def _follows(self, short: str, placed: _Placed) -> bool:
        """Whether a link's type follows from what it joins."""
        peers = [self._placed[peer].spec.rtype for peer in placed.one.connections if peer in self._placed]
        try:
            return chosen_type(self._find_type, short, self._backend, peers).rtype == placed.spec.rtype
        except UnknownTypeError:
            return False

    # What is written.

    def sections(self) -> dict[str, Any]:
        """Return the sections that have resources, and the numbers, if the file's order does not give them."""
        in_order = [placed for section in SECTIONS for placed in self._placed.values() if placed.section == section]
        numbered = [placed.one.guid for placed in in_order] == list(range(1, len(in_order) + 1))
        listed = numbered and list(self._placed) == sorted(self._placed)
        found: dict[str, Any] = {}
        for section in SECTIONS:
            entries = {placed.one.name: self._entry(placed, listed) for placed in in_order if placed.section == section}
            if not entries:
                continue
            if section == "links":
                found[section] = list(entries.values())
            else:
                found[section] = entries if section not in DEFAULT_TYPES or any(entries.values()) else list(entries)
        if not listed:
            found["guids"] = {placed.one.name: guid for guid, placed in self._placed.items()}
        return found

    def _entry(self, placed: _Placed, listed: bool) -> dict[str, Any]:
        one = placed.one
        entry: dict[str, Any] = {}
        if not self._is_default(placed, placed.section):
            entry["type"] = self._short(placed)
        peers = [self._names[peer] for peer in placed.peers]
        if placed.section == "links":
            entry["ends"] = peers
            if not listed or one.name != f"{one.rtype.rpartition('::')[2].lower()}-{one.guid}":
                entry["name"] = one.name
        elif placed.section == "applications":
            entry["on"] = peers[0]
        elif peers:
            entry["connect"] = peers
        entry.update(self._attributes(placed))
        if one.traces:
            entry["traces"] = list(one.traces)
        entry.update(self._conditions(one))
        if one.changes:
            entry["set"] = [self._change(placed, condition, values) for condition, values in one.changes]
        entry.update({kind: written_policy(kind, policy) for kind, policy in one.policy.items()})
        return entry

    def _attributes(self, placed: _Placed) -> dict[str, Any]:
        model = LinkEntry if placed.section == "links" else ApplicationEntry if placed.section == "applications" else Entry
        here, back = dict(placed.one.attributes), {}
        if placed.section == "links":
            back = {
                name: here.pop(name) for name in list(here) if name.endswith(BACK) and name.removesuffix(BACK) in placed.spec.attributes
            }
        entry = self._values(placed.spec, here, structural_keys(model))
        if back:
            entry["back"] = {name.removesuffix(BACK): value for name, value in self._values(placed.spec, back, ()).items()}
        return entry

    def _values(self, spec: TypeSpec, values: Mapping[str, Any], structural: Iterator[str] | tuple[str, ...]) -> dict[str, Any]:
        """Return attributes as they are written; those that are called like a key of the entry go below `attributes`."""
        taken = frozenset(structural)
        written = {name: written_value(spec.attributes.get(name), value, self._names) for name, value in values.items()}
        hidden = {name: written.pop(name) for name in list(written) if name in taken}
        return {**written, "attributes": hidden} if hidden else written

    def _change(self, placed: _Placed, condition: Condition, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"when": self._text(condition), **self._values(placed.spec, values, structural_keys(Change))}

    def _conditions(self, one: ResourceDescription) -> dict[str, Any]:
        """Return conditions by action; one by one where those of several actions are mixed."""
        by_action: dict[ResourceAction, list[str]] = {}
        for action, condition in one.conditions:
            by_action.setdefault(action, []).append(self._text(condition))
        if [action for action, _ in one.conditions] != [action for action, texts in by_action.items() for _ in texts]:
            return {"conditions": [{_KEYS[action]: self._text(condition)} for action, condition in one.conditions]}
        return {_KEYS[action]: texts[0] if len(texts) == 1 else texts for action, texts in by_action.items()}

    def _text(self, condition: Condition) -> str:
        return condition_text(condition, self._names.__getitem__)
