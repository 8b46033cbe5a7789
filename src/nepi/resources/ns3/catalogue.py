"""What ns-3 says of its own types, read from a file: `catalogue.json.gz` of this package, or one made of another version."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

SHIPPED: Final = Path(__file__).with_name("catalogue.json.gz")
FORMAT: Final = 1
ATTR_GET, ATTR_SET, ATTR_CONSTRUCT = 1, 2, 4
OBSOLETE: Final = 2


_FORGOTTEN_PARENTS: Final = {
    "ns3::AlwaysLosChannelConditionModel": "ns3::ChannelConditionModel",
    "ns3::NeverLosChannelConditionModel": "ns3::ChannelConditionModel",
}
"""Types that do not say whose heirs they are, though they are."""


@dataclass(frozen=True, slots=True)
class AttributeInfo:
    """An attribute of a TypeId.

    Attributes:
        kind: its C++ value class, "ns3::UintegerValue".
        type: ns-3's word for what it can be: "uint16_t 0:65535", "Dix|Llc", "ns3::Ptr< ns3::ErrorModel >".
        default: as ns-3 writes it.
        flags: of ATTR_GET, ATTR_SET and ATTR_CONSTRUCT.
        support: 0 for supported, 1 for deprecated, 2 for obsolete.
    """

    name: str
    kind: str
    type: str
    default: str
    flags: int
    support: int
    help: str


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """A trace source of a TypeId; `callback` is the C++ type that says what its values are."""

    name: str
    callback: str
    help: str


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A TypeId, with what it has beyond its parent."""

    name: str
    parent: str
    group: str
    is_concrete: bool
    attributes: tuple[AttributeInfo, ...]
    traces: tuple[TraceInfo, ...]


class Catalogue:
    """All TypeIds of one version of ns-3.

    Args:
        record: as `to_record` gives it.

    Raises:
        ValueError: another format.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        if record.get("format") != FORMAT:
            raise ValueError(f"this catalogue has format {record.get('format')!r}; this version reads format {FORMAT}")
        self.version: str = record["version"]
        self._records: Mapping[str, Any] = record["types"]
        self._read: dict[str, TypeInfo] = {}
        self._ancestors: dict[str, frozenset[str]] = {}

    @staticmethod
    def to_record(version: str, types: Mapping[str, Any]) -> dict[str, Any]:
        """Return the file's content for what the simulation process has answered to `catalogue`."""
        return {"format": FORMAT, "version": version, "types": dict(sorted(types.items()))}

    def __contains__(self, name: object) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __getitem__(self, name: str) -> TypeInfo:
        found = self._read.get(name)
        if found is None:
            found = self._read[name] = _type_info(name, self._records[name])
        return found

    def lineage(self, name: str) -> list[str]:
        """Return the type and its parents, itself first."""
        found = []
        while name in self._records:
            found.append(name)
            name = _FORGOTTEN_PARENTS.get(name, self._records[name]["parent"])
        return found

    def is_a(self, name: str, ancestor: str) -> bool:
        """Whether a type is another one or one of its heirs."""
        known = self._ancestors.get(name)
        if known is None:
            known = self._ancestors[name] = frozenset(self.lineage(name))
        return ancestor in known

    def resource_types(self) -> list[str]:
        """Return the types that can be made: the objects that have a constructor."""
        return [name for name, record in self._records.items() if record["new"] and self.is_a(name, "ns3::Object")]

    def attributes(self, name: str) -> dict[str, AttributeInfo]:
        """Return the attributes of a type, its parents' included."""
        return {one.name: one for ancestor in reversed(self.lineage(name)) for one in self[ancestor].attributes}


def _type_info(name: str, record: Mapping[str, Any]) -> TypeInfo:
    return TypeInfo(
        name,
        record["parent"],
        record["group"],
        record["new"],
        tuple(AttributeInfo(*one) for one in record["attributes"]),
        tuple(TraceInfo(*one) for one in record["traces"]),
    )


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue.

    Raises:
        OSError: there is none.
        ValueError: it is damaged or of another format.
    """
    return Catalogue(json.loads(gzip.decompress(path.read_bytes())))


def write_catalogue(path: Path, version: str, types: Mapping[str, Any]) -> None:
    """Write a catalogue, the same bytes for the same content; whoever reads meanwhile sees the old one."""
    text = json.dumps(Catalogue.to_record(version, types), separators=(",", ":"), ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    beside.replace(path)


def cached(version: str) -> Path:
    """Return where the catalogue of another version than the shipped one is kept."""
    return Path.home() / ".cache" / "nepi" / f"ns3-{version}.json.gz"


def installed_version() -> str | None:
    """Return the version of the wheel, without importing it; None when there is none."""
    try:
        return metadata.version("ns3")
    except metadata.PackageNotFoundError:
        return None


@cache
def catalogue() -> Catalogue:
    """Return the catalogue of the installed ns-3; the shipped one when that has none yet, or when none is installed."""
    version = installed_version()
    if version is not None:
        try:
            found = read_catalogue(cached(version))
            if found.version == version:
                return found
        except (OSError, ValueError):
            pass  # made by the first simulation
    return read_catalogue(SHIPPED)
