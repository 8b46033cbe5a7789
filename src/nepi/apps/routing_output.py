"""What routing daemons say of their neighbours in their logs, as typed rows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network
from typing import Final

from nepi.apps.output_text import decode, ended_lines
from nepi.errors import TraceError


@dataclass(frozen=True, slots=True)
class NeighbourChange:
    """A neighbour came to another state ("Full": the routes of both are known to both).

    Attributes:
        at: wall-clock time, seconds since the epoch.
        router: the neighbour's router id.
        interface: by which it is reached.
        before, after: states of OSPF (RFC 2328, 10.1): "Down", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full".
    """

    at: float
    router: str
    interface: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RoutingResult:
    """The changes of neighbours, in order."""

    changes: tuple[NeighbourChange, ...] = ()

    def full(self) -> frozenset[tuple[str, str]]:
        """Return (interface, router) of the neighbours that are Full now."""
        last = {(one.interface, one.router): one.after for one in self.changes}
        return frozenset(key for key, state in last.items() if state == "Full")


_BIRD: Final = re.compile(r"(\S+ \S+) <\w+> main: Neighbor (\S+) on (\S+) changed state from (\S+) to (\S+)")
_FRR: Final = re.compile(r"(\S+ \S+) OSPF: .*AdjChg: Nbr ([0-9.]+)\b.* on ([^:\s]+):\S+: (\S+) -> (\S+).*")
_NAMES: Final = {"2-way": "2-Way", "exstart": "ExStart", "down": "Down", "deleted": "Down"}


def parse_routing_log(output: bytes | str) -> RoutingResult:
    """Return the changes that BIRD's or FRR's log tells of; all other lines are left out. It may stop anywhere."""
    changes = []
    for _, line in ended_lines(decode(output, "routing daemon")):
        match = _BIRD.fullmatch(line) or _FRR.fullmatch(line)
        if match is None:
            continue
        date, router, interface, before, after = match.groups()
        at = datetime.fromisoformat(date.replace("/", "-")).timestamp()
        changes.append(NeighbourChange(at, router, interface, _state(before), _state(after)))
    return RoutingResult(tuple(changes))


def routes_in(output: bytes | str) -> frozenset[str]:
    """Return the networks that `ip -j route` lists, the default route as 0.0.0.0/0; those by a dead interface are left out.

    Raises:
        TraceError: it is no such list.
    """
    try:
        rows = json.loads(decode(output, "ip route") or "[]")
        usable = [row["dst"] for row in rows if "dead" not in row.get("flags", ())]
        return frozenset(str(IPv4Network("0.0.0.0/0" if to == "default" else to, strict=False)) for to in usable)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TraceError(f"ip route output: not a list of routes as `ip -j` writes it: {type(error).__name__}: {error}") from None


def _state(word: str) -> str:
    return _NAMES.get(word.lower(), word)
