"""Verification of one link: two probes are started at its ends, and what they say becomes promises kept or broken."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nepi.errors import CommandError, ResourceError
from nepi.hosts.linkprobe.log import ProbeLog, decode
from nepi.hosts.port import Completed, Host
from nepi.hosts.verification.asked import Asked
from nepi.hosts.verification.figures import FloodFigures, PathFigures, flood_figures, path_figures
from nepi.hosts.verification.plan import Measurement, plan_measurement
from nepi.hosts.verification.verdict import MIXED, Place, promises
from nepi.model.promises import Promise

PROGRAM: Final = Path(__file__).parents[1] / "linkprobe" / "__main__.py"
LATE: Final = 75
"""The program's exit status when it was not ready in time."""
LEAD_S: Final = 0.4
"""From the order until both ends begin; twice as long each time one of them was late."""
TRIES: Final = 4
LEEWAY_S: Final = 20.0
CLOCK_MAY_MOVE_NS: Final = 100_000


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link.

    Attributes:
        host: where a probe can run that sees the interface.
        interface: its name there, or its index.
        place: name of the node or switch.
    """

    host: Host
    interface: str | int
    place: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at one look at a link.

    Attributes:
        promises: of both directions.
        record: the figures behind them, as plain data.
    """

    promises: tuple[Promise, ...]
    record: dict[str, Any]


async def verify_link(link: str, ends: tuple[End, End], asked: tuple[Asked, Asked], *, budget_s: float) -> list[Look]:
    """Measure a link against what was asked; once more when not all seems kept, so that chance and a busy machine break nothing.

    Args:
        link: its name.
        ends: the first and the second.
        asked: of the direction from the first end, and from the second.
        budget_s: how long the train of each look may take.

    Returns:
        One or two looks; the last one counts.

    Raises:
        ResourceError: it could not be measured.
    """
    looks = [await _look(link, ends, asked, budget_s)]
    if any(one.kept is not True and one.note != MIXED for one in looks[0].promises):
        looks.append(await _look(link, ends, asked, 2 * budget_s))
    return looks


def judged(looks: list[Look]) -> tuple[Promise, ...]:
    """Return the promises as they stand after all looks: kept is what one of them found kept."""
    kept_before = {(one.direction, one.what): one for look in looks[:-1] for one in look.promises if one.kept}
    return tuple(one if one.kept else kept_before.get((one.direction, one.what), one) for one in looks[-1].promises)


async def _look(link: str, ends: tuple[End, End], asked: tuple[Asked, Asked], budget_s: float) -> Look:
    measurement = plan_measurement(asked, budget_s)
    token = secrets.randbits(32)
    logs = await _run_probes(link, ends, measurement, token)
    rows: list[Promise] = []
    record: dict[str, Any] = {}
    for side in (0, 1):
        direction = f"{ends[side].place} > {ends[1 - side].place}"
        path, flood = direction_figures(measurement, side, logs, token, overtakers=not asked[side].reorder)
        rows += promises(Place(link, direction), asked[side], path, flood)
        record[direction] = {"path": path and path.to_record(), "flood": flood and flood.to_record()}
    return Look(tuple(rows), record)


def direction_figures(
    measurement: Measurement, side: int, logs: tuple[ProbeLog, ProbeLog], token: int, *, overtakers: bool
) -> tuple[PathFigures | None, FloodFigures | None]:
    """Return the figures of the direction from one end to the other."""
    sent = {one.size_bytes: one for one in logs[side].sent}
    arrived = logs[1 - side].arrived
    path_plan, flood_plan = measurement.paths[side], measurement.floods[side]
    path = (
        path_figures(sent[path_plan.size_bytes], arrived, token, path_plan.frames, overtakers=overtakers) if path_plan is not None else None
    )
    flood = flood_figures(sent[flood_plan.size_bytes], arrived, token) if flood_plan is not None else None
    return path, flood


async def _run_probes(link: str, ends: tuple[End, End], measurement: Measurement, token: int) -> tuple[ProbeLog, ProbeLog]:
    lead_s = LEAD_S
    for _ in range(TRIES):
        begin_ns = time.monotonic_ns() + round(lead_s * 1e9)
        first, second = await _both(
            _run_probe(ends[side], orders(measurement, side, ends[side].interface, token, begin_ns), lead_s + measurement.lasts_s)
            for side in (0, 1)
        )
        lead_s *= 2
        if LATE in (first.exit.status, second.exit.status):
            continue
        logs = _log_of(first, ends[0]), _log_of(second, ends[1])
        for log, end in zip(logs, ends, strict=True):
            if log.dropped:
                raise ResourceError(f"verify {link}: {log.dropped} frames found no room at {end.place}; more came than was sent")
        if all(abs(log.clock_moved_ns) < CLOCK_MAY_MOVE_NS for log in logs):
            return logs
    raise ResourceError(f"verify {link}: probes were late, or the clock was set, {TRIES} times; this machine is too busy to measure")


def orders(measurement: Measurement, side: int, interface: str | int, token: int, begin_ns: int) -> dict[str, Any]:
    """Return what the probe at one end is told."""
    return {
        "interface": interface,
        "token": token,
        "begin_ns": begin_ns,
        "end_ns": begin_ns + round(measurement.lasts_s * 1e9),
        "trains": measurement.trains(side),
        "slots": measurement.slots(side),
        "snap_bytes": measurement.snap_bytes,
        "whole_sizes": measurement.whole_sizes,
    }


async def _run_probe(end: End, told: dict[str, Any], lasts_s: float) -> Completed:
    argv = [sys.executable, "-I", "-S", str(PROGRAM), json.dumps(told, separators=(",", ":"))]
    return await end.host.run(argv, deadline_s=lasts_s + LEEWAY_S)


async def _both(probes: Iterable[Coroutine[Any, Any, Completed]]) -> tuple[Completed, Completed]:
    """Run two probes; when one fails, the other is ended, too."""
    try:
        async with asyncio.TaskGroup() as group:
            first, second = (group.create_task(probe) for probe in probes)
    except* ResourceError as errors:
        raise errors.exceptions[0] from None
    return first.result(), second.result()


def _log_of(done: Completed, end: End) -> ProbeLog:
    argv = ("linkprobe", str(end.interface))
    if done.exit.status != 0:
        raise CommandError(argv, done.exit.status, done.stderr.decode(errors="replace"), resource=end.place, action="verify")
    try:
        return decode(done.stdout)
    except ValueError as error:
        raise CommandError(argv, 0, str(error), resource=end.place, action="verify") from None
