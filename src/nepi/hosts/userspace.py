"""The process that moves the frames of a run's user-space links, as a session sees it: its start, its end, what it says."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from nepi.errors import ConnectError
from nepi.hosts.namespace_host import CommandRequest, NamespaceProcess

if TYPE_CHECKING:
    from nepi.hosts.namespace import NamespaceSession

PROGRAM = Path(__file__).parent / "wire" / "__main__.py"
ENGINE_VARIABLE = "NEPI_WIRE"
SEED_VARIABLE = "NEPI_WIRE_SEED"
ENGINES = ("", "python", "compiled")
LATE_SHARE: Final = 0.001
"""As many frames may be late without a word: on every machine something else runs now and then for some milliseconds."""


@dataclass(frozen=True, slots=True)
class LinkCounters:
    """What became of the frames that left by one end of a user-space link. In the order of `nepi.hosts.wire.tally.COUNTED`.

    Attributes:
        frames_in, bytes_in: taken.
        frames_out, bytes_out: delivered at the other end, copies included.
        dropped_queue, dropped_loss: not delivered, because the queue was full (or its discipline said so), or by chance as asked.
        duplicated, corrupted, marked: doubled, changed by one bit, marked with ECN.
        missed: not moved, because the wire process could not keep up.
        late, worst_late_s: delivered more than 1 ms later than due; the most that one was late.
    """

    frames_in: int
    bytes_in: int
    frames_out: int
    bytes_out: int
    dropped_queue: int
    dropped_loss: int
    duplicated: int
    corrupted: int
    marked: int
    missed: int
    late: int
    worst_late_s: float

    @classmethod
    def of(cls, values: Sequence[int]) -> Self:
        """Return the counters from the wire process's own words."""
        return cls(*values[:-1], worst_late_s=values[-1] / 1e9)  # type: ignore[misc]  # mypy cannot count them

    def broken_promise(self) -> str | None:
        """Say how the link was pushed beyond what the wire process can do, or None when it was not, `LATE_SHARE` of its frames aside."""
        if not self.missed and self.late <= LATE_SHARE * self.frames_out:
            return None
        parts = []
        if self.missed:
            parts.append(f"{self.missed} frames were not moved")
        if self.late:
            parts.append(f"{self.late} of {self.frames_out} frames were more than 1 ms late, one of them {self.worst_late_s * 1000:.1f} ms")
        return f"pushed beyond what the user-space link can do here: {' and '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Overload:
    """The first time that the wire process could not keep its promise at an end of a link.

    Attributes:
        place, ifname: the end by which the frames left.
        counters: at that time.
    """

    place: str
    ifname: str
    counters: LinkCounters


class WireProcess:
    """The wire process of a session.

    Attributes:
        seed: of all that is left to chance on the run's user-space links. Random, unless $NEPI_WIRE_SEED has one when the process
            is started; `wire.json` in the run's folder has it.
        engine: "python", "compiled", or "" for the best that there is (or what $NEPI_WIRE says).
        says: what the process said of itself ("engine", "punctual").
        lost: done, with the reason, when the process has ended without being asked to; another one when it is started anew.
    """

    def __init__(self, session: NamespaceSession) -> None:
        self.seed = secrets.randbits(64)
        self.engine = os.environ.get(ENGINE_VARIABLE, "")
        self.says: dict[str, Any] = {}
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._session = session
        self._start: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._process: NamespaceProcess | None = None
        self._listeners: list[Callable[[Overload], None]] = []
        self._mourners: list[Callable[[str], None]] = []

    @property
    def runs(self) -> bool:
        """Whether there is such a process."""
        return self._process is not None and self._process.exit is None

    @property
    def process(self) -> NamespaceProcess | None:
        """The process, once it was started."""
        return self._process

    def seed_of(self, place: str, end: str) -> int:
        """Return the seed of what is left to chance for frames that leave a place by an interface: the same in every run with this seed."""
        digest = hashlib.sha256(f"{self.seed}/{place}/{end}".encode()).digest()
        return int.from_bytes(digest[:8], "big")

    def on_overload(self, tell: Callable[[Overload], None]) -> None:
        """Have `tell` called once for each end of a link whose frames were late or missed."""
        self._listeners.append(tell)

    def on_lost(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called with the reason each time that the process ends without being asked to."""
        self._mourners.append(tell)

    async def started(self) -> None:
        """Start it if it does not run, and wait until it is ready.

        Raises:
            ConnectError: it cannot be started.
        """
        if self._start is None or (self._process is not None and self._process.exit is not None):
            if self.lost.done():
                self.lost = asyncio.get_running_loop().create_future()
            self._process = None
            self._start = asyncio.get_running_loop().create_task(self._open())
        await asyncio.shield(self._start)

    async def settled(self) -> None:
        """Wait until it is ready if it is being started: what concerns a link goes after the request that makes it."""
        if self._start is not None and not self._start.done():
            await asyncio.wait([self._start])

    async def _open(self) -> None:
        if self.engine not in ENGINES:
            raise ConnectError(f"{ENGINE_VARIABLE} is {self.engine!r}: python or compiled, or nothing for the best", backend="netns")
        self.seed = asked_seed(self.seed)
        run_dir = self._session.run_dir
        log = str(run_dir / "wire.log")
        choice = ("--engine", self.engine) if self.engine else ()
        request = CommandRequest(
            tag=self._session.new_tag("wire"),
            node="",
            argv=(sys.executable, "-I", "-S", str(PROGRAM), *choice),
            cwd=str(run_dir),
            stdout=log,
            stderr=None,
            stdin=None,
            env=None,
            owner=0,
            wire=True,
        )
        process = await self._session.spawn(request)
        answer = await self._session.connection.request("wire_ready")
        if "error" in answer:
            words = process.stderr_tail().strip().splitlines()
            why = f"{answer['error']} ({words[-1]})" if words else answer["error"]
            raise ConnectError(f"user-space links cannot be had: {why}; see `nepi doctor`", backend="netns")
        self.says = answer
        (run_dir / "wire.json").write_text(json.dumps({"format": 1, "seed": self.seed, **answer}) + "\n")
        self._follow(process)

    async def take_up(self, process: NamespaceProcess) -> None:
        """Go on with the process that an earlier controller has started."""
        self.says = await self._session.connection.request("wire_ready")
        with contextlib.suppress(OSError, ValueError, KeyError):  # its links go on; new ones have another seed
            self.seed = json.loads((self._session.run_dir / "wire.json").read_text())["seed"]
        self._start = asyncio.get_running_loop().create_task(asyncio.sleep(0))
        self._follow(process)

    def _follow(self, process: NamespaceProcess) -> None:
        self._process = process
        self._watch = asyncio.get_running_loop().create_task(self._wait_for_end(process))

    async def _wait_for_end(self, process: NamespaceProcess) -> None:
        ended = await process.wait()
        words = process.stderr_tail().strip().splitlines()
        how = f"status {ended.status}" if ended.status is not None else "with the agent"
        if self._session.is_closing:
            return
        reason = f"the wire process, which moves the frames of user-space links, has ended ({words[-1] if words else how})"
        if not self.lost.done():
            self.lost.set_result(reason)
        for tell in self._mourners:
            tell(reason)

    def let_go(self) -> None:
        """Stop following it."""
        for task in (self._watch, self._start):
            if task is not None:
                task.cancel()

    def overloaded(self, ends: Sequence[tuple[str, str, LinkCounters]]) -> None:
        """Tell those who want to know."""
        for place, ifname, counters in ends:
            for tell in self._listeners:
                tell(Overload(place, ifname, counters))


def asked_seed(otherwise: int) -> int:
    """Return the seed that the environment asks for, if it does.

    Raises:
        ConnectError: what it asks for is no number.
    """
    text = os.environ.get(SEED_VARIABLE)
    if not text:
        return otherwise
    try:
        return int(text)
    except ValueError:
        raise ConnectError(f"{SEED_VARIABLE} is {text!r}: a whole number", backend="netns") from None
