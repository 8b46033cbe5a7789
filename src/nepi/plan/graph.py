"""The experiment's graph while it is planned: resources by guid, their types, who is connected to whom, and what was found wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nepi.errors import did_you_mean
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.typespec import TypeSpec
from nepi.plan.result import Plan

Facts = Mapping[str, Mapping[str, Any]]
"""What is known of each backend's world, by backend."""


class Graph:
    """One planning's view of a description.

    Attributes:
        backend: the experiment's backend, which type names without one belong to.
        facts: what is known of each backend's world.
        earlier: the plan of the increments before.
        resources: by guid, in the order of registration.
        new: those that `earlier` does not have.
        mistakes: sentences; when there is one, nothing runs.
        warnings: sentences.
        lacking: those without a peer that they need, which was said: what else is missing because of that need not be.
    """

    def __init__(self, description: ExperimentDescription, catalogue: Mapping[str, TypeSpec], facts: Facts, earlier: Plan) -> None:
        self.backend = description.backend
        self.facts = facts
        self.earlier = earlier
        self.mistakes: list[str] = []
        self.warnings: list[str] = []
        self.lacking: set[int] = set()
        self.resources: dict[int, ResourceDescription] = {one.guid: one for one in description.resources}
        planned = earlier.needs
        self.new = [one for one in self.resources.values() if one.guid not in planned]
        self._unknown: set[str] = set()
        self._specs = {rtype: self._find_type(rtype, catalogue) for rtype in dict.fromkeys(one.rtype for one in description.resources)}
        self._back = self._connected_from()

    def _find_type(self, rtype: str, catalogue: Mapping[str, TypeSpec]) -> TypeSpec:
        """Return a type by its name, its name without the backend, or an alias; an unknown one is a mistake and has no needs."""
        spec = catalogue.get(rtype) or catalogue.get(f"{self.backend}::{rtype}")
        if spec is None:
            spec = next((one for one in catalogue.values() if rtype in one.aliases), None)
        if spec is None:
            user = next(one for one in self.resources.values() if one.rtype == rtype)
            near = did_you_mean(rtype, [*catalogue, *(name.rpartition("::")[2] for name in catalogue)])
            self.mistakes.append(f"{user.name!r}: there is no resource type {rtype!r}{near or '; `nepi types` lists those that there are'}")
            self._unknown.add(rtype)
            return TypeSpec(rtype)
        return spec

    def is_known(self, rtype: str) -> bool:
        """Whether there is such a type; nothing more is said of resources whose type is unknown."""
        return rtype not in self._unknown

    def _connected_from(self) -> dict[int, int | list[int]]:
        """Return for each guid the one or those that name it among their connections; a connection that leads nowhere is a mistake."""
        # Most are named by one only: no list for each of those, which the garbage collector would walk again and again.
        resources = self.resources
        back: dict[int, int | list[int]] = {}
        for guid, one in resources.items():
            for peer in one.connections:
                if peer in resources and peer != guid:
                    known = back.get(peer)
                    if known is None:
                        back[peer] = guid
                    elif isinstance(known, int):
                        back[peer] = [known, guid]
                    else:
                        known.append(guid)
                else:
                    self._refuse_connection(one, peer)
        return back

    def _refuse_connection(self, one: ResourceDescription, peer: int) -> None:
        what = "itself" if peer == one.guid else f"guid {peer}, which does not exist"
        self.mistakes.append(f"{one.rtype} {one.name!r} is connected to {what}: connect it to another resource of this experiment")
        self.resources[one.guid] = ResourceDescription(
            one.guid,
            one.rtype,
            one.name,
            one.attributes,
            tuple(guid for guid in one.connections if guid in self.resources and guid != one.guid),
            one.conditions,
            one.traces,
        )

    def spec(self, guid: int) -> TypeSpec:
        """Return the resource's type."""
        return self._specs[self.resources[guid].rtype]

    @property
    def specs(self) -> Mapping[str, TypeSpec]:
        """The types in use, by the name that the description uses."""
        return self._specs

    def peers(self, guid: int) -> tuple[int, ...]:
        """Return the guids of connected resources, whichever side the connection was written down on, in order, each once."""
        own = self.resources[guid].connections
        back = self._back.get(guid)
        if back is None:
            return own
        if isinstance(back, int):
            return own if back in own[:2] else tuple(dict.fromkeys((*own, back)))
        return tuple(dict.fromkeys((*own, *back)))

    def peers_of_role(self, guid: int, *roles: str) -> list[int]:
        """Return the connected resources whose type has one of these roles, in order."""
        return [peer for peer in self.peers(guid) if self.spec(peer).role in roles]

    def of_role(self, role: str) -> list[ResourceDescription]:
        """Return all resources whose type has this role, in the order of registration."""
        rtypes = {rtype for rtype, spec in self._specs.items() if spec.role == role}
        if not rtypes:
            return []
        return [one for one in self.resources.values() if one.rtype in rtypes]

    def is_new(self, guid: int) -> bool:
        """Whether the increments before did not have it."""
        return guid not in self.earlier.needs

    def value(self, guid: int, attribute: str) -> Any:
        """Return what an attribute was set to, or its type's default, or None when the type has no such attribute."""
        value = self.resources[guid].attributes.get(attribute)
        if value is None and (template := self.spec(guid).attributes.get(attribute)) is not None:
            return template.default
        return value

    def place(self, guid: int) -> str:
        """Return how messages name a resource: "netns::Ping 'p'"."""
        one = self.resources[guid]
        return f"{one.rtype} {one.name!r}"

    def names(self, guids: Iterable[int]) -> str:
        """Return the names of resources, for messages."""
        return ", ".join(repr(self.resources[guid].name) for guid in guids)

    def mistake(self, guid: int, sentence: str) -> None:
        """Note a mistake that is at one resource."""
        self.mistakes.append(f"{self.place(guid)} {sentence}")

    def warn(self, guid: int, sentence: str) -> None:
        """Note something at one resource that does not stop a run."""
        self.warnings.append(f"{self.place(guid)} {sentence}")

    def limit(self, guid: int, key: str, default: int) -> int:
        """Return a limit of the world that a resource is in."""
        limit = self.facts.get(self.spec(guid).backend, {}).get(key)
        return default if limit is None else int(limit)
