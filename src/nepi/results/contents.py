"""What is in the folder of a run: its resources by name, its traces, its summary, and how much of the disk it takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nepi.errors import BadValueError, RunError, UnknownResourceError, UnknownTraceError, did_you_mean
from nepi.model.experiment import ExperimentDescription


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace as it lies on the disk."""

    resource: str
    name: str
    path: Path
    size_bytes: int


def read_record(path: Path) -> dict[str, Any]:
    """Return one of the JSON files of a run.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path.parent} has no {path.name}: the run did not get so far") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    if not isinstance(record, dict):
        raise RunError(f"{path} is damaged: it holds no object")
    return record


def read_description(run: Path) -> ExperimentDescription:
    """Return the description of a run's experiment.

    Raises:
        RunError: it is missing or damaged.
    """
    path = run / "experiment.json"
    try:
        return ExperimentDescription.from_record(read_record(path))
    except BadValueError as error:
        raise RunError(f"{path}: {error}") from None


def resource_names(run: Path) -> dict[int, str]:
    """Return the names of a run's resources by guid; {} while there is no description."""
    try:
        resources = read_record(run / "experiment.json")["resources"]
        return {int(one["guid"]): str(one["name"]) for one in resources}
    except (RunError, KeyError, TypeError, ValueError):
        return {}


def guid_named(run: Path, text: str) -> int:
    """Return the guid of a run's resource, given its name or guid.

    Raises:
        UnknownResourceError: there is none.
    """
    names = resource_names(run)
    for guid, name in names.items():
        if name == text:
            return guid
    if text.isdigit() and int(text) in names:
        return int(text)
    raise UnknownResourceError(f"the run has no resource {text!r}{did_you_mean(text, names.values())}{_some(names.values())}")


def resources_with_traces(run: Path) -> list[str]:
    """Return the names of the resources that have recorded something."""
    return [entry.name for entry in _entries(run / "traces") if entry.is_dir()]


def traces_of(run: Path, resource: str) -> list[TraceFile]:
    """Return the traces that a resource has recorded, by name.

    Raises:
        UnknownResourceError: the run has no such resource.
    """
    recorded = resources_with_traces(run)
    if resource not in recorded:
        names = dict.fromkeys((*resource_names(run).values(), *recorded))
        if resource not in names:
            raise UnknownResourceError(f"the run has no resource {resource!r}{did_you_mean(resource, names)}{_some(names)}")
        return []
    folder = run / "traces" / resource
    return [TraceFile(resource, entry.name, Path(entry.path), entry.stat().st_size) for entry in _entries(folder) if entry.is_file()]


def trace_named(run: Path, resource: str, trace: str) -> TraceFile:
    """Return one trace.

    Raises:
        UnknownResourceError: the run has no such resource.
        UnknownTraceError: the resource has not recorded such a trace.
    """
    recorded = traces_of(run, resource)
    for one in recorded:
        if one.name == trace:
            return one
    names = [one.name for one in recorded]
    has = f"it has {', '.join(names)}" if names else "it has recorded nothing"
    raise UnknownTraceError(f"{resource} has no trace {trace!r}{did_you_mean(trace, names)}: {has}")


def size_bytes(folder: Path) -> int:
    """Return how much of the disk a folder takes; holes in files take nothing."""
    total = 0
    for entry in _entries(folder):
        try:
            total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:  # gone meanwhile
            continue
        if entry.is_dir(follow_symlinks=False):
            total += size_bytes(Path(entry.path))
    return total


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return iter(())
    return iter(found)


def _some(names: Any) -> str:
    listed = list(names)
    return f"; it has {', '.join(listed[:8])}{', ...' if len(listed) > 8 else ''}" if listed else ""
