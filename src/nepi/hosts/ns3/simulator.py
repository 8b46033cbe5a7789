"""The asking side of a simulation process: requests, answers, events, over any pair of streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.ns3.protocol import Operation

Event = dict[str, Any]
Answer = Any
LONGEST_LINE = 1 << 28


class Writer(Protocol):
    """What of `asyncio.StreamWriter` is used."""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    def close(self) -> None:
        """Send no more."""


class Simulator:
    """One simulation in its process.

    Args:
        reader: what it says; a `StreamReader` with a limit of `LONGEST_LINE`.
        writer: what it is told.
        epitaph: awaited when it has ended, with its last event or None; returns the reason for people.

    Attributes:
        version: of ns-3, once `greeted` has returned.
        import_s: seconds that the import of ns-3 took.
        now_ns: the simulation's time as of the last event.
        lost: done, with the reason, once it has ended.
        died_doing: the request and the index of the operation in it that ended it, if it was one.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: Writer, epitaph: Callable[[Event | None], Awaitable[str]]) -> None:
        self._writer = writer
        self._epitaph = epitaph
        self._pending: dict[int, asyncio.Future[list[Any]]] = {}
        self._last_id = 0
        self._last_words: Event | None = None
        self._on_event: list[Callable[[Event], None]] = []
        loop = asyncio.get_running_loop()
        self._greeting: asyncio.Future[Event] = loop.create_future()
        self.version = ""
        self.import_s = 0.0
        self.now_ns = 0
        self.died_doing: tuple[int, int] | None = None
        self.lost: asyncio.Future[str] = loop.create_future()
        self._reading = loop.create_task(self._read(reader))

    async def greeted(self) -> None:
        """Wait until ns-3 has been imported.

        Raises:
            ConnectError: it could not be; the message says what to do.
        """
        greeting = await asyncio.shield(self._greeting)
        if greeting["event"] == "failed":
            raise ConnectError(why_not(greeting), backend="ns3")
        self.version, self.import_s = greeting["version"], greeting["import_s"]

    @property
    def now_s(self) -> float:
        """The simulation's time in seconds as of the last event."""
        return self.now_ns / 1e9

    def on_event(self, take: Callable[[Event], None]) -> None:
        """Let events be told to `take`, too, on the loop."""
        self._on_event.append(take)

    def request(self, operations: Sequence[Operation]) -> tuple[int, asyncio.Future[list[Any]]]:
        """Send operations; return the request's number, and a future of one answer for each: its value, or a `ResourceError`."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._last_id += 1
        if self.lost.done():
            future.set_exception(ConnectError(self.lost.result(), backend="ns3"))
        else:
            self._pending[self._last_id] = future
            message = json.dumps({"id": self._last_id, "ops": operations}, separators=(",", ":"))
            self._writer.write(message.encode() + b"\n")
        return self._last_id, future

    async def ask(self, *operations: Operation) -> list[Answer]:
        """Carry operations out, and return the answers.

        Raises:
            ResourceError: one was refused; those after it have been done all the same.
            ConnectError: the process has ended.
        """
        answers = await self.request(operations)[1]
        for answer in answers:
            if isinstance(answer, ResourceError):
                raise answer
        return answers

    def close(self) -> None:
        """Send no more, which ends it."""
        self._writer.close()

    async def ended(self) -> None:
        """Wait until it has said everything."""
        await asyncio.wait({self._reading})

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                if not line.endswith(b"\n"):
                    break
                self._take(json.loads(line))
        except (OSError, ValueError) as error:
            self._last_words = {"event": "fatal", "what": str(error)}
        self._end(await self._epitaph(self._last_words))

    def _take(self, message: Event) -> None:
        if "event" not in message:
            future = self._pending.pop(message["id"], None)
            if future is not None and not future.done():
                future.set_result([_answer(one) for one in message["results"]])
            return
        if message["event"] in ("hello", "failed"):
            if not self._greeting.done():
                self._greeting.set_result(message)
            return
        if message["event"] == "fatal":
            self._last_words = message
            if message["op"] >= 0:
                self.died_doing = message["id"], message["op"]
            return
        self.now_ns = max(self.now_ns, message.get("now_ns", 0))
        for take in self._on_event:
            take(message)

    def _end(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)
        if not self._greeting.done():
            self._greeting.set_result({"event": "failed", "error": reason})
        pending, self._pending = self._pending, {}
        for future in pending.values():
            if not future.done():
                future.set_exception(ConnectError(reason, backend="ns3"))


class SimulatorProcess(Protocol):
    """The process of a simulation, wherever it is.

    Attributes:
        simulator: to be asked.
    """

    simulator: Simulator

    @property
    def pid(self) -> int:
        """Its number, where it is."""

    async def close(self) -> None:
        """End it, gently, then by force; what it has written is here then."""


def _answer(result: Any) -> Any:
    return ResourceError(result["error"], backend="ns3") if isinstance(result, dict) else result[0]


def why_not(greeting: Event) -> str:
    """Return why ns-3 could not be imported, from a greeting that says so, and what to do."""
    if greeting.get("missing"):
        return f"ns-3 is not installed ({greeting['error']}): pip install 'nepi[ns3]'"
    return f"ns-3 could not be imported: {greeting['error']}"
