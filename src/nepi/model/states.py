"""The seed's nine states in their numeric order, and the four actions. The order is part of the contract."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ResourceState(IntEnum):
    """Where a resource is in its life. Comparisons by `>=` mean "at or beyond", FAILED and RELEASED included."""

    NEW = 0
    DISCOVERED = 1
    PROVISIONED = 2
    READY = 3
    STARTED = 4
    STOPPED = 5
    FINISHED = 6
    FAILED = 7
    RELEASED = 8


class ResourceAction(IntEnum):
    """What can be ordered of a resource."""

    DEPLOY = 0
    START = 1
    STOP = 2
    RELEASE = 3


ResourceState2str: Final[dict[int, str]] = {state: state.name for state in ResourceState}
"""State to its name, as programs of the seed's time print it."""

ENDED: Final = frozenset({ResourceState.STOPPED, ResourceState.FINISHED, ResourceState.FAILED, ResourceState.RELEASED})
"""The states in which a resource does nothing any more."""
