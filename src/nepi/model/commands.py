"""What is known of a command that has ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exit:
    """How and when a process ended.

    Attributes:
        status: exit status, or minus the signal's number when a signal ended it; None when nobody saw the end.
        started_at: wall-clock time of its start, seconds since the epoch.
        ended_at: wall-clock time of its end, seconds since the epoch.
        reason: why nobody saw the end, if that is known.
    """

    status: int | None
    started_at: float
    ended_at: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ran to its end, with what it wrote (bytes, as they came)."""

    argv: tuple[str, ...]
    exit: Exit
    stdout: bytes
    stderr: bytes
