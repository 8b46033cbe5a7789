"""How the delay of a link varies: tables as netem takes them, computed from the formulas of the distributions.

A table holds values of a distribution at equal steps of probability, in units of 1/8192 of the jitter: what one random number picks is
added to the delay. Source: tc-netem(8); what "pareto" means there: shape 3, moved to the mean 0 and stretched by 4/3; "paretonormal" is a
quarter of the normal quantile and three quarters of the Pareto quantile of the same probability: the two are not independent.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable

SIZE = 4096
SCALE = 8192
_LARGEST = 32767


def _uniform(chance: float) -> float:
    return 2 * chance - 1


def _normal(chance: float) -> float:
    from statistics import NormalDist  # slow to import, and seldom needed

    return NormalDist().inv_cdf(chance)


def _pareto(chance: float) -> float:
    scaled: float = ((1 - chance) ** (-1 / 3) - 1.5) * 4 / 3
    return min(scaled, _LARGEST / SCALE)


def _paretonormal(chance: float) -> float:
    return _normal(chance) / 4 + _pareto(chance) * 3 / 4


_QUANTILES: dict[str, Callable[[float], float]] = {"uniform": _uniform, "normal": _normal, "pareto": _pareto, "paretonormal": _paretonormal}


@functools.cache
def jitter_table(distribution: str) -> tuple[int, ...]:
    """Return the table of "uniform", "normal", "pareto" or "paretonormal"."""
    quantile = _QUANTILES[distribution]
    values = [quantile((number + 0.5) / SIZE) for number in range(SIZE)]
    return tuple([min(max(round(value * SCALE), -_LARGEST), _LARGEST) for value in values])


@functools.cache
def packed_table(distribution: str) -> bytes:
    """Return the table as the kernel reads it: signed 16-bit numbers."""
    return struct.pack(f"={SIZE}h", *jitter_table(distribution))
