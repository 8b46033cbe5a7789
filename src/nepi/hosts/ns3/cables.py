"""Simulated cables: how they are made, and what is asked of each direction, in the numbers of links in user space.

Pure functions that build operations; `inside/cable.h` is what carries a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nepi.hosts.agent.queues import Shape, queue_packets
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.hosts.wire.parameters import MOST_FRAMES, parameters

ETHERNET_BYTES: Final = 14


@dataclass(frozen=True, slots=True)
class CableSocket:
    """Where an end of a cable is plugged in.

    Attributes:
        node: number of the node or switch.
        mac: of the device there.
        device: the number that it is kept under.
        stream: the first of some streams of random numbers that are its own.
    """

    node: int
    mac: str
    device: int
    stream: int


def cable(channel: int, sockets: Sequence[CableSocket], *, mtu_bytes: int) -> list[Operation]:
    """Return operations that make a cable, kept under the number `channel`."""
    ends = [
        protocol.static("nepi::AddEnd", ref(one.node), ref(channel), one.mac, mtu_bytes, one.stream, store=one.device) for one in sockets
    ]
    return [protocol.create(channel, "ns3::SimpleChannel"), *ends]


def shaped(device: int, shape: Shape, *, mtu_bytes: int, up: bool = True) -> Operation:
    """Return the operation that lets what leaves by an end of a cable go as `shape` says.

    Args:
        device: its number.
        shape: what is asked.
        mtu_bytes: of the cable; the default queue depends on it.
        up: whether the cable is plugged in; without, nothing gets through.
    """
    if shape.rate_bps:
        shape = shape._replace(queue_packets=min(queue_packets(shape, mtu_bytes + ETHERNET_BYTES), MOST_FRAMES))
    numbers = parameters(shape._asdict())._asdict()
    words = " ".join(f"{name} {value}" for name, value in numbers.items())
    return protocol.static("nepi::ShapeEnd", ref(device), f"up {up:d} {words}")
