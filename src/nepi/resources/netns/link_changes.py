"""What happens to a link over time: its timelines are followed, and each change is written down."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import shutil
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from nepi.execution.setting import set_now
from nepi.hosts.impairments import BACK
from nepi.resources.netns.timeline import PACKET_BYTES, Changes, Deliveries
from nepi.util.timefuncs import tnow

if TYPE_CHECKING:
    from nepi.resources.netns.link import Link

COLUMNS = ("time_s", "at", "property", "value")


class LinkChanges:
    """Follows the timelines of one link, from its start on.

    Args:
        link: whose.
        timelines: by attribute.
    """

    def __init__(self, link: Link, timelines: Mapping[str, Changes | Deliveries]) -> None:
        self._link = link
        self._timelines = timelines
        self._began: float | None = None
        self._following: asyncio.Task[None] | None = None

    def keep_files(self, paths: Mapping[str, str]) -> None:
        """Copy the files into the run's folder, as traces."""
        for name, path in paths.items():
            trace = self._link.trace_path(name)
            trace.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, trace)

    async def begin(self) -> None:
        """Let time 0 be now. What is to be from the beginning is so when this returns."""
        await self.end()
        self._began = asyncio.get_running_loop().time()
        changes = self._timelines.get("timeline")
        for side, name in enumerate(("timeline", f"timeline{BACK}")):
            timeline = self._timelines.get(name)
            if isinstance(timeline, Deliveries):
                await self._deliver(side, timeline)
        if isinstance(changes, Changes):
            steps = changes.steps(repeat=bool(self._link.get("timelineRepeat")))
            first_at, first = next(steps)
            if first_at <= 0:
                await set_now(self._link.ec, self._link, first)
            self._following = asyncio.get_running_loop().create_task(self._follow(steps, None if first_at <= 0 else (first_at, first)))

    def take_up(self, elapsed_s: float) -> None:
        """Go on where an earlier controller would be by now; deliveries go on by themselves.

        Args:
            elapsed_s: since time 0.
        """
        self._began = asyncio.get_running_loop().time() - elapsed_s
        changes = self._timelines.get("timeline")
        if isinstance(changes, Changes):
            steps = changes.steps(repeat=bool(self._link.get("timelineRepeat")))
            self._following = asyncio.get_running_loop().create_task(self._catch_up(steps, elapsed_s))

    async def _catch_up(self, steps: Iterator[tuple[float, dict[str, Any]]], elapsed_s: float) -> None:
        """Make all changes that are due as one, then follow the rest."""
        due: dict[str, Any] = {}
        for at, values in steps:
            if at > elapsed_s:
                steps = chain([(at, values)], steps)
                break
            due |= values
        await self._follow(steps, (elapsed_s, due) if due else None)

    async def _deliver(self, side: int, timeline: Deliveries) -> None:
        cable = self._link.cable
        assert cable is not None
        await cable.session(side).delivery_trace(cable.place(side), cable.ends[side].ifname, timeline.times_s, PACKET_BYTES)

    async def _follow(self, steps: Any, first: tuple[float, dict[str, Any]] | None) -> None:
        began = self._began
        assert began is not None
        try:
            if first is not None:
                await self._step(began, *first)
            for at, values in steps:
                await self._step(began, at, values)
        except Exception as error:
            self._link.explain_failure(f"its timeline: {error}")
            self._link.fail()

    async def _step(self, began: float, at: float, values: dict[str, Any]) -> None:
        # Always from the one beginning, so that being late once does not move what comes after.
        await asyncio.sleep(began + at - asyncio.get_running_loop().time())
        await set_now(self._link.ec, self._link, values)

    async def end(self) -> None:
        """Follow no more."""
        following, self._following = self._following, None
        if following is not None and following is not asyncio.current_task():
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    def note(self, values: Mapping[str, Any]) -> None:
        """Write a change into the trace `changes`; its times count from the link's start, before it they are empty."""
        path = self._link.trace_path("changes")
        path.parent.mkdir(parents=True, exist_ok=True)
        since = "" if self._began is None else f"{asyncio.get_running_loop().time() - self._began:.6f}"
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not path.exists():
            writer.writerow(COLUMNS)
        at = tnow().isoformat()
        writer.writerows((since, at, name, "" if self._link.get(name) is None else self._link.get(name)) for name in values)
        with path.open("a", encoding="utf-8") as file:
            file.write(text.getvalue())
