"""Names and MAC addresses of ports: those that interface resources say, and for all others ones that clash with nothing."""

from __future__ import annotations

from nepi.errors import BadValueError
from nepi.model.addressing import checked_ifname, mac_text, parse_mac
from nepi.plan.graph import Graph
from nepi.plan.topology import Port, Topology


def name_ports(graph: Graph, topology: Topology) -> None:
    """Give each port its name and MAC address."""
    macs: dict[str, Port] = {}
    for node, ports in topology.by_node.items():
        taken: dict[str, Port] = {}
        for port in ports:
            if port.planned is not None:
                port.ifname, port.mac = port.planned.ifname, port.planned.mac
                taken[port.ifname] = port
        fresh = [port for port in ports if port.planned is None]
        for port in fresh:
            _set_explicitly(graph, port, taken)
        if graph.spec(node).role != "switch":
            _number(fresh, taken)
        for port in ports:
            port.ifname = port.ifname or _switch_port_name(port, topology)
            port.mac = port.mac or mac_text(port.owner, port.side)
            if macs.setdefault(port.mac, port) is not port:
                other = macs[port.mac]
                graph.mistake(port.owner, f"has the MAC address {port.mac}, which {graph.place(other.owner)} has, too: take another one")


def _switch_port_name(port: Port, topology: Topology) -> str:
    """Return a name that no other port of any switch has: all switches of a run are in one namespace."""
    second = port.side == 1 and topology.ends[port.owner][0].on_switch
    return f"{'q' if second else 'p'}{port.owner}"


def _set_explicitly(graph: Graph, port: Port, taken: dict[str, Port]) -> None:
    """Take over what an interface resource says of its name and MAC address."""
    if port.on_switch or graph.spec(port.owner).role != "interface":
        return
    name, mac = graph.value(port.owner, "deviceName") or graph.value(port.owner, "name"), graph.value(port.owner, "mac")
    try:
        if name:
            port.ifname = checked_ifname(name)
        if mac:
            port.mac = parse_mac(mac)
    except BadValueError as error:
        graph.mistake(port.owner, f"has a wrong value: {error}")
    if port.ifname and taken.setdefault(port.ifname, port) is not port:
        other = taken[port.ifname]
        graph.mistake(
            port.owner, f"is called {port.ifname!r} in {graph.place(port.node)}, where {graph.place(other.owner)} is called so, too"
        )


def _number(ports: list[Port], taken: dict[str, Port]) -> None:
    number = 0
    for port in ports:
        if port.ifname:
            continue
        while f"eth{number}" in taken:
            number += 1
        port.ifname = f"eth{number}"
        number += 1
