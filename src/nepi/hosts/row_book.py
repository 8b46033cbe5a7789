"""Which ledger rows a session has open, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nepi.errors import RunError
from nepi.execution.ledger import Ledger, Thing

Key = tuple[str, ...]


class RowBook:
    """Rows of one session, found by what they stand for: ("place", name), ("link", place, ifname), ("process", tag).

    A link has two keys. Rows that no key stands for (yet) are known all the same, so that none is forgotten at the end.

    Nothing is made that could not be recorded. But when the ledger cannot be written after that (a full disk), release
    goes on from memory: a row too many does no harm, because `collect` finds that its thing is gone.

    Attributes:
        trouble: what the ledger refused after the event.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._open: set[int] = set()
        self._by_key: dict[Key, int] = {}
        self._keys: dict[int, list[Key]] = {}
        self._links: dict[str, set[int]] = {}
        self.trouble: list[str] = []

    def intend(self, things: list[Thing]) -> list[int]:
        """Record things that are about to be made."""
        rows = self._ledger.intend(things)
        self._open.update(rows)
        return rows

    def made(self, rows: list[int], identities: list[dict[str, Any] | None] | None = None) -> None:
        """The things of these rows exist now."""
        self._write(lambda: self._ledger.made(rows, identities))

    def know(self, row: int, *keys: Key) -> None:
        """Say what an open row stands for."""
        self._open.add(row)
        for key in keys:
            self._by_key[key] = row
            self._keys.setdefault(row, []).append(key)
            if key[0] == "link":
                self._links.setdefault(key[1], set()).add(row)

    def row(self, *key: str) -> int | None:
        """Return the row of a thing."""
        return self._by_key.get(key)

    def of_place(self, name: str) -> list[int]:
        """Return the rows of a node or switch and of its links."""
        place = self._by_key.get(("place", name))
        return sorted(self._links.get(name, set()) | ({place} if place is not None else set()))

    def forget(self, rows: list[int]) -> None:
        """The things of these rows do not exist any more."""
        self._write(lambda: self._ledger.forget(rows))
        self._open.difference_update(rows)
        for row in rows:
            for key in self._keys.pop(row, ()):
                self._by_key.pop(key, None)
                if key[0] == "link":
                    self._links.get(key[1], set()).discard(row)

    def _write(self, work: Callable[[], None]) -> None:
        try:
            work()
        except RunError as error:
            self.trouble.append(str(error))

    def forget_all(self) -> None:
        """Nothing of this session exists any more."""
        self.forget(sorted(self._open))
