"""Reads what the original NEPI (3.2 and 6.1) saved: its XML, into a description. Nothing is evaluated, no entity is expanded.

The format, as the original's serializer wrote it: `<experiment exp_id run_id nthreads local_dir>`, in it `<rms>` with an `<rm guid rtype
state>` for each resource, which has `<attributes>`, `<connections>`, `<conditions>` and `<traces>`; and `<topology>`, whose resources stand
among the others, so that nothing of it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from nepi.errors import BadValueError, UnknownTypeError
from nepi.formats.listing import FindType
from nepi.formats.places import Mistakes, Place
from nepi.formats.xml_elements import Element, elements_of
from nepi.model.conditions import Condition, Reached
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.states import ResourceAction, ResourceState
from nepi.units import duration_s

_S = ResourceState
STATES: Final[dict[str, tuple[ResourceState, ...]]] = {
    "6.1": (_S.NEW, _S.DISCOVERED, _S.PROVISIONED, _S.PROVISIONED, _S.READY, _S.STARTED, _S.STOPPED, _S.FAILED, _S.RELEASED),
    "3.2": (_S.NEW, _S.DISCOVERED, _S.PROVISIONED, _S.READY, _S.STARTED, _S.STOPPED, _S.FAILED, _S.RELEASED),
}
"""The states by their numbers, in each release that wrote XML. 6.1 had RESERVED (2), for which PROVISIONED stands here."""
_GROUP: Final = re.compile(r"(?:set\()?[\[(]?\s*((?:[0-9]+L?\s*,?\s*)*)[\])]?\)?")
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "string": lambda text: None if text == "None" else text.replace("&#0000;", "\0"),
    "bool": {"True": True, "False": False}.__getitem__,
    "integer": int,
    "float": float,
}


class Imported:
    """What was read.

    Attributes:
        description: the experiment.
        notes: what was changed on the way, one sentence each.
    """

    def __init__(self, description: ExperimentDescription, notes: list[str]) -> None:
        self.description = description
        self.notes = notes


def read_xml(path: Path, text: str, find_type: FindType, backend: str = "", release: str = "6.1") -> Imported:
    """Return the experiment that the original saved.

    Args:
        path: for messages.
        text: the file.
        find_type: finds types.
        backend: where types are looked for first, by their last name: linux::Ping as netns::Ping.
        release: the release that wrote it, "6.1" or "3.2": their states have other numbers.

    Raises:
        PlanError: mistakes of the file, and types that are not there.
        BadValueError: no such release.
    """
    if release not in STATES:
        raise BadValueError(f"release {release!r} of the original is not known; it is one of {', '.join(STATES)}")
    mistakes = Mistakes(str(path))
    reader = _Reader(mistakes, find_type, backend, STATES[release])
    description = reader.experiment(elements_of(text, mistakes))
    mistakes.refuse()
    if any(one.conditions for one in description.resources):
        reader.notes.append(f"states of conditions are read as release {release} numbered them")
    return Imported(description, reader.notes)


class _Reader:
    def __init__(self, mistakes: Mistakes, find_type: FindType, backend: str, states: tuple[ResourceState, ...]) -> None:
        self.notes: list[str] = []
        self._mistakes = mistakes
        self._find_type = find_type
        self._backend = backend
        self._states = states
        self._types: dict[str, str | None] = {}

    def experiment(self, root: Element) -> ExperimentDescription:
        """Read the whole."""
        if root.tag != "experiment":
            self._mistakes.give_up(root.place, f"expected <experiment>, as the original NEPI wrote it, got <{root.tag}>")
        found = [self._resource(one) for rms in root.below("rms") for one in rms.below("rm")]
        self._note_types()
        guids = {one.guid for one in found}
        for one in found:
            for peer in one.connections:
                if peer not in guids:
                    self._mistakes.add(root.place, f"resource {one.guid} ({one.rtype}) is connected to {peer}, which is not in the file")
        backends = {one.rtype.partition("::")[0] for one in found}
        backend = self._backend or (backends.pop() if len(backends) == 1 else "")
        return ExperimentDescription(root.attributes.get("exp_id", ""), backend, _symmetrical(found))

    def _resource(self, element: Element) -> ResourceDescription:
        guid = self._number(element, "guid")
        rtype = self._type(element.attributes.get("rtype", ""))
        return ResourceDescription(
            guid,
            rtype,
            f"{rtype.rpartition('::')[2].lower()}-{guid}",
            dict(self._attributes(element)),
            tuple(self._number(one, "guid") for part in element.below("connections") for one in part.below("connection")),
            tuple(self._conditions(element)),
            tuple(one.attributes.get("name", "") for part in element.below("traces") for one in part.below("trace")),
        )

    def _type(self, rtype: str) -> str:
        """Return the name that a type has here; one that is not there is noted, once for all of them."""
        if rtype not in self._types:
            self._types[rtype] = self._found(rtype)
        return self._types[rtype] or rtype

    def _found(self, rtype: str) -> str | None:
        last = rtype.rpartition("::")[2]
        for name in (f"{self._backend}::{last}", rtype) if self._backend else (rtype,):
            try:
                found = self._find_type(name, "").rtype
            except UnknownTypeError:
                continue
            if found != rtype:
                self.notes.append(f"{rtype} is {found} here")
            return found
        return None

    def _note_types(self) -> None:
        missing = [rtype for rtype, found in self._types.items() if found is None]
        if missing:
            hint = "" if self._backend else "; with a backend (--backend netns), they are looked for there"
            self._mistakes.add(Place(), f"these types do not exist here: {', '.join(map(repr, missing))}{hint}")

    def _attributes(self, element: Element) -> Iterator[tuple[str, Any]]:
        for part in element.below("attributes"):
            for one in part.below("attribute"):
                kind, text = one.attributes.get("type", "string"), one.attributes.get("value", "")
                try:
                    yield one.attributes.get("name", ""), _READERS[kind](text)
                except (KeyError, ValueError):
                    self._mistakes.add(one.place, f"attribute {one.attributes.get('name')!r}: {text[:40]!r} is no {kind}")

    def _conditions(self, element: Element) -> Iterator[tuple[ResourceAction, Condition]]:
        for part in element.below("conditions"):
            for one in part.below("condition"):
                action, state = self._number(one, "action"), self._number(one, "state")
                group = _GROUP.fullmatch(one.attributes.get("group", ""))
                if group is None or action not in (0, 1, 2) or state >= len(self._states):
                    self._mistakes.add(one.place, f"this is no condition: {one.attributes}")
                    continue
                guids = tuple(map(int, re.findall("[0-9]+", group[1])))
                if guids:
                    condition: Condition = Reached(guids, self._states[state], "at_least")
                    yield ResourceAction(action), self._later(condition, one)

    def _later(self, condition: Condition, element: Element) -> Condition:
        time = element.attributes.get("time", "None")
        if time in ("", "None"):
            return condition
        try:
            return condition + duration_s(time)
        except BadValueError as error:
            self._mistakes.add(element.place, f"time of a condition: {error}")
            return condition

    def _number(self, element: Element, name: str) -> int:
        text = element.attributes.get(name, "")
        if re.fullmatch("[0-9]{1,9}", text) is None:
            self._mistakes.add(element.place, f"<{element.tag}>: {name} must be a number, it is {text[:40]!r}")
            return 0
        return int(text)


def _symmetrical(resources: list[ResourceDescription]) -> list[ResourceDescription]:
    """Return resources in the order of their numbers, each connection known to both."""
    peers: dict[int, set[int]] = {one.guid: set() for one in resources}
    for one in resources:
        for peer in one.connections:
            if peer in peers:
                peers[one.guid].add(peer)
                peers[peer].add(one.guid)
    for one in resources:
        one.connections = tuple(sorted(peers[one.guid]))
    return sorted(resources, key=lambda one: one.guid)
