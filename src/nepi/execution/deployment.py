"""From what was registered to what the engine is told: description, plan, and the events of one increment."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from nepi.engine import events as ev
from nepi.errors import DescriptionError
from nepi.execution.factory import ResourceFactory, backend_probe, backend_warm_up
from nepi.execution.policies import NO_POLICY, Deadlines, Policies, effective_policy
from nepi.execution.resource import ResourceManager, seed_condition
from nepi.model.attributes import Flags, Reference
from nepi.model.conditions import Condition
from nepi.model.experiment import ExperimentDescription, ResourceDescription
from nepi.model.policies import Policy
from nepi.model.states import ResourceAction
from nepi.model.typespec import TypeSpec
from nepi.units import duration_s

_PLAIN: Final = (str, int, float, Reference)


def describe(
    exp_id: str, backend: str, managers: Iterable[ResourceManager], *, credentials: bool = False, default: Policy = NO_POLICY
) -> ExperimentDescription:
    """Return the description of resources; credentials only when they are asked for, to plan with, never to write."""
    return ExperimentDescription(exp_id, backend, [_described(manager, credentials, default) for manager in managers])


def _described(manager: ResourceManager, credentials: bool, default: Policy) -> ResourceDescription:
    own, connections, traces = manager._own_attrs, manager._connections, manager._own_trcs
    return ResourceDescription(
        manager._guid,
        manager._rtype,
        manager.name,
        _values(manager, credentials) if own else {},
        manager.connections_in_order() if len(connections) > 1 else tuple(connections),
        tuple(conditions_of(manager)) if manager._own_conditions or manager._when else (),
        tuple([name for name, trace in traces.items() if trace.enabled]) if traces else (),
        policy={} if manager._policy is None and default is NO_POLICY else effective_policy(manager, default).to_record(),
    )


def _values(manager: ResourceManager, credentials: bool) -> dict[str, Any]:
    values = manager.values_set()
    for name, value in values.items():
        if not isinstance(value, _PLAIN):
            _check_written(manager, name, value)
    return values if credentials else {name: value for name, value in values.items() if not manager.has_flag(name, Flags.Credential)}


def _check_written(manager: ResourceManager, name: str, value: Any) -> None:
    """Check a value that is no plain one: a hook or a list of allowed values can let in anything.

    Raises:
        DescriptionError: it cannot be written as JSON.
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        shown = "its value, a credential," if manager.has_flag(name, Flags.Credential) else repr(value)
        place = f"{manager.rtype()} {manager.name!r}"
        raise DescriptionError(f"{place} has attribute {name!r} set to {shown} which cannot be written down: {error}") from None


def without_credentials(description: ExperimentDescription, catalogue: Mapping[str, TypeSpec]) -> ExperimentDescription:
    """Return the description as it may be written: without the values of attributes that are credentials."""
    secret = {
        rtype: names
        for rtype, spec in catalogue.items()
        if (names := frozenset(name for name, one in spec.attributes.items() if one.has_flag(Flags.Credential)))
    }
    if not secret:
        return description
    resources = [
        dataclasses.replace(one, attributes={name: value for name, value in one.attributes.items() if name not in secret[one.rtype]})
        if one.rtype in secret
        else one
        for one in description.resources
    ]
    return dataclasses.replace(description, resources=resources)


def conditions_of(manager: ResourceManager) -> list[tuple[ResourceAction, Condition]]:
    """Return all conditions of a resource, the seed's first."""
    found: list[tuple[ResourceAction, Condition]] = []
    for action, conditions in list((manager._own_conditions or {}).items()):
        found += [(action, seed_condition(group, state, time)) for group, state, time in list(conditions) if group]
    return found + (manager._when or [])


def catalogue_of(managers: Iterable[ResourceManager]) -> dict[str, TypeSpec]:
    """Return the specifications of the types that these resources have."""
    classes = dict.fromkeys(type(manager) for manager in managers)
    return {rclass.rtype(): ResourceFactory.spec(rclass) for rclass in classes}


def facts_for(catalogue: Mapping[str, TypeSpec]) -> dict[str, dict[str, Any]]:
    """Return what each backend of the catalogue finds on this machine; of programs, those that the catalogue's types need."""
    packages: dict[str, dict[str, str]] = {}
    for spec in catalogue.values():
        packages.setdefault(spec.backend, {}).update({**dict.fromkeys(spec.tools, ""), **spec.packages})
    return {backend: backend_probe(backend, known) for backend, known in packages.items() if backend}


def warm_up(managers: Iterable[ResourceManager]) -> contextlib.ExitStack:
    """Let the backends of resources start ahead what a run needs, while it is being planned; closed, it ends what no run has taken."""
    warm = contextlib.ExitStack()
    classes = dict.fromkeys(type(manager) for manager in managers)
    for backend in dict.fromkeys(ResourceFactory.spec(rclass).backend for rclass in classes):
        cool_down = backend_warm_up(backend) if backend else None
        if cool_down is not None:
            warm.callback(cool_down)
    for rclass in classes:
        if hasattr(rclass, "warm_up"):  # what only some types of a backend need
            warm.callback(rclass.warm_up())
    return warm


def profiles_of(managers: Iterable[ResourceManager], policies: Policies, *, judged_here: bool) -> dict[int, ev.Profile]:
    """Return the profile of each resource; those that are alike share one.

    Args:
        managers: the resources.
        policies: whose defaults complete theirs.
        judged_here: False when the user's failure manager decides what aborts the run.
    """
    shared: dict[tuple[object, ...], ev.Profile] = {}
    profiles: dict[int, ev.Profile] = {}
    for manager in managers:
        own, deadlines = manager._own_attrs, manager._own_deadlines
        critical = manager.get("critical") if own is not None and "critical" in own else None
        key = (type(manager), critical, manager._policy, None if deadlines is None else tuple(deadlines.items()))
        profile = shared.get(key)
        if profile is None:
            profile = shared[key] = _profile_of(manager, critical, policies, judged_here)
        profiles[manager.guid] = profile
    return profiles


def _profile_of(manager: ResourceManager, critical: bool | None, policies: Policies, judged_here: bool) -> ev.Profile:
    policy = effective_policy(manager, policies.default_policy)
    if critical is None:
        critical = policy.critical
    if critical is None:
        critical = bool(manager.get("critical") if "critical" in manager._attributes else True)
    retry, replace = policy.retry, policy.replace
    if retry is not None and retry.jitter and not retry.seed:
        retry = dataclasses.replace(retry, seed=policies.seed)
    deploy, start, stop, release = [_limit(manager, action, policies.default_deadlines) for action in ResourceAction]
    return ev.Profile(judged_here and critical, retry, (deploy, start, stop, release), replace.times if replace is not None else 0)


def _limit(manager: ResourceManager, action: ResourceAction, default: Deadlines) -> float | None:
    """Return how long an action may take: what the resource says, else what its class says, else what the experiment says."""
    of_class = manager.deadlines if manager.deadlines is not ResourceManager.deadlines else {}
    for limits in (manager._own_deadlines or {}, of_class, default, manager.deadlines):
        if action in limits:
            limit = limits[action]
            return None if limit is None else duration_s(limit)
    return None


def joined(profiles: Mapping[int, ev.Profile]) -> list[ev.Joined]:
    """Return the events that make resources members: neighbours of the same profile in one."""
    events: list[ev.Joined] = []
    group: list[int] = []
    present: ev.Profile | None = None
    for guid, profile in profiles.items():
        if profile is not present and profile != present:
            if present is not None:
                events.append(ev.Joined(present, tuple(group)))
            present, group = profile, []
        group.append(guid)
    if present is not None:
        events.append(ev.Joined(present, tuple(group)))
    return events


def needed(needs: Mapping[int, tuple[tuple[int, int], ...]], guids: Iterable[int]) -> list[ev.Event]:
    """Return the event that tells what resources need, if they need anything."""
    rows = [(guid, provider, int(state)) for guid in guids for provider, state in needs.get(guid, ())]
    if not rows:
        return []
    dependents, providers, states = zip(*rows, strict=True)
    return [ev.Needed(dependents, providers, states)]
