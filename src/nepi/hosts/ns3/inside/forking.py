"""The nursery: a process in which ns-3 has been imported, and which forks one for each simulation.

It has one thread, holds no simulation, and knows nothing of ns-3. Requests come over a socket of type SOCK_SEQPACKET, a message each:
`{"folder": path, "rehearse": [operations, ...]}`, with four descriptors: what the simulation is told, what it says, its standard
outputs, and a socket on which the nursery tells what becomes of it. There the first message is `{"pid": n, "start_ticks": n}`, with a
pidfd; or `{"error": text}`, when it cannot be forked; or `{"failed": greeting}`, when ns-3 could not be imported. The last is
`{"status": n}`, as `subprocess` has it.

What is to be rehearsed is done before the next process is forked, unless that is the first one: it is compiled then for all that follow.

It ends when the socket of requests does and nothing that it has forked is left, and when nobody has wanted anything for `IDLE_S`.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

IDLE_S = 900.0
DESCRIPTORS = 4
_LONGEST = 1 << 16

Message = dict[str, Any]


class Nursery:
    """Forks.

    Args:
        requests: where they come from.
        simulate: what a forked process does, with what it is told and what it says; when it returns, the process ends.
        rehearse: does operations, and leaves nothing of them but what has been compiled for them.
        failure: why ns-3 could not be imported, to be told to everybody.
    """

    def __init__(
        self,
        requests: socket.socket,
        simulate: Callable[[int, int], None],
        rehearse: Callable[[list[Any]], None],
        failure: Message | None = None,
    ) -> None:
        self._requests = requests
        self._simulate = simulate
        self._rehearse = rehearse
        self._unrehearsed: list[list[Any]] = []
        self._has_forked = False
        self._failure = failure
        self._alive: dict[int, tuple[int, socket.socket]] = {}
        """By pidfd: the pid, and the socket on which to tell of it."""

    def serve(self, idle_s: float = IDLE_S) -> None:
        """Fork for whoever asks, until nobody can any more."""
        _settle()
        wanted = True
        while wanted or self._alive:
            poll = select.poll()
            for fd in [*self._alive, *([self._requests.fileno()] if wanted else [])]:
                poll.register(fd, select.POLLIN)
            ready = poll.poll(None if self._alive else idle_s * 1000)
            wanted = wanted and (bool(ready) or bool(self._alive))
            for fd, _ in ready:
                if fd in self._alive:
                    self._reap(fd)
                else:
                    wanted = self._take()

    def _take(self) -> bool:
        """Do what is asked for next; return whether there can be more."""
        try:
            data, fds, _, _ = socket.recv_fds(self._requests, _LONGEST, DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            return False
        if not data:
            return False
        if len(fds) != DESCRIPTORS:  # there was no room for them; who asked sees that they are closed
            for fd in fds:
                os.close(fd)
            return True
        *streams, fd = fds
        telling = socket.socket(fileno=fd)
        if self._failure is not None:
            _tell(telling, {"failed": self._failure})
        elif not _is_gone(telling):
            message = json.loads(data)
            self._prepare(message["rehearse"])
            self._fork(message["folder"], streams, telling)
        if not any(telling is one for _, one in self._alive.values()):
            telling.close()
        for stream in streams:
            os.close(stream)
        return True

    def _prepare(self, rehearsals: list[list[Any]]) -> None:
        self._unrehearsed += rehearsals
        if self._has_forked and self._unrehearsed:
            for operations in self._unrehearsed:
                self._rehearse(operations)
            self._unrehearsed = []
            _settle()
        self._has_forked = True

    def _fork(self, folder: str, streams: list[int], telling: socket.socket) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            _tell(telling, {"error": str(error)})
            return
        if pid == 0:
            telling.close()
            self._become(folder, *streams)
        # It has not been waited for, so these are surely its own.
        handle = os.pidfd_open(pid)
        ticks = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
        self._alive[handle] = pid, telling
        _tell(telling, {"pid": pid, "start_ticks": int(ticks)}, handle)

    def _become(self, folder: str, told: int, says: int, words: int) -> NoReturn:
        """Be the process of a simulation: with nothing that belongs to the nursery, or to another one."""
        status = 1
        try:
            os.setsid()
            self._requests.close()
            for handle, (_, telling) in self._alive.items():
                os.close(handle)
                telling.close()
            os.dup2(words, 1)
            os.dup2(words, 2)
            os.close(words)
            os.chdir(folder)
            self._simulate(told, says)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            with suppress(OSError):  # whoever made it may be there no more, or was quicker; and something may be in it
                Path(folder).rmdir()
            os._exit(status)  # C++ takes itself apart in an order that has been seen to crash

    def _reap(self, handle: int) -> None:
        pid, telling = self._alive.pop(handle)
        os.close(handle)
        _, status = os.waitpid(pid, 0)
        _tell(telling, {"status": os.waitstatus_to_exitcode(status)})
        telling.close()


def _settle() -> None:
    """Be ready to be copied."""
    ctypes.CDLL(None).fflush(None)  # what C has not written yet would be written by each that is forked
    gc.collect()
    gc.freeze()  # the collector would touch, and so copy, every page in every process


def _tell(telling: socket.socket, message: Message, *fds: int) -> None:
    with suppress(OSError):  # who asked is not there any more
        socket.send_fds(telling, [json.dumps(message).encode()], fds, socket.MSG_NOSIGNAL)


def _is_gone(telling: socket.socket) -> bool:
    """Whether who asked does not wait for it any more."""
    poll = select.poll()
    poll.register(telling, 0)
    return bool(poll.poll(0))
