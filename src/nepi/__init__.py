"""NEPI: the framework to manage network experiments. The public names; each is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nepi.errors import ExperimentError as ExperimentError
    from nepi.errors import NepiError as NepiError
    from nepi.execution.attribute import Attribute as Attribute
    from nepi.execution.attribute import Flags as Flags
    from nepi.execution.attribute import Types as Types
    from nepi.execution.ec import ExperimentController as ExperimentController
    from nepi.execution.handle import Handle as Handle
    from nepi.execution.resource import ResourceAction as ResourceAction
    from nepi.execution.resource import ResourceFactory as ResourceFactory
    from nepi.execution.resource import ResourceManager as ResourceManager
    from nepi.execution.resource import ResourceState as ResourceState
    from nepi.execution.trace import Trace as Trace
    from nepi.execution.trace import TraceAttr as TraceAttr
    from nepi.model.conditions import quorum as quorum
    from nepi.model.conditions import trace_matches as trace_matches
    from nepi.model.policies import Replace as Replace
    from nepi.model.policies import Retry as Retry
    from nepi.topologies.topology import Topology as Topology

__version__ = "0.1.0"

_HOMES = {
    "Attribute": "nepi.execution.attribute",
    "ExperimentController": "nepi.execution.ec",
    "ExperimentError": "nepi.errors",
    "Flags": "nepi.execution.attribute",
    "Handle": "nepi.execution.handle",
    "NepiError": "nepi.errors",
    "ResourceAction": "nepi.execution.resource",
    "ResourceFactory": "nepi.execution.resource",
    "ResourceManager": "nepi.execution.resource",
    "ResourceState": "nepi.execution.resource",
    "Replace": "nepi.model.policies",
    "Retry": "nepi.model.policies",
    "Topology": "nepi.topologies.topology",
    "Trace": "nepi.execution.trace",
    "TraceAttr": "nepi.execution.trace",
    "Types": "nepi.execution.attribute",
    "quorum": "nepi.model.conditions",
    "trace_matches": "nepi.model.conditions",
}

__all__ = [
    "Attribute",
    "ExperimentController",
    "ExperimentError",
    "Flags",
    "Handle",
    "NepiError",
    "Replace",
    "ResourceAction",
    "ResourceFactory",
    "ResourceManager",
    "ResourceState",
    "Retry",
    "Topology",
    "Trace",
    "TraceAttr",
    "Types",
    "quorum",
    "trace_matches",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'nepi' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
