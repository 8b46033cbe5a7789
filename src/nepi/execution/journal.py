"""The journal of a run: every event and every decision, one line for each batch, written before anything is acted upon.

The format is documented in docs/reference/journal.md. "Written" means that write(2) has returned, which survives the death of this process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from nepi.engine.codec import event_record, instruction_record
from nepi.engine.events import Event, Instruction
from nepi.errors import RunError

FORMAT: Final = 1
NAME: Final = "journal.jsonl"
_decode = json.JSONDecoder().raw_decode  # much of a long replay is this: `loads` looks for white space, too
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Journal:
    """Appends to a run's journal.

    Args:
        path: the file; it must not exist yet.
        header: facts about the run for the first line.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._count = 0
        self._write({"journal": FORMAT, **header})

    def write(self, now: float, events: list[Event], decisions: list[Instruction]) -> None:
        """Append one batch.

        Raises:
            OSError: it could not be written whole; nothing may be acted upon.
        """
        self._count += 1
        self._write(
            {
                "n": self._count,
                "t": now,  # not rounded: a replay sees the same instants, to the last bit
                "ev": [event_record(event) for event in events],
                "do": [instruction_record(one) for one in decisions],
            }
        )

    def close(self) -> None:
        """Close the file; harmless when it is closed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, line: dict[str, Any]) -> None:
        data = memoryview((_encode(line) + "\n").encode("utf-8", "backslashreplace"))
        while data:
            data = data[os.write(self._fd, data) :]


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
