"""Which links are verified at the same time: those that share no node, and no more than this machine bears. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_AT_ONCE: Final = 8
"""Each takes two processes."""
MOST_FRAMES_PER_S: Final = 40_000
"""Of all that is measured at once: half of what two small cores bear beside the links themselves."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the verification of a link takes.

    Attributes:
        places: guids of the nodes and switches at its ends.
        frames_per_s: the most frames that are sent within a second.
        lasts_s: how long it takes.
    """

    places: frozenset[int]
    frames_per_s: float
    lasts_s: float


def rounds(loads: Iterable[tuple[int, Load]]) -> list[list[int]]:
    """Return which links are verified together, in the order in which they are described.

    Args:
        loads: (guid of a link, what its verification takes). A link that takes more than all together may is verified alone.
    """
    found: list[_Round] = []
    for guid, load in loads:
        fitting = next((one for one in found if one.has_room(load)), None)
        if fitting is None:
            fitting = _Round()
            found.append(fitting)
        fitting.add(guid, load)
    return [one.guids for one in found]


class _Round:
    def __init__(self) -> None:
        self.guids: list[int] = []
        self._places: set[int] = set()
        self._frames_per_s = 0.0

    def has_room(self, load: Load) -> bool:
        together = self._frames_per_s + load.frames_per_s
        return len(self.guids) < MOST_AT_ONCE and self._places.isdisjoint(load.places) and together <= MOST_FRAMES_PER_S

    def add(self, guid: int, load: Load) -> None:
        self.guids.append(guid)
        self._places |= load.places
        self._frames_per_s += load.frames_per_s
