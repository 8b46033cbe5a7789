"""The options of queueing disciplines, as bytes: TBF, netem, pfifo, fq_codel, RED. Pure functions; `queues.py` puts them together.

Each of them says everything, also what is not asked for: the kernel leaves as it was what a change does not name.

Sources: tc-tbf(8), tc-netem(8), tc-fq_codel(8), tc-red(8), linux/pkt_sched.h.
"""

from __future__ import annotations

import math
import struct
from typing import Protocol, TypeVar

from .jitter_tables import packed_table
from .netlink import attribute, number

TCA_HTB_INIT = 2
TCA_TBF_PARMS, TCA_TBF_RATE64, TCA_TBF_BURST = 1, 4, 6
TCA_NETEM_DELAY_DIST, TCA_NETEM_REORDER, TCA_NETEM_CORRUPT, TCA_NETEM_LOSS, TCA_NETEM_RATE = 2, 3, 4, 5, 6
TCA_NETEM_RATE64, TCA_NETEM_LATENCY64, TCA_NETEM_JITTER64 = 8, 10, 11
NETEM_LOSS_GE = 2
TCA_FQ_CODEL_LIMIT, TCA_FQ_CODEL_ECN = 2, 4
TCA_RED_PARMS, TCA_RED_STAB, TCA_RED_MAX_P = 1, 2, 3
TC_RED_ECN = 1
LINKLAYER_ETHERNET = 1
NS_PER_TICK = 64
AVERAGE_PACKET_BYTES = 1000
RED_PROBABILITY = 0.02
AT_ONCE = 10**15
"""Bytes per second at which netem sends a frame in no time, yet keeps frames in order, as it does with any rate."""

Written = TypeVar("Written", covariant=True)


class Writer(Protocol[Written]):
    """A module that writes options as this one does, whatever it writes them as. What is asked for is said at the functions here."""

    def tbf(self, *, rate_bps: float, burst_bytes: int, limit_bytes: int) -> Written:
        """A token bucket."""

    def pfifo(self, *, limit_packets: int) -> Written:
        """A plain queue."""

    def fq_codel(self, *, limit_packets: int, ecn: bool) -> Written:
        """Fair queueing with controlled delay."""

    def red(self, *, limit_packets: int, frame_bytes: int, rate_bps: float, ecn: bool) -> Written:
        """Random early detection."""

    def netem(
        self,
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
    ) -> Written:
        """Delay, loss and more."""


_RATESPEC = struct.Struct("=BBHhHI")
_MAX32 = 0xFFFFFFFF


def tbf(*, rate_bps: float, burst_bytes: int, limit_bytes: int) -> bytes:
    """Return the options of a token bucket.

    Args:
        rate_bps: bit/s.
        burst_bytes: size of the bucket, at least the longest frame.
        limit_bytes: of the queue that it has until it gets another one.
    """
    rate = max(int(rate_bps / 8), 1)
    ratespec = _RATESPEC.pack(0, LINKLAYER_ETHERNET, 0, 0, 0, min(rate, _MAX32))
    ticks = min(int(burst_bytes * 1_000_000_000 / rate / NS_PER_TICK), _MAX32)
    parms = ratespec + _RATESPEC.pack(0, 0, 0, 0, 0, 0) + struct.pack("=III", min(limit_bytes, _MAX32), ticks, 0)
    options = attribute(TCA_TBF_PARMS, parms) + number(TCA_TBF_BURST, burst_bytes)
    return options + attribute(TCA_TBF_RATE64, struct.pack("=Q", rate)) if rate > _MAX32 else options


def pfifo(*, limit_packets: int) -> bytes:
    """Return the options of a plain queue."""
    return struct.pack("=I", limit_packets)


def fq_codel(*, limit_packets: int, ecn: bool) -> bytes:
    """Return the options of fair queueing with controlled delay."""
    return number(TCA_FQ_CODEL_LIMIT, limit_packets) + number(TCA_FQ_CODEL_ECN, int(ecn))


def _probability(value: float | None) -> int:
    return min(round((value or 0) * _MAX32), _MAX32)


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
) -> bytes:
    """Return the options of netem.

    Args:
        limit_packets: frames that it holds, waiting or on their way.
        delay_s, jitter_s: seconds.
        distribution: of the jitter; None for what netem does without a table, which is uniform.
        loss, duplicate, reorder, corrupt: probabilities.
        bursts: as in `Shape`, instead of `loss`.
        bytes_per_s: 0 for no rate, and then frames with less delay overtake others.
    """
    ticks = [min(round(seconds * 1e9 / NS_PER_TICK), _MAX32) for seconds in (delay_s, jitter_s)]
    fixed = (ticks[0], limit_packets, 0 if bursts else _probability(loss), 1 if reorder else 0, _probability(duplicate), ticks[1])
    parts = [struct.pack("=IIIIII", *fixed)]
    if distribution is not None:
        parts.append(attribute(TCA_NETEM_DELAY_DIST, packed_table(distribution)))
    # netem's figure is that of the packets that overtake: they leave at once, the others wait.
    parts.append(attribute(TCA_NETEM_REORDER, struct.pack("=II", _probability(reorder), 0)))
    parts.append(attribute(TCA_NETEM_CORRUPT, struct.pack("=II", _probability(corrupt), 0)))
    if bursts:
        to_bad, to_good, loss_bad, loss_good = bursts
        chain = [_probability(one) for one in (to_bad, to_good, 1 - loss_bad, loss_good)]
        parts.append(attribute(TCA_NETEM_LOSS, attribute(NETEM_LOSS_GE, struct.pack("=IIII", *chain))))
    if bytes_per_s > _MAX32:
        parts.append(attribute(TCA_NETEM_RATE64, struct.pack("=Q", bytes_per_s)))
    parts.append(attribute(TCA_NETEM_RATE, struct.pack("=IiIi", min(bytes_per_s, _MAX32), 0, 0, 0)))
    parts.append(attribute(TCA_NETEM_LATENCY64, struct.pack("=q", round(delay_s * 1e9))))
    parts.append(attribute(TCA_NETEM_JITTER64, struct.pack("=q", round(jitter_s * 1e9))))
    return b"".join(parts)


def uniform_jitter() -> bytes:
    """Return the option of netem that takes the place of another distribution's table."""
    return attribute(TCA_NETEM_DELAY_DIST, packed_table("uniform"))


def red(*, limit_packets: int, frame_bytes: int, rate_bps: float, ecn: bool) -> bytes:
    """Return the options of random early detection, with thresholds and weight as tc-red(8) advises.

    Frames are hit from a third of a quarter of the queue on, on average, and all of them from a quarter on.
    """
    most = max(limit_packets * frame_bytes // 4, 3 * frame_bytes)
    least = most // 3
    weight = _red_weight(least, max((2 * least + most) // (3 * AVERAGE_PACKET_BYTES), 1))
    cell, damping = _red_idle(weight, AVERAGE_PACKET_BYTES * 8e6 / rate_bps)
    limit = min(limit_packets * frame_bytes, _MAX32)
    parms = struct.pack("=IIIBBBB", limit, least, most, weight, 0, cell, TC_RED_ECN if ecn else 0)
    chance = number(TCA_RED_MAX_P, _probability(RED_PROBABILITY))
    return attribute(TCA_RED_PARMS, parms) + attribute(TCA_RED_STAB, damping) + chance


def _red_weight(least: int, burst: int) -> int:
    """Return the largest weight, as a power of two, with which `burst` packets at once bring the average up to `least` (Floyd 1993)."""
    wanted = burst + 1 - least / AVERAGE_PACKET_BYTES
    # The kernel refuses what does not fit into 32 bits.
    most = 31 - least.bit_length()
    return next((bits for bits in range(1, most) if wanted <= (1 - (1 - 0.5**bits) ** burst) * 2**bits), most)


def _red_idle(weight: int, packet_us: float) -> tuple[int, bytes]:
    """Return how the average is forgotten while the queue is idle: a table of shifts, and the logarithm of its step in microseconds."""
    per_us = -math.log2(1 - 0.5**weight) / packet_us
    cell = 0
    while cell < 31 and 31 / per_us / 2**cell >= 512:
        cell += 1
    shifts = [min(int((step << cell) * per_us), 31) for step in range(255)]
    return cell, bytes([*shifts, 31])
