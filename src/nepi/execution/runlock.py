"""Who may act on a run: one process at a time, the controller as long as it lives. A lock on a file in the run's folder.

A POSIX lock, because it belongs to the process alone: it ends with it however that ends, and forks of it do not have it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from pathlib import Path
from typing import Final

from nepi.errors import RunError

NAME: Final = "run.lock"
LOOK_EVERY_S: Final = 0.01
_BUSY: Final = (errno.EACCES, errno.EAGAIN)


class _Held:
    """The locks that this process holds: the kernel would give it the same one twice, and take both away when one is closed."""

    lock = threading.Lock()
    paths: Final[set[Path]] = set()


class RunLock:
    """The lock of one run, not held yet.

    Args:
        run_dir: the run's folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self.path = run_dir.resolve() / NAME
        self._fd = -1
        self._pid = 0

    def acquire(self, patience_s: float = 0.0) -> None:
        """Take the lock.

        Args:
            patience_s: how long another one may hold it still. Those who only look hold it for a moment.

        Raises:
            RunError: somebody else has it, or the file cannot be made.
        """
        deadline = time.monotonic() + patience_s
        while not self._try():
            if time.monotonic() >= deadline:
                raise RunError(f"run {self.path.parent} is being controlled by another process; one at a time may")
            time.sleep(LOOK_EVERY_S)  # the kernel has no lock with a deadline

    def wait(self) -> None:
        """Take the lock, however long somebody else has it."""
        while not self._try(blocking=True):  # held in this very process, which the kernel does not wait for
            time.sleep(LOOK_EVERY_S)

    def _try(self, *, blocking: bool = False) -> bool:
        with _Held.lock:
            if self.path in _Held.paths:
                return False
            _Held.paths.add(self.path)
        fd = -1
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.lockf(fd, fcntl.LOCK_EX if blocking else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            if fd >= 0:
                os.close(fd)
            with _Held.lock:
                _Held.paths.discard(self.path)
            if isinstance(error, OSError) and error.errno in _BUSY:
                return False
            if isinstance(error, OSError):
                raise RunError(f"cannot lock {self.path}: {error.strerror}") from error
            raise
        self._fd, self._pid = fd, os.getpid()
        return True

    def release(self) -> None:
        """Let go of it; harmless when it is not held."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError):
            os.close(fd)
        if self._pid == os.getpid():
            with _Held.lock:
                _Held.paths.discard(self.path)
