"""The structure of an experiment's file, as pydantic models: which keys there are, and what is below them.

Attributes of resources are whatever else stands in an entry; they belong to the resource types and are checked there (`values.py`).
The same models give the JSON Schema that editors use (`schema.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from nepi.model.states import ResourceAction


def _listed(value: Any) -> Any:
    """Take one text for a list of one."""
    return [value] if isinstance(value, str) else value


def _by_name(value: Any) -> Any:
    """Take a list of names for entries that say nothing but their names."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return {name: {} for name in value}
    return _entries(value)


def _entries(value: Any) -> Any:
    """Take an entry that says nothing for an empty one."""
    return {name: {} if entry is None else entry for name, entry in value.items()} if isinstance(value, dict) else value


def _attempts(value: Any) -> Any:
    """Take a number for how many attempts there are."""
    return {"attempts": value} if isinstance(value, str) else value


def _times(value: Any) -> Any:
    """Take a number for how many other candidates are tried."""
    return {"times": value} if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1)]
Conditions = Annotated[list[Text], BeforeValidator(_listed, json_schema_input_type=Text | list[Text])]
Names = Annotated[list[Text], BeforeValidator(_listed, json_schema_input_type=Text | list[Text])]
Attributes = dict[str, Any]


class Part(BaseModel):
    """A part of the file whose keys are all known."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Change(BaseModel):
    """Attributes that are set when a condition is met."""

    model_config = ConfigDict(extra="allow", strict=True)

    when: Text = Field(description="When it is set: a condition.")
    attributes: Attributes = Field(default_factory=dict, description="Attributes that are called like a key of this entry.")


class ConditionOf(Part):
    """One condition, where the order among the conditions of several actions matters."""

    deploy: Text | None = Field(None, description="What deploying waits for.")
    start: Text | None = Field(None, description="What starting waits for.")
    stop: Text | None = Field(None, description="When it is stopped.")
    release: Text | None = Field(None, description="When it is given back.")


class Entry(BaseModel):
    """A resource. Every key that is not one of these is an attribute of its type."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: Text | None = Field(None, description="Its type, with or without its backend.")
    connect: Names = Field(default_factory=list, description="Names of the resources that it is connected to.")
    attributes: Attributes = Field(default_factory=dict, description="Attributes that are called like a key of this entry.")
    traces: Names = Field(default_factory=list, description="Traces that are recorded besides those that always are.")
    deploy: Conditions = Field(
        default_factory=list, description="What deploying waits for: one condition or several, which must all be met."
    )
    start: Conditions = Field(default_factory=list, description="What starting waits for.")
    stop: Conditions = Field(default_factory=list, description="When it is stopped.")
    release: Conditions = Field(default_factory=list, description="When it is given back.")
    conditions: list[ConditionOf] = Field(default_factory=list, description="The same, one by one, where the order among actions matters.")
    set: list[Change] = Field(default_factory=list, description="Attributes that are set while it runs, each at a condition.")
    retry: Annotated[Attributes | None, BeforeValidator(_attempts, json_schema_input_type=int | Attributes)] = Field(
        None,
        description="How often and when a failed deploy or start is tried again: the number of attempts, or attempts, delay, factor, ...",
    )
    replace: Annotated[Attributes | None, BeforeValidator(_times, json_schema_input_type=int | Attributes)] = Field(
        None, description="How many other candidates are tried when one has failed for good; for types that can be replaced."
    )


class LinkEntry(Entry):
    """A link between two nodes or switches."""

    ends: list[Text] = Field(description="What it connects: two names.", min_length=2, max_length=2)
    name: Text | None = Field(None, description="Its name; by default its type and its number, like link-3.")
    back: Attributes = Field(
        default_factory=dict, description="Attributes of the way back, from the second end to the first, where they differ."
    )


class ApplicationEntry(Entry):
    """Something that runs on a node."""

    type: Text = Field(description="Its type, with or without its backend.")
    on: Text | None = Field(None, description="Name of the node that it runs on.")


class ResourceEntry(Entry):
    """A resource of any type."""

    type: Text = Field(description="Its type, with or without its backend.")


ByName = Annotated[dict[str, Entry], BeforeValidator(_by_name, json_schema_input_type=list[Text] | dict[str, Entry | None])]


class Document(Part):
    """An experiment."""

    experiment: Text = Field(description="Name of the experiment.")
    backend: str = Field("", description="Where types named without one belong: netns, dummy, ...")
    networks: list[Text] = Field(
        default_factory=list, description="Where automatic addresses are taken from; 10.0.0.0/8 and fd00::/48 by default."
    )
    routing: str = Field("", description="Which nodes get static routes where they do not say it themselves: static, hosts or none.")
    topology: Attributes | None = Field(
        None, description="A topology that is built first: a shape and its size, a file, or nodes and links."
    )
    deadline: Text | None = Field(None, description="How long the run may take until everything that ends by itself has ended: 10m.")
    stop_on_abort: str = Field("false", description="Whether an abort also stops what is running.", json_schema_extra={"type": "boolean"})
    nodes: ByName = Field(default_factory=dict, description="Computers: a list of names, or name: attributes.")
    switches: ByName = Field(default_factory=dict, description="Switches, likewise.")
    links: list[LinkEntry] = Field(default_factory=list, description="Links.")
    applications: Annotated[dict[str, ApplicationEntry], BeforeValidator(_entries)] = Field(
        default_factory=dict, description="What runs on nodes, by name."
    )
    resources: Annotated[dict[str, ResourceEntry], BeforeValidator(_entries)] = Field(
        default_factory=dict, description="Resources of any type, by name."
    )
    guids: dict[str, str] = Field(
        default_factory=dict,
        description="Numbers of the resources by name, in the order of their registration, where the file's order does not give them.",
        json_schema_extra={"additionalProperties": {"type": "integer", "minimum": 1}},
    )


SECTIONS: Final = ("nodes", "switches", "links", "applications", "resources")
"""The sections that have resources."""
DEFAULT_TYPES: Final = {"nodes": "Node", "switches": "Switch", "links": "Link"}
"""The type of an entry that says none, by section."""
ACTIONS: Final = {action.name.lower(): action for action in ResourceAction}
"""The keys of conditions."""


def structural_keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield the keys of an entry that are no attributes."""
    yield from model.model_fields
