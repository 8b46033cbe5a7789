"""The conversation: lines of JSON in, lines of JSON out, before, during and after the run, all on one thread."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

from .world import World

BLOCK = 1 << 20


class Conversation:
    """Reads requests and answers them.

    Args:
        in_fd: where requests come from.
        out_fd: where answers and events go.
    """

    def __init__(self, in_fd: int, out_fd: int) -> None:
        self._in, self._out = in_fd, out_fd
        self._rest: list[bytes] = []
        self._is_over = False
        self._doing = (ctypes.c_longlong * 2)(0, -1)
        self._serve = ctypes.CFUNCTYPE(None)(self._take)  # kept, because C++ does not
        self._world: World | None = None

    def say(self, message: dict[str, Any]) -> None:
        """Write a message."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        while data:
            data = data[os.write(self._out, data) :]

    def hold(self, world: World) -> None:
        """Answer requests until the other side has gone."""
        self._world = world
        world.nepi.Begin(self._in, self._out, ctypes.addressof(self._doing), ctypes.cast(self._serve, ctypes.c_void_p).value)
        while not self._is_over:
            self._take()
            if world.run_asked is not None:
                self.say(world.run_now())
        world.nepi.CloseFiles()  # who went without a word may read them all the same

    def _take(self) -> None:
        """Read what has come and answer the requests that are whole; while it runs, an event calls this."""
        try:
            data = os.read(self._in, BLOCK)
            if not data:
                self._end()
                return
            self._rest.append(data)
            if b"\n" not in data:
                return
            *lines, rest = b"".join(self._rest).split(b"\n")
            self._rest = [rest] if rest else []
            for line in lines:
                self._answer(json.loads(line))
        except BaseException as error:  # nothing above could take it: C++ calls this
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            self._end()

    def _answer(self, message: dict[str, Any]) -> None:
        assert self._world is not None
        results, doing, do = [], self._doing, self._world.do
        doing[0] = message["id"]
        for index, operation in enumerate(message["ops"]):
            doing[1] = index
            results.append(do(operation))
        doing[1] = -1
        self.say({"id": message["id"], "results": results})

    def _end(self) -> None:
        self._is_over = True
        if self._world is not None:
            self._world.stop()
