"""Classes of resources, made of the catalogue when they are asked for: one for each TypeId and each of its parents."""

from __future__ import annotations

import threading
import types
from typing import Any, Final

from nepi.apps.catalogue import APPLICATIONS
from nepi.errors import UnknownTypeError
from nepi.execution.factory import ResourceFactory
from nepi.execution.resource import ResourceManager
from nepi.execution.trace import Trace
from nepi.resources.ns3.attributes import attribute_of
from nepi.resources.ns3.catalogue import TypeInfo, catalogue
from nepi.resources.ns3.gone import reason_for
from nepi.resources.ns3.kinds import KINDS
from nepi.resources.ns3.kinds.fitting import why_useless
from nepi.resources.ns3.kinds.useless import ABSTRACT
from nepi.resources.ns3.object import Ns3Object

RENAMED: Final = {
    "ns3::DropTailQueue": "ns3::DropTailQueue<Packet>",
    "ns3::LrWpanNetDevice": "ns3::lrwpan::LrWpanNetDevice",
    "ns3::V4Ping": "ns3::Ping",
    "ns3::Ping6": "ns3::Ping",
}
"""Names of the original that are names of something else today, by which they still go."""
_PROGRAMS: Final = frozenset(f"ns3::{one.__name__}" for one in APPLICATIONS)
"""What applications would be called in a simulation; those that there are, are hand-written types."""
_classes: dict[str, type[Ns3Object]] = {}
_making = threading.RLock()


def type_named(rtype: str) -> type[ResourceManager] | None:
    """Return the class of a type of ns-3; None when there is none. Called by the factory, which knows hand-written ones itself.

    Raises:
        UnknownTypeError: there was one, it is abstract, or it is for real nodes only; the message says so.
    """
    reason = reason_for(rtype)
    if reason:
        raise UnknownTypeError(f"there is no resource type {rtype!r} any more: {reason}")
    name = RENAMED.get(rtype, rtype)
    known = catalogue()
    if rtype in _PROGRAMS and not (name in known and known[name].is_concrete):
        raise UnknownTypeError(
            f"there is no {rtype}: a simulated node has Ping, Iperf3Client and Iperf3Server; other programs run on a netns::Node or a"
            " linux::Node that a Link joins with the simulation (docs/howto/hybrid.md)"
        )
    if name not in known or not known.is_a(name, "ns3::Object"):
        return None
    if not known[name].is_concrete:
        instead = next((ABSTRACT[one] for one in known.lineage(name) if one in ABSTRACT), "")
        if instead:
            raise UnknownTypeError(f"{rtype} cannot be made: {instead}")
        heirs = [one for one in known.resource_types() if known.is_a(one, name)]
        raise UnknownTypeError(f"{rtype} is abstract: use one of its kinds, {', '.join(heirs[:8])}{' ...' if len(heirs) > 8 else ''}")
    return _class_of(name)


def every_type() -> None:
    """Make all of them, for who lists them."""
    for name in catalogue().resource_types():
        if name not in ResourceFactory._resource_types or name in RENAMED.values():
            _class_of(name)


def _class_of(name: str) -> type[Ns3Object]:
    with _making:
        found = _classes.get(name)
        if found is None:
            found = _classes[name] = _made(catalogue()[name])
        return found


def _made(info: TypeInfo) -> type[Ns3Object]:
    known = catalogue()
    parent: type[Ns3Object] = _class_of(info.parent) if info.parent in known and info.parent != info.name else Ns3Object
    kind = KINDS.get(info.name)
    bases = (parent,) if kind is None or issubclass(parent, kind) else (kind, parent)
    inherited: dict[str, Any] = {}
    traces: dict[str, Any] = {}
    for base in reversed(bases):
        inherited |= base._attributes
        traces |= base._traces
    own = {one.name: attribute for one in info.attributes if (attribute := attribute_of(one, known)) is not None}
    traces |= {one.name: Trace(one.name, one.help.replace("\n", " ")) for one in info.traces}
    body = {
        "__doc__": _help(info),
        "__module__": __name__,
        "_help": _help(info),
        "_attributes": {**inherited, **own},
        "_traces": traces,
        "_rtype": info.name,
        "_backend": "ns3",
        "typeid": info.name,
        "family": f"module {info.group}" if info.group else "other modules",
    }
    registered = info.is_concrete and known.is_a(info.name, "ns3::Object") and info.name not in ResourceFactory._resource_types
    arguments: dict[str, Any] = {"rtype": info.name, "aliases": _aliases(info.name)} if registered else {}
    if not registered and info.name == "ns3::Ping":  # a hand-written one has its name; the object itself goes by its old one
        body["_rtype"] = "ns3::V4Ping"
        arguments = {"rtype": "ns3::V4Ping", "aliases": ("ns3::Ping6",)}
    made: type[Ns3Object] = types.new_class(info.name.rpartition("::")[2], bases, arguments, lambda namespace: namespace.update(body))
    return made


def _aliases(name: str) -> tuple[str, ...]:
    return tuple(old for old, new in RENAMED.items() if new == name)


def _help(info: TypeInfo) -> str:
    group = f" of ns-3's module {info.group}" if info.group else " of ns-3"
    parent = f"; a kind of {info.parent}" if info.parent not in ("", "ns3::Object", "ns3::ObjectBase") else ""
    useless = why_useless(info.name)
    return f"{info.name.removeprefix('ns3::')}{group}{parent}.{f' Of no use as a resource: {useless}.' if useless else ''}"
