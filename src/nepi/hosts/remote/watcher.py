"""The watcher of a host: one stream that tells at once when a command has ended, something listens, or an output has grown.

It comes back by itself after a loss of the connection; what it missed is told by whoever owns it (`on_ready`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import PurePosixPath
from typing import Final

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.remote.host_facts import ClockSample, HostClock, clock_of, read_clock_sample
from nepi.hosts.remote.quoting import call, line
from nepi.hosts.remote.transport import Stream, Transport

CLOCK_SAMPLES: Final = 5
CLOCK_DEADLINE_S: Final = 30.0
SLOW_S: Final = 0.2
"""With round trips longer than this one sample must do: the way is long, and the others would not be better by much."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
TRIES_WITHOUT_READY: Final = 4
"""So often the host may answer and not begin to watch before it counts as gone: its folder was removed, say."""


class Watcher:
    """Watches one host of a run.

    Args:
        transport: the way there.
        control: the folder with the run's bookkeeping.
        on_line: gets the words of each line that is not the watcher's own.
        on_ready: awaited whenever it has begun to watch, with the host's boot id; what came meanwhile is kept back until then.
        on_broken: told when the host answers, but cannot be watched.

    Attributes:
        ready: set while the host is being watched and everything missed is known.
        silent_since: monotonic time since when it is not; None while it is.
        trouble: why not.
    """

    def __init__(
        self,
        transport: Transport,
        control: PurePosixPath,
        on_line: Callable[[Sequence[str]], None],
        on_ready: Callable[[str], Awaitable[None]],
        on_broken: Callable[[str], None],
    ) -> None:
        self._transport = transport
        self._control = control
        self._on_line = on_line
        self._on_ready = on_ready
        self._on_broken = on_broken
        self._stream: Stream | None = None
        self._clock: asyncio.Queue[tuple[Sequence[str], float]] = asyncio.Queue()
        self._listening: dict[str, set[asyncio.Future[None]]] = {}
        self._following: dict[int, tuple[str, Callable[[], int], Callable[[], None]]] = {}
        self._numbers = itertools.count(1)
        self._telling = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writes = asyncio.Lock()
        self.ready = asyncio.Event()
        self.silent_since: float | None = time.monotonic()
        self.trouble = ""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stop watching."""
        self.abandon()
        await asyncio.wait({self._task, *self._tasks})

    def abandon(self) -> None:
        """Stop watching without waiting for it."""
        for task in (self._task, *self._tasks):
            task.cancel()

    # -- the stream

    async def _run(self) -> None:
        pause, tries = FIRST_PAUSE_S, 0
        while True:
            try:
                began = await self._watch()
            except Exception as error:  # whatever it is, it is tried again; without this task, no end would be told any more
                self.trouble, began = _words(error), False
            else:
                tries = 0 if began else tries + 1
                self.trouble = "" if began else f"the host answers, but what watches it there ends: is {self._control} still there?"
                if tries == TRIES_WITHOUT_READY:
                    self._on_broken(self.trouble)
            pause = FIRST_PAUSE_S if began else min(pause * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)

    async def _watch(self) -> bool:
        """Watch until the connection is lost; return whether it had begun."""
        stream = await self._transport.open(line(self._control, call("nepi_watch", self._control)))
        ready: asyncio.Task[None] | None = None
        try:
            self._stream = stream
            async for raw in stream.lines():
                words = raw.decode(errors="replace").split()
                if words[:1] == ["ready"]:
                    ready = asyncio.get_running_loop().create_task(self._begin(words[1]))
                elif words:
                    self._take(words)
        finally:
            self._stream = None
            if self.ready.is_set():
                self.silent_since = time.monotonic()
            self.ready.clear()
            if ready is not None:
                ready.cancel()
                await asyncio.wait({ready})
            with contextlib.suppress(ResourceError):
                await stream.close()
        return ready is not None

    async def _begin(self, boot_id: str) -> None:
        try:
            await self._on_ready(boot_id)
        except Exception as error:  # as a rule the connection is lost again; nobody awaits this task
            self.trouble = _words(error)
            if self._stream is not None:
                with contextlib.suppress(ResourceError):
                    await self._stream.close()  # and begin anew
            return
        self._say_ports()
        for number in list(self._following):
            self._say_follow(number)
        self.silent_since = None
        self.ready.set()

    def _take(self, words: Sequence[str]) -> None:
        match words:
            case ["clock", *told]:
                self._clock.put_nowait((told, time.time()))
            case ["listening", what]:
                for future in self._listening.pop(what, ()):
                    if not future.done():
                        future.set_result(None)
            case ["grown", number] if number.isdigit():
                if (followed := self._following.get(int(number))) is not None:
                    followed[2]()
            case _:
                self._on_line(words)

    def _say(self, text: str) -> None:
        """Tell the host something; when that cannot be said now, it is said when it is watched again."""
        task = asyncio.get_running_loop().create_task(self._write(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, text: str) -> None:
        async with self._writes:
            if self._stream is not None:
                with contextlib.suppress(ConnectError):
                    await self._stream.write(f"{text}\n".encode())

    # -- what it can be asked

    async def clock(self) -> HostClock:
        """Measure how the host's clocks relate to ours.

        Raises:
            ConnectError: the connection was lost meanwhile.
        """
        samples: list[ClockSample] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOCK_DEADLINE_S):
                while len(samples) < CLOCK_SAMPLES:
                    sent_at = time.time()
                    await self._write("clock")
                    told, got_at = await self._clock.get()
                    samples.append(read_clock_sample(told, sent_at, got_at))
                    if got_at - sent_at > SLOW_S:
                        break
        return clock_of(samples)

    async def wait_listening(self, port: int, protocol: str) -> None:
        """Wait until something on the host listens on a port."""
        what = f"{protocol}:{port:04X}"
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._listening.setdefault(what, set())
        waiting.add(future)
        self._say_ports_soon()
        try:
            await future
        finally:
            waiting.discard(future)
            if not waiting and self._listening.get(what) is waiting:
                del self._listening[what]
                self._say_ports_soon()

    def _say_ports_soon(self) -> None:
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._say_ports)

    def _say_ports(self) -> None:
        self._telling = False
        self._say(f"ports {' '.join(sorted(self._listening))}")

    def follow(self, name: str, offset: Callable[[], int], on_grown: Callable[[], None]) -> int:
        """Call `on_grown` whenever an output, TAG.out or TAG.err, has more than it had; return a number for `unfollow`."""
        number = next(self._numbers)
        self._following[number] = (name, offset, on_grown)
        if self.ready.is_set():
            self._say_follow(number)
        return number

    def _say_follow(self, number: int) -> None:
        name, offset, _ = self._following[number]
        self._say(f"follow {number} {offset()} {name}")

    def unfollow(self, number: int) -> None:
        """End `follow`."""
        if self._following.pop(number, None) is not None:
            self._say(f"unfollow {number}")


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, ResourceError) else f"{type(error).__name__}: {error}"
