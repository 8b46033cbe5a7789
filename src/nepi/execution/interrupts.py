"""Ctrl-C, TERM and HUP while an experiment runs: the first gives everything back in order, the second abandons it as it is.

`nepi run` takes them for the whole of a script (`Interrupts`); a `with` block of a program that runs by itself, for the block
(`BlockInterrupts`), if nobody else has taken them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR: Final = "\n\x1b[?25h"
_WORDS: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP (the terminal was closed)"}


class Interrupts:
    """Signals of one program.

    Args:
        tell: shows a line without waiting or printing: it is called by the signal handler.

    Attributes:
        first: the first signal that came, or None.
        running: the controllers whose runs have begun.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self.first: signal.Signals | None = None
        self.running: list[ExperimentController] = []
        self._pending = False

    @property
    def status(self) -> int:
        """The exit status of a program that was ended by the first signal."""
        return 128 + (self.first or signal.SIGINT)

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Take the signals, except those that whoever started this program wants ignored (nohup)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}
        taken = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
        for number in taken:
            signal.signal(number, self._came)
        try:
            yield
        finally:
            for number in taken:
                signal.signal(number, before[number])

    def raise_pending(self) -> None:
        """Raise KeyboardInterrupt if a signal came while something was being given back; called before anything new begins."""
        if self._pending:
            self._pending = False
            raise self._exception()

    def _came(self, number: int, frame: FrameType | None) -> None:
        if self.first is not None:
            self._abandon(number)
        self.first = signal.Signals(number)
        what = _WORDS[self.first]
        kept = any(ec.keep for ec in self.running)
        doing = "ending; everything stays up (--keep)" if kept else "giving everything back"
        self._tell(f"{what}: {doing}. Once more to abandon it.")
        if _is_releasing(frame):
            self._pending = True
            return
        for ec in self.running:
            if ec.has_run and not _is_over(ec):
                ec.abort_run(f"interrupted by {what}")
        raise self._exception()

    def _exception(self) -> BaseException:
        """Return what ends the program."""
        return KeyboardInterrupt()

    def _abandon(self, number: int) -> None:
        if sys.stderr.isatty():
            _write(SHOW_CURSOR)
        left = [ec for ec in self.running if ec.has_run and not _is_over(ec)]
        for ec in left:
            _write(f"Abandoned; what it made is still there. Give it back with: nepi gc {ec.exp_id}/{ec.run_id}\n")
        os._exit(128 + number)


class BlockInterrupts(Interrupts):
    """Signals during the `with` blocks of a program that runs by itself."""

    def __init__(self) -> None:
        super().__init__(lambda text: _write(text + "\n"))
        self._blocks = 0
        self._before: dict[signal.Signals, Any] = {}

    @classmethod
    def of_this_program(cls) -> BlockInterrupts | None:
        """Return the one that is to be told of a block, or None when signals are somebody else's affair."""
        if threading.current_thread() is not threading.main_thread():
            return None
        present = {number: signal.getsignal(number) for number in SIGNALS}
        for handler in present.values():
            owner = getattr(handler, "__self__", None)
            if isinstance(owner, cls):
                return owner
        free = (signal.SIG_DFL, signal.default_int_handler, signal.SIG_IGN)
        return cls() if all(handler in free for handler in present.values()) else None

    def enter(self, ec: ExperimentController) -> None:
        """A block begins."""
        self.running.append(ec)
        self._blocks += 1
        if self._blocks > 1:
            return
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN:  # what whoever started the program wants ignored stays so
                self._before[number] = handler
                signal.signal(number, self._came)

    def leave(self, ec: ExperimentController) -> None:
        """A block has ended, and its experiment with it."""
        self.running.remove(ec)
        self._blocks -= 1
        if self._blocks:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _exception(self) -> BaseException:
        return KeyboardInterrupt() if self.first in (None, signal.SIGINT) else SystemExit(self.status)


def _is_over(ec: ExperimentController) -> bool:
    from nepi.execution.failure import ECState

    return ec.ecstate == ECState.TERMINATED


def _is_releasing(frame: FrameType | None) -> bool:
    """Whether the interrupted code is ending a controller, which must not be torn in two."""
    from nepi.execution.ec import ExperimentController

    while frame is not None:
        if frame.f_code is ExperimentController.shutdown.__code__:
            return True
        frame = frame.f_back
    return False


def _write(text: str) -> None:
    # By write(2): a print may have been interrupted half-way by this very signal, and would refuse.
    with contextlib.suppress(OSError):
        os.write(2, text.encode("utf-8", "replace"))
