"""Commands that are run again and again until they are stopped, or with the time before what they print; the original's tools had that.

The loop is a fixed program of sh(1); the command's words reach it as arguments and are never part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

_ONCE: Final = 'shift; date +@%s.%N; exec "$@"'
_FOR_EVER: Final = 'pause=$1; shift; while :; do date +@%s.%N; "$@"; sleep "$pause"; done'
_AT: Final = re.compile(r"@(\d{1,12}\.\d{9})", re.ASCII)


def repeated(argv: Sequence[str], *, continuous: bool, timestamp: bool, pause_s: float = 1.0) -> list[str]:
    """Return the command line that runs a command as asked.

    Args:
        argv: the command.
        continuous: until it is stopped, whatever its exit status; each time with the time before its output.
        timestamp: print the time (a line such as "@1700000000.000000000") before the output.
        pause_s: between two runs.
    """
    if not continuous and not timestamp:
        return list(argv)
    return ["/bin/sh", "-c", _FOR_EVER if continuous else _ONCE, "sh", f"{pause_s:f}", *argv]


def runs_in(text: str) -> Iterator[tuple[float | None, str]]:
    """Yield (time, output) of each run, the time in seconds since the epoch, None when it was not printed; at least one."""
    at: float | None = None
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        match = _AT.fullmatch(line.rstrip("\n")) if line.endswith("\n") else None
        if match is None:
            lines.append(line)
            continue
        if at is not None or lines:
            yield at, "".join(lines)
        at, lines = float(match[1]), []
    yield at, "".join(lines)
