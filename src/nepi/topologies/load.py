"""From a file to a topology: which tool's it is, by its name and by what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from nepi.errors import BadValueError, did_you_mean
from nepi.topologies.reading import json_value, read_text, yaml_value

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

KINDS: Final = ("graphml", "containerlab", "kathara", "core", "mininet", "record")


def load(kind: type[T], path: Path, format_: str = "") -> T:
    """Return the topology that a file describes; see `Topology.load`."""
    if format_ and format_ not in KINDS:
        raise BadValueError(f"kind={format_!r}: use {', '.join(map(repr, KINDS))}{did_you_mean(format_, KINDS)}")
    path, _, wanted = _without_class(path)
    if path.is_dir():
        path = path / "lab.conf"  # Kathará's labs are folders
    if path.suffix == ".py" or format_ == "mininet":
        return _from_python(kind, path, wanted)
    text = read_text(path)
    return _from_text(kind, text, path, format_ or kind_of(text, path))


def _without_class(path: Path) -> tuple[Path, str, str]:
    """Split "file.py:Class"."""
    name, colon, wanted = str(path).rpartition(":")
    return (Path(name), colon, wanted) if colon and name.endswith(".py") else (path, "", "")


def kind_of(text: str, path: Path) -> str:
    """Return whose file it is.

    Raises:
        BadValueError: nobody's that is known.
    """
    head = text.lstrip()[:4096]
    if head.startswith("<"):
        if "<graphml" in head:
            return "graphml"
        if "<scenario" in head:
            return "core"
        raise BadValueError(f"{path} is XML, but neither GraphML nor a CORE scenario")
    if path.suffix == ".conf":
        return "kathara"
    if path.suffix == ".json":
        return "record"
    if path.suffix in (".yaml", ".yml"):
        document = yaml_value(text, str(path))
        inner = document.get("topology") if isinstance(document, dict) else None
        return "containerlab" if isinstance(inner, dict) and isinstance(inner.get("nodes"), dict) else "record"
    raise BadValueError(
        f"{path}: whose file is this? Known are GraphML, containerlab, Kathará, CORE, Mininet (.py), JSON and YAML; say it by kind="
    )


def _from_text(kind: type[T], text: str, path: Path, format_: str) -> T:
    where = str(path)
    if format_ == "graphml":
        from nepi.topologies.graphml import from_graphml

        return _named(from_graphml(kind, text, where), path)
    if format_ == "containerlab":
        from nepi.topologies.containerlab import from_containerlab

        return _named(from_containerlab(kind, text, where), path)
    if format_ == "kathara":
        from nepi.topologies.kathara import from_kathara

        return _named(from_kathara(kind, text, where, path.parent), path)
    if format_ == "core":
        from nepi.topologies.core_xml import from_core

        return _named(from_core(kind, text, where), path)
    document = json_value(text, where) if path.suffix == ".json" else yaml_value(text, where)
    if isinstance(document, dict) and "topology" in document:
        document = document["topology"]
    try:
        return kind.from_record(document, path.parent)
    except BadValueError as error:
        raise BadValueError(f"{where}: {error}") from None


def _from_python(kind: type[T], path: Path, wanted: str) -> T:
    from nepi.topologies.mininet_file import topo_of_file

    if not path.is_file():
        raise BadValueError(f"cannot read {path}: there is no such file")
    return _named(kind.from_mininet(topo_of_file(path, wanted)), path)


def _named(topology: T, path: Path) -> T:
    """Name a topology that has no name of its own after its file."""
    if topology.name:
        return topology
    stem = path.parent.absolute().name if path.name == "lab.conf" else path.name.partition(".")[0]
    return topology._with_options(name=stem)
