"""Feeds a journal to a fresh engine and compares every decision with the one that was taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nepi.engine.codec import event_from, instruction_record
from nepi.engine.core import Engine


@dataclass(slots=True)
class Replay:
    """What came of replaying a journal.

    Attributes:
        engine: the engine, in the state that the journal leads to.
        batches: how many lines were replayed.
        differences: one sentence for each line whose decisions differ; empty when all agree.
    """

    engine: Engine
    batches: int = 0
    differences: list[str] = field(default_factory=list)


def replay(lines: Iterable[dict[str, Any]], *, stop_on_abort: bool = False) -> Replay:
    """Replay a journal's lines, header excluded.

    Args:
        lines: decoded lines with `n`, `t`, `ev` and `do`.
        stop_on_abort: the policy that the run had; it is in the journal's header.

    Raises:
        RunError: a line holds something that is no event.
    """
    result = Replay(Engine(stop_on_abort=stop_on_abort))
    for line in lines:
        instructions = result.engine.handle_all([event_from(record) for record in line["ev"]], now=line["t"])
        decided = [_plain(instruction_record(one)) for one in instructions]
        result.batches += 1
        asked = [_plain(one) for one in line["do"]]
        if decided != asked:
            result.differences.append(f"line {line['n']}: decided {_short(decided)}, the run had decided {_short(asked)}")
    return result


def _plain(record: list[Any]) -> list[Any]:
    """Return a record without the reasons, which name resources differently without the run's names."""
    if record[0] in ("fail", "leave_behind", "missed"):
        return record[:2]
    if record[0] == "abort":
        return [record[0], record[2]]
    return [list(part) if isinstance(part, tuple) else part for part in record]


def _short(decided: list[Any]) -> str:
    text = repr(decided)
    return text if len(text) < 300 else text[:300] + "…"
