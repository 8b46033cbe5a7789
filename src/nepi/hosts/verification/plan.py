"""What two probes send to each other so that each asked property can be told from chance, within a bounded time. Pure functions.

First a train in both directions at once whose frames do not wait for each other: delay, jitter, loss, copies, order, damage. Then, for
each direction with a rate, one after the other, a flood: more than the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from nepi.hosts.linkprobe.frames import SMALLEST_BYTES
from nepi.hosts.linkprobe.train import Train
from nepi.hosts.verification.asked import Asked, delay_law, loss_law
from nepi.hosts.verification.binomial import deviations

FEWEST: Final = 20
USUAL: Final = 200
MOST_FRAMES: Final = 10**7
DAMAGE_FRAME_BYTES: Final = 509
"""Longer than the smallest, so that damage seldom hits what tells a probe's frame from others; of a length that others do not have."""
LARGEST_LOAD: Final = 0.5
"""Part of the rate that the first train uses, so that its frames do not wait for each other."""
SHORTEST_GAP_S: Final = 100e-6
LONGEST_GAP_S: Final = 5e-3
PRECISION: Final = 0.25
"""How exactly a part (loss and the like) is measured, relative to it, if time allows."""
DEVIATION_PRECISION: Final = 0.08
FLOOD_S: Final = 1.0
LONGEST_FLOOD_S: Final = 2.0
FLOOD_FRAMES: Final = 150
FEWEST_FLOOD_FRAMES: Final = 40
EXCESS: Final = 1.2
MOST_FRAMES_PER_S: Final = 150_000
SETTLE_S: Final = 0.1
SNAP_BYTES: Final = SMALLEST_BYTES


@dataclass(frozen=True, slots=True)
class Measurement:
    """What the two ends of a link do, the first one's first.

    Attributes:
        paths: the train of each direction, None where there is no time for one.
        floods: likewise; None also where no rate is asked.
        lasts_s: from the beginning until everything has come.
        snap_bytes: how much of each frame is kept.
        whole_sizes: frames of these sizes are taken in whatever they hold.
    """

    paths: tuple[Train | None, Train | None]
    floods: tuple[Train | None, Train | None]
    lasts_s: float
    snap_bytes: int
    whole_sizes: tuple[int, ...]

    def trains(self, side: int) -> list[Train]:
        """Return what one end sends."""
        return [train for train in (self.paths[side], self.floods[side]) if train is not None]

    def slots(self, side: int) -> int:
        """Return for how many frames one end needs room, copies included."""
        coming = self.trains(1 - side)
        return 1000 + 2 * sum(train.frames for train in coming if not train.flood) + sum(train.frames for train in coming if train.flood)

    @property
    def frames_per_s(self) -> float:
        """The most frames that are sent within a second: the load on this machine."""
        paths = sum(1e9 / train.gap_ns for train in self.paths if train is not None)
        return max([paths, *(1e9 / train.gap_ns for train in self.floods if train is not None)])


def plan_measurement(asked: tuple[Asked, Asked], budget_s: float) -> Measurement:
    """Plan the verification of a link.

    Args:
        asked: of each direction, from the first end and from the second.
        budget_s: how long the first train may take. A flood takes one or two seconds more.
    """
    first, second = (path_train(one, budget_s) for one in asked)
    at_s = max((_lasts_s(train) for train in (first, second) if train is not None), default=0.0)
    at_s += SETTLE_S + max(_longest_way_s(one) for one in asked)
    floods: list[Train | None] = []
    for one in asked:
        flood = flood_train(one, at_s)
        floods.append(flood)
        if flood is not None:
            at_s += _lasts_s(flood) * (1 + _excess(one)) + _longest_way_s(one) + SETTLE_S
    whole = sorted({train.size_bytes for one, train in zip(asked, (first, second), strict=True) if train is not None and one.corrupt})
    snap = max([SNAP_BYTES, *(train.size_bytes for train in (first, second) if train is not None)])
    return Measurement((first, second), (floods[0], floods[1]), at_s, snap, tuple(whole))


def path_train(asked: Asked, budget_s: float) -> Train | None:
    """Return the train that is to arrive one by one; None when the rate lets too few frames through in the given time."""
    size = _path_bytes(asked)
    gap_s = shortest_gap_s(asked, size)
    wanted = frames_wanted(asked)
    gap_s = max(gap_s, min(1.0 / wanted, LONGEST_GAP_S))
    count = min(wanted, int(budget_s / gap_s))
    return Train(0, count, ceil(gap_s * 1e9), size, False) if count >= FEWEST else None


def _path_bytes(asked: Asked) -> int:
    return min(DAMAGE_FRAME_BYTES, asked.frame_bytes - 1) if asked.corrupt else SMALLEST_BYTES


def shortest_gap_s(asked: Asked, size_bytes: int) -> float:
    """Return the shortest time between two frames that do not change each other's fate."""
    gap_s = SHORTEST_GAP_S
    if asked.rate_bps is not None:
        gap_s = max(gap_s, size_bytes * 8 / (asked.rate_bps * LARGEST_LOAD))
        if asked.jitter_s:
            # With a rate, frames stay in their order: one that is late holds up those behind it.
            gap_s = max(gap_s, delay_law(asked).spread_s)
    return gap_s


def frames_wanted(asked: Asked) -> int:
    """Return how many frames tell each asked property from chance."""
    wanted = [USUAL]
    law = loss_law(asked)
    for part, inflation in ((law.part, law.inflation), (asked.duplicate, 1.0), (asked.reorder, 1.0), (asked.corrupt, 1.0)):
        if 0 < part < 1:
            wanted.append(ceil(min(inflation * (deviations() / PRECISION) ** 2 * (1 - part) / part, MOST_FRAMES)))
    if asked.jitter_s:
        wanted.append(ceil((deviations() / DEVIATION_PRECISION) ** 2 * (delay_law(asked).kurtosis - 1) / 4))
    return min(max(wanted), MOST_FRAMES)


def flood_train(asked: Asked, at_s: float) -> Train | None:
    """Return a train of more than the rate; None without a rate, or when it lets too few frames through."""
    if asked.rate_bps is None:
        return None
    bytes_per_s = asked.rate_bps / 8
    size = asked.frame_bytes
    lasts_s = min(max(FLOOD_S, FLOOD_FRAMES * size / bytes_per_s), LONGEST_FLOOD_S)
    # A slow link is flooded by shorter frames, of a size that no other train has.
    size = max(min(size, int(lasts_s * bytes_per_s / FLOOD_FRAMES)), SMALLEST_BYTES + 1)
    if lasts_s * bytes_per_s / size < FEWEST_FLOOD_FRAMES:
        return None
    gap_s = max(size / (bytes_per_s * (1 + _excess(asked))), 1 / MOST_FRAMES_PER_S)
    if size == _path_bytes(asked):
        size += 1
    return Train(round(at_s * 1e9), ceil(lasts_s / gap_s), ceil(gap_s * 1e9), size, True)


def _excess(asked: Asked) -> float:
    """How much more than the rate is sent: what is lost before the queue, too."""
    return EXCESS / max(1 - loss_law(asked).part, 0.1) - 1


def _longest_way_s(asked: Asked) -> float:
    return asked.delay_s + delay_law(asked).spread_s


def _lasts_s(train: Train) -> float:
    return train.frames * train.gap_ns / 1e9
