"""The journal of a run: every event and every decision, one line for each batch, written before anything is acted upon.

The format is documented in docs/reference/journal.md. "Written" means that write(2) has returned, which survives the death of this process.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

from nepi.engine.codec import event_record, instruction_record
from nepi.engine.events import Event, Instruction
from nepi.errors import RunError

FORMAT: Final = 1
NAME: Final = "journal.jsonl"
_decode = json.JSONDecoder().raw_decode  # much of a long replay is this: `loads` looks for white space, too
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_BLOCK: Final = 65_536
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Journal:
    """Appends to a run's journal.

    Args:
        path: the file; it must not exist yet.
        header: facts about the run for the first line.
        make_room: called when the disk is full; returns whether it is worth trying again.
    """

    def __init__(self, path: Path, header: dict[str, Any], make_room: Callable[[], bool] = lambda: False) -> None:
        self._open(path, os.O_CREAT | os.O_EXCL, make_room)
        self._write({"journal": FORMAT, **header})

    def _open(self, path: Path, flags: int, make_room: Callable[[], bool]) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | flags, 0o644)
        self._size = os.fstat(self._fd).st_size
        self._count = 0
        self._make_room = make_room

    @classmethod
    def reopen(cls, path: Path, count: int, make_room: Callable[[], bool] = lambda: False) -> Self:
        """Go on with the journal of a controller that is gone, after its `count` batches; a torn last line is cut off.

        Raises:
            RunError: it cannot be written.
        """
        journal = cls.__new__(cls)
        try:
            journal._open(path, 0, make_room)
            journal._size -= torn_bytes(path)
            os.ftruncate(journal._fd, journal._size)
        except OSError as error:
            raise RunError(f"cannot go on with the journal {path}: {error.strerror}") from error
        journal._count = count
        return journal

    def write(self, now: float, events: list[Event], decisions: list[Instruction], *, real: float | None = None) -> None:
        """Append one batch.

        Args:
            now: by the run's clock.
            events: what the engine was told.
            decisions: what it decided.
            real: the real time, where that is another.

        Raises:
            OSError: it could not be written whole; nothing may be acted upon.
        """
        self._count += 1
        line: dict[str, Any] = {"n": self._count, "t": now}  # not rounded: a replay sees the same instants, to the last bit
        if real is not None and real != now:
            line["r"] = real
        line["ev"] = [event_record(event) for event in events]
        line["do"] = [instruction_record(one) for one in decisions]
        self._write(line)

    def note(self, now: float, facts: dict[str, Any]) -> None:
        """Append what the engine need not know and somebody who attaches must.

        Raises:
            OSError: it could not be written whole.
        """
        self._write({"t": now, "note": facts})

    def close(self) -> None:
        """Close the file; harmless when it is closed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, line: dict[str, Any]) -> None:
        data = (_encode(line) + "\n").encode("utf-8", "backslashreplace")
        try:
            self._append(data)
        except OSError as error:
            if error.errno not in FULL or not self._make_room():
                raise
            self._append(data)

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)  # or the next line would begin in the middle of this one
            raise
        self._size += len(data)


def torn_bytes(path: Path) -> int:
    """Return how many bytes a journal has after its last whole line: 0, unless its writer was killed while it wrote.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = position = file.seek(0, os.SEEK_END)
        while position > 0:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            end = file.read(step).rfind(b"\n")
            if end >= 0:
                return size - (position + end + 1)
        return size


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a journal, the header first. A last line that was torn by a crash is left out.

    Raises:
        RunError: no such journal, another format, or damage in its middle.
    """
    try:
        file = path.open(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise RunError(f"cannot read the journal {path}: {error.strerror}") from error
    with file:
        for number, text in enumerate(file, 1):
            if not text.endswith("\n"):
                return
            try:
                line, end = _decode(text)
                if end != len(text) - 1:
                    raise ValueError("more than one value")
            except ValueError as error:
                raise RunError(f"{path}, line {number}: damaged: {error}") from None
            if number == 1 and line.get("journal") != FORMAT:
                raise RunError(f"{path}: journal format {line.get('journal')!r}; this version reads format {FORMAT}")
            yield line


def batches(path: Path) -> Iterator[dict[str, Any]]:
    """Yield only the batches of a journal, as `nepi.engine.replay` takes them."""
    return (line for line in read_journal(path) if "ev" in line)
