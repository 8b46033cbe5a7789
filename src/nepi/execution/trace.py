"""The path from which the seed's programs import traces; they live in `nepi.model.traces`."""

from nepi.model.traces import Trace, TraceAttr

__all__ = ["Trace", "TraceAttr"]
