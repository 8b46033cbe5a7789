"""Asked against measured: which promises one direction of a link has kept. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf, sqrt
from typing import Final

from nepi.hosts.linkprobe.frames import SMALLEST_BYTES
from nepi.hosts.verification.asked import Asked, delay_law, loss_law
from nepi.hosts.verification.binomial import deviations, part_bounds
from nepi.hosts.verification.figures import FloodFigures, PathFigures
from nepi.hosts.verification.plan import FEWEST
from nepi.model.promises import Promise

RATE_PART: Final = 0.03
DELAY_S: Final = 1e-3
LONGEST_STALL_S: Final = 0.05
"""Of the sender of a flood; half of what a queue of usual length bridges."""
DEVIATION_PART: Final = 0.10
FEWEST_BURSTS: Final = 30
MIXED: Final = "with both jitter and reorder it cannot be told which of them made a frame overtake others"
TOO_SLOW: Final = "the rate lets too few frames through in the time that was given: give more with budget="


@dataclass(frozen=True, slots=True)
class Place:
    """Of what a promise speaks: a link, and one direction of it."""

    link: str
    direction: str

    def promise(self, what: str, asked: float, measured: float, bounds: tuple[float, float], note: str = "") -> Promise:
        """Return a promise that is kept when what was measured lies within bounds."""
        low, high = bounds
        return Promise(self.link, self.direction, what, asked, measured, low, high, low <= measured <= high, note)

    def unknown(self, what: str, asked: float, bounds: tuple[float, float], note: str, measured: float | None = None) -> Promise:
        """Return a promise of which nothing can be said."""
        return Promise(self.link, self.direction, what, asked, measured, *bounds, None, note)


def promises(place: Place, asked: Asked, path: PathFigures | None, flood: FloodFigures | None) -> list[Promise]:
    """Return what one direction of a link has promised, and whether it has kept it.

    Args:
        place: what is said of each.
        asked: of this direction.
        path: None when there was no time for it.
        flood: likewise; None also where no rate was asked.
    """
    rows = [] if asked.rate_bps is None else [_rate(place, asked.rate_bps, flood)]
    if path is None:
        return [*rows, place.unknown("delay", asked.delay_s, _around(asked.delay_s, DELAY_S), TOO_SLOW)]
    return [*rows, *_times(place, asked, path), *_losses(place, asked, path), *_parts(place, asked, path)]


def _around(value: float, tolerance: float) -> tuple[float, float]:
    return max(value - tolerance, 0.0), value + tolerance


def _rate(place: Place, rate_bps: float, flood: FloodFigures | None) -> Promise:
    bounds = _around(rate_bps, rate_bps * RATE_PART)
    if flood is None:
        return place.unknown("rate", rate_bps, bounds, TOO_SLOW)
    if flood.came_bps is None:
        return place.promise("rate", rate_bps, 0.0, bounds, "nothing came")
    if flood.came_bps < bounds[0] and (flood.offered_bps < bounds[1] or flood.stalled_s > LONGEST_STALL_S):
        note = "the probe could not send more on this machine; try again when it does less"
        return place.unknown("rate", rate_bps, bounds, note, flood.came_bps)
    return place.promise("rate", rate_bps, flood.came_bps, bounds)


def _times(place: Place, asked: Asked, path: PathFigures) -> Iterator[Promise]:
    """Delay: the median; with jitter the mean, because that is what a distribution's delay is. A shaper may count the frame's own time."""
    law = delay_law(asked)
    count = len(path.delays_s)
    own_s = SMALLEST_BYTES * 8 / asked.rate_bps if asked.rate_bps is not None else 0.0
    chance_s = deviations() * law.deviation_s / sqrt(count) if count else inf
    low, high = _around(law.mean_s, DELAY_S + chance_s)
    if count < FEWEST / 2:
        yield place.unknown("delay", asked.delay_s, (low, high + own_s), f"{count} frames came, too few to tell")
        return
    if asked.jitter_s and asked.reorder:
        yield place.unknown("delay", asked.delay_s, (low, high + own_s), MIXED)
        yield place.unknown("jitter", law.deviation_s, _around(law.deviation_s, law.deviation_s * DEVIATION_PART), MIXED)
        return
    measured = path.mean_delay_s if asked.jitter_s else path.delay_s(0.5)
    yield place.promise("delay", asked.delay_s, measured, (low, high + own_s))
    if asked.jitter_s:
        # What the standard deviation of a sample itself deviates by: kurtosis, see M. Kendall, A. Stuart, vol. 1, section 10.
        chance = deviations() * sqrt(max(law.kurtosis - 1, 0.0) / (4 * count))
        part = max(DEVIATION_PART, chance)
        note = f"from {count} frames" if part > DEVIATION_PART else ""
        yield place.promise("jitter", law.deviation_s, path.deviation_s, _around(law.deviation_s, law.deviation_s * part), note)


def _losses(place: Place, asked: Asked, path: PathFigures) -> Iterator[Promise]:
    law = loss_law(asked)
    yield place.promise("loss", law.part, path.lost / path.sent, part_bounds(path.sent, law.part, law.inflation))
    if asked.bursts is None or law.part in (0, 1):
        return
    runs = len(path.bursts)
    if runs < FEWEST_BURSTS:
        yield place.unknown("burst", law.burst, _around(law.burst, law.burst), f"{runs} bursts came, too few to tell")
        return
    # The lengths of bursts are about geometric.
    chance = deviations() * sqrt(law.burst * max(law.burst - 1, 0.05) / runs)
    yield place.promise("burst", law.burst, sum(path.bursts) / runs, _around(law.burst, chance))


def _parts(place: Place, asked: Asked, path: PathFigures) -> Iterable[Promise]:
    """Copies, damage and order; where none of it was asked, a row only if there was some."""
    came = path.sent - path.lost
    yield from _part(place, "duplicate", asked.duplicate, path.twice, path.sent)
    yield from _part(place, "corrupt", asked.corrupt, path.damaged, came)
    if not asked.jitter_s:
        yield from _part(place, "reorder", asked.reorder, path.overtaking, came)
    elif asked.reorder:
        yield place.unknown("reorder", asked.reorder, (0.0, 1.0), MIXED)


def _part(place: Place, what: str, asked: float, counted: int, of: int) -> Iterator[Promise]:
    if of and (asked or counted):
        yield place.promise(what, asked, counted / of, part_bounds(of, asked))
