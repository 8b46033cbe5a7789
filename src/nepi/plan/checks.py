"""Checks of what was written down, resource by resource: guids, names, attributes, traces, conditions, programs, a type's own check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable
from typing import Any

from nepi.errors import BadValueError, did_you_mean
from nepi.model.attributes import Flags, Reference
from nepi.model.conditions import After, AllOf, AnyOf, Condition, TraceMatched, Within, members_of
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ResourceAction
from nepi.model.typespec import Remark, TypeSpec
from nepi.plan.graph import Graph
from nepi.plan.hosting import is_elsewhere, is_held_elsewhere

NAME_LENGTH = 64
"""Most characters of a resource's name: it names folders and appears in /etc/hosts."""

_NAME = re.compile(rf"[^\s/\x00-\x1f\x7f]{{1,{NAME_LENGTH}}}")


def check_names(resources: Iterable[ResourceDescription]) -> list[str]:
    """Return the mistakes in guids and names. They come first: everything after finds resources by guid."""
    mistakes: list[str] = []
    by_name: dict[str, ResourceDescription] = {}
    guids: dict[int, ResourceDescription] = {}
    is_name = _NAME.fullmatch
    for one in resources:
        if not isinstance(one.name, str) or is_name(one.name) is None or one.name in (".", ".."):
            mistakes.append(f"{one.rtype} {one.name!r}: {_name_mistake(one.name)}")
        elif by_name.setdefault(one.name, one) is not one:
            other = by_name[one.name]
            mistakes.append(f"two resources are called {one.name!r} ({other.rtype} and {one.rtype}): give one of them another name")
        if type(one.guid) is not int or one.guid < 1:
            mistakes.append(f"{one.rtype} {one.name!r} has the guid {one.guid!r}: guids are whole numbers from 1")
        elif guids.setdefault(one.guid, one) is not one:
            mistakes.append(f"{guids[one.guid].rtype} {guids[one.guid].name!r} and {one.rtype} {one.name!r} have the same guid {one.guid}")
    return mistakes


def _name_mistake(name: object) -> str:
    if not isinstance(name, str) or not name:
        return "a resource needs a name that is not empty"
    if name in (".", ".."):
        return "this name means a folder: take another one"
    if len(name) > NAME_LENGTH:
        return f"the name is longer than {NAME_LENGTH} characters: shorten it"
    return "a name has no '/', no white space and no control characters: use '-' or '_' instead"


def check_attributes(graph: Graph) -> dict[int, dict[str, Any]]:
    """Check what was set on each new resource; return the values that had to be converted, by guid."""
    converted: dict[int, dict[str, Any]] = {}
    for one in graph.new:
        spec = graph.specs[one.rtype]
        for name, value in one.attributes.items():
            kept = _checked_value(graph, one, spec, name, value)
            if kept is not value and (kept != value or type(kept) is not type(value)):
                converted.setdefault(one.guid, {})[name] = kept
    return converted


def _checked_value(graph: Graph, one: ResourceDescription, spec: TypeSpec, name: str, value: Any) -> Any:
    template = spec.attributes.get(name)
    if template is None:
        if graph.is_known(one.rtype):
            near = did_you_mean(name, spec.attributes) or f"; it has {', '.join(sorted(spec.attributes)) or 'none'}"
            graph.mistake(one.guid, f"has no attribute {name!r}{near}")
        return value
    if template.has_flag(Flags.ReadOnly) or template.has_flag(Flags.NoWrite):
        graph.mistake(one.guid, f"has attribute {name!r} set, which can only be read: take it away")
        return value
    secret = template.has_flag(Flags.Credential)  # reaches neither a message nor plan.json
    try:
        kept = template.converted(value)
    except BadValueError as error:
        graph.mistake(one.guid, f"has a wrong value in attribute {name!r}, a credential" if secret else f"has a wrong value: {error}")
        return value
    return value if secret else kept


def check_references(graph: Graph) -> list[tuple[ResourceDescription, str, Reference]]:
    """Return all references of new resources; one to a resource that does not exist is a mistake and left out."""
    found = []
    for one in graph.new:
        for name, value in one.attributes.items():
            if isinstance(value, Reference):
                if value.guid in graph.resources:
                    found.append((one, name, value))
                else:
                    graph.mistake(one.guid, f"has attribute {name!r} set to guid {value.guid}, which does not exist")
    return found


def check_traces(graph: Graph) -> None:
    """Find enabled traces that the type does not have."""
    for one in graph.new:
        for trace in one.traces:
            known = graph.specs[one.rtype].traces
            if trace not in known and graph.is_known(one.rtype):
                near = did_you_mean(trace, known) or f"; it has {', '.join(sorted(known)) or 'none'}"
                graph.mistake(one.guid, f"has no trace {trace!r}{near}")


def check_conditions(graph: Graph) -> None:
    """Find conditions on resources that do not exist, and on traces that nobody declared."""
    for one in graph.resources.values():
        for action, condition in one.conditions:
            unknown = dict.fromkeys(guid for guid in members_of(condition) if guid not in graph.resources)
            for guid in unknown:
                graph.mistake(one.guid, f"has a condition for {action.name} on guid {guid}, which does not exist: take it away")
            if graph.is_new(one.guid):
                _check_watched(graph, one, condition)


def check_policies(graph: Graph) -> None:
    """Find resources that are to be replaced although their type finds no other candidate."""
    for one in graph.new:
        if "replace" in one.policy and graph.is_known(one.rtype) and not graph.specs[one.rtype].replaceable:
            graph.mistake(one.guid, f"has the policy Replace, but a {one.rtype} has no other candidates to choose from: take it away")


def _check_watched(graph: Graph, one: ResourceDescription, condition: Condition) -> None:
    match condition:
        case TraceMatched(guid=guid, trace=trace) if guid in graph.resources and trace not in graph.spec(guid).traces:
            near = did_you_mean(trace, graph.spec(guid).traces)
            graph.warn(one.guid, f"waits for a line in the trace {trace!r} of {graph.place(guid)}, which declares no such trace{near}")
        case AllOf(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                _check_watched(graph, one, part)
        case After(part=part) | Within(part=part):
            _check_watched(graph, one, part)


def check_applications(graph: Graph) -> None:
    """Find applications that are on several nodes."""
    rtypes = {rtype for rtype, spec in graph.specs.items() if spec.role == "application"}
    for one in graph.new:
        if one.rtype in rtypes and len(graph.peers(one.guid)) > 1:
            nodes = graph.peers_of_role(one.guid, "node")
            if len(nodes) > 1:
                graph.mistake(one.guid, f"is connected to {len(nodes)} nodes ({graph.names(nodes)}): an application runs on one")


def check_tools(graph: Graph) -> None:
    """Find programs that new resources need and that their backend's facts say are missing: one mistake for each program."""
    missing = {rtype: [tool for tool in spec.tools if tool in _missing_tools(graph, spec)] for rtype, spec in graph.specs.items()}
    if not any(missing.values()):
        return
    first: dict[str, ResourceDescription] = {}
    counts: dict[str, int] = {}
    for one in graph.new:
        if missing[one.rtype] and is_elsewhere(graph, one.guid):
            continue  # what its machine has is known when that is there
        counts[one.rtype] = counts.get(one.rtype, 0) + 1
        first.setdefault(one.rtype, one)
    users: dict[tuple[str, str], list[str]] = {}
    for rtype in first:
        for tool in missing[rtype]:
            users.setdefault((graph.specs[rtype].backend, tool), []).append(rtype)
    for (backend, tool), rtypes in users.items():
        count = sum(counts[rtype] for rtype in rtypes)
        need = f"and {count - 1} more need" if count > 1 else "needs"
        package = graph.facts[backend].get("packages", {}).get(tool, "")
        remedy = f"apt install {package}" if package else "install it, or put it on the PATH"
        graph.mistakes.append(f"{graph.place(first[rtypes[0]].guid)} {need} the program {tool!r}, which is missing: {remedy}")


def check_backends(graph: Graph) -> None:
    """Find backends that cannot be used here at all, and more nodes than they take: one mistake for each backend."""
    for backend, facts in graph.facts.items():
        if (reason := facts.get("unusable")) and not is_held_elsewhere(graph, backend):
            users = [one for one in graph.new if graph.specs[one.rtype].backend == backend and not is_elsewhere(graph, one.guid)]
            need = f"and {len(users) - 1} more need" if len(users) > 1 else "needs"
            if users:
                graph.mistakes.append(f"{graph.place(users[0].guid)} {need} the backend {backend!r}, which cannot be used here: {reason}")
        if (limit := facts.get("nodes")) is None:
            continue
        count = sum(graph.spec(one.guid).backend == backend and not is_elsewhere(graph, one.guid) for one in graph.of_role("node"))
        if count > limit:
            graph.mistakes.append(f"there are {count} nodes of the backend {backend!r}, which takes {limit} here; see `nepi doctor`")


def _missing_tools(graph: Graph, spec: TypeSpec) -> Container[str]:
    missing: Container[str] = graph.facts.get(spec.backend, {}).get("tools_missing", ())
    return missing


def _whole_plan(graph: Graph) -> dict[str, Any]:
    """Return what a check may know of all resources, as `typespec.Check` says."""
    everything = graph.resources.values()
    later = (one for one in everything if any(action == ResourceAction.START for action, _ in one.conditions))
    return {
        "resources": graph.resources,
        "peers": graph.peers,
        "rtypes": Counter(one.rtype for one in everything),
        "start_later": [(one.name, one.rtype) for one in later],
    }


def check_by_type(graph: Graph) -> None:
    """Let each type that has a check of its own look at its new resources."""
    checks = {rtype: spec.check for rtype, spec in graph.specs.items() if spec.check is not None}
    if not checks:
        return
    whole = _whole_plan(graph)
    for one in graph.new:
        check = checks.get(one.rtype)
        if check is not None:
            peers = [graph.resources[peer] for peer in graph.peers(one.guid)]
            place = graph.place(one.guid)
            for sentence in check(one, peers, {**graph.facts.get(graph.specs[one.rtype].backend, {}), "plan": whole}):
                if isinstance(sentence, Remark):
                    graph.warnings.append(str(sentence))
                else:
                    graph.mistakes.append(sentence if repr(one.name) in sentence else f"{place}: {sentence}")
