"""How each kind of thing in a ledger is found alive and given back, and `collect`, which does so for a whole run.

A package adds a kind by an entry point in the group `nepi.ledger_kinds`: its name is the kind, its value a `LedgerKind`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from nepi.execution.ledger import Ledger, Row
from nepi.execution.process_identity import ProcessIdentity, boot_id

ENTRY_POINTS = "nepi.ledger_kinds"
KILL_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class LedgerKind:
    """What has to be known of one kind.

    Attributes:
        is_alive: whether the thing may exist still; must not change anything.
        release: give it back and return whether it is gone; idempotent; may raise `OSError` or a `NepiError`.
        rank: lower ranks are given back first; things that end with another one come after it.
        survives_reboot: false for what is gone after a reboot of this machine.
        release_together: give several back at once, which is faster for things on other machines; instead of `release`. Returns, by
            row id, why some could not be given back.
    """

    is_alive: Callable[[Row], bool]
    release: Callable[[Row], bool]
    rank: int = 50
    survives_reboot: bool = False
    release_together: Callable[[Sequence[Row]], Mapping[int, str]] | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """What `collect` did.

    Attributes:
        released: rows whose things are gone now.
        left: rows whose things could not be given back, with the reason in `note`.
    """

    released: tuple[Row, ...]
    left: tuple[Row, ...]


def _process(row: Row) -> ProcessIdentity | None:
    return ProcessIdentity.from_json(row.identity)


def process_is_alive(row: Row) -> bool:
    """Whether the process of a row runs. One that was only intended has never executed anything."""
    identity = _process(row)
    return identity is not None and identity.is_alive()


def release_process(row: Row) -> bool:
    """Kill exactly the process of a row."""
    identity = _process(row)
    return identity is None or identity.kill(KILL_DEADLINE_S)


def release_supervisor(row: Row) -> bool:
    """Kill the supervisor of a run, unless that is who gives everything back: it is about to end."""
    identity = _process(row)
    return identity is None or identity.pid == os.getpid() or identity.kill(KILL_DEADLINE_S)


def holder_is_alive(row: Row) -> bool:
    """Whether the process (an agent) that holds a namespace or a link runs."""
    holder = ProcessIdentity.from_json(row.identity.get("agent") or {})
    return holder is not None and holder.is_alive()


def release_held(row: Row) -> bool:
    """A held thing ends with its holder, whose row comes first."""
    return not holder_is_alive(row)


def file_exists(row: Row) -> bool:
    """Whether a temporary file is there."""
    return os.path.lexists(row.identity["path"])


def release_file(row: Row) -> bool:
    """Remove a temporary file."""
    Path(row.identity["path"]).unlink(missing_ok=True)
    return True


BUILT_IN: dict[str, LedgerKind] = {
    "agent": LedgerKind(process_is_alive, release_process, rank=10),
    "process": LedgerKind(process_is_alive, release_process, rank=20),
    "link": LedgerKind(holder_is_alive, release_held, rank=30),
    "netns": LedgerKind(holder_is_alive, release_held, rank=40),
    "supervisor": LedgerKind(process_is_alive, release_supervisor, rank=90),
    "file": LedgerKind(file_exists, release_file, rank=60, survives_reboot=True),
}


def kind_named(name: str) -> LedgerKind | None:
    """Return a kind, built in or from an installed package; None when nobody knows it."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    for point in entry_points(group=ENTRY_POINTS, name=name):
        found = point.load()
        if isinstance(found, LedgerKind):
            return found
    return None


def is_alive(row: Row) -> bool:
    """Whether the thing of a row may exist still; unknown kinds may."""
    kind = kind_named(row.kind)
    if kind is None:
        return True
    return (kind.survives_reboot or row.boot_id == boot_id()) and kind.is_alive(row)


def collect(ledger_path: Path | str) -> Collected:
    """Give back everything that a dead run has left, from its ledger alone. Harmless when done twice.

    The caller has made sure that the run's controller is dead.
    """
    released: list[Row] = []
    left: list[Row] = []
    with Ledger(ledger_path) as ledger:
        kinds: dict[str, LedgerKind | None] = {}
        rows = ledger.rows()
        for row in rows:
            if row.kind not in kinds:
                kinds[row.kind] = kind_named(row.kind)

        def rank(row: Row) -> tuple[int, int]:
            kind = kinds[row.kind]
            return (kind.rank if kind is not None else 100, -row.id)

        for name, some in itertools.groupby(sorted(rows, key=rank), key=lambda row: row.kind):
            for row, reason in _release_some(list(some), kinds[name]):
                if reason is None:
                    released.append(row)
                else:
                    left.append(row)
                    ledger.leave([row.id], reason)
        ledger.forget(row.id for row in released)
        by_id = {row.id: row for row in ledger.rows()} if left else {}
    return Collected(tuple(released), tuple(by_id[row.id] for row in left))


def _release_some(rows: Sequence[Row], kind: LedgerKind | None) -> Iterable[tuple[Row, str | None]]:
    """Give things of one kind back; yield for each why that failed, or None."""
    if kind is None or kind.release_together is None:
        yield from ((row, _release(row, kind)) for row in rows)
        return
    try:
        reasons = kind.release_together(rows)
    except Exception as error:  # whatever a plugin raises, the other rows are still given back
        reasons = dict.fromkeys((row.id for row in rows), f"{type(error).__name__}: {error}")
    yield from ((row, reasons.get(row.id)) for row in rows)


def _release(row: Row, kind: LedgerKind | None) -> str | None:
    """Give one thing back; return why that failed, or None."""
    if kind is None:
        return f"unknown kind {row.kind!r}: install the package that made it, then collect again"
    if not kind.survives_reboot and row.boot_id != boot_id():
        return None
    try:
        if not kind.is_alive(row) or kind.release(row):
            return None
    except Exception as error:  # whatever a plugin raises, the other rows are still given back
        return f"{type(error).__name__}: {error}"
    return "did not go away in time"
