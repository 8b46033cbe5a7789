"""What the folder of a run says to whoever takes it up: description, plan, and the journal told to a fresh engine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from nepi.engine.core import Engine
from nepi.engine.replay import replay
from nepi.errors import BadValueError, RunError
from nepi.execution.journal import read_journal, torn_bytes
from nepi.execution.rundir import RunDir
from nepi.model.experiment import ExperimentDescription
from nepi.plan.result import Plan

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SetWhen:
    """A change of attributes that waits for a condition, or was due and was not begun.

    Attributes:
        due: the engine has ordered it.
    """

    guid: int
    values: dict[str, Any]
    due: bool = False


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A call that was scheduled and has not begun.

    Attributes:
        task: its number.
        at: when it is due, in seconds since the run began.
        call: the method of the resource, or what the program wanted called.
        guid: of the resource; 0 when it is no life-cycle method.
    """

    task: int
    at: float
    call: str
    guid: int = 0


@dataclass(slots=True)
class RunRecord:
    """A run as its folder tells it.

    Attributes:
        header: the first line of the journal.
        engine: in the state that the journal leads to.
        batches: how many there are.
        last_t: the latest instant in the journal, seconds since the run began.
        last_watch: the highest number of a watch.
        torn: bytes of a torn last line.
        changed: by guid, the attributes that were set while it ran, with the instant of the last change.
        changes: those that wait for something, or that were due and were not made.
        scheduled: calls that have not begun, by number.
        ordered: by guid, when an action was ordered last.
        left_behind: by guid, why it could not be given back.
        run_deadline: when `run(deadline=...)` was to be over, or None.
    """

    description: ExperimentDescription
    plan: Plan
    header: dict[str, Any]
    engine: Engine
    batches: int = 0
    last_t: float = 0.0
    last_watch: int = 0
    torn: int = 0
    changed: dict[int, tuple[dict[str, Any], float]] = field(default_factory=dict)
    changes: dict[int, SetWhen] = field(default_factory=dict)
    scheduled: dict[int, Scheduled] = field(default_factory=dict)
    ordered: dict[int, float] = field(default_factory=dict)
    left_behind: dict[int, str] = field(default_factory=dict)
    run_deadline: float | None = None

    def elapsed_s(self) -> float:
        """Return how long ago the run began. Its clock goes on while nobody controls it: CLOCK_MONOTONIC is that of the boot."""
        began = self.header.get("monotonic")
        since = time.monotonic() - began if isinstance(began, int | float) else 0.0
        return max(since, self.last_t)

    def date_of(self, t: float) -> datetime:
        """Return the date of an instant of the run."""
        return datetime.fromisoformat(str(self.header["began"])) + timedelta(seconds=t)


def read_run(rundir: RunDir) -> RunRecord:
    """Read a run whose controller is gone.

    Raises:
        RunError: it did not get as far as being planned, is damaged, or this version would have decided otherwise.
    """
    description = _read(rundir.description, ExperimentDescription.from_record)
    plan = _read(rundir.plan, Plan.from_record)
    lines = read_journal(rundir.journal)
    header = next(lines, None)
    if header is None:
        raise RunError(f"{rundir.journal} is empty: the run did not get as far as anything that could be taken up")
    names = {one.guid: one.name for one in description.resources}
    engine = Engine(stop_on_abort=bool(header.get("stop_on_abort")), label=lambda guid: names.get(guid, f"resource {guid}"))
    record = RunRecord(description, plan, header, engine, torn=torn_bytes(rundir.journal))
    result = replay(_batches(lines, record), engine=engine)
    if result.differences:
        raise RunError(
            f"{rundir.journal} cannot be taken up: this version of NEPI decides otherwise than the one that wrote it "
            f"({result.differences[0]}); use that one, or give the run back with `nepi gc`"
        )
    return record


def _read(path: Path, from_record: Callable[[dict[str, Any]], T]) -> T:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return from_record(record)
    except FileNotFoundError:
        raise RunError(f"{path.parent} has no {path.name}: its controller was gone before anything was deployed; `nepi gc`") from None
    except (OSError, ValueError, BadValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None


def _batches(lines: Iterator[dict[str, Any]], record: RunRecord) -> Iterator[dict[str, Any]]:
    """Yield the batches, noting in `record` what the engine does not keep."""
    for line in lines:
        record.last_t = max(record.last_t, float(line["t"]))
        if "ev" not in line:
            _take_note(line.get("note") or {}, float(line["t"]), record)
            continue
        record.batches = int(line["n"])
        for event in line["ev"]:
            if event[0] == "watch_asked":
                record.last_watch = max(record.last_watch, int(event[1]))
            elif event[0] == "set_asked":
                record.changes[event[1]] = SetWhen(event[2], event[4])
            elif event[0] == "set_failed":
                record.changes.pop(event[1], None)
        for decision in line["do"]:
            if decision[0] == "perform":
                record.ordered.update(dict.fromkeys(decision[2], float(line["t"])))
            elif decision[0] == "change" and decision[1] in record.changes:
                record.changes[decision[1]] = replace(record.changes[decision[1]], due=True)
            elif decision[0] == "leave_behind":
                record.left_behind[decision[1]] = str(decision[2])
        yield line


def _take_note(note: dict[str, Any], t: float, record: RunRecord) -> None:
    match note:
        case {"set": {"guid": guid, "values": values}}:
            known = record.changed.get(guid, ({}, 0.0))[0]
            record.changed[guid] = ({**known, **values}, t)
            record.changes.pop(note.get("change", 0), None)
        case {"scheduled": task, "at": at, "call": call}:
            record.scheduled[task] = Scheduled(task, at, call, note.get("guid", 0))
        case {"called": task}:
            record.scheduled.pop(task, None)
        case {"run_until": deadline}:
            record.run_deadline = deadline
