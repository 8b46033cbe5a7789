"""What a description has besides its resources as they stand: what is set while it runs, policies, settings of the controller."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from nepi.execution.resource import ResourceManager
from nepi.model.attributes import Flags, FromEnvironment
from nepi.model.conditions import Condition
from nepi.model.experiment import ExperimentDescription

Changes = Iterable[tuple[ResourceManager, Condition, Mapping[str, Any]]]


def completed(
    description: ExperimentDescription,
    *,
    changes: Changes,
    networks: tuple[str, ...],
    routing: str,
    stop_on_abort: bool,
    deadline_s: float | None,
) -> ExperimentDescription:
    """Return a description with all that was said beyond the resources; credentials in changes are placeholders."""
    said: dict[int, list[tuple[Condition, dict[str, Any]]]] = {}
    for manager, condition, values in changes:
        said.setdefault(manager.guid, []).append((condition, {name: _kept(manager, name, value) for name, value in values.items()}))
    resources = description.resources
    if said:
        resources = [
            dataclasses.replace(
                one,
                changes=tuple(said.get(one.guid, ())),
            )
            if one.guid in said
            else one
            for one in resources
        ]
    return dataclasses.replace(
        description, resources=resources, networks=networks, routing=routing, stop_on_abort=stop_on_abort, deadline_s=deadline_s
    )


def _kept(manager: ResourceManager, name: str, value: Any) -> Any:
    attribute = manager.get_attribute(name)
    return placeholder(manager, name) if attribute.has_flag(Flags.Credential) else attribute.converted(value)


def placeholder(manager: ResourceManager, attribute: str) -> FromEnvironment:
    """Return what is written instead of a credential: the variable that it is to be taken from, NEPI_<RESOURCE>_<ATTRIBUTE>."""
    words = f"NEPI_{manager.name}_{attribute}".upper()
    return FromEnvironment("".join(character if character.isascii() and character.isalnum() else "_" for character in words))


def with_placeholders(description: ExperimentDescription, managers: Mapping[int, ResourceManager]) -> ExperimentDescription:
    """Return a description for a file: where a credential was set, it says so."""
    resources = []
    for one in description.resources:
        manager = managers[one.guid]
        secret = [name for name in manager.values_set() if manager.has_flag(name, Flags.Credential)] if manager._own_attrs else []
        hidden = {name: placeholder(manager, name) for name in secret}
        resources.append(dataclasses.replace(one, attributes={**one.attributes, **hidden}) if hidden else one)
    return dataclasses.replace(description, resources=resources)
