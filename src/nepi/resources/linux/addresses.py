"""Addresses as attributes of devices have them: an address, and a prefix length or a netmask. Pure functions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nepi.errors import BadValueError
from nepi.model.addressing import interface_address

_WHOLE = {4: 32, 6: 128}


def address_text(ip: str, prefix: object) -> str:
    """Return an address with the length of its prefix; without a prefix or mask, it stands for itself alone.

    Raises:
        BadValueError: no such address, prefix or netmask, or none that an interface can have.
    """
    if prefix is None:
        prefix = _WHOLE[6 if ":" in ip else 4]
        try:
            return f"{ipaddress.ip_address(ip.strip())}/{prefix}"
        except ValueError:
            raise BadValueError(f"{ip!r} is no address; write one like 10.0.0.1 or fd00::1") from None
    return str(interface_address(ip, _length(prefix)))


def _length(prefix: object) -> object:
    text = str(prefix).strip()
    if "." not in text:
        return text
    try:
        return ipaddress.ip_network(f"0.0.0.0/{text}").prefixlen
    except ValueError:
        raise BadValueError(f"{text!r} is no netmask; write one like 255.255.255.0, or the length of the prefix") from None


def networks(text: str | None) -> tuple[str, ...]:
    """Return the networks of a text like "10.1.0.0/16 fd01::/48".

    Raises:
        BadValueError: one is none.
    """
    found = []
    for word in (text or "").replace(",", " ").split():
        try:
            found.append(str(ipaddress.ip_network(word)))
        except ValueError as error:
            raise BadValueError(f"{word!r} is no network: {error}") from None
    return tuple(found)


def mistakes(values: Mapping[str, Any], pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Find addresses that are none, by the names of an attribute and that of its prefix or mask."""
    for ip, prefix in pairs:
        if values.get(ip) is not None:
            try:
                address_text(values[ip], values.get(prefix))
            except BadValueError as error:
                yield f"{ip}: {error}"
        elif values.get(prefix) is not None:
            yield f"{prefix} is set, and {ip} is not: set both or neither"
