"""Mininet's `Topo`: hosts, switches and links with their parameters, of any object that answers as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from nepi.errors import BadValueError
from nepi.topologies.drawn import Drawn
from nepi.topologies.elements import Kind

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

_ASKED: Final = ("nodes", "links", "isSwitch", "nodeInfo")
_OF_PORTS: Final = frozenset({"node1", "node2", "port1", "port2"})
"""Said by Mininet itself, of every link."""
_OF_TC: Final = frozenset({"cls", "use_htb", "use_hfsc", "use_tbf"})
"""How Mininet shapes; what it shapes to is carried over."""
_SILENT: Final = frozenset({"isSwitch", "cls", "dpid", "ip", "mac", "defaultRoute"})


def from_mininet(kind: type[T], topo: Any, arguments: Mapping[str, Any]) -> T:
    """Return the topology of a `Topo`, or of a class of them; see `Topology.from_mininet`."""
    if isinstance(topo, type):
        topo = topo(**arguments)
    elif arguments:
        raise BadValueError(f"from_mininet: {', '.join(arguments)} given, but {topo!r} is made already: give its class")
    missing = [name for name in _ASKED if not callable(getattr(topo, name, None))]
    if missing:
        raise BadValueError(f"from_mininet: {topo!r} is no Mininet Topo: it has no {missing[0]}()")
    drawn = Drawn(type(topo).__name__)
    links = [(one[0], one[1], dict(one[-1]) if isinstance(one[-1], Mapping) else {}) for one in topo.links(withInfo=True)]
    counts: dict[str, int] = {}
    for first, second, _ in links:
        for end in (first, second):
            counts[end] = counts.get(end, 0) + 1
    for name in topo.nodes():
        _take_node(drawn, name, bool(topo.isSwitch(name)), dict(topo.nodeInfo(name)), counts.get(name, 0))
    for first, second, info in links:
        drawn.link(first, second, _link_attributes(drawn, info, f"{first}--{second}"))
    return drawn.finished(kind, type(topo).__name__)


def _take_node(drawn: Drawn, name: str, is_switch: bool, info: Mapping[str, Any], links: int) -> None:
    special = getattr(info.get("cls"), "__name__", "") if info.get("cls") else ""
    kind: Kind = "switch" if is_switch else "router" if "router" in special.lower() else "host"
    # A host of Mininet passes nothing on, unless its class sees to that.
    attributes = {"forwarding": False} if kind == "host" and not special and links > 1 else {}
    drawn.node(name, kind, attributes=attributes)
    if special and kind != "router":
        drawn.leave(f"class {special}", name)
    if any(info.get(key) for key in ("ip", "mac", "defaultRoute")):
        drawn.leave("addresses and default routes (new ones are given)")
    for key in info:
        if key not in _SILENT:
            drawn.leave(f"{key!r}", name)


def _link_attributes(drawn: Drawn, info: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a link's attributes. Mininet has `bw` in Mbit/s, times with their unit, and loss in per cent."""
    attributes: dict[str, Any] = {}
    for name, value in info.items():
        if value in (None, 0, "") or name in _OF_PORTS or name in _OF_TC:
            continue
        if name == "bw":
            attributes |= drawn.value("rate", _number(value) * 1e6, where)
        elif name in ("delay", "jitter"):
            attributes |= drawn.value(name, str(value), where)
        elif name == "loss":
            attributes |= drawn.value("loss", _number(value) / 100, where)
        elif name == "max_queue_size":
            attributes["queue"] = int(value)
        elif name in ("intfName1", "intfName2"):
            drawn.leave("names of interfaces")
        else:
            drawn.leave(f"{name!r} of links", where)
    return attributes


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type] # it says so itself
    except (TypeError, ValueError):
        raise BadValueError(f"from_mininet: {value!r} is no number") from None
