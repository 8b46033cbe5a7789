"""Reading a trace's file the way `ec.trace` promises."""

from __future__ import annotations

from pathlib import Path

from nepi.errors import TraceError
from nepi.model.traces import TraceAttr


def read_trace(path: Path, attr: str = TraceAttr.ALL, block: int = 512, offset: int = 0) -> str | int | None:
    """Return a trace's text, one block of it, its path or its size; None when there is no such file.

    Bytes that are no UTF-8 are kept: `text.encode("utf-8", "surrogateescape")` gives them back.

    Raises:
        TraceError: it cannot be read, or `attr` is none of `TraceAttr`.
    """
    try:
        if not path.exists():
            return None
        match attr:
            case TraceAttr.PATH:
                return str(path)
            case TraceAttr.SIZE:
                return path.stat().st_size
            case TraceAttr.ALL:
                return path.read_bytes().decode("utf-8", "surrogateescape")
            case TraceAttr.STREAM:
                with path.open("rb") as file:
                    file.seek(block * offset)
                    return file.read(block).decode("utf-8", "surrogateescape")
    except OSError as error:
        raise TraceError(f"cannot read trace {path}: {error.strerror}") from error
    raise TraceError(f"{attr!r} is no way to read a trace; use TraceAttr.ALL, STREAM, PATH or SIZE")
