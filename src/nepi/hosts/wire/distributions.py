"""Tables for the variation of a delay, as iproute2 has them for netem, computed from their formulas.

A table holds values of the distribution at equal steps of probability, in units of 1/8192 of the jitter. Source: tc-netem(8), and
"Pareto" there: shape 3, moved to the mean 0 and stretched by 4/3; "paretonormal" is a quarter of the normal
quantile and three quarters of the Pareto quantile of the same probability: the two are not independent.
"""

from __future__ import annotations

SCALE_BITS = 13
SIZE = 4096
_LARGEST = 32767


def table(distribution: str) -> list[int]:
    """Return the table of "normal", "pareto" or "paretonormal"."""
    quantile = {"normal": _normal, "pareto": _pareto, "paretonormal": _paretonormal}[distribution]
    values = [quantile(i, SIZE) for i in range(SIZE)]
    return [min(max(round(value * (1 << SCALE_BITS)), -_LARGEST), _LARGEST) for value in values]


def _pareto(step: int, steps: int) -> float:
    survival: float = 1 - (step + 0.5) / steps
    scaled: float = (survival ** (-1 / 3) - 1.5) * 4 / 3
    return min(scaled, _LARGEST / (1 << SCALE_BITS))


def _paretonormal(step: int, steps: int) -> float:
    return _normal(step, steps) / 4 + _pareto(step, steps) * 3 / 4


def _normal(step: int, steps: int) -> float:
    from statistics import NormalDist  # slow to import, and seldom needed

    return NormalDist().inv_cdf((step + 0.5) / steps)
