"""How the program that makes controllers was started: by itself, or by `nepi run` or `nepi plan`, which follow what it does."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController


class PlanOnly(BaseException):
    """Ends a script at its first deploy, because only its plan was asked for. No `except Exception` of a script catches it."""


@dataclass(slots=True)
class Invocation:
    """What the one who started the program wants of its controllers.

    Attributes:
        made: called with each controller when it is made.
        planned: called instead of deploying; what it raises (`PlanOnly`) ends the script.
        began: called with each controller when its run folder exists and before anything is created.
        keep: leave everything up at the end.
        lease: how long a run whose controller died waits for another one, None for ever.
        backend: used where the script names none, "" for none.
        verify: verify the shaped links of each deployment before anything of it starts.
        tell: called with lines on what takes long, from any thread; None when nobody wants them.
        controllers: every controller that was made, in order.
    """

    made: Callable[[ExperimentController], None] | None = None
    planned: Callable[[ExperimentController], None] | None = None
    began: Callable[[ExperimentController], None] | None = None
    keep: bool = False
    lease: str | None = None
    backend: str = ""
    verify: bool = False
    tell: Callable[[str], None] | None = None
    controllers: list[ExperimentController] = field(default_factory=list)


_current: Invocation | None = None


def current() -> Invocation | None:
    """Return the invocation that is in force, or None when a program runs by itself."""
    return _current


@contextlib.contextmanager
def invoked(invocation: Invocation) -> Iterator[Invocation]:
    """Put an invocation into force."""
    global _current
    before, _current = _current, invocation
    try:
        yield invocation
    finally:
        _current = before
