"""The ledger of a run: every outside thing, recorded before it is made, so that it can be given back by anybody later.

What the kinds of things mean is in `ledger_kinds.py`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

from nepi.errors import RunError
from nepi.execution.process_identity import boot_id

State = Literal["intended", "made", "left"]
FORMAT = 1
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS things (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    owner INTEGER NOT NULL,
    identity TEXT NOT NULL,
    state TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    created_at REAL NOT NULL,
    note TEXT NOT NULL DEFAULT ''
) STRICT
"""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something outside that is about to be made.

    Attributes:
        kind: which `LedgerKind` knows how to give it back.
        identity: what finds it again; JSON, without secrets.
        owner: guid of the resource, 0 for the run itself.
    """

    kind: str
    identity: dict[str, Any] = field(default_factory=dict)
    owner: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the ledger.

    Attributes:
        state: "intended" (may or may not exist), "made" (exists, as far as known), "left" (could not be given back).
        boot_id: the boot in which it was recorded.
        created_at: seconds since the epoch.
        note: why it was left.
    """

    id: int
    kind: str
    owner: int
    identity: dict[str, Any]
    state: State
    boot_id: str
    created_at: float
    note: str


class Ledger:
    """The ledger's file; it comes into being with its first row.

    What a method has written survives the death of the process at any later instant. It survives the machine's only
    with `durable=True`, which is for things that do (remote directories, leases). Any thread may call, one at a time;
    other processes may read at any moment.

    Args:
        path: the file.
        make_room: called when the disk is full; returns whether it is worth trying again.

    Raises:
        RunError: the file cannot be read or written, or is of a later format.
    """

    def __init__(self, path: Path | str, make_room: Callable[[], bool] = lambda: False) -> None:
        self.path = Path(path)
        self._make_room = make_room
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._durable = False

    def intend(self, things: Iterable[Thing], *, durable: bool = False) -> list[int]:
        """Record things that are about to be made, in one transaction; return a row id for each."""
        boot, now = boot_id(), time.time()
        values = [(thing.kind, thing.owner, json.dumps(thing.identity), "intended", boot, now) for thing in things]
        if not values:
            return []
        ids = range(0)

        def insert(database: sqlite3.Connection) -> None:
            nonlocal ids
            (last,) = database.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'things'").fetchone()
            ids = range(last + 1, last + 1 + len(values))
            database.executemany(
                "INSERT INTO things (id, kind, owner, identity, state, boot_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(number, *value) for number, value in zip(ids, values, strict=True)],
            )

        self._transact(insert, durable)
        return list(ids)

    def made(self, ids: Sequence[int], identities: Sequence[dict[str, Any] | None] | None = None, *, durable: bool = False) -> None:
        """Note that things exist now.

        Args:
            identities: for each id what is to be added to its identity, or None.
        """
        updates = identities if identities is not None else [None] * len(ids)
        plain = [(number,) for number, update in zip(ids, updates, strict=True) if not update]
        changed = [(json.dumps(update), number) for number, update in zip(ids, updates, strict=True) if update]
        self._change("UPDATE things SET state = 'made' WHERE id = ?", plain, durable)
        self._change("UPDATE things SET state = 'made', identity = json_patch(identity, ?) WHERE id = ?", changed, durable)

    def forget(self, ids: Iterable[int], *, durable: bool = False) -> None:
        """Take things out that do not exist any more. Harmless for rows that are gone already."""
        self._change("DELETE FROM things WHERE id = ?", [(number,) for number in ids], durable)

    def leave(self, ids: Iterable[int], reason: str) -> None:
        """Note that things could not be given back; `collect` tries again."""
        self._change("UPDATE things SET state = 'left', note = ? WHERE id = ?", [(reason, number) for number in ids], False)

    def rows(self) -> list[Row]:
        """Return every row, oldest first; none when there is no ledger yet."""
        with self._lock, _Errors(self.path):
            if self._database is None and not self.path.exists():
                return []
            found = self._open(False).execute("SELECT id, kind, owner, identity, state, boot_id, created_at, note FROM things ORDER BY id")
            return [
                Row(number, kind, owner, json.loads(identity), cast(State, state), boot, created_at, note)
                for number, kind, owner, identity, state, boot, created_at, note in found
            ]

    def close(self) -> None:
        """Close the file; harmless when closed. A later call opens it again."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _change(self, statement: str, values: Sequence[tuple[Any, ...]], durable: bool) -> None:
        if values:
            self._transact(lambda database: database.executemany(statement, values), durable)

    def _transact(self, work: Callable[[sqlite3.Connection], object], durable: bool) -> None:
        """Do something as a whole or not at all. When the disk is full, room is made once."""
        with self._lock, _Errors(self.path):
            try:
                self._once(work, durable)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in _FULL or not self._make_room():
                    raise
                self._once(work, durable)

    def _once(self, work: Callable[[sqlite3.Connection], object], durable: bool) -> None:
        database = self._open(durable)
        database.execute("BEGIN IMMEDIATE")
        try:
            work(database)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:  # a full disk has rolled it back already
                database.execute("ROLLBACK")
            raise

    def _open(self, durable: bool) -> sqlite3.Connection:
        if self._database is None:
            database = sqlite3.connect(self.path, timeout=5.0, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(database)
            except BaseException:
                database.close()
                raise
            self._database = database
            self._durable = False
        if durable != self._durable:
            # OFF: written is what write(2) has taken, and that survives SIGKILL. FULL: what the disk has.
            self._database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
            self._durable = durable
        return self._database

    def _prepare(self, database: sqlite3.Connection) -> None:
        # A roll-back journal that is kept and overwritten: with WAL, what is committed lies in a second file until a
        # checkpoint, and a run folder is copied and opened read-only more simply when the ledger is one file.
        database.execute("PRAGMA journal_mode = TRUNCATE")
        database.execute("PRAGMA synchronous = OFF")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > FORMAT:
            raise RunError(f"{self.path}: ledger format {version} is newer than this program's ({FORMAT}); use the version that wrote it")
        if version == 0:
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA user_version = {FORMAT}")


class _Errors:
    """Says which file it was when sqlite complains."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, sqlite3.Error):
            free = ""
            try:
                status = os.statvfs(self._path.parent)
                free = f" ({status.f_bavail * status.f_frsize >> 20} MB free on its disk)"
            except OSError:
                pass
            raise RunError(f"ledger {self._path}: {error}{free}") from error
