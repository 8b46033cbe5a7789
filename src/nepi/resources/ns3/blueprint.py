"""How a member of a simulation is built: operations in phases, so that all of a simulation can be built at once and in order."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, Value, ref


class Phase(IntEnum):
    """What is done for all members before the next is begun."""

    CREATE = 0
    JOIN = 1
    INTERNET = 2
    ADDRESS = 3
    ROUTE = 4
    TRACE = 5


PHASES: Final = tuple(Phase)


def check(function: str, *args: Value) -> Operation:
    """Call a function of joining.h, which answers "" or why it cannot."""
    return protocol.check(f"nepi::{function}", *args)


def ref_or_none(guid: int | None) -> Value:
    """Return a value that stands for an object, or for none."""
    return ref(guid) if guid is not None else None
