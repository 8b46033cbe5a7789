"""How a member of a simulation is built: operations in phases, so that all of a simulation can be built at once and in order."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, Value, ref


class Phase(IntEnum):
    """What is done for all members before the next is begun."""

    CREATE = 0
    PLACE = 1
    """Nodes get their places, channels their models: radios ask for both when they join."""
    JOIN = 2
    OVERLAY = 3
    """What is made of devices that are in their nodes: bridges, 6LoWPAN, energy models."""
    INTERNET = 4
    ADDRESS = 5
    ROUTE = 6
    TRACE = 7


PHASES: Final = tuple(Phase)


def check(function: str, *args: Value) -> Operation:
    """Call a function of the headers in `inside/`, which answers "" or why it cannot."""
    return protocol.check(f"nepi::{function}", *args)


def ref_or_none(guid: int | None) -> Value:
    """Return a value that stands for an object, or for none."""
    return ref(guid) if guid is not None else None
