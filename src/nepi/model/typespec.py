"""What is known of a resource type: plain data, taken from its class when it is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nepi.model.attributes import Attribute
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceState
from nepi.model.traces import Trace

Role = Literal["", "node", "switch", "link", "interface", "address", "route", "application"]
"""What a type is in a topology, so that addresses can be planned for any backend."""


class Remark(str):
    """A sentence of a check that is no mistake but worth a warning."""

    __slots__ = ()


Check = Callable[[ResourceDescription, Sequence[ResourceDescription], Mapping[str, Any]], Iterable[str]]
"""A pure check of one resource: itself, its connected peers, its backend's facts in; mistakes and remarks, one sentence each, out.

Among the facts is `plan`, of all resources: `resources`, each by its guid; `peers`, a function from a guid to those that it is connected
to; `rtypes`, how many there are of each type; and `start_later`, name and type of each whose START has conditions.
"""


Inserted = Callable[[ResourceDescription, Sequence[ResourceDescription]], Iterable[str]]
"""Says what else is made for a resource with these peers: taps, tunnels; one phrase each."""


@dataclass(frozen=True, slots=True)
class Need:
    """A state that connected resources of some kind must have reached before this one is deployed.

    Attributes:
        kind: an rtype, or the qualified name of a class; matched against the peer's `TypeSpec.lineage`.
        state: the state to reach.
        required: whether at least one such peer must be connected.
    """

    kind: str
    state: ResourceState = ResourceState.READY
    required: bool = True


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """A resource type, as plan, command line and files see it.

    Attributes:
        rtype: canonical name, "backend::Type".
        help: what it is, in a paragraph.
        backend: "netns", "dummy", ... or "".
        attributes: by name, the class's templates; not to be changed.
        traces: by name, likewise.
        needs: what it needs of its connections.
        lineage: every rtype and qualified class name that it is an instance of, its own included.
        service: it does not end by itself (nodes, links, servers).
        finds_routes: versions of IP that it finds the routes of its node for, as routing daemons do; the plan then gives it none.
        role: what it is in a topology.
        tools: programs that must exist where it runs.
        packages: the Debian packages that have them, by program.
        samples_state: its class overrides `state`, so it is asked for it again and again.
        aliases: other names that it is registered under.
        check: finds the mistakes that only this type can know of, before anything is created.
        replaceable: its `discover` can find another candidate when one has failed.
        family: which of many types of a backend it belongs with, for lists: "module Csma"; "" for those that come first.
        inserted: says what else is made for it, that nobody has described; for the plan's reader.
        across: by the backend of a peer, the type that is taken instead where it is asked for by its short name.
    """

    rtype: str
    help: str = ""
    backend: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    traces: Mapping[str, Trace] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    lineage: frozenset[str] = frozenset()
    service: bool = False
    finds_routes: tuple[int, ...] = ()
    role: Role = ""
    tools: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    samples_state: bool = False
    aliases: tuple[str, ...] = ()
    check: Check | None = None
    replaceable: bool = False
    family: str = ""
    inserted: Inserted | None = None
    across: Mapping[str, str] = field(default_factory=dict)

    def is_a(self, kind: str) -> bool:
        """Whether `kind` (an rtype or a qualified class name) is this type or one of its ancestors."""
        return kind in self.lineage
