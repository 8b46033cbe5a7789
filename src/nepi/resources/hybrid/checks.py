"""What a hybrid link and a station of a computer outside cannot be, and what the plan says is inserted for them. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from nepi.model.experiment import ResourceDescription

NAMESPACE: Final = "netns::Node"
HOST: Final = "linux::Node"
MEDIA: Final = ("ns3::WifiNetwork", "ns3::CsmaNetwork")


def is_simulated(one: ResourceDescription) -> bool:
    """Whether it is in a simulation."""
    return one.rtype.startswith("ns3::")


def check_ends(peers: Sequence[ResourceDescription]) -> Iterable[str]:
    """Find what a hybrid link's two ends cannot be; anything but two is the plan's to say."""
    outside = [peer for peer in peers if peer.rtype in (NAMESPACE, HOST)]
    if len(peers) == 2 and not (len(outside) == 1 and any(map(is_simulated, peers))):
        names = " and ".join(f"{peer.name} ({peer.rtype})" for peer in peers)
        yield f"joins a simulated node or switch with a {NAMESPACE} or a {HOST}, not {names}"


def check_place(peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find namespaces that cannot have a tap of the simulation."""
    for peer in peers:
        if peer.rtype != NAMESPACE:
            continue
        machine = peer.attributes.get("host")
        if machine:
            yield (
                f"joins {peer.name}, a namespace on {machine}, and the simulation runs here: join the simulation with {machine} itself "
                f"(a {HOST}), or with a namespace of this machine that has a Link to {peer.name}"
            )
        elif facts.get("no_tun"):
            yield f"cannot be made: {facts['no_tun']}"


def check_station(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what a station of a computer outside cannot be."""
    yield from check_place(peers, facts)
    for peer in peers:
        if peer.rtype == "ns3::LteNetwork":
            yield (
                f"cannot be on {peer.name}: a phone of LTE has no MAC address and carries IP packets between its gateway and itself only; "
                "let an ns3::Node be the phone, and join that with a Link"
            )
        elif is_simulated(peer) and peer.rtype not in MEDIA:
            yield f"is on a {' or a '.join(MEDIA)}, not on {peer.name}, a {peer.rtype}"
    if one.attributes.get("accessPoint") and any(peer.rtype == "ns3::CsmaNetwork" for peer in peers):
        yield "is an accessPoint, and there are none on a CsmaNetwork"


def inserted(_one: ResourceDescription, peers: Sequence[ResourceDescription]) -> Iterable[str]:
    """Say what a hybrid link or station needs that nobody has described."""
    for peer in peers:
        if peer.rtype == NAMESPACE:
            yield f"a tap in {peer.name}, whose frames the simulation reads and writes"
        elif peer.rtype == HOST:
            yield f"a tap on {peer.name} (needs root there), and a UDP tunnel, not encrypted, from it to the simulation"
    if len(peers) == 2:
        yield "the simulation follows the real time"
