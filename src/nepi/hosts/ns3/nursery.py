"""The nursery as its controller sees it: asked for processes of simulations, told what becomes of them, kept and ended.

What it does itself, and how it is spoken to, is in `inside/forking.py`. One controller process has one at most (`Keeper`).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nepi.errors import ConnectError
from nepi.execution.process_identity import ProcessIdentity, boot_id
from nepi.hosts.ns3.epitaph import reason_of_death
from nepi.hosts.ns3.protocol import Operation
from nepi.hosts.ns3.rehearsals import low_level
from nepi.hosts.ns3.simulator import why_not

INSIDE = Path(__file__).parent / "inside" / "__main__.py"
END_DEADLINE_S = 10.0
_TAIL = 1 << 16


class NurseryGoneError(Exception):
    """It has ended, or cannot fork: another one may do better."""


class Words:
    """What a process writes on its outputs, and an empty folder to work in, with no copies of ns-3 around, which it would look for."""

    def __init__(self) -> None:
        self.file: Any = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        try:
            self.folder = tempfile.mkdtemp(prefix="nepi-ns3-")
        except OSError:
            self.file.close()
            raise

        self._last = ""

    def last(self) -> str:
        """Return the end of what it has written; after `close`, until then."""
        if not self.file.closed:
            self._last = tail(self.file)
        return self._last

    def close(self) -> None:
        """Let go of both."""
        self.last()
        self.file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def tail(file: Any) -> str:
    """Return the end of a file, as text."""
    file.seek(max(file.seek(0, 2) - _TAIL, 0))
    text: str = file.read().decode(errors="replace")
    return text


class Nursery:
    """A process that imports ns-3, or has done so, and forks.

    Args:
        argv: its command, to which the number of a descriptor is added.

    Attributes:
        has_forked: whether it was asked for a process.
        rehearses: whether it has to rehearse before it does what was asked last.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, argv: list[str]) -> None:
        self.has_forked = False
        self.rehearses = False
        self._rehearsed: set[str] = set()
        self._unrehearsed = False
        self.settings = settings()
        self.words = Words()
        self._requests, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.setblocking(False)
        try:
            with far:
                self.process = subprocess.Popen(
                    [*argv, str(far.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=self.words.file,
                    stderr=self.words.file,
                    cwd=self.words.folder,
                    env=_environment(),
                    pass_fds=(far.fileno(),),
                    start_new_session=True,
                )
        except OSError:
            self._requests.close()
            self.words.close()
            raise

    def ask(self, folder: str, fds: list[int], rehearsals: Mapping[str, list[Operation]]) -> None:
        """Ask for a process, which takes the descriptors.

        Args:
            folder: an empty one, for it to work in.
            fds: what it is told, what it says, its outputs, where is told what becomes of it.
            rehearsals: what is to be compiled ahead for those that follow; only what is new to the nursery is told.

        Raises:
            NurseryGoneError: it has ended.
            OSError: this cannot be sent.
        """
        new = [operations for name, operations in rehearsals.items() if name not in self._rehearsed]
        self._rehearsed.update(rehearsals)
        self._unrehearsed = self._unrehearsed or bool(new)
        self.rehearses = self.has_forked and self._unrehearsed
        self._unrehearsed = self._unrehearsed and not self.rehearses
        self.has_forked = True
        try:
            socket.send_fds(self._requests, [json.dumps({"folder": folder, "rehearse": new}).encode()], fds)
        except (BrokenPipeError, ConnectionError) as error:
            raise NurseryGoneError from error

    async def death(self) -> str:
        """Wait until it has ended, and return why, for people."""
        if self.is_alive():
            with contextlib.suppress(TimeoutError, ProcessLookupError):
                await _process_end(self.process.pid)
        return reason_of_death(self.process.poll(), "", self.words.last())

    def is_alive(self) -> bool:
        """Whether it runs still."""
        return self.process.poll() is None

    def leave(self) -> None:
        """Ask for nothing more: it ends when nothing that it has forked is left."""
        self._requests.close()

    def end(self) -> None:
        """Kill it, and wait for it. What it has forked goes on."""
        self.leave()
        self.process.kill()
        self.process.wait()
        self.words.close()

    def held(self) -> tuple[int, set[int]]:
        """Return the process's number, and the descriptors that are open for it."""
        return self.process.pid, {self._requests.fileno(), self.words.file.fileno()}


def settings() -> dict[str, str]:
    """Return what ns-3 takes from the environment when it is imported."""
    return {name: value for name, value in os.environ.items() if name.startswith("NS_")}


def _environment() -> dict[str, str]:
    """Return what a nursery finds in its environment: large pages, of which a fork copies few descriptions (1 ms instead of 50).

    Source: glibc manual, "Memory Allocation Tunables".
    """
    tunables = [one for one in (os.environ.get("GLIBC_TUNABLES"), "glibc.malloc.hugetlb=1") if one]
    return {**os.environ, "GLIBC_TUNABLES": ":".join(tunables)}


async def _process_end(pid: int) -> None:
    """Wait until a child has ended, which need not have been waited for; at most `END_DEADLINE_S`."""
    loop = asyncio.get_running_loop()
    handle, ended = os.pidfd_open(pid), asyncio.Event()
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(END_DEADLINE_S):
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


class Keeper:
    """Keeps one nursery for all simulations of this process. Any thread may call.

    Args:
        argv: the nursery's command; another one than the usual in tests of what goes wrong.
    """

    def __init__(self, argv: list[str] | None = None) -> None:
        self._argv = argv or [sys.executable, "-I", str(INSIDE), "--nursery"]
        self._lock = threading.Lock()
        self._kept: Nursery | None = None
        self._leaving: list[Nursery] = []
        self._rehearsals = {"low level": low_level()}
        self._may_rehearse = True

    @property
    def rehearsals(self) -> Mapping[str, list[Operation]]:
        """What is worth being compiled for all simulations."""
        with self._lock:
            return dict(self._rehearsals) if self._may_rehearse else {}

    def expect(self, name: str, operations: list[Operation]) -> None:
        """Let operations be compiled ahead for the simulations that follow; with the same name once."""
        with self._lock:
            self._rehearsals.setdefault(name, operations)

    def keep(self) -> Nursery:
        """Return the nursery; another one, if it has ended or was started with other settings of ns-3.

        Raises:
            OSError: none can be started.
        """
        with self._lock:
            kept = self._kept
            if kept is not None and (kept.settings != settings() or not kept.is_alive()):
                self._let_go()
            if self._kept is None:
                self._kept = Nursery(self._argv)
            return self._kept

    def drop(self, nursery: Nursery) -> None:
        """Use it no more. Simulations that it has forked go on, and it tells of their ends.

        After one that ended at a rehearsal there are none.
        """
        with self._lock:
            self._may_rehearse = self._may_rehearse and not nursery.rehearses
            if nursery is self._kept:
                self._let_go()

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.leave()
            self._leaving.append(self._kept)
            self._kept = None
        gone = [one for one in self._leaving if not one.is_alive()]
        self._leaving = [one for one in self._leaving if one not in gone]
        for one in gone:
            one.end()

    def cool_down(self) -> None:
        """End it if nothing was asked of it."""
        with self._lock:
            if self._kept is not None and not self._kept.has_forked:
                self._kept.end()
                self._kept = None

    def end(self) -> None:
        """End it."""
        with self._lock:
            self._let_go()
            for one in self._leaving:
                one.end()
            self._leaving = []

    def forget(self) -> None:
        """Know nothing of it, in a fork of the process that started it."""
        self._lock = threading.Lock()
        for one in [*self._leaving, *([self._kept] if self._kept else [])]:
            one.leave()
            one.process.returncode = 0  # it is not this process's child
        self._kept, self._leaving = None, []

    def held(self) -> list[tuple[int, set[int]]]:
        """Return for each nursery its process's number and the descriptors that are open for it."""
        with self._lock:
            return [one.held() for one in [*self._leaving, *([self._kept] if self._kept else [])]]


class Forked:
    """The process of a simulation, on the loop on which it was made.

    Attributes:
        identity: known once `born` has returned.
        to_it: what it is told; a binary file for writing.
        from_it: what it says; a binary file for reading.
        words: what it writes to its outputs before it is told where to.

    Raises:
        OSError: there are no descriptors left, or no room for its files.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.identity: ProcessIdentity
        self._born: asyncio.Future[None] = loop.create_future()
        self._status: asyncio.Future[int | None] = loop.create_future()
        self._handle = -1
        with contextlib.ExitStack() as opened:
            self.words = Words()
            opened.callback(self.words.close)
            told, self.to_it = (opened.enter_context(one) for one in _pipe())
            self.from_it, says = (opened.enter_context(one) for one in _pipe())
            self._told, telling = (opened.enter_context(one) for one in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            self._told.setblocking(False)
            self._opened = opened.pop_all()
        self._theirs = (told, says, self.words.file, telling)

    async def born(self, nursery: Nursery, rehearsals: Mapping[str, list[Operation]]) -> None:
        """Wait until it is there, with ns-3 in it.

        Args:
            nursery: who forks it.
            rehearsals: what is to be compiled ahead for those that follow.

        Raises:
            NurseryGoneError: the nursery has ended, or cannot fork; the argument says why if it is known.
            ConnectError: ns-3 could not be imported; the message says what to do.
            OSError: the nursery cannot be asked.
        """
        asyncio.get_running_loop().add_reader(self._told.fileno(), self._hear)
        try:
            nursery.ask(self.words.folder, [one.fileno() for one in self._theirs], rehearsals)
        finally:
            for one in self._theirs:
                if one is not self.words.file:
                    one.close()
        await asyncio.shield(self._born)

    def _hear(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self._told, _TAIL, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        message: dict[str, Any] = json.loads(data) if data else {}
        if "pid" in message and fds:
            self._handle = fds[0]
            self.identity = ProcessIdentity(message["pid"], message["start_ticks"], boot_id())
            self._born.set_result(None)
            return
        asyncio.get_running_loop().remove_reader(self._told.fileno())
        if not self._born.done():
            failed = message.get("failed")
            why = "there are no descriptors left" if "pid" in message else message.get("error", "")
            self._born.set_exception(ConnectError(why_not(failed), backend="ns3") if failed else NurseryGoneError(why))
        elif "status" in message:
            self._end(message["status"])
        else:  # the nursery has gone, and nobody else will know the status
            asyncio.get_running_loop().add_reader(self._handle, self._end, None)

    def _end(self, status: int | None) -> None:
        if not self._status.done():
            self._status.set_result(status)
        asyncio.get_running_loop().remove_reader(self._handle)

    async def ended(self) -> int | None:
        """Wait until it has ended; return its status, as `subprocess` has it, or None when that is not known."""
        return await asyncio.shield(self._status)

    def kill(self) -> None:
        """Kill it."""
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def close(self) -> None:
        """Let go of everything. If it is there still, it ends by itself, because nobody tells it anything any more."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._told.fileno())
        if self._handle >= 0:
            loop.remove_reader(self._handle)
            os.close(self._handle)
            self._handle = -1
        if self._born.done() and not self._born.cancelled():
            self._born.exception()  # it may be that nobody waited for it
        with contextlib.suppress(OSError):
            self._opened.close()


def _pipe() -> tuple[io.FileIO, io.FileIO]:
    """Return a pipe's ends, for reading and for writing."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    return io.FileIO(reading, "rb"), io.FileIO(writing, "wb")
