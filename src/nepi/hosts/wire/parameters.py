"""What a shape means in whole numbers (nanoseconds, bytes, 2**32 for certainty), computed once for both engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

DISTRIBUTIONS = ("uniform", "normal", "pareto", "paretonormal")
FIFO, FQ_CODEL, RED = 0, 1, 2
DISCIPLINES = ("fifo", "fq_codel", "red")
CERTAIN = 1 << 32
FRAME_BYTES = 1514
AVERAGE_PACKET_BYTES = 1000
DEFAULT_QUEUE_S = 0.1
SMALLEST_QUEUE = 32
FQ_CODEL_QUEUE = 10240
MOST_FRAMES = 1 << 24
LONGEST_NS = 3600 * 10**9
RED_PROBABILITY = 0.02


class Parameters(NamedTuple):
    """A shape as the model reads it. Only numbers, so that the compiled model gets it as an array.

    Attributes:
        rate: bit/s; 0 for no limit.
        burst_bytes: what may leave at once; 0 for nothing.
        limit: frames that may wait.
        delay_ns, jitter_ns: of the way.
        loss, duplicate, reorder, corrupt: of 2**32.
        distribution: index in `DISTRIBUTIONS`.
        bursty: 1 when loss comes in bursts, then with the four next ones, of 2**32.
        discipline: `FIFO`, `FQ_CODEL` or `RED`.
        ecn: 1 to mark what can be marked.
        red_least, red_most: bytes of average queue from which some and all frames are hit.
        red_weight: the average forgets 1/2**red_weight at each frame.
        red_probability: of being hit when the average is at `red_most`, of 2**32.
        red_idle_ns: time in which an idle queue forgets as much as with one frame.
    """

    rate: int = 0
    burst_bytes: int = 0
    limit: int = 1000
    delay_ns: int = 0
    jitter_ns: int = 0
    loss: int = 0
    duplicate: int = 0
    reorder: int = 0
    corrupt: int = 0
    distribution: int = 0
    bursty: int = 0
    to_bad: int = 0
    to_good: int = 0
    loss_bad: int = 0
    loss_good: int = 0
    discipline: int = FIFO
    ecn: int = 0
    red_least: int = 0
    red_most: int = 0
    red_weight: int = 1
    red_probability: int = 0
    red_idle_ns: int = 1_000_000


def parameters(shape: Mapping[str, Any] | None) -> Parameters:
    """Return what a shape (a `Shape` as a mapping; None for nothing) means.

    Raises:
        ValueError: a value that no link can have.
    """
    asked = {name: value for name, value in (shape or {}).items() if value is not None}
    rate = _whole("rate_bps", asked.get("rate_bps", 0), 10**14)
    if "rate_bps" in asked and rate < 1:
        raise ValueError(f"rate_bps {asked['rate_bps']!r}: at least 1")
    discipline = _index("discipline", asked.get("discipline", "fifo"), DISCIPLINES)
    limit = _limit(asked, rate, discipline)
    chances = {name: _fraction(name, asked.get(name, 0)) for name in ("loss", "duplicate", "reorder", "corrupt")}
    bursts = [_fraction("bursts", value) for value in asked.get("bursts") or ()]
    if len(bursts) not in (0, 4):
        raise ValueError(f"bursts {asked['bursts']!r}: four probabilities")
    to_bad, to_good, loss_bad, loss_good = bursts or (0, 0, 0, 0)
    return Parameters(
        rate=rate,
        burst_bytes=_whole("burst_bytes", asked.get("burst_bytes", 0), 1 << 40),
        limit=limit,
        delay_ns=_nanoseconds("delay_s", asked.get("delay_s", 0)),
        jitter_ns=_nanoseconds("jitter_s", asked.get("jitter_s", 0)),
        **chances,
        distribution=_index("distribution", asked.get("distribution", "uniform"), DISTRIBUTIONS),
        bursty=int(bool(bursts)),
        to_bad=to_bad,
        to_good=to_good,
        loss_bad=loss_bad,
        loss_good=loss_good,
        discipline=discipline,
        ecn=int(bool(asked.get("ecn"))),
        **(_red(limit, rate) if discipline == RED else {}),
    )


def _limit(asked: Mapping[str, Any], rate: int, discipline: int) -> int:
    if "queue_packets" in asked:
        limit = _whole("queue_packets", asked["queue_packets"], MOST_FRAMES)
        if limit < 1:
            raise ValueError(f"queue_packets {limit}: at least 1")
        return limit
    if discipline == FQ_CODEL:
        return FQ_CODEL_QUEUE
    return min(max(int(rate * DEFAULT_QUEUE_S / 8 / FRAME_BYTES), SMALLEST_QUEUE), MOST_FRAMES)


def _red(limit: int, rate: int) -> dict[str, int]:
    """Return thresholds and weight as tc-red(8) advises: of the limit a quarter, of that a third, and a burst in proportion."""
    most = max(limit * FRAME_BYTES // 4, 3 * FRAME_BYTES)
    least = most // 3
    burst = max((2 * least + most) // (3 * AVERAGE_PACKET_BYTES), 1)
    return {
        "red_least": least,
        "red_most": most,
        "red_weight": _red_weight(least, burst),
        "red_probability": round(RED_PROBABILITY * CERTAIN),
        "red_idle_ns": max(AVERAGE_PACKET_BYTES * 8 * 10**9 // rate, 1) if rate else 1_000_000,
    }


def _red_weight(least: int, burst: int) -> int:
    """Return the largest weight with which `burst` frames at once bring the average up to `least` (Floyd and Jacobson 1993)."""
    wanted = burst + 1 - least / AVERAGE_PACKET_BYTES
    for bits in range(1, 24):
        weight: float = 2.0**-bits
        if wanted <= (1 - (1 - weight) ** burst) / weight:
            return bits
    return 24


def _whole(name: str, value: Any, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{name} {value!r}: a number from 0 to {most}")
    return round(value)


def _nanoseconds(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value * 1e9 <= LONGEST_NS:
        raise ValueError(f"{name} {value!r}: seconds from 0 to {LONGEST_NS // 10**9}")
    return round(value * 1e9)


def _fraction(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name} {value!r}: a probability from 0 to 1")
    return round(value * CERTAIN)


def _index(name: str, value: Any, known: tuple[str, ...]) -> int:
    if value not in known:
        raise ValueError(f"{name} {value!r}: one of {', '.join(known)}")
    return known.index(value)
