"""Garbage collection that waits: in the middle of a large batch it would look at every resource and find nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Collect no cyclic garbage meanwhile. For work that is bounded and makes none: half of the time of large runs."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
