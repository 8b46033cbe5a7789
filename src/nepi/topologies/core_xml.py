"""Scenarios of the Common Open Research Emulator (CORE), in its XML: devices, networks, links with their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from xml.etree.ElementTree import Element

from nepi.errors import BadValueError
from nepi.topologies.drawn import Drawn
from nepi.topologies.elements import Kind, Position
from nepi.topologies.reading import xml_root

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

T = TypeVar("T", bound="Topology")

_ROUTERS: Final = frozenset({"router", "mdr", "prouter"})
_SWITCHES: Final = frozenset({"SWITCH", "HUB"})
_FRACTIONS: Final = {"loss": "loss", "per": "loss", "dup": "duplicate"}
"""Options in per cent."""
_ENDS: Final = (("node1", "node2"), ("node_one", "node_two"))


def from_core(kind: type[T], text: str, where: str) -> T:
    """Return the topology of a scenario.

    Raises:
        BadValueError: it is none.
    """
    root = xml_root(text, where)
    if root.tag != "scenario":
        raise BadValueError(f"{where}: the XML is that of a {root.tag!r}, not of a CORE scenario")
    drawn = Drawn(where)
    for device in root.iterfind("devices/device"):
        _take_device(drawn, device)
    for network in root.iterfind("networks/network"):
        _take_network(drawn, network)
    directions: dict[tuple[str, ...], tuple[int, str]] = {}
    for link in root.iterfind("links/link"):
        _take_link(drawn, link, directions)
    for section in root:
        if section.tag not in ("devices", "networks", "links") and (len(section) or section.tag == "session_hooks"):
            drawn.leave(f"the section {section.tag!r}")
    return drawn.finished(kind, root.get("name") or "")


def _take_device(drawn: Drawn, device: Element) -> None:
    kind: Kind = "router" if device.get("type") in _ROUTERS else "host"
    # A computer of CORE passes nothing on unless a service makes a router of it.
    attributes = {} if kind == "router" else {"forwarding": False}
    name = drawn.node(device.get("id"), kind, name=device.get("name"), position=_position(device), attributes=attributes)
    for key in ("image", "class"):
        if device.get(key):
            drawn.leave(f"{key} {device.get(key)!r}", name)
    for service in device.iterfind("services/service"):
        drawn.leave(f"service {service.get('name')!r}", name)


def _take_network(drawn: Drawn, network: Element) -> None:
    kind = network.get("type", "")
    name = drawn.node(network.get("id"), "switch", name=network.get("name"), position=_position(network))
    if kind not in _SWITCHES:
        drawn.leave(f"what makes a network a {kind}, instead of which a switch is made,", name)


def _position(element: Element) -> Position | None:
    place = element.find("position")
    try:
        return None if place is None else (float(place.get("x", "")), -float(place.get("y", "")))  # its y counts downwards
    except ValueError:
        return None


def _take_link(drawn: Drawn, link: Element, directions: dict[tuple[str, ...], tuple[int, str]]) -> None:
    ends = next(((link.get(one, ""), link.get(two, "")) for one, two in _ENDS if link.get(one)), ("", ""))
    options = link.find("options")
    attributes = _link_attributes(drawn, dict(options.attrib) if options is not None else {}, drawn.between(*ends))
    if options is not None and options.get("unidirectional") == "1":
        # Of a link with options for each direction there are two, the second from the other end.
        ports = tuple(sorted(f"{end}/{_interface(link, side)}" for side, end in enumerate(ends, 1)))
        known = directions.setdefault(ports, (drawn.links, ends[0]))
        if known[0] != drawn.links:
            back = "Back" if ends[0] != known[1] else ""
            drawn.add_to_link(known[0], {f"{name}{back}": value for name, value in attributes.items()})
            return
    if any(interface.get(key) for interface in link if interface.tag.startswith("i") for key in ("ip4", "ip6")):
        drawn.leave("addresses (new ones are given)")
    drawn.link(*ends, attributes)


def _interface(link: Element, side: int) -> str:
    found = link.find(f"iface{side}")
    return found.get("id", "") if found is not None else ""


def _link_attributes(drawn: Drawn, options: dict[str, str], where: str) -> dict[str, Any]:
    """Return a link's attributes. CORE has bandwidth in bit/s, delay and jitter in microseconds, loss and duplicates in per cent."""
    attributes: dict[str, Any] = {}
    for name, text in options.items():
        try:
            number = float(text)
        except ValueError:
            continue
        if not number or name == "unidirectional":
            continue
        if name == "bandwidth":
            attributes |= drawn.value("rate", number, where)
        elif name in ("delay", "jitter"):
            attributes |= drawn.value(name, number / 1e6, where)
        elif name in _FRACTIONS:
            attributes |= drawn.value(_FRACTIONS[name], number / 100, where)
        elif name == "buffer":
            attributes["queue"] = int(number)
        else:
            drawn.leave(f"the option {name!r}", where)
    return attributes
