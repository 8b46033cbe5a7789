"""Tables for the variation of a delay, as iproute2 has them for netem, computed from their formulas.

A table holds values of the distribution at equal steps of probability, in units of 1/8192 of the jitter. Source: tc-netem(8), and
"Pareto" there: shape 3, moved to the mean 0 and stretched by 4/3; "paretonormal" is a quarter normal, three quarters Pareto.
"""

from __future__ import annotations

SCALE_BITS = 13
SIZE = 4096
_LARGEST = 32767
_SIDE = 64


def table(distribution: str) -> list[int]:
    """Return the table of "normal", "pareto" or "paretonormal"."""
    if distribution == "paretonormal":
        # All sums of 64 x 64 quantiles of the two, which are independent.
        pairs = ((_normal(i, _SIDE), _pareto(j, _SIDE)) for i in range(_SIDE) for j in range(_SIDE))
        values = sorted(normal / 4 + pareto * 3 / 4 for normal, pareto in pairs)
    else:
        quantile = {"normal": _normal, "pareto": _pareto}[distribution]
        values = [quantile(i, SIZE) for i in range(SIZE)]
    return [min(max(round(value * (1 << SCALE_BITS)), -_LARGEST), _LARGEST) for value in values]


def _pareto(step: int, steps: int) -> float:
    survival: float = 1 - (step + 0.5) / steps
    scaled: float = (survival ** (-1 / 3) - 1.5) * 4 / 3
    return scaled


def _normal(step: int, steps: int) -> float:
    from statistics import NormalDist  # slow to import, and seldom needed

    return NormalDist().inv_cdf((step + 0.5) / steps)
