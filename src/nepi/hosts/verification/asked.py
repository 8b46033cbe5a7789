"""What one direction of a link was asked to do to frames, and what follows from that for what can be measured. Pure functions.

Source of the law of bursts: G. Hasslinger, O. Hohlfeld, "The Gilbert-Elliott model for packet loss in real time services on the
Internet", MMB 2008. The distributions are those of tc-netem(8).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist, fmean
from typing import Final, NamedTuple

ETHERNET_HEADER_BYTES: Final = 14
CLOCK_S: Final = 1e-9
"""No link can vary a delay by less."""
_POINTS: Final = 4096
_PARETO_SHAPE: Final = 3.0
_LONGEST: Final = 32767 / 8192
"""The tables of netem's distributions end at this many times the jitter."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One direction of a link.

    Attributes:
        rate_bps: bit/s of Ethernet frames without preamble and checksum; None is not limited.
        delay_s: one way.
        jitter_s: how far the delay varies; see `distribution`.
        distribution: "uniform" (plus or minus the jitter), "normal" (the jitter is its standard deviation), "pareto", "paretonormal".
        loss: part of the frames that is lost, each by itself.
        bursts: loss in bursts instead: probabilities (good to bad, bad to good, loss while bad, loss while good).
        duplicate, reorder, corrupt: parts of the frames.
        mtu_bytes: of the interfaces.
        queue_packets: frames that may wait; None is not known.
    """

    rate_bps: float | None = None
    delay_s: float = 0.0
    jitter_s: float = 0.0
    distribution: str = "uniform"
    loss: float = 0.0
    bursts: tuple[float, float, float, float] | None = None
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    mtu_bytes: int = 1500
    queue_packets: int | None = None

    @property
    def is_shaped(self) -> bool:
        """Whether anything is asked that a bare link does not do by itself."""
        varied = (self.delay_s, self.jitter_s, self.loss, self.bursts, self.duplicate, self.reorder, self.corrupt)
        return self.rate_bps is not None or any(varied)

    @property
    def frame_bytes(self) -> int:
        """The longest frame."""
        return self.mtu_bytes + ETHERNET_HEADER_BYTES


class LossLaw(NamedTuple):
    """What a way of losing frames leads to.

    Attributes:
        part: of the frames that is lost, in the long run.
        burst: mean number of frames that are lost one after the other.
        inflation: by how much the variance of a measured part is larger than if each frame were lost by itself.
    """

    part: float
    burst: float
    inflation: float


def loss_law(asked: Asked) -> LossLaw:
    """Return what the asked loss leads to."""
    if asked.bursts is None:
        return LossLaw(asked.loss, 1 / (1 - asked.loss) if asked.loss < 1 else float("inf"), 1.0)
    to_bad, to_good, while_bad, while_good = asked.bursts
    if to_bad + to_good == 0:  # it stays in the state that it begins in, the good one
        return loss_law(Asked(loss=while_good))
    bad = to_bad / (to_bad + to_good)
    good = 1 - bad
    part = bad * while_bad + good * while_good
    if part in (0, 1):
        return LossLaw(part, 1.0 if part == 0 else float("inf"), 1.0)
    after_bad = to_good * while_good + (1 - to_good) * while_bad
    after_good = (1 - to_bad) * while_good + to_bad * while_bad
    twice = bad * while_bad * after_bad + good * while_good * after_good
    correlation = (twice - part * part) / (part * (1 - part))
    # Correlations at longer distances fall by 1 - to_bad - to_good at each step.
    inflation = 1 + 2 * correlation / (to_bad + to_good)
    burst = part / (part - twice) if twice < part else float("inf")
    return LossLaw(part, burst, max(inflation, 1e-3))


class DelayLaw(NamedTuple):
    """What delay and jitter lead to.

    Attributes:
        mean_s, deviation_s: of the one-way delay, which is never less than nothing.
        kurtosis: of it, 3 for a normal distribution: tells how many frames it takes to measure the deviation.
        spread_s: between the shortest and the longest that will be seen.
    """

    mean_s: float
    deviation_s: float
    kurtosis: float
    spread_s: float


def delay_law(asked: Asked) -> DelayLaw:
    """Return what the asked delay and jitter lead to.

    Raises:
        ValueError: no such distribution.
    """
    if asked.jitter_s < CLOCK_S:
        return DelayLaw(asked.delay_s, 0.0, 3.0, 0.0)
    delays = [max(asked.delay_s + asked.jitter_s * point, 0.0) for point in _quantiles(asked.distribution)]
    mean = fmean(delays)
    variance = fmean((one - mean) ** 2 for one in delays)
    kurtosis = fmean((one - mean) ** 4 for one in delays) / variance**2 if variance else 3.0
    return DelayLaw(mean, sqrt(variance), kurtosis, delays[-1] - delays[0])


@functools.lru_cache(maxsize=8)
def _quantiles(distribution: str) -> tuple[float, ...]:
    """Return a distribution as values of equal probability, in order, in units of the jitter."""
    parts = [(number + 0.5) / _POINTS for number in range(_POINTS)]
    match distribution:
        case "uniform":
            return tuple(2 * part - 1 for part in parts)
        case "normal":
            return tuple(_normal(part) for part in parts)
        case "pareto":
            return tuple(_pareto(part) for part in parts)
        case "paretonormal":
            return tuple(0.25 * _normal(part) + 0.75 * _pareto(part) for part in parts)
    raise ValueError(f"no distribution {distribution!r}")


def _normal(part: float) -> float:
    return max(-_LONGEST, min(NormalDist().inv_cdf(part), _LONGEST))


def _pareto(part: float) -> float:
    mean = _PARETO_SHAPE / (_PARETO_SHAPE - 1)
    value: float = (1 - part) ** (-1 / _PARETO_SHAPE)
    return min((value - mean) * 4 / 3, _LONGEST)
