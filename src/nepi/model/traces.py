"""Traces: what a resource records, and the ways to ask for it."""

from __future__ import annotations

import copy


class TraceAttr:
    """What to return of a trace: all of it, one block, its path or its size."""

    ALL = "all"
    STREAM = "stream"
    PATH = "path"
    SIZE = "size"


class Trace:
    """One thing that a resource type records.

    Args:
        name: how the trace is called, and the name of its file in the run's folder.
        help: one sentence for people.
        enabled: whether it is recorded without being asked for.
    """

    __slots__ = ("_help", "_name", "enabled")

    def __init__(self, name: str, help: str, enabled: bool = False) -> None:
        self._name = name
        self._help = help
        self.enabled = enabled

    @property
    def name(self) -> str:
        """How the trace is called."""
        return self._name

    @property
    def help(self) -> str:
        """One sentence for people."""
        return self._help

    def copy(self) -> Trace:
        """Return an independent trace with the same declaration."""
        return copy.copy(self)
