"""Replay: how fast a long journal is decided once more and compared, `nepi replay` without its printing.

The journal is of one run in which one experiment after the other is added, deployed, run and released: nodes, and on each some
applications that wait for one another, a tenth of which fail at first and are tried again. Every event is a record of its own, and a
batch has as many of them as --batch says (1 is the most that can be to do: a line for each event).

    python bench/replay.py [--events 1000000] [--batch 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from nepi.engine import events as ev
from nepi.engine.core import Engine
from nepi.engine.replay import replay
from nepi.execution.journal import Journal, batches
from nepi.execution.quiet import collection_paused
from nepi.model.conditions import Reached
from nepi.model.states import ResourceAction, ResourceState

TARGET_S = 15.0
NODES, APPLICATIONS = 20, 4
DEPLOY, START, STOP, RELEASE = ResourceAction
REACHED = {DEPLOY: ResourceState.READY, START: ResourceState.STARTED, STOP: ResourceState.STOPPED, RELEASE: ResourceState.RELEASED}


class Recorder:
    """An engine whose orders are carried out at once, and the journal of it."""

    def __init__(self, path: Path, batch: int) -> None:
        self.engine = Engine()
        self.journal = Journal(path, {"exp_id": "bench", "run_id": "replay", "stop_on_abort": False})
        self.events = 0
        self._batch = batch
        self._now = 0.0
        self._inbox: deque[ev.Event] = deque()
        self._failed: set[int] = set()

    def tell(self, *events: ev.Event) -> None:
        """Let the engine decide, and whatever follows from it happen, until nothing does."""
        self._inbox.extend(events)
        while self._inbox or (due := min(self._dues(), default=None)) is not None:
            if not self._inbox:
                self._now = max(self._now, due or 0.0)
                self._inbox.append(ev.Ticked())
            batch = [self._inbox.popleft() for _ in range(min(self._batch, len(self._inbox)))]
            self._now += 1e-4
            decided = self.engine.handle_all(batch, now=self._now)
            self.journal.write(self._now, batch, decided)
            self.events += len(batch)
            for one in decided:
                self._carry_out(one)

    def _dues(self) -> list[float]:
        return [due for due in (self.engine.next_deadline, self.engine.next_limit) if due is not None]

    def _carry_out(self, instruction: ev.Instruction) -> None:
        if not isinstance(instruction, ev.Perform):
            return
        action = instruction.action
        for guid in instruction.guids:
            if action is START and guid % 10 == 0 and guid not in self._failed:
                self._failed.add(guid)
                self._inbox.append(ev.Failed(guid, START, "address in use"))
                continue
            self._inbox.append(ev.Entered(REACHED[action], (guid,)))
            if action is START and guid % (APPLICATIONS + 1):
                self._inbox += [ev.Exited(guid, 0), ev.Entered(ResourceState.FINISHED, (guid,))]


def record(path: Path, events: int, batch: int) -> int:
    """Write a journal of at least so many events; return how many."""
    recorder = Recorder(path, batch)
    profile = ev.Profile(retry=ev.Retry(3, 0.001, jitter=0.5, seed=7), deadlines_s=(None, None, 120.0, 60.0))
    first = group = 1
    while recorder.events < events:
        guids = tuple(range(first, first + NODES * (APPLICATIONS + 1)))
        recorder.tell(*described(guids, profile), ev.DeployAsked(group, guids, True))
        recorder.tell(ev.ReleaseAsked(guids))
        first, group = guids[-1] + 1, group + 1
    recorder.journal.close()
    return recorder.events


def described(guids: tuple[int, ...], profile: ev.Profile) -> Iterator[ev.Event]:
    """Yield what makes resources known: each fifth is a node, the others need the one before them and start one after the other."""
    yield ev.Joined(profile, guids)
    for guid in guids:
        place = (guid - guids[0]) % (APPLICATIONS + 1)
        if place:
            yield ev.Needed((guid,), (guid - place,), (int(ResourceState.READY),))
        if place > 1:
            yield ev.ConditionAdded(guid, START, Reached((guid - 1,), ResourceState.STARTED))


def measure(events: int, batch: int) -> dict[str, Any]:
    """Record a journal, replay it, and return the figures."""
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        path = Path(folder) / "journal.jsonl"
        written = record(path, events, batch)
        began, worked = perf_counter(), process_time()
        with collection_paused():
            result = replay(batches(path))
        elapsed, cpu = perf_counter() - began, process_time() - worked
        assert result.differences == [], result.differences[:3]
        return {
            "events": written,
            "lines": result.batches,
            "journal_mb": path.stat().st_size / 1e6,
            "replay_s": elapsed,
            "cpu_s": cpu,
            "events_per_s": written / elapsed,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    row = measure(asked.events, asked.batch)
    print("   events    lines  journal MB  replay s    cpu s  events/s  peak MB  asked")
    size = f"{row['events']:9} {row['lines']:8} {row['journal_mb']:11.1f}"
    times = f"{row['replay_s']:9.2f} {row['cpu_s']:8.2f} {row['events_per_s']:9.0f}"
    print(f"{size} {times} {row['peak_mb']:8.0f}  1,000,000 in {TARGET_S:g} s")
    if asked.json:
        asked.json.write_text(json.dumps({"rows": [row], "target_s": TARGET_S}, indent=1))


if __name__ == "__main__":
    main()
