"""How far a measured part may be from the asked one by chance alone. Pure functions.

A part is kept when both tails of the binomial distribution beyond the counted number have more than (1 - confidence) / 2: the same
as saying that the asked part lies in the exact interval of C. Clopper and E. Pearson, Biometrika 26 (1934), of the measured one.
"""

from __future__ import annotations

from math import ceil, exp, floor, lgamma, log, sqrt
from statistics import NormalDist

CONFIDENCE = 0.99
_SURELY = 12
"""Further than this many deviations from the mean nothing is added up any more."""


def deviations(confidence: float = CONFIDENCE) -> float:
    """Return how many standard deviations a normal distribution's two-sided interval goes to either side."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def count_bounds(trials: int, part: float, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Return the smallest and the largest number of successes that are not too far out.

    Args:
        trials: at least 1.
        part: probability of one success, in [0, 1].
    """
    if part in (0, 1):
        sure = round(trials * part)
        return sure, sure
    tail = (1 - confidence) / 2
    mean, deviation = trials * part, sqrt(trials * part * (1 - part))
    first = max(floor(mean - _SURELY * deviation - _SURELY), 0)
    last = min(ceil(mean + _SURELY * deviation + _SURELY), trials)
    chances = [_chance(trials, part, count) for count in range(first, last + 1)]
    return first + _beyond(chances, tail), last - _beyond(chances[::-1], tail)


def part_bounds(trials: int, part: float, inflation: float = 1.0, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return between what a measured part may lie.

    Args:
        inflation: by how much the variance is larger than that of independent trials: as many fewer trials they are worth.
    """
    worth = max(round(trials / inflation), 1)
    low, high = count_bounds(worth, part, confidence)
    return low / worth, high / worth


def _beyond(chances: list[float], tail: float) -> int:
    """Return the index at which the sum of chances first is more than the tail."""
    total = 0.0
    for index, chance in enumerate(chances):
        total += chance
        if total > tail:
            return index
    return len(chances) - 1


def _chance(trials: int, part: float, count: int) -> float:
    ways = lgamma(trials + 1) - lgamma(count + 1) - lgamma(trials - count + 1)
    return exp(ways + count * log(part) + (trials - count) * log(1 - part))
