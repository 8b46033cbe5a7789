"""What a link's end does to frames, and the queueing disciplines that do it, as rtnetlink requests. Pure functions.

Their options are written by `disciplines.py`, as bytes for the kernel, or by another module of that shape, as words for tc(8). How they
are put together, and why so, is in docs/design/links.md.
"""

from __future__ import annotations

import struct
from typing import Generic, NamedTuple, TypeVar

from . import disciplines
from .netlink import NLM_F_CREATE, NLM_F_REPLACE, Request, attribute, text

RTM_NEWQDISC, RTM_DELQDISC = 36, 37
TC_H_ROOT = 0xFFFFFFFF
HANDLE = 0x10000  # "1:"
TC_H_INGRESS = 0xFFFFFFF1
TCA_KIND, TCA_OPTIONS = 1, 2
DEFAULT_QUEUE_S = 0.1
SMALLEST_QUEUE = 32
FQ_CODEL_QUEUE = 10_240
ON_THE_WAY = 500_000
"""Frames that netem delays at most at once."""
DISTRIBUTIONS = ("uniform", "normal", "pareto", "paretonormal")
DISCIPLINES = ("fifo", "fq_codel", "red")

_TCMSG = struct.Struct("=BxxxiIII")
_KINDS = ("tbf", "netem", "pfifo", "fq_codel", "red")


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

    @property
    def is_fifo(self) -> bool:
        """Whether frames wait in the order in which they came."""
        return self.discipline in (None, "fifo")


Options = TypeVar("Options")
"""How options are written: bytes, or words."""


class Stage(NamedTuple, Generic[Options]):
    """One queueing discipline of an interface; the next one hangs below it.

    Attributes:
        kind: "netem", "tbf", ...
        options: as its writer writes them.
        table: whether a table of jitter is among them.
        duplicates: whether it makes copies of frames.
    """

    kind: str
    options: Options
    table: bool = False
    duplicates: bool = False


Stages = tuple[Stage[Options], ...]


def burst_bytes(shape: Shape, frame_bytes: int) -> int:
    """Return the bytes that may leave at once."""
    if shape.burst_bytes is not None:
        return max(shape.burst_bytes, frame_bytes)
    return max(int((shape.rate_bps or 0) / 8 / 1000), 2 * frame_bytes)


def queue_packets(shape: Shape, frame_bytes: int) -> int:
    """Return the frames that may wait."""
    if shape.queue_packets is not None:
        return shape.queue_packets
    if shape.discipline == "fq_codel":
        return FQ_CODEL_QUEUE
    return max(int((shape.rate_bps or 0) * DEFAULT_QUEUE_S / 8 / frame_bytes), SMALLEST_QUEUE)


def stages(shape: Shape | None, frame_bytes: int) -> Stages[bytes]:
    """Return what makes an interface behave as `shape` says, from the root downwards.

    Args:
        frame_bytes: the longest frame of the interface, header included.
    """
    return written_stages(shape, frame_bytes, disciplines)


def written_stages(shape: Shape | None, frame_bytes: int, write: disciplines.Writer[Options]) -> Stages[Options]:
    """Return the same, with options as `write` writes them."""
    if shape is None:
        return ()
    if not shape.needs_netem:
        return () if shape.rate_bps is None else _bucket(shape, frame_bytes, write)
    if shape.rate_bps is None:
        return (_netem(shape, ON_THE_WAY, 0, write),)
    waiting, bytes_per_s = queue_packets(shape, frame_bytes), max(int(shape.rate_bps / 8), 1)
    if shape.reorder:
        # What overtakes would pass by everything that hangs below netem: the rate has to be above it.
        on_the_way = int(bytes_per_s * ((shape.delay_s or 0) + (shape.jitter_s or 0)) / frame_bytes)
        return (_bucket(shape, frame_bytes, write)[0], _netem(shape, waiting + on_the_way, 0, write))
    if not shape.is_fifo or shape.burst_bytes is not None or (shape.duplicate and shape.delay_s):
        return (_netem(shape, ON_THE_WAY, disciplines.AT_ONCE, write), *_bucket(shape, frame_bytes, write))
    # netem's own rate takes for each frame the time that sending it takes. The frame that is being sent counts as one of its queue.
    if not shape.delay_s:
        return (_netem(shape, waiting + 1, bytes_per_s, write),)
    rate = Stage("netem", write.netem(limit_packets=waiting + 1, bytes_per_s=bytes_per_s))
    return (_netem(shape, ON_THE_WAY, disciplines.AT_ONCE, write), rate)


def _netem(shape: Shape, limit_packets: int, bytes_per_s: int, write: disciplines.Writer[Options]) -> Stage[Options]:
    table = bool(shape.jitter_s) and shape.distribution not in (None, "uniform")
    options = write.netem(
        limit_packets=limit_packets,
        delay_s=shape.delay_s or 0,
        jitter_s=shape.jitter_s or 0,
        distribution=shape.distribution if table else None,
        loss=shape.loss or 0,
        bursts=shape.bursts,
        duplicate=shape.duplicate or 0,
        reorder=shape.reorder or 0,
        corrupt=shape.corrupt or 0,
        bytes_per_s=bytes_per_s,
    )
    return Stage("netem", options, table, bool(shape.duplicate))


def _bucket(shape: Shape, frame_bytes: int, write: disciplines.Writer[Options]) -> Stages[Options]:
    """Return a token bucket and its queue."""
    assert shape.rate_bps is not None
    waiting = queue_packets(shape, frame_bytes)
    bucket = write.tbf(rate_bps=shape.rate_bps, burst_bytes=burst_bytes(shape, frame_bytes), limit_bytes=frame_bytes)
    if shape.discipline == "fq_codel":
        leaf = Stage("fq_codel", write.fq_codel(limit_packets=waiting, ecn=bool(shape.ecn)))
    elif shape.discipline == "red":
        leaf = Stage("red", write.red(limit_packets=waiting, frame_bytes=frame_bytes, rate_bps=shape.rate_bps, ecn=bool(shape.ecn)))
    else:
        leaf = Stage("pfifo", write.pfifo(limit_packets=waiting))
    return Stage("tbf", bucket), leaf


def changes(index: int, before: Stages[bytes] | None, after: Stages[bytes]) -> list[Request]:
    """Return the requests that turn what an interface has into what it is to have.

    A discipline that stays is changed, and what waits in it stays; one that is replaced loses it.

    Args:
        index: of the interface.
        before: what it has; None when that is not known, because a change was refused halfway.
    """
    if before is None or _would_mix(before, after):
        # Something that every kernel has, in place of whatever is there.
        return [
            _set(index, TC_H_ROOT, 0xF0 * HANDLE, Stage("pfifo", disciplines.pfifo(limit_packets=1000))),
            *changes(index, (_UNKNOWN,), after),
        ]
    if not after:
        return [remove(index)] if before else []
    found: list[Request] = []
    parent, replaced, bucket_changed = TC_H_ROOT, False, False
    for position, stage in enumerate(after):
        old = before[position] if position < len(before) and not replaced else None
        replaced = replaced or old is None or old.kind != stage.kind
        # A changed bucket gives its own limit to the plain queue below it.
        if stage != old or bucket_changed:
            if old is not None and not replaced and old.table and not stage.table:
                # The kernel keeps the table that it has until it gets another one.
                stage = Stage("netem", stage.options + disciplines.uniform_jitter())
            found.append(_set(index, parent, _handle(position, stage.kind), stage))
        bucket_changed = stage.kind == "tbf" and stage != old
        parent = _handle(position, stage.kind) + 1
    if len(before) > len(after) and not replaced:
        found.append(remove(index, parent))
    return found


_UNKNOWN = Stage("", b"")


def _would_mix(before: Stages[bytes], after: Stages[bytes]) -> bool:
    """Whether, on the way from one to the other, a netem that duplicates would be beside another one, which kernels refuse."""
    there = [position for position, stage in enumerate(before) if stage.kind == "netem"]
    return any(stage.duplicates and there not in ([], [position]) for position, stage in enumerate(after))


def _handle(position: int, kind: str) -> int:
    """Return a handle that says place and kind, so that another kind in the same place is a new discipline to the kernel."""
    return (0x10 * (position + 1) + _KINDS.index(kind)) * HANDLE


def _set(index: int, parent: int, handle: int, stage: Stage[bytes]) -> Request:
    body = _TCMSG.pack(0, index, handle, parent, 0) + text(TCA_KIND, stage.kind) + attribute(TCA_OPTIONS, stage.options)
    return Request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, body)


def remove(index: int, parent: int = TC_H_ROOT) -> Request:
    """Take a queueing discipline away with all below it; ENOENT when there is none."""
    return Request(RTM_DELQDISC, 0, _TCMSG.pack(0, index, 0, parent, 0))


def trial(index: int, kind: str) -> list[Request]:
    """Return the requests with which `probe` sees whether the kernel has a discipline: remove what there is, then set it."""
    return [remove(index), *(changes(index, (), stages(_TRIALS[kind], 1514)) if kind in _TRIALS else [_plain(index, kind)])]


_TRIALS = {"tbf": Shape(rate_bps=1e6), "netem": Shape(delay_s=0.001)}


def _plain(index: int, kind: str) -> Request:
    """Set a root (or ingress) queueing discipline with its defaults."""
    options = b""
    if kind == "htb":
        # struct tc_htb_glob: version 3, rate to quantum 10, no default class.
        options = attribute(disciplines.TCA_HTB_INIT, struct.pack("=IIIII", 3, 10, 0, 0, 0))
    elif kind == "prio":
        options = struct.pack("=i16B", 3, *(1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1))
    elif kind == "red":
        options = disciplines.red(limit_packets=100, frame_bytes=1514, rate_bps=1e6, ecn=False)
    handle, parent = (TC_H_INGRESS & 0xFFFF0000, TC_H_INGRESS) if kind == "ingress" else (HANDLE, TC_H_ROOT)
    body = _TCMSG.pack(0, index, handle, parent, 0) + text(TCA_KIND, kind)
    return Request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, body + (attribute(TCA_OPTIONS, options) if options else b""))
