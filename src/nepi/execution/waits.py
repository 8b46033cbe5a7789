"""What a wait returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WaitResult:
    """Whether what was waited for came true; false after an abort, a deadline or when it cannot come true any more.

    Attributes:
        ok: whether it came true.
        reason: why not, or "".
    """

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok
