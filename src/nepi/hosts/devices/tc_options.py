"""The options of queueing disciplines, as words for tc(8); the same functions as `nepi.hosts.agent.disciplines`. Pure functions.

Sources: tc-tbf(8), tc-netem(8), tc-fq_codel(8), tc-red(8).
"""

from __future__ import annotations

from nepi.hosts.agent.disciplines import AVERAGE_PACKET_BYTES, RED_PROBABILITY

Words = tuple[str, ...]


def tbf(*, rate_bps: float, burst_bytes: int, limit_bytes: int) -> Words:
    """Return the options of a token bucket."""
    # tc wants a queue that holds a burst; the queue that counts is the one below.
    return ("rate", _bits(rate_bps), "burst", str(burst_bytes), "limit", str(max(limit_bytes, burst_bytes)))


def pfifo(*, limit_packets: int) -> Words:
    """Return the options of a plain queue."""
    return ("limit", str(limit_packets))


def fq_codel(*, limit_packets: int, ecn: bool) -> Words:
    """Return the options of fair queueing with controlled delay."""
    return ("limit", str(limit_packets), "ecn" if ecn else "noecn")


def red(*, limit_packets: int, frame_bytes: int, rate_bps: float, ecn: bool) -> Words:
    """Return the options of random early detection, with the thresholds of `disciplines.red`."""
    most = max(limit_packets * frame_bytes // 4, 3 * frame_bytes)
    least = most // 3
    burst = max((2 * least + most) // (3 * AVERAGE_PACKET_BYTES), 1)
    sizes = ("limit", str(limit_packets * frame_bytes), "min", str(least), "max", str(most), "avpkt", str(AVERAGE_PACKET_BYTES))
    rest = ("burst", str(burst), "probability", str(RED_PROBABILITY), "bandwidth", _bits(rate_bps))
    return (*sizes, *rest, "ecn") if ecn else (*sizes, *rest)


def netem(
    *,
    limit_packets: int,
    delay_s: float = 0,
    jitter_s: float = 0,
    distribution: str | None = None,
    loss: float = 0,
    bursts: tuple[float, float, float, float] | None = None,
    duplicate: float = 0,
    reorder: float = 0,
    corrupt: float = 0,
    bytes_per_s: int = 0,
) -> Words:
    """Return the options of netem."""
    words = ["limit", str(limit_packets)]
    if delay_s or jitter_s:
        words += ["delay", _time(delay_s), *([_time(jitter_s)] if jitter_s else [])]
    if distribution is not None:
        words += ["distribution", distribution]
    if bursts:
        words += ["loss", "gemodel", *(_percent(one) for one in bursts)]
    for name, value in (("loss", 0 if bursts else loss), ("duplicate", duplicate), ("reorder", reorder), ("corrupt", corrupt)):
        words += [name, _percent(value)] if value else []
    return (*words, "rate", f"{bytes_per_s}bps") if bytes_per_s else tuple(words)


def _bits(rate_bps: float) -> str:
    return f"{max(int(rate_bps / 8), 1) * 8}bit"


def _time(seconds: float) -> str:
    # Older ones of tc read no ns here.
    return f"{seconds * 1e6:.3f}us"


def _percent(value: float) -> str:
    return f"{value * 100:.7f}%"
