"""Garbage collection that waits: in the middle of a large batch it would look at every resource and find nothing."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Pauses:
    """How many pauses are in force; several threads may pause at once, and the last to leave lets collection go on."""

    lock = threading.Lock()
    count = 0
    was_enabled = False


@contextmanager
def collection_paused() -> Iterator[None]:
    """Collect no cyclic garbage meanwhile. For work that is bounded and makes none: half of the time of large runs."""
    with _Pauses.lock:
        if _Pauses.count == 0:
            _Pauses.was_enabled = gc.isenabled()
            gc.disable()
        _Pauses.count += 1
    try:
        yield
    finally:
        with _Pauses.lock:
            _Pauses.count -= 1
            if _Pauses.count == 0 and _Pauses.was_enabled:
                gc.enable()
