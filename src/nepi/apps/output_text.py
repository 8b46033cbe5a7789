"""What the parsers of tools' outputs share: bytes as text, lines with their numbers, excerpts for errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nepi.errors import TraceError

_EXCERPT_CHARS: Final = 60
_TAIL_BYTES: Final = 4096


def decode(output: bytes | str, tool: str) -> str:
    """Return a tool's output as text.

    Raises:
        TraceError: bytes that are not UTF-8; says at which offset. An incomplete last character is cut off.
    """
    if isinstance(output, str):
        return output
    try:
        return output.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data" and error.end == len(output):
            return output[: error.start].decode()
        raise TraceError(f"{tool} output: byte {error.start} ({output[error.start]:#04x}) is not text") from None


def ended_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, line) of every line that ends, split at line feeds only; a last line without its end is left out."""
    return enumerate(text.split("\n")[:-1], start=1)


def excerpt(line: str) -> str:
    """Return the start of a line, quoted, with control characters made visible."""
    return repr(line[:_EXCERPT_CHARS]) + ("..." if len(line) > _EXCERPT_CHARS else "")


def last_lines(path: Path, offset: int = 0, count: int = 10) -> str:
    """Return the last lines that a text file has from a byte offset on, 4 kB at most; "" when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - _TAIL_BYTES, min(offset, size)))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-count:])
