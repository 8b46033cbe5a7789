"""A link as a few lines of arithmetic: what two probes would say of it."""

from __future__ import annotations

import random
from collections.abc import Callable

from nepi.hosts.linkprobe.log import DAMAGED, INTACT, NOT_READ, Arrived, ProbeLog, SentTrain
from nepi.hosts.linkprobe.train import Train
from nepi.hosts.verification.asked import _POINTS, Asked, _quantiles
from nepi.hosts.verification.plan import Measurement

TOKEN = 99
BEGIN_NS = 10**12


def logs_of(measurement: Measurement, true: tuple[Asked, Asked], seed: int) -> tuple[ProbeLog, ProbeLog]:
    """Return what the two ends say when the link does `true` to frames."""
    chance = random.Random(seed)
    arrived = Arrived(), Arrived()
    sent: tuple[list[SentTrain], list[SentTrain]] = [], []
    for side in (0, 1):
        path, flood = measurement.paths[side], measurement.floods[side]
        if path is not None:
            sent[side].append(send_path(path, true[side], arrived[1 - side], chance))
        if flood is not None:
            sent[side].append(send_flood(flood, true[side], arrived[1 - side]))
    first, second = (ProbeLog(sent[side], arrived[side], 0, 0) for side in (0, 1))
    return first, second


def send_path(train: Train, true: Asked, arrived: Arrived, chance: random.Random) -> SentTrain:
    """Send frames one by one over a link."""
    points = _quantiles(true.distribution)
    loses = _losing(true, chance)
    frames: list[tuple[int, int, int, int]] = []
    for number in range(train.frames):
        sent_ns = BEGIN_NS + train.at_ns + number * train.gap_ns
        delay_s = max(true.delay_s + true.jitter_s * points[chance.randrange(_POINTS)], 0.0)
        if chance.random() < true.reorder:
            delay_s = 0.0
        state = DAMAGED if chance.random() < true.corrupt else INTACT
        copies = 0 if loses() else 2 if chance.random() < true.duplicate else 1
        frames += [(sent_ns + round(delay_s * 1e9), number, sent_ns, state)] * copies
    for at_ns, number, sent_ns, state in sorted(frames):
        arrived.add(TOKEN, train.size_bytes, number, sent_ns, at_ns, state)
    last_ns = BEGIN_NS + train.at_ns + (train.frames - 1) * train.gap_ns
    return SentTrain(train.size_bytes, train.frames, 0, BEGIN_NS + train.at_ns, last_ns, [])


def _losing(true: Asked, chance: random.Random) -> Callable[[], bool]:
    bad = False

    def independent() -> bool:
        return chance.random() < true.loss

    def bursty() -> bool:
        nonlocal bad
        assert true.bursts is not None
        to_bad, to_good, while_bad, while_good = true.bursts
        lost = chance.random() < (while_bad if bad else while_good)
        bad = chance.random() >= to_good if bad else chance.random() < to_bad
        return lost

    return independent if true.bursts is None else bursty


def send_flood(train: Train, true: Asked, arrived: Arrived, *, burst: int = 2) -> SentTrain:
    """Send more than a link carries: what its bucket holds comes at once, the rest at its rate."""
    begin_ns, lasts_ns = BEGIN_NS + train.at_ns, train.frames * train.gap_ns
    offered_bps = train.size_bytes * 8e9 / train.gap_ns
    rate_bps = min(true.rate_bps or offered_bps, offered_bps)
    for number in range(int(rate_bps * lasts_ns / 8e9 / train.size_bytes)):
        waits_s = max(number - burst, 0) * train.size_bytes * 8 / rate_bps
        arrived.add(TOKEN, train.size_bytes, 0, 0, begin_ns + round((waits_s + true.delay_s) * 1e9), NOT_READ)
    return SentTrain(train.size_bytes, train.frames, 0, begin_ns, begin_ns + lasts_ns, [])
