"""Standard input that is written to while a command runs: a pipe whose end the agent holds, so that it outlives the controller."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable

from .loop import Loop

Done = Callable[[str], None]


class StandardInput:
    """The writing end of one command's standard input. Nothing blocks: what does not fit waits until the command has read."""

    __slots__ = ("_fd", "_loop", "_waiting")

    def __init__(self, loop: Loop, fd: int) -> None:
        os.set_blocking(fd, False)
        self._loop = loop
        self._fd: int | None = fd
        self._waiting: deque[tuple[bytearray, bool, Done]] = deque()

    def write(self, data: bytes, eof: bool, done: Done) -> None:
        """Write, in order; then call `done("")`, or with the reason why it cannot be written.

        Args:
            data: what the command is to read.
            eof: nothing comes after it.
            done: called once, when the pipe has taken all of it.
        """
        if self._fd is None:
            done("its standard input is closed")
            return
        self._waiting.append((bytearray(data), eof, done))
        if len(self._waiting) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._waiting and self._fd is not None:
            data, eof, done = self._waiting[0]
            try:
                while data:
                    del data[: os.write(self._fd, data)]
            except BlockingIOError:
                self._loop.watch(self._fd, self._flush, write=True)
                return
            except OSError:
                self.close("it does not read its standard input any more")
                return
            self._waiting.popleft()
            if eof:
                self.close("its standard input is closed")
            done("")
        if self._fd is not None:
            self._loop.unwatch(self._fd)

    def close(self, reason: str = "it has ended") -> None:
        """Close it; those whose data waits are told why. Harmless when closed."""
        if self._fd is not None:
            self._loop.unwatch(self._fd)
            os.close(self._fd)
            self._fd = None
        waiting, self._waiting = list(self._waiting), deque()
        for _, _, done in waiting:
            done(reason)
