"""What the nursery compiles ahead for simulations of the high level: a switch, two computers, a cable, each program once."""

from __future__ import annotations

from typing import Final

from nepi.hosts.agent.queues import Shape
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.cables import CableSocket, cable, shaped
from nepi.hosts.ns3.programs.programs import rehearsal
from nepi.hosts.ns3.protocol import Operation, ref

_BUILDING: Final = ("words.h", "queues.h", "cable.h", "addresses.h", "refusing.h", "building.h", "media.h")
_PROGRAMS: Final = ("telling.h", "ping.h", "stream.h", "flow.h")
HIGH_LEVEL: Final = (*_BUILDING, *_PROGRAMS)
"""Headers, in the order in which they need each other."""
_NODE, _SWITCH, _CHANNEL, _NEAR, _FAR = range(11, 16)
_FREE = 16, 17
_MTU_BYTES = 1500


def high_level() -> list[Operation]:
    """Return the operations; nothing of them runs."""
    programs = [one for one in rehearsal(*_FREE) if one != protocol.rehearse()]
    return [*(protocol.load(one) for one in HIGH_LEVEL), *_built(), *_furnished(), *programs]


def _built() -> list[Operation]:
    ends = [CableSocket(_NODE, "02:00:00:00:00:01", _NEAR, 1000), CableSocket(_SWITCH, "02:00:00:00:00:02", _FAR, 2000)]
    shape = Shape(rate_bps=1e6, delay_s=0.001, loss=0.01)
    return [
        protocol.create(_NODE, "ns3::Node"),
        protocol.static("nepi::Place", ref(_NODE), 0.0, 0.0, 0.0, 0.0, 0.0),
        protocol.check("nepi::BecomeComputer", ref(_NODE), True, ""),
        protocol.static("nepi::AddSwitch", store=_SWITCH),
        *cable(_CHANNEL, ends, mtu_bytes=_MTU_BYTES),
        *(shaped(device, shape, mtu_bytes=_MTU_BYTES) for device in (_NEAR, _FAR)),
    ]


def _furnished() -> list[Operation]:
    return [
        protocol.check("nepi::AddAddress", ref(_NEAR), "10.0.0.1/24"),
        protocol.static("nepi::AddNeighbour", ref(_NEAR), "10.0.0.2", "02:00:00:00:00:02"),
        protocol.static("nepi::AddRouteOver", ref(_NODE), "10.1.0.0/24", "10.0.0.2", "10.0.0.1/24"),
        protocol.static("nepi::Capture", ref(_NEAR), "/dev/null"),
    ]
