"""Whether two backends measure the same: metric by metric, with confidence intervals of Student's t. Needs scipy (the extra `results`).

Two sets of repetitions *agree* when the whole interval of the difference of their means lies within a tolerance, and *differ* when it
lies wholly outside; else the repetitions do not decide it. Not to have found a difference would be no agreement. What follows from runs
that cannot be trusted, or that have not all measured it, is *doubtful*.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf, sqrt
from statistics import fmean, variance
from typing import Any, Final, Literal

from nepi.errors import UsageError

Verdict = Literal["agree", "differ", "undecided", "doubtful", "not measured"]
FRACTIONS: Final = ("loss",)
"""Figures that are fractions themselves: the tolerance is one of 1, not of their mean, which may be 0."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two means may be apart and still agree.

    Attributes:
        part: of the first one's mean; of 1 for figures that are fractions themselves.
        absolute: by figure, where it is an amount in the figure's unit instead: {"jitter_s": 0.001}.
        parts: by figure, where it is another part.
    """

    part: float = 0.05
    absolute: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)

    def of(self, metric: str, mean: float) -> float:
        """Return it in the metric's unit."""
        figure = metric.rpartition(" ")[2]
        if figure in self.absolute:
            return self.absolute[figure]
        return self.parts.get(figure, self.part) * (1.0 if figure in FRACTIONS else abs(mean))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Mean of some repetitions.

    Attributes:
        mean: in the metric's unit; None when nothing was measured.
        half_width: of its confidence interval; None for fewer than two repetitions.
        values: the repetitions.
    """

    mean: float | None
    half_width: float | None
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric on two backends.

    Attributes:
        metric: such as "client throughput_bps".
        first, second: on each backend.
        difference: second minus first, of the means.
        low, high: confidence interval of that; None for fewer than two repetitions on either.
        tolerance: in the metric's unit.
        verdict: what follows.
        why: why that is doubtful, or "".
    """

    metric: str
    first: Estimate
    second: Estimate
    difference: float | None
    low: float | None
    high: float | None
    tolerance: float | None
    verdict: Verdict
    why: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return asdict(self)


def t_quantile(confidence: float, degrees: float) -> float:
    """Return by how many standard errors a two-sided interval reaches out.

    Raises:
        UsageError: scipy is not installed.
    """
    try:
        stats = importlib.import_module("scipy.stats")
    except ImportError:
        raise UsageError("comparing needs scipy: pip install 'nepi[results]'") from None
    return float(stats.t.ppf(0.5 + confidence / 2, degrees))


def estimate(values: Sequence[float], confidence: float) -> Estimate:
    """Return the mean of repetitions with its confidence interval."""
    if not values:
        return Estimate(None, None, ())
    if len(values) < 2:
        return Estimate(values[0], None, tuple(values))
    half = t_quantile(confidence, len(values) - 1) * sqrt(variance(values) / len(values))
    return Estimate(fmean(values), half, tuple(values))


def compare(
    first: Mapping[str, Sequence[float]],
    second: Mapping[str, Sequence[float]],
    *,
    tolerance: Tolerance | None = None,
    confidence: float = 0.95,
    expected: int = 0,
    doubt: str = "",
) -> list[Compared]:
    """Compare all metrics of two backends, in the order of the first.

    Args:
        first, second: the values of each repetition, by metric.
        tolerance: by default 5 %.
        confidence: of the intervals.
        expected: how many repetitions there were on each; a metric that fewer have measured is doubtful.
        doubt: why nothing that follows from these runs can be trusted, or "".
    """
    names = dict.fromkeys((*first, *second))
    allowed = tolerance or Tolerance()
    rows = [_compare(name, first.get(name, ()), second.get(name, ()), allowed, confidence) for name in names]
    return [_doubted(row, doubt or _missing(row, expected)) for row in rows]


def _missing(row: Compared, expected: int) -> str:
    counts = (len(row.first.values), len(row.second.values))
    if min(counts) >= expected:
        return ""
    return f"measured in {counts[0]} and {counts[1]} of {expected} repetitions"


def _doubted(row: Compared, doubt: str) -> Compared:
    if not doubt or row.verdict not in ("agree", "differ"):
        return row
    return replace(row, verdict="doubtful", why=f"{row.verdict}, but {doubt}")


def _compare(metric: str, first: Sequence[float], second: Sequence[float], tolerance: Tolerance, confidence: float) -> Compared:
    one, other = estimate(first, confidence), estimate(second, confidence)
    if one.mean is None or other.mean is None:
        return Compared(metric, one, other, None, None, None, None, "not measured")
    allowed = tolerance.of(metric, one.mean)
    difference = other.mean - one.mean
    if len(first) < 2 or len(second) < 2:
        return Compared(metric, one, other, difference, None, None, allowed, "undecided")
    half = _half_width(first, second, confidence)
    low, high = difference - half, difference + half
    verdict: Verdict = "agree" if -allowed <= low and high <= allowed else "differ" if low > allowed or high < -allowed else "undecided"
    return Compared(metric, one, other, difference, low, high, allowed, verdict)


def _half_width(first: Sequence[float], second: Sequence[float], confidence: float) -> float:
    """Return that of the difference of two means with different variances (Welch)."""
    parts = [variance(values) / len(values) for values in (first, second)]
    total = sum(parts)
    if total == 0:
        return 0.0
    below = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True))
    return t_quantile(confidence, total**2 / below if below else inf) * sqrt(total)
