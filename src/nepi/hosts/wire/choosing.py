"""Which engine: the compiled one where it was built, the one in Python elsewhere or when asked for."""

from __future__ import annotations

from .compiled import CompiledEngine, load
from .engine import Engine, PythonEngine
from .ring import FrameSocket

MOST_BYTES = 1 << 30
MOST_FRAMES = 400_000


def open_engine(asked: str = "") -> Engine:
    """Return an engine for the interfaces of the namespace that this process is in.

    Args:
        asked: "python", "compiled", or "" for the best that there is.

    Raises:
        OSError: no right to a packet socket, no memory, or the compiled engine was asked for and was not built.
    """
    library = None if asked == "python" else load()
    if asked == "compiled" and library is None:
        raise OSError("the compiled engine was asked for and was not built")
    frames = FrameSocket()
    return PythonEngine(frames, MOST_FRAMES) if library is None else CompiledEngine(library, frames, MOST_BYTES)
