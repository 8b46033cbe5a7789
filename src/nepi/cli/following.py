"""Reading a file of a run that may still grow, to its end or until the run is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

PAUSE_S: Final = 0.1
"""How often a growing file is looked at. The writers are other processes that know nothing of readers; a look costs microseconds."""
CHUNK: Final = 1 << 20


def chunks(path: Path, over: Callable[[], bool] | None = None, pause: Callable[[float], None] = time.sleep) -> Iterator[bytes]:
    """Yield the bytes of a file.

    Args:
        path: the file; while followed, it may come into being later.
        over: says whether nothing more will be written; None to stop at the present end.
        pause: waits for so many seconds.
    """
    offset = 0
    while True:
        # Asked before reading: what was written before the end is read for certain.
        last = over is None or over()
        for data in _from(path, offset):
            offset += len(data)
            yield data
        if last:
            return
        pause(PAUSE_S)


def _from(path: Path, offset: int) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        while data := file.read(CHUNK):
            yield data


def lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield whole lines, without their ends; a last one without an end is left out."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
