"""Queueing disciplines as rtnetlink requests: TBF for a rate, netem for delay, loss and the like. Pure functions.

Sources: tc-tbf(8), tc-netem(8), linux/pkt_sched.h.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from .netlink import NLM_F_CREATE, NLM_F_REPLACE, Request, attribute, text

RTM_NEWQDISC, RTM_DELQDISC = 36, 37
TC_H_ROOT = 0xFFFFFFFF
HANDLE = 0x10000  # "1:"
TC_H_INGRESS = 0xFFFFFFF1
TCA_KIND, TCA_OPTIONS = 1, 2
TCA_HTB_INIT, TCA_RED_PARMS, TCA_RED_STAB = 2, 1, 2
TCA_TBF_PARMS, TCA_TBF_RATE64, TCA_TBF_BURST = 1, 4, 6
TCA_NETEM_REORDER, TCA_NETEM_CORRUPT, TCA_NETEM_RATE, TCA_NETEM_RATE64 = 3, 4, 6, 8
TCA_NETEM_LATENCY64, TCA_NETEM_JITTER64 = 10, 11
LINKLAYER_ETHERNET = 1
NS_PER_TICK = 64
DEFAULT_QUEUE_S = 0.1
DISTRIBUTIONS = ("uniform", "normal", "pareto", "paretonormal")
DISCIPLINES = ("fifo", "fq_codel", "red")

_TCMSG = struct.Struct("=BxxxiIII")
_RATESPEC = struct.Struct("=BBHhHI")
_MAX32 = 0xFFFFFFFF


class Shape(NamedTuple):
    """What one end of a link does to the frames that leave by it; None means nothing.

    Attributes:
        rate_bps: bit/s of Ethernet frames (without preamble and checksum).
        burst_bytes: how much may leave at once; None chooses 1 ms of the rate, at least two frames.
        queue_packets: frames that may wait; None chooses 100 ms of the rate, at least 32.
        delay_s: one-way delay in seconds.
        jitter_s: the delay varies by plus or minus this many seconds.
        loss, duplicate, reorder, corrupt: independent probabilities in [0, 1].
        distribution: of the delay's variation, one of `DISTRIBUTIONS`; None means uniform.
        bursts: loss in bursts instead of `loss`, as the four probabilities of Gilbert and Elliott: (good to bad, bad to good,
            loss while bad, loss while good).
        discipline: what becomes of frames that wait, one of `DISCIPLINES`; None means fifo.
        ecn: whether fq_codel and red mark packets that can be marked instead of dropping them.
    """

    rate_bps: float | None = None
    burst_bytes: int | None = None
    queue_packets: int | None = None
    delay_s: float | None = None
    jitter_s: float | None = None
    loss: float | None = None
    duplicate: float | None = None
    reorder: float | None = None
    corrupt: float | None = None
    distribution: str | None = None
    bursts: tuple[float, float, float, float] | None = None
    discipline: str | None = None
    ecn: bool | None = None

    @property
    def needs_netem(self) -> bool:
        """Whether something else than a rate is asked for."""
        return any((self.delay_s, self.jitter_s, self.loss, self.duplicate, self.reorder, self.corrupt, self.bursts))


def _tc(index: int, kind: str, options: bytes) -> Request:
    body = _TCMSG.pack(0, index, HANDLE, TC_H_ROOT, 0) + text(TCA_KIND, kind) + attribute(TCA_OPTIONS, options)
    return Request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, body)


def plain(index: int, kind: str) -> Request:
    """Set a root (or ingress) queueing discipline with its defaults, as `probe` does to see whether the kernel has it."""
    options = b""
    if kind == "htb":
        # struct tc_htb_glob: version 3, rate to quantum 10, no default class.
        options = attribute(TCA_HTB_INIT, struct.pack("=IIIII", 3, 10, 0, 0, 0))
    elif kind == "prio":
        options = struct.pack("=i16B", 3, *(1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1))
    elif kind == "red":
        # struct tc_red_qopt: limit, thresholds, and the three logarithms; then a table of 256 bytes.
        options = attribute(TCA_RED_PARMS, struct.pack("=IIIBBBB", 60000, 5000, 15000, 9, 16, 10, 0)) + attribute(TCA_RED_STAB, bytes(256))
    handle, parent = (TC_H_INGRESS & 0xFFFF0000, TC_H_INGRESS) if kind == "ingress" else (HANDLE, TC_H_ROOT)
    body = _TCMSG.pack(0, index, handle, parent, 0) + text(TCA_KIND, kind)
    return Request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, body + (attribute(TCA_OPTIONS, options) if options else b""))


def remove(index: int) -> Request:
    """Take the root queueing discipline away; ENOENT when there is none."""
    return Request(RTM_DELQDISC, 0, _TCMSG.pack(0, index, 0, TC_H_ROOT, 0))


def burst_bytes(shape: Shape, frame_bytes: int) -> int:
    """Return the bytes that may leave at once."""
    if shape.burst_bytes is not None:
        return max(shape.burst_bytes, frame_bytes)
    return max(int((shape.rate_bps or 0) / 8 / 1000), 2 * frame_bytes)


def queue_packets(shape: Shape, frame_bytes: int) -> int:
    """Return the frames that may wait; netem also holds those that are on their way."""
    waiting = shape.queue_packets
    if waiting is None:
        waiting = max(int((shape.rate_bps or 0) * DEFAULT_QUEUE_S / 8 / frame_bytes), 32 if shape.rate_bps else 1000)
    if not shape.delay_s:
        return waiting
    if shape.rate_bps is None:
        return max(waiting, 100_000)
    return waiting + int(shape.rate_bps * (shape.delay_s + (shape.jitter_s or 0)) / 8 / 64)


def tbf(index: int, shape: Shape, frame_bytes: int) -> Request:
    """Limit the rate only.

    Args:
        frame_bytes: the longest frame of the interface, header included.
    """
    assert shape.rate_bps is not None
    rate = max(int(shape.rate_bps / 8), 1)
    burst = burst_bytes(shape, frame_bytes)
    limit = queue_packets(shape, frame_bytes) * frame_bytes
    ratespec = _RATESPEC.pack(0, LINKLAYER_ETHERNET, 0, 0, 0, min(rate, _MAX32))
    ticks = min(int(burst * 1_000_000_000 / rate / NS_PER_TICK), _MAX32)
    parms = ratespec + _RATESPEC.pack(0, 0, 0, 0, 0, 0) + struct.pack("=III", limit, ticks, 0)
    options = attribute(TCA_TBF_PARMS, parms) + attribute(TCA_TBF_BURST, struct.pack("=I", burst))
    if rate > _MAX32:
        options += attribute(TCA_TBF_RATE64, struct.pack("=Q", rate))
    return _tc(index, "tbf", options)


def _probability(value: float | None) -> int:
    return min(round((value or 0) * _MAX32), _MAX32)


def _ticks(seconds: float | None) -> int:
    return min(round((seconds or 0) * 1e9 / NS_PER_TICK), _MAX32)


def netem(index: int, shape: Shape, frame_bytes: int) -> Request:
    """Delay, lose, duplicate, reorder, corrupt, and limit the rate."""
    gap = 1 if shape.reorder else 0
    parts = [
        struct.pack(
            "=IIIIII",
            _ticks(shape.delay_s),
            queue_packets(shape, frame_bytes),
            _probability(shape.loss),
            gap,
            _probability(shape.duplicate),
            _ticks(shape.jitter_s),
        )
    ]
    if shape.reorder:
        # netem's figure is that of the packets that overtake: they leave at once, the others wait.
        parts.append(attribute(TCA_NETEM_REORDER, struct.pack("=II", _probability(shape.reorder), 0)))
    if shape.corrupt:
        parts.append(attribute(TCA_NETEM_CORRUPT, struct.pack("=II", _probability(shape.corrupt), 0)))
    if shape.rate_bps is not None:
        rate = max(int(shape.rate_bps / 8), 1)
        if rate > _MAX32:
            parts.append(attribute(TCA_NETEM_RATE64, struct.pack("=Q", rate)))
        parts.append(attribute(TCA_NETEM_RATE, struct.pack("=IiIi", min(rate, _MAX32), 0, 0, 0)))
    if shape.delay_s:
        parts.append(attribute(TCA_NETEM_LATENCY64, struct.pack("=q", round(shape.delay_s * 1e9))))
    if shape.jitter_s:
        parts.append(attribute(TCA_NETEM_JITTER64, struct.pack("=q", round(shape.jitter_s * 1e9))))
    return _tc(index, "netem", b"".join(parts))


def queue(index: int, shape: Shape | None, frame_bytes: int) -> Request:
    """Return the request that makes the interface behave as `shape` says."""
    if shape is None or (shape.rate_bps is None and not shape.needs_netem):
        return remove(index)
    return netem(index, shape, frame_bytes) if shape.needs_netem else tbf(index, shape, frame_bytes)
