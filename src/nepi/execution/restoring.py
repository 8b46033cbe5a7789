"""From a description to resources of a controller: what `load` does after a file was read."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nepi.errors import BadValueError, DescriptionError
from nepi.execution.factory import ResourceFactory
from nepi.execution.handle import Handle
from nepi.model.attributes import FromEnvironment, Reference
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.policies import Policy
from nepi.model.type_choice import chosen_type

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController

Refused = list[tuple[int, str]]
"""Mistakes, each with the guid of the resource that it is of."""


def restore(ec: ExperimentController, description: ExperimentDescription) -> Refused:
    """Give a controller the resources of a description; what cannot be is left out and returned.

    Credentials are taken from the environment, where the description says which variable holds them.
    """
    refused: Refused = []
    added: list[ResourceDescription] = []
    types = {one.guid: one.rtype for one in description.resources}
    for one in description.resources:
        with _noting(refused, one.guid):
            _add(ec, one, types)
            added.append(one)
    for guid, peer in in_order(ec, added):
        with _noting(refused, guid):
            ec.register_connection(guid, peer)
    for one in added:
        _restore_rest(ec, one, refused)
    return refused


def in_order(ec: ExperimentController, added: list[ResourceDescription]) -> Iterator[tuple[int, int]]:
    """Yield each connection once, so that those of links come in the order of their ends."""
    ordered = [one for one in added if ec.resource(one.guid).role == "link"]
    todo: dict[frozenset[int], tuple[int, int]] = {}
    for one in (*ordered, *added):
        for peer in one.connections:
            if peer in ec.registry.managers:
                todo.setdefault(frozenset((one.guid, peer)), (one.guid, peer))
    first = {one.guid: deque(peer for peer in one.connections if peer in ec.registry.managers) for one in ordered}
    while todo:
        ready = [(key, pair) for key, pair in todo.items() if _is_next(first, *pair)] or list(todo.items())
        for key, pair in ready:
            for guid, peer in (pair, pair[::-1]):
                if guid in first and peer in first[guid]:
                    first[guid].remove(peer)
            del todo[key]
            yield pair


def _is_next(first: Mapping[int, deque[int]], guid: int, peer: int) -> bool:
    return all(one not in first or other not in first[one] or first[one][0] == other for one, other in ((guid, peer), (peer, guid)))


@contextmanager
def _noting(refused: Refused, guid: int) -> Iterator[None]:
    try:
        yield
    except DescriptionError as error:
        refused.append((guid, str(error)))


def _add(ec: ExperimentController, one: ResourceDescription, types: Mapping[int, str]) -> None:
    peers = [rtype if "::" in rtype else f"{ec.backend}::{rtype}" for peer in one.connections if (rtype := types.get(peer))]
    rclass = chosen_type(ResourceFactory.find, one.rtype, ec.backend, peers)
    own_name = f"{one.rtype.rpartition('::')[2].lower()}-{one.guid}"
    ec._create(rclass.rtype(), one.guid, None if one.name == own_name else one.name, (), _values(ec, one.attributes))


def _restore_rest(ec: ExperimentController, one: ResourceDescription, refused: Refused) -> None:
    for trace in one.traces:
        with _noting(refused, one.guid):
            ec.enable_trace(one.guid, trace)
    for action, condition in one.conditions:
        with _noting(refused, one.guid):
            ec.add_condition(one.guid, action, condition)
    for condition, values in one.changes:
        with _noting(refused, one.guid):
            ec.set_when(one.guid, condition, **_values(ec, values))
    with _noting(refused, one.guid):
        restore_policy(ec, one)


def restore_policy(ec: ExperimentController, one: ResourceDescription) -> None:
    """Give a resource the policies of its description."""
    policy = Policy.from_record(one.policy)
    parts = [part for part in (policy.retry, policy.replace) if part is not None]
    if parts:
        ec.set_policy(one.guid, *parts)


def _values(ec: ExperimentController, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(ec, name, value) for name, value in values.items()}


def _value(ec: ExperimentController, name: str, value: Any) -> Any:
    if isinstance(value, FromEnvironment):
        found = os.environ.get(value.variable)
        if found is None:
            raise BadValueError(
                f"attribute {name!r} is a credential: set the environment variable {value.variable}, from which it is taken"
            )
        return found
    return Handle(ec, value.guid) if isinstance(value, Reference) else value
