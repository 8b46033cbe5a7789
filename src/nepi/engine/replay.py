"""Feeds a journal to a fresh engine and compares every decision with the one that was taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nepi.engine.codec import event_from, instruction_record
from nepi.engine.core import Engine
from nepi.engine.events import Announced, Entered, Event, Instruction, Perform
from nepi.engine.lifecycle import ANNOUNCED
from nepi.model.states import ResourceState


@dataclass(slots=True)
class Replay:
    """What came of replaying a journal.

    Attributes:
        engine: the engine, in the state that the journal leads to.
        batches: how many lines were replayed.
        differences: one sentence for each line whose decisions differ; empty when all agree.
        irregular: one sentence for each announcement for which the life-cycle table has no row.
    """

    engine: Engine
    batches: int = 0
    differences: list[str] = field(default_factory=list)
    irregular: list[str] = field(default_factory=list)


def replay(lines: Iterable[dict[str, Any]], *, stop_on_abort: bool = False, engine: Engine | None = None) -> Replay:
    """Replay a journal's lines, header excluded.

    Args:
        lines: decoded lines with `n`, `t`, `ev` and `do`.
        stop_on_abort: the policy that the run had; it is in the journal's header.
        engine: a fresh one to tell it to; by default one of its own.

    Raises:
        RunError: a line holds something that is no event.
    """
    if engine is None:
        engine = Engine(stop_on_abort=stop_on_abort)
    result = Replay(engine)
    for line in lines:
        events = [event_from(record) for record in line["ev"]]
        if not _is_regular(engine, events):
            result.irregular += [f"line {line['n']}: {sentence}" for sentence in _irregular(engine, events)]
        decided = engine.handle_all(events, now=line["t"], real=line.get("r"))
        result.batches += 1
        if not _are_the_same(decided, line["do"]):
            told, asked = [_plain(instruction_record(one)) for one in decided], [_plain(one) for one in line["do"]]
            if told != asked:
                result.differences.append(f"line {line['n']}: decided {_short(told)}, the run had decided {_short(asked)}")
    return result


def _are_the_same(decided: list[Instruction], asked: list[list[Any]]) -> bool:
    """Whether the most frequent kind of decision, or none, is all there is, and the same; false when that is not seen at once."""
    if len(decided) != len(asked):
        return False
    for one, record in zip(decided, asked, strict=True):
        if type(one) is not Perform or record[0] != "perform" or record[1] != one.action.name or tuple(record[2]) != one.guids:
            return False
    return True


def _is_regular(engine: Engine, events: list[Event]) -> bool:
    """Whether there is at most one announcement of one resource, and it is regular; false when that is not seen at once."""
    if len(events) != 1:
        return False
    event = events[0]
    if type(event) is not Entered:
        return type(event) is not Announced
    if len(event.guids) != 1:
        return False
    known = engine.members.get(event.guids[0])
    return known is not None and event.state in ANNOUNCED[known.state]  # type: ignore[index]  # a state's number


def _irregular(engine: Engine, events: list[Event]) -> Iterator[str]:
    """Name the announcements among `events`, which the engine has not been told yet, that the table has no row for."""
    states: dict[int, ResourceState] = {}
    for event in events:
        match event:
            case Entered(state=state, guids=guids):
                moves = [(guid, state) for guid in guids]
            case Announced(guids=guids, states=announced):
                moves = list(zip(guids, announced, strict=True))
            case _:
                continue
        for guid, state in moves:
            known = engine.members.get(guid)
            before = states.get(guid, ResourceState(known.state) if known is not None else ResourceState.NEW)
            if state not in ANNOUNCED[before]:
                yield f"resource {guid} announced {state.name} when it was {before.name}"
            states[guid] = state if before is not ResourceState.RELEASED else before


def _plain(record: list[Any]) -> list[Any]:
    """Return a record without the reasons, which name resources differently without the run's names."""
    if record[0] in ("fail", "leave_behind", "missed", "go_on"):
        return record[:2]
    if record[0] in ("reset", "renew"):
        return record[:3]
    if record[0] == "abort":
        return [record[0], record[2]]
    return [list(part) if isinstance(part, tuple) else part for part in record]


def _short(decided: list[Any]) -> str:
    text = repr(decided)
    return text if len(text) < 300 else text[:300] + "…"
