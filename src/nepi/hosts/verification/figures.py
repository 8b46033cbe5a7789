"""From what two probes said to figures of one direction of a link. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import sqrt
from statistics import fmean
from typing import Any

from nepi.hosts.linkprobe.log import DAMAGED, INTACT, Arrived, SentTrain

SKIPPED_PART = 0.2
"""Of a flood's arrivals: what a full bucket let through at once must not count."""


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What became of a train whose frames did not wait for each other.

    Attributes:
        sent, lost, twice, damaged: frames; `twice` counts the copies beyond the first.
        bursts: lengths of the runs of lost frames.
        overtaking: frames that came before one that was sent earlier.
        delays_s: sorted; of first copies, without those whose sending was held up at the sender.
    """

    sent: int
    lost: int
    twice: int
    damaged: int
    bursts: tuple[int, ...]
    overtaking: int
    delays_s: tuple[float, ...]

    @property
    def mean_delay_s(self) -> float:
        """Mean one-way delay."""
        return fmean(self.delays_s)

    @property
    def deviation_s(self) -> float:
        """Standard deviation of the one-way delay, as of a sample."""
        mean = self.mean_delay_s
        return sqrt(sum((one - mean) ** 2 for one in self.delays_s) / max(len(self.delays_s) - 1, 1))

    def delay_s(self, part: float) -> float:
        """Return the delay that this part of the frames did not exceed; 0.5 is the median."""
        return self.delays_s[min(int(part * len(self.delays_s)), len(self.delays_s) - 1)]

    def to_record(self) -> dict[str, Any]:
        """Return it in short, as plain data."""
        record: dict[str, Any] = {
            "sent": self.sent,
            "lost": self.lost,
            "twice": self.twice,
            "damaged": self.damaged,
            "overtaking": self.overtaking,
            "bursts": {str(length): count for length, count in sorted(Counter(self.bursts).items())},
        }
        if self.delays_s:
            record["delay_s"] = {name: self.delay_s(part) for name, part in _SHOWN} | {"mean": self.mean_delay_s}
            record["deviation_s"] = self.deviation_s
        return record


_SHOWN = (("min", 0.0), ("p1", 0.01), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))


@dataclass(frozen=True, slots=True)
class FloodFigures:
    """What became of a train that was more than the link carries.

    Attributes:
        offered_bps: what the sender offered, that which the kernel refused included.
        stalled_s: the longest time in which it offered nothing although something was due.
        came_bps: at what rate frames came; None when fewer than three did.
        came: how many.
    """

    offered_bps: float
    stalled_s: float
    came_bps: float | None
    came: int

    def to_record(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"offered_bps": self.offered_bps, "stalled_s": self.stalled_s, "came_bps": self.came_bps, "came": self.came}


def path_figures(sent: SentTrain, arrived: Arrived, token: int, count: int, *, overtakers: bool = True) -> PathFigures:
    """Return what became of a train of `count` frames.

    Args:
        overtakers: whether the delay of a frame that overtook others is one of the delays; not where some are asked to take none.
    """
    firsts: dict[int, tuple[int, int]] = {}
    copies = damaged = 0
    for number, sent_ns, at_ns, state in arrived.rows(token, sent.size_bytes):
        if state == DAMAGED:
            damaged += 1
        elif state == INTACT and number < count:
            if number in firsts:
                copies += 1
            else:
                firsts[number] = (sent_ns, at_ns)
    missing = [number for number in range(count) if number not in firsts]
    # A damaged frame came; which one it was may be what was damaged in it.
    lost = max(len(missing) - damaged - sent.refused, 0)
    overtaking = _overtaking(firsts)
    untrue = set(sent.disturbed) if overtakers else overtaking | set(sent.disturbed)
    delays = sorted((at_ns - sent_ns) / 1e9 for number, (sent_ns, at_ns) in firsts.items() if number not in untrue)
    bursts = _runs(missing) if not damaged and not sent.refused else ()
    return PathFigures(sent.sent, lost, copies, damaged, bursts, len(overtaking), tuple(delays))


def _overtaking(firsts: dict[int, tuple[int, int]]) -> set[int]:
    found: set[int] = set()
    latest = 0
    for number in sorted(firsts):
        at_ns = firsts[number][1]
        if at_ns < latest:
            found.add(number)
        latest = max(latest, at_ns)
    return found


def _runs(missing: Sequence[int]) -> tuple[int, ...]:
    """Return the lengths of runs of consecutive numbers."""
    return tuple(len(list(group)) for _, group in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0]))


def flood_figures(sent: SentTrain, arrived: Arrived, token: int) -> FloodFigures:
    """Return what became of a flood."""
    times = sorted(at_ns for _, _, at_ns, _ in arrived.rows(token, sent.size_bytes))
    lasted_s = max(sent.last_ns - sent.first_ns, 1) / 1e9
    offered = (sent.sent + sent.refused) * sent.size_bytes * 8 / lasted_s
    return FloodFigures(offered, sent.stalled_ns / 1e9, _rate_bps(times, sent.size_bytes), len(times))


def _rate_bps(times: Sequence[int], size_bytes: int) -> float | None:
    first = int(len(times) * SKIPPED_PART)
    counted = len(times) - 1 - first
    if counted < 2 or times[-1] == times[first]:
        return None
    return counted * size_bytes * 8 / ((times[-1] - times[first]) / 1e9)
