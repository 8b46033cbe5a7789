"""The process that simulates, as the controller sees it: started, asked, ended. What is inside of it is in `inside/`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import json
import re
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from nepi.errors import ConnectError, ResourceError
from nepi.execution.ledger import Ledger, Thing
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.ns3.start import cool_down

INSIDE = Path(__file__).parent / "inside" / "high_main.py"
LOG = "simulation.log"
START_DEADLINE_S = 180.0
"""The import of ns-3 takes 6 to 9 s on an idle machine, and several times that on one that is busy."""
END_DEADLINE_S = 5.0
_LINE_LIMIT = 64 * 2**20
_REASONS = (re.compile(r'msg="([^"]*)"'), re.compile(r'cond="([^"]*)"'), re.compile(r"^\w*(?:Error|Exception): (.*)$", re.MULTILINE))

Message = dict[str, Any]


def missing_wheel() -> str:
    """Return what to do when there is no ns-3 here; "" when there is. Looks for it without importing it."""
    if importlib.util.find_spec("ns") is not None:
        return ""
    return "ns-3 is not installed here: pip install 'nepi[ns3]' (a wheel for CPython 3.8 to 3.13)"


def reason_in(log: str) -> str:
    """Return what ns-3 said before it ended, out of pages of stack trace; "" when it said nothing."""
    for pattern in _REASONS:
        found = pattern.findall(log)
        if found:
            return str(found[-1])
    return ""


class SimulationChild:
    """A process with ns-3 in it. Methods are called on one event loop.

    Attributes:
        lost: done, with the reason, when it has ended without being asked to.
        on_rows: called in real time with the message of each step: rows, now, lag.
    """

    def __init__(self, process: asyncio.subprocess.Process, passing: socket.socket, far: int, log: Path, ledger: Ledger, row: int) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.on_rows: Callable[[Message], None] = lambda _message: None
        self._process = process
        self._passing = passing
        self._far = far
        self._log = log
        self._ledger = ledger
        self._row = row
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._closing = False
        self._trouble = ""
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.get_running_loop().create_task(self._read())

    @classmethod
    async def open(cls, run_dir: Path, ledger: Ledger) -> Self:
        """Start it, in the ledger before it does anything, and wait until ns-3 is there.

        Raises:
            ConnectError: there is no ns-3, or it ended while it started.
        """
        if trouble := missing_wheel():
            raise ConnectError(trouble, backend="ns3")
        cool_down()  # a process that was started ahead for simulations of the other kind would import ns-3 beside this one
        home = run_dir / "simulation"  # a folder with nothing in it: ns-3 looks through the one in which it is started
        home.mkdir(parents=True, exist_ok=True)
        (row,) = ledger.intend([Thing("process", {"run_dir": str(run_dir), "what": "ns-3"})])
        near, far = socket.socketpair()
        with far, (run_dir / LOG).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-E", "-u", str(INSIDE),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=home,
                pass_fds=(far.fileno(),), start_new_session=True, limit=_LINE_LIMIT,
            )  # fmt: skip
            number = far.fileno()
        child = cls(process, near, number, run_dir / LOG, ledger, row)
        try:
            ledger.made([row], [ProcessIdentity.of(process.pid).to_json()])
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            async with asyncio.timeout(START_DEADLINE_S):
                await child._ready
        except BaseException as error:
            child.kill()
            await child.close()
            if isinstance(error, TimeoutError):
                raise ConnectError(f"ns-3 was not imported within {START_DEADLINE_S:g} s", backend="ns3") from None
            raise
        return child

    async def ask(self, op: str, **args: Any) -> Any:
        """Ask for something and return the answer.

        Raises:
            ConnectError: it has ended.
            ResourceError: it cannot do that.
        """
        if self.lost.done():
            raise ConnectError(self.lost.result(), backend="ns3")
        number = next(self._numbers)
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "op": op, "args": args}).encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # the future says so
            await self._process.stdin.drain()
        return await future

    async def call(self, *calls: Sequence[Any]) -> list[Any]:
        """Call functions inside, in order: (name, arguments...); return what they returned."""
        answer: list[Any] = await self.ask("call", calls=[list(one) for one in calls])
        return answer

    async def pass_descriptor(self, fd: int) -> int:
        """Give it an open file; return its number there."""
        socket.send_fds(self._passing, [b"."], [fd])
        number: int = await self.ask("take_descriptor", channel=self._far)
        return number

    async def close(self) -> None:
        """End it."""
        self._closing = True
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                async with asyncio.timeout(END_DEADLINE_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
        await self._process.wait()
        await self._reading
        self._passing.close()
        self._ledger.forget([self._row])

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while (line := await self._process.stdout.readline()).endswith(b"\n"):  # else it ended in the middle of a word
                self._take(json.loads(line))
        except Exception as error:  # nobody would read on, and who asks would wait for ever
            self._trouble = f"{type(error).__name__}: {error}"
            self.kill()
        status = await self._process.wait()
        self._gone(status)

    def _take(self, message: Message) -> None:
        if "id" in message:
            future = self._asked.pop(message["id"])
            if future.done():
                return
            if "error" in message:
                future.set_exception(ResourceError(f"ns-3 refused: {message['error']}", backend="ns3"))
            else:
                future.set_result(message["result"])
        elif "ready" in message:
            if not self._ready.done():
                self._ready.set_result(None)
        else:
            self.on_rows(message)

    def _gone(self, status: int) -> None:
        said = self._trouble or reason_in(self._log.read_text(encoding="utf-8", errors="replace"))
        how = f"signal {-status}" if status < 0 else f"status {status}"
        reason = f"the simulation has ended ({how}){': ' + said if said else ''}; see {LOG} in the run's folder"
        for future in (self._ready, *self._asked.values()):
            if not future.done():
                future.set_exception(ConnectError(reason, backend="ns3"))
                future.exception()  # somebody may not wait for it any more
        self._asked.clear()
        if not self._closing and not self.lost.done():
            self.lost.set_result(reason)
