"""Looks for garbage less often while a command starts: that makes tens of thousands of objects and no garbage."""

from __future__ import annotations

import gc
from typing import Final

_NORMAL: Final = gc.get_threshold()


def relax() -> None:
    """Collect hardly ever: a tenth of the time to start."""
    gc.set_threshold(100_000)


def restore() -> None:
    """Collect as Python does by default, for a user's program."""
    gc.set_threshold(*_NORMAL)
