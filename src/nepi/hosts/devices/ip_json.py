"""What `ip -json` prints, read. Pure functions; recorded outputs are in the tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from nepi.errors import ResourceError


@dataclass(frozen=True, slots=True)
class InterfaceFacts:
    """What a host says of an interface.

    Attributes:
        kind: "veth", "vxlan", "tun", ...; "" for a real one.
        addresses: with prefix length.
        alias: whose it is, if somebody has written that onto it.
    """

    name: str
    kind: str
    up: bool
    mtu: int
    mac: str
    txqueuelen: int
    addresses: tuple[str, ...]
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """How a host reaches an address: its own address on that way, and the interface."""

    local: str
    ifname: str


def interfaces(text: bytes) -> list[InterfaceFacts]:
    """Return what `ip -details -json address show` says.

    Raises:
        ResourceError: it is no such output.
    """
    return [_interface(one) for one in _objects(text) if one.get("ifname")]


def _interface(one: dict[str, Any]) -> InterfaceFacts:
    addresses = tuple(f"{each['local']}/{each['prefixlen']}" for each in one.get("addr_info", ()) if "local" in each)
    return InterfaceFacts(
        name=one["ifname"],
        kind=one.get("linkinfo", {}).get("info_kind", ""),
        up="UP" in one.get("flags", ()),
        mtu=int(one.get("mtu", 0)),
        mac=one.get("address", ""),
        txqueuelen=int(one.get("txqlen", 0)),
        addresses=addresses,
        alias=one.get("ifalias", ""),
    )


def way(text: bytes) -> Way:
    """Return what `ip -json route get` says.

    Raises:
        ResourceError: it is no such output.
    """
    found = _objects(text)
    if not found or "dev" not in found[0]:
        raise ResourceError(f"`ip -json route get` printed no way: {text[:200]!r}")
    return Way(found[0].get("prefsrc", ""), found[0]["dev"])


def _objects(text: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(text or b"[]")
    except ValueError as error:
        raise ResourceError(f"`ip -json` printed no JSON (iproute2 of 2018 or newer is needed): {error}: {text[:200]!r}") from None
    return [one for one in found if isinstance(one, dict)]
