"""Files for a controller on another machine: read and written by pieces, and followed while commands write them (inotify(7))."""

from __future__ import annotations

import base64
import ctypes
import os
import struct
from collections.abc import Callable
from typing import Any

from .loop import Loop

Message = dict[str, Any]

MOST_BYTES = 1 << 20
"""Of one file in one answer: a controller that reads much asks again, and others have their turn."""
ANSWER_BYTES = 1 << 22
GATHER_S = 0.02
"""Changes within this time are told together."""
IN_MODIFY, IN_NONBLOCK, IN_CLOEXEC = 0x2, 0o4000, 0o2000000
_EVENT = struct.Struct("=iIII")


def read_pieces(asked: list[list[Any]]) -> list[Message]:
    """Return for each (path, offset) what is there from the offset on, as far as it fits, and the file's size (None: no such file)."""
    room = ANSWER_BYTES
    pieces: list[Message] = []
    for path, offset in asked:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            pieces.append({"size": None, "data": ""})
            continue
        try:
            data = os.pread(fd, min(MOST_BYTES, room), offset) if room else b""
            pieces.append({"size": os.fstat(fd).st_size, "data": base64.b64encode(data).decode()})
        finally:
            os.close(fd)
        room -= len(data)
    return pieces


def write_piece(path: str, data: str, offset: int, mode: int) -> None:
    """Write a piece of a file, making its folder; a piece at offset 0 begins the file anew."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (0 if offset else os.O_TRUNC), mode)
    try:
        rest, at = base64.b64decode(data), offset
        while rest:
            done = os.pwrite(fd, rest, at)
            rest, at = rest[done:], at + done
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


class Followed:
    """Files that commands write: `tell` gets the paths of those that have grown."""

    def __init__(self, loop: Loop, tell: Callable[[list[str]], None]) -> None:
        self._loop = loop
        self._tell = tell
        self._fd = -1
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._paths: dict[int, str] = {}
        self._watches: dict[str, int] = {}
        self._grown: dict[str, None] = {}

    def follow(self, paths: list[str]) -> None:
        """Make files that are not there yet, empty, and tell when they grow."""
        if self._fd < 0:
            self._fd = self._checked(self._libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
            self._loop.watch(self._fd, self._ready)
        for path in paths:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
            watch = self._checked(self._libc.inotify_add_watch(self._fd, path.encode(), IN_MODIFY))
            self._paths[watch], self._watches[path] = path, watch

    def leave(self, paths: list[str]) -> None:
        """Tell of them no more."""
        for path in paths:
            watch = self._watches.pop(path, None)
            if watch is not None:
                self._paths.pop(watch, None)
                self._libc.inotify_rm_watch(self._fd, watch)

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"inotify: {os.strerror(code)}")
        return result

    def _ready(self) -> None:
        data = os.read(self._fd, 1 << 16)
        first, at = not self._grown, 0
        while at < len(data):
            watch, _, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            if watch in self._paths:
                self._grown[self._paths[watch]] = None
        if first and self._grown:
            self._loop.call_later(GATHER_S, self._say)

    def _say(self) -> None:
        grown, self._grown = list(self._grown), {}
        self._tell(grown)
