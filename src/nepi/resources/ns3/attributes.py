"""ns-3's attributes as attributes of resources: types, ranges and names from the catalogue, text as ns-3 writes it taken, too."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from nepi.errors import BadValueError, did_you_mean
from nepi.model.attributes import Attribute, Flags, Types
from nepi.model.traces import Trace
from nepi.resources.ns3.catalogue import ATTR_CONSTRUCT, ATTR_GET, ATTR_SET, OBSOLETE, AttributeInfo, Catalogue
from nepi.units import duration_s, rate_bps

_TIME: Final = re.compile(r"([+-]?[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?) *(y|d|h|min|s|ms|us|ns|ps|fs)?", re.IGNORECASE)
_SECONDS: Final = {"y": 31_536_000.0, "d": 86_400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
_PARTS: Final = {"ms": 10**3, "us": 10**6, "ns": 10**9, "ps": 10**12, "fs": 10**15}
_RATE: Final = re.compile(r"([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?) *([kKMG]?i?)(bps|b/s|Bps|B/s)")
_PREFIX: Final = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "ki": 2**10, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_QUEUE_SIZE: Final = re.compile(r"[0-9]+ *(p|[kKMG]?i?B)?")
_POINTER: Final = re.compile(r"ns3::Ptr< *(ns3::.*?) *>$")
_NO_LIMIT: Final = 1e300
_LATEST_NS: Final = 9.2e18
_HIDDEN_KINDS: Final = ("ns3::ObjectPtrContainerValue", "ns3::CallbackValue")
"""They have no form as text that could be set."""
_TAKES_NODE: Final = ("ns3::AddressValue", "ns3::Ipv4AddressValue", "ns3::Ipv6AddressValue")


class Ns3Attribute(Attribute):
    """An attribute of an ns-3 type.

    Args:
        info: what the catalogue says of it.
        read: makes a value of what was set.
        rest: as of `Attribute`.
    """

    __slots__ = ("_read", "info")

    def __init__(self, info: AttributeInfo, type_: str, read: Callable[[Any], Any] | None, **rest: Any) -> None:
        self.info = info
        self._read = read
        super().__init__(info.name, info.help.replace("\n", " "), type_, _flags(info), **rest)

    def _convert(self, value: Any) -> Any:
        if self._read is not None and isinstance(value, str):
            value = self._read(value)
        if self._type == Types.Duration and isinstance(value, float) and value < 0:
            return self._in_range(value)  # ns-3 has negative ones
        return super()._convert(value)

    def _in_range(self, value: float) -> float:
        if self._range is not None and not self._range[0] <= value <= self._range[1]:
            raise BadValueError(f"{value!r} is outside of {self._range[0]} to {self._range[1]}")
        return value

    @property
    def takes_resource(self) -> bool:
        """Whether a resource's bare name in a file means that resource."""
        return self.info.kind in _TAKES_NODE

    def text(self, value: Any) -> str:
        """Return a kept value as ns-3 takes it."""
        if self._type == Types.Duration:
            return f"{round(value * 10**9)}ns"
        if self._type == Types.Rate:
            return f"{value}bps"
        if self._type == Types.Bool:
            return "true" if value else "false"
        return str(value)

    def value_of(self, text: str) -> Any:
        """Return the kept form of what ns-3 has answered."""
        return text if self._type == Types.String else self.converted(text)


def attribute_of(info: AttributeInfo, catalogue: Catalogue) -> Ns3Attribute | None:
    """Return the attribute of a resource type; None for what can neither be set nor told as text."""
    if info.kind in _HIDDEN_KINDS or info.support == OBSOLETE:
        return None
    type_, read, rest = _form(info, catalogue)
    try:
        return Ns3Attribute(info, type_, read, default=_default(info), **rest)
    except BadValueError:
        return Ns3Attribute(info, type_, read, default=None, **rest)  # a default that stands for "not set"


def members_of(catalogue: Catalogue, name: str) -> tuple[dict[str, Attribute], dict[str, Trace]]:
    """Return the attributes and traces of a type, its parents' included, for a class that is written by hand."""
    attributes: dict[str, Attribute] = {}
    traces: dict[str, Trace] = {}
    for ancestor in reversed(catalogue.lineage(name)):
        info = catalogue[ancestor]
        attributes |= {one.name: made for one in info.attributes if (made := attribute_of(one, catalogue)) is not None}
        traces |= {one.name: Trace(one.name, one.help.replace("\n", " ")) for one in info.traces}
    return attributes, traces


def _default(info: AttributeInfo) -> str | None:
    return None if info.default == "" or (info.kind == "ns3::PointerValue" and info.default == "0") else info.default


def _form(info: AttributeInfo, catalogue: Catalogue) -> tuple[str, Callable[[Any], Any] | None, dict[str, Any]]:
    kind = info.kind.removeprefix("ns3::").removesuffix("Value")
    if kind in ("Uinteger", "Integer"):
        return Types.Integer, None, {"range": _limits(info.type, int)}
    if kind == "Double":
        return Types.Double, None, {"range": _limits(info.type, float)}
    if kind == "Boolean":
        return Types.Bool, _truth, {}
    if info.kind.startswith("ns3::EnumValue"):
        return Types.Enumerate, None, {"allowed": tuple(dict.fromkeys(info.type.split("|")))}
    if kind == "Time":
        return Types.Duration, time_s, {"range": _time_limits(info.type)}
    if kind == "DataRate":
        return Types.Rate, _rate, {}
    if kind == "QueueSize":
        return Types.String, _queue_size, {}
    if kind == "Pointer":
        return Types.String, partial(_made_of, catalogue, pointee(info)), {}
    if kind == "TypeId":
        return Types.String, partial(_made_of, catalogue, ""), {}
    return Types.String, None, {}


def _flags(info: AttributeInfo) -> int:
    flags = Flags.NoFlags
    if not info.flags & ATTR_GET:
        flags |= Flags.NoRead
    if not info.flags & ATTR_SET:
        flags |= Flags.Construct if info.flags & ATTR_CONSTRUCT else Flags.NoWrite
    return flags


def pointee(info: AttributeInfo) -> str:
    """Return the type of what a pointer points to; "" when it is no pointer."""
    match = _POINTER.match(info.type) if info.kind == "ns3::PointerValue" else None
    return match[1] if match else ""


def _limits(text: str, read: Callable[[str], float]) -> tuple[float, float] | None:
    least, colon, greatest = text.rpartition(" ")[2].partition(":")
    if not colon or (read is float and float(least) < -_NO_LIMIT and float(greatest) > _NO_LIMIT):
        return None
    return read(least), read(greatest)


def _time_limits(text: str) -> tuple[float, float] | None:
    least, colon, greatest = text.rpartition(" ")[2].partition(":")
    if not colon:
        return None
    low, high = time_s(least), time_s(greatest)
    if low <= -_LATEST_NS / 1e9 and high >= _LATEST_NS / 1e9:
        return None
    return low, high


def _truth(text: str) -> Any:
    return {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}.get(text.lower(), text)


def time_s(text: str) -> float:
    """Return a time in seconds, written as ns-3 does ("+2e+06ns", "1.5s", "2") or as everywhere else.

    Raises:
        BadValueError: neither.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return duration_s(text)
    number, unit = float(match[1]), (match[2] or "s").lower()
    return number / _PARTS[unit] if unit in _PARTS else number * _SECONDS[unit]


def _rate(text: str) -> int:
    """Return bit/s. In ns-3, and so in its attributes, bps are bits and Bps are bytes."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        return rate_bps(text)
    return round(float(match[1]) * _PREFIX[match[2]] * (8 if match[3][0] == "B" else 1))


def _queue_size(text: str) -> str:
    if _QUEUE_SIZE.fullmatch(text) is None:
        raise BadValueError(f"{text!r} is no queue size: write packets, '100p', or bytes, '64kB'")
    return text


def _made_of(catalogue: Catalogue, wanted: str, text: str) -> str:
    """Check a TypeId, with or without attributes in brackets."""
    name = text.partition("[")[0]
    if name not in catalogue:
        raise BadValueError(f"there is no ns-3 type {name!r}{did_you_mean(name, list(catalogue))}")
    if wanted and wanted in catalogue and not catalogue.is_a(name, wanted):
        raise BadValueError(f"a {name} is no {wanted}")
    return text
