"""The whole error tree. Errors say who is to blame, what was done, to what, what came back, and what to try.

NepiError
├── DescriptionError            the user's, before anything runs
│   ├── UnknownTypeError        also a KeyError
│   ├── UnknownResourceError    also a KeyError
│   ├── UnknownAttributeError   also a KeyError
│   ├── UnknownTraceError       also a KeyError
│   ├── BadValueError           also a ValueError
│   ├── BadConnectionError
│   └── PlanError               several mistakes at once, in `mistakes`
├── ExperimentError             a run that did not do what was described
├── ResourceError               the world's, with resource, action and backend
│   ├── ConnectError
│   ├── CommandError            a command failed: argv, status, stderr
│   └── DeadlineError
├── TraceError                  a trace could not be read
├── RunError                    a run folder is missing, damaged or not ours
└── UsageError                  the API was called at the wrong moment or from the wrong thread

IllegalMoveError                ours: the engine was told something impossible; never caught
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class NepiError(Exception):
    """Base of everything that this package raises on purpose."""


class DescriptionError(NepiError):
    """The experiment's description is wrong; nothing was created."""

    def __str__(self) -> str:
        # KeyError, a base of some subclasses, would show the repr of the message.
        return Exception.__str__(self)


class UnknownTypeError(DescriptionError, KeyError):
    """No resource type has this name."""


class UnknownResourceError(DescriptionError, KeyError):
    """No resource of this experiment has this guid or name."""


class UnknownAttributeError(DescriptionError, KeyError):
    """The resource type has no attribute of this name."""


class UnknownTraceError(DescriptionError, KeyError):
    """The resource type has no trace of this name."""


class BadValueError(DescriptionError, ValueError):
    """A value has the wrong type, unit or range."""


class BadConnectionError(DescriptionError):
    """Two resources that cannot be connected, or a connection that is missing."""


class PlanError(DescriptionError):
    """All mistakes that planning found, at once.

    Attributes:
        mistakes: one sentence each, naming the place and what to do.
    """

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        head = "1 mistake" if count == 1 else f"{count} mistakes"
        super().__init__(f"{head} in the experiment's description:\n" + "\n".join(f"  - {m}" for m in self.mistakes))


class ExperimentError(NepiError):
    """The experiment ran and did not do what was described."""


class ResourceError(NepiError):
    """Something outside did not do what a resource manager asked for.

    Attributes:
        resource: name of the resource, or "" while unknown.
        action: what was being done ("deploy", "start", ...), or "".
        backend: whose world it was ("netns", ...), or "".
    """

    def __init__(self, message: str, *, resource: str = "", action: str = "", backend: str = "") -> None:
        super().__init__(message)
        self.resource = resource
        self.action = action
        self.backend = backend


class ConnectError(ResourceError):
    """A host, agent or service cannot be reached."""


class CommandError(ResourceError):
    """A command ended otherwise than expected.

    Attributes:
        argv: the command as it was given.
        status: exit status; negative for a signal, as in subprocess; None when it never ran.
        stderr: the last part of what it wrote to standard error.
    """

    def __init__(
        self,
        argv: Sequence[str],
        status: int | None,
        stderr: str = "",
        *,
        resource: str = "",
        action: str = "",
        backend: str = "",
    ) -> None:
        self.argv = tuple(argv)
        self.status = status
        self.stderr = stderr
        how = "could not be run" if status is None else f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        tail = stderr.strip()
        message = f"command {shlex.join(self.argv)!r} {how}" + (f":\n{tail}" if tail else "")
        super().__init__(message, resource=resource, action=action, backend=backend)


class DeadlineError(ResourceError):
    """Something did not happen in time."""


class TraceError(NepiError):
    """A trace could not be read or written."""


class RunError(NepiError):
    """A run's folder is missing, damaged, or belongs to somebody else."""


class UsageError(NepiError):
    """The API was called at the wrong moment or from the wrong thread."""


class IllegalMoveError(Exception):
    """The engine was told something that answers nothing in flight: a bug of this package."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x' or 'y'?)" for the names nearest to `word`, or ""."""
    close = get_close_matches(word, list(dict.fromkeys(known)), n=3, cutoff=0.6)
    if not close:
        return ""
    return " (did you mean " + " or ".join(repr(name) for name in close) + "?)"
