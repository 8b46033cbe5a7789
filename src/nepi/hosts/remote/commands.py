"""The commands of a run on one host: started and stopped together where that is asked for together, and found again after losses."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

from nepi.errors import CommandError, ConnectError, DeadlineError, ResourceError, TraceError
from nepi.execution.ledger import Thing
from nepi.hosts.batching import Batcher
from nepi.hosts.port import Exit
from nepi.hosts.remote.asking import ask
from nepi.hosts.remote.bringing import Bringer
from nepi.hosts.remote.host_facts import HostClock
from nepi.hosts.remote.mirror import Mirror
from nepi.hosts.remote.quoting import SHELL, call, command_text, line, script, with_sudo
from nepi.hosts.remote.quoting import batch as batch_text
from nepi.hosts.remote.remote_process import RemoteProcess
from nepi.hosts.remote.transport import Transport
from nepi.hosts.remote.watcher import Watcher
from nepi.hosts.row_book import RowBook

KIND: Final = "ssh-process"
COMMANDS_AT_ONCE: Final = 64
START_DEADLINE_S: Final = 120.0
SIGNAL_DEADLINE_S: Final = 30.0
STOP_EXTRA_S: Final = 60.0
LOOK_S: Final = 0.02
"""How often `nepi_stop` on the host looks; its rounds are counted in it."""
LONGEST_WORD: Final = 131_071
"""Bytes of an argument, or of a variable with its name: Linux takes no longer ones (MAX_ARG_STRLEN in execve(2))."""
LAST_WORD_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Start:
    """A command that is to be started.

    Attributes:
        stdin: "null", "open" or the path of a file on the host.
        joined: standard error goes where standard output goes.
        identity: what its ledger row has beside the tag.
    """

    process: RemoteProcess
    env: Mapping[str, str]
    cwd: PurePosixPath
    stdin: str
    joined: bool
    identity: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return the text that becomes the command."""
        text = command_text(self.process.argv, self.env)
        return f"exec 2>&1; {text}" if self.joined else text


class Commands:
    """The commands of one run on one host.

    Attributes:
        processes: those that are known, by tag.
        trouble: what went wrong on the way and changes nothing.
        clock: how the host's clocks relate to ours; of `boot_id`.
        detaching: how commands are detached there, as `nepi_setup` has found.
    """

    def __init__(self, transport: Transport, control: PurePosixPath, token: str, rows: RowBook) -> None:
        self._transport = transport
        self._control = control
        self._token = token
        self._rows = rows
        self._bringer = Bringer(transport, control)
        self._starts: Batcher[Start, RemoteProcess] = Batcher(self._do_starts, size=COMMANDS_AT_ONCE, patience=2)
        self._stops: Batcher[tuple[RemoteProcess, float], None] = Batcher(self._do_stops, size=COMMANDS_AT_ONCE, patience=2, in_flight=4)
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._litter: list[str] = []
        self.watcher: Watcher
        self.processes: dict[str, RemoteProcess] = {}
        self.trouble: list[str] = []
        self.clock: HostClock | None = None
        self.boot_id = ""
        self.is_privileged = False
        self.detaching = "background"

    # -- starting

    def new_tag(self) -> str:
        """Return a name for a command that no other has; it ends in a dot, so that none begins as another one is called."""
        return f"{self._token}.{next(self._numbers)}."

    def number_from(self, number: int) -> None:
        """Number new commands from here on."""
        self._numbers = itertools.count(number)

    async def start(self, asked: Start) -> RemoteProcess:
        """Start a command; it is in the ledger before it executes."""
        asked.text()  # nothing goes into a batch with others that cannot be written down
        words = [*asked.process.argv, *(f"{name}={value}" for name, value in asked.env.items())]
        if max(len(word.encode("utf-8", "surrogateescape")) for word in words) > LONGEST_WORD:
            what = f"an argument or a variable has more than {LONGEST_WORD} bytes: put it into a file"
            raise CommandError(asked.process.argv[:1], None, what, resource=asked.process.node, action="start", backend="linux")
        return await self._starts.add(asked)

    async def _do_starts(self, batch: list[Start]) -> list[RemoteProcess | Exception]:
        things = [Thing(KIND, {**one.identity, "tag": one.process.tag}, one.process.owner) for one in batch]
        for one, row in zip(batch, self._rows.intend(things), strict=True):
            one.process.row = row
            one.process.is_starting = True
            self.processes[one.process.tag] = one.process
            self.is_privileged = self.is_privileged or one.process.is_privileged
        litter, self._litter = self._litter, []
        calls = [call("nepi_start", one.process.tag, str(one.cwd), one.stdin, one.text()) for one in batch]
        text = batch_text(self._control, self.detaching, calls, litter)
        # Whatever is asked for again after a loss of the connection is started once: the host knows it by its tag.
        try:
            done = await ask(self._transport, text, deadline_s=START_DEADLINE_S)
        finally:
            for one in batch:
                one.process.is_starting = False
        answers = {words[1]: words for raw in done.stdout.decode(errors="replace").splitlines() if len(words := raw.split(" ", 3)) == 4}
        trouble = done.stderr.decode(errors="replace").strip() or "the host did not say whether it has started"
        results = [self._answered(one.process, answers.get(one.process.tag), trouble) for one in batch]
        started = [result for result in results if isinstance(result, RemoteProcess)]
        self._rows.made([one.row for one in started], [{"pid": one.pid, "start_ticks": one.start_ticks} for one in started])
        self._rows.forget([one.process.row for one, result in zip(batch, results, strict=True) if isinstance(result, CommandError)])
        return results

    def _answered(self, process: RemoteProcess, words: Sequence[str] | None, trouble: str) -> RemoteProcess | Exception:
        match words:
            case ["started", _, uptime, rest]:
                pid, _, ticks = rest.partition(" ")
                self._note_start(process, uptime, pid, ticks)
                return process
            case ["failed", _, status, why]:
                self.processes.pop(process.tag, None)
                if status == "126":
                    what = f"{process.argv[0]}: no such program" if why == "no" else why
                    return CommandError(process.argv, None, what, resource=process.node, action="start", backend="linux")
                what = f"cannot start {process.argv[0]!r} on {self._transport.name}: {why}"
                return ResourceError(what, resource=process.node, action="start", backend="linux")
        what = f"cannot start {process.argv[0]!r} on {self._transport.name}: {trouble}"
        return ResourceError(what, resource=process.node, action="start", backend="linux")

    def _note_start(self, process: RemoteProcess, uptime: str, pid: str, ticks: str) -> None:
        if process.clock is None and self.clock is not None:
            process.begun(float(uptime), int(pid), int(ticks), self.clock, self.boot_id)

    # -- ends

    def take(self, words: Sequence[str]) -> None:
        """Take a line of the watcher, or one that `nepi_ends` has printed."""
        match words:
            case ["end", tag, kind, status, uptime, wrote, left, *start]:
                process = self.processes.get(tag)
                if process is None or process.exit is not None or tag in self._ending:
                    return
                if len(start) == 3:
                    self._note_start(process, *start)
                process.left_nothing = left == "empty"
                number = 128 - int(status) if kind == "signal" else int(status)
                task = asyncio.get_running_loop().create_task(self._end(process, number, float(uptime), wrote))
                self._ending[tag] = task
                task.add_done_callback(lambda _: self._ending.pop(tag, None))
            case ["runs", tag, *start] if tag in self.processes and len(start) == 3:
                self._note_start(self.processes[tag], *start)
            case ["gone", tag] if (process := self.processes.get(tag)) is not None and not self._is_known(process):
                self.lose([process], f"nobody saw how it ended on {self._transport.name}: what stood by it there was killed, too")

    async def _end(self, process: RemoteProcess, status: int, uptime_s: float, wrote: str) -> None:
        """Bring its outputs here, however often the connection is lost, then let those go on who wait for it."""
        await self._bring_whole(process, [mirror for mirror in process.mirrors if wrote in ("both", mirror.remote.suffix[1:])])
        while process.clock is None and self.clock is None:
            await self.watcher.ready.wait()
        clock = process.clock or self.clock
        assert clock is not None
        ended_at = clock.local(uptime_s)
        process.ended(Exit(status, process.started_at or ended_at, max(ended_at, process.started_at)))

    async def _bring_whole(self, process: RemoteProcess, mirrors: Sequence[Mirror]) -> None:
        while mirrors:
            try:
                await self._bringer.bring(mirrors)
            except (ConnectError, DeadlineError):
                await asyncio.sleep(LOOK_S)  # until the watcher has noticed it, too
                await self.watcher.ready.wait()
            except (ResourceError, TraceError) as error:
                self.trouble.append(f"the output of {process!r} is not whole here: {error}")
                return
            else:
                return

    def _is_known(self, process: RemoteProcess) -> bool:
        """Whether nobody need say what became of a command: it has ended, is about to have, or is only being started."""
        return process.exit is not None or process.tag in self._ending or process.is_starting

    def lose(self, processes: Sequence[RemoteProcess], reason: str) -> None:
        """These have ended and nobody saw how."""
        for process in processes:
            ending = self._ending.pop(process.tag, None)
            if ending is not None:
                ending.cancel()
            process.ended(Exit(None, process.started_at, 0.0, reason))

    def lose_all(self, reason: str) -> None:
        """None of them is known of any more."""
        self.lose([process for process in self.processes.values() if process.exit is None], reason)

    async def catch_up(self, boot_id: str, clock: HostClock) -> None:
        """Find out what became of the commands while nobody watched.

        Raises:
            ConnectError: the connection was lost again.
        """
        rebooted = bool(self.boot_id) and boot_id != self.boot_id
        before = [process for process in self.processes.values() if process.exit is None]
        told = await self._ends([process.tag for process in before]) if before else []
        if not rebooted:
            self.boot_id, self.clock = boot_id, clock
        for words in told:
            if not rebooted or words[0] == "end":
                self.take(words)
        if rebooted:
            running = [process for process in before if not self._is_known(process)]
            self.boot_id, self.clock = boot_id, clock
            self.lose(running, f"{self._transport.name} was rebooted while it ran there")

    async def _ends(self, tags: Sequence[str]) -> list[list[str]]:
        # One that is being started may not be there when the host looks, and be there when we hear of that.
        starting = {tag for tag in tags if tag in self.processes and self.processes[tag].is_starting}
        text = script(self._control, [call("nepi_ends", self._control, *tags)])
        done = await ask(self._transport, text, deadline_s=START_DEADLINE_S)
        told = [raw.split() for raw in done.stdout.decode(errors="replace").splitlines()]
        return [words for words in told if words[0] != "gone" or words[1] not in starting]

    # -- ending

    async def stop(self, process: RemoteProcess, grace_s: float) -> Exit:
        """End a command's whole tree."""
        while True:
            await self._stops.add((process, grace_s))
            try:
                async with asyncio.timeout(LAST_WORD_S):
                    return await process.wait()
            except TimeoutError:  # its end was not told: what stood by it was killed, there is much to bring, or it starts just now
                for words in await self._ends([process.tag]):
                    self.take(words)
            if process.exit is not None or process.tag in self._ending:
                return await process.wait()

    async def _do_stops(self, batch: list[tuple[RemoteProcess, float]]) -> list[None | Exception]:
        groups: dict[tuple[int, bool], list[str]] = {}
        for process, grace_s in batch:
            groups.setdefault((math.ceil(max(grace_s, 0) / LOOK_S), process.is_privileged), []).append(process.tag)
        answers = dict(
            zip(
                groups, await asyncio.gather(*(self._stop(*key, tags) for key, tags in groups.items()), return_exceptions=True), strict=True
            )
        )
        results: list[None | Exception] = []
        for process, grace_s in batch:
            left = answers[math.ceil(max(grace_s, 0) / LOOK_S), process.is_privileged]
            if isinstance(left, Exception):
                results.append(left)
            elif left:
                what = f"{process!r} and its children could not be killed: {left}"
                results.append(DeadlineError(what, resource=process.node, action="stop", backend="linux"))
            else:
                results.append(None)
        return results

    async def _stop(self, rounds: int, is_privileged: bool, tags: Sequence[str]) -> str:
        text = script(self._control, [call("nepi_stop", self._control, rounds, *tags)])
        command = with_sudo(SHELL) if is_privileged else SHELL
        # A busy host takes longer for a round than what it waits in it.
        done = await ask(self._transport, text, deadline_s=10 * rounds * LOOK_S + STOP_EXTRA_S, command=command)
        answer = done.stdout.decode(errors="replace").strip()
        if not answer.startswith("left"):
            return done.stderr.decode(errors="replace").strip() or "the host did not answer"
        return answer.removeprefix("left").strip()

    async def signal(self, process: RemoteProcess, number: int) -> None:
        """Send a signal to a command."""
        text = script(self._control, [call("nepi_signal", process.pid, process.start_ticks, number)])
        command = with_sudo(SHELL) if process.is_privileged else SHELL
        done = await self._transport.run(command, stdin=text, deadline_s=SIGNAL_DEADLINE_S)
        if b"refused" in done.stdout:
            raise ResourceError(f"signal {number} to {process!r} is not permitted", resource=process.node, action="signal", backend="linux")

    async def write_stdin(self, process: RemoteProcess, data: bytes, eof: bool) -> str:
        """Write to a command's standard input; return why not, or ""."""
        command = line(self._control, call("nepi_write", self._control, process.tag, "eof" if eof else "more"))
        done = await self._transport.run(command, stdin=data)
        answer = done.stdout.decode(errors="replace").strip()
        return "" if answer == "written" else answer or done.stderr.decode(errors="replace").strip() or "the host did not answer"

    def forget(self, process: RemoteProcess) -> None:
        """Nothing of a command that has ended is needed any more."""
        self.processes.pop(process.tag, None)
        self._rows.forget([process.row])
        base = str(self._control / "commands" / process.tag)
        self._litter += [f"{base}.{name}" for name in ("exit", "pid", "out", "err", "said", "input")]

    # -- outputs

    async def bring(self, process: RemoteProcess) -> None:
        """Bring a command's outputs here as far as they are."""
        await self.bring_files(process.mirrors)

    async def bring_files(self, mirrors: Sequence[Mirror]) -> None:
        """Bring files here as far as they are. Raises what `Bringer.bring` does."""
        await self._bringer.bring(mirrors)

    def follow(self, process: RemoteProcess) -> list[int]:
        """Bring a command's outputs here as they grow; return numbers for `unfollow`."""

        def grown() -> None:
            task = asyncio.get_running_loop().create_task(self._look(process))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return [self.watcher.follow(mirror.remote.name, partial(getattr, mirror, "size"), grown) for mirror in process.mirrors]

    async def _look(self, process: RemoteProcess) -> None:
        try:
            await process.look()
        except (ResourceError, TraceError) as error:
            if not isinstance(error, ConnectError):  # what is lost with a connection is brought later
                what = f"the output of {process!r} cannot be brought while it runs: {error}"
                if what not in self.trouble:  # it is tried again whenever the output grows
                    self.trouble.append(what)

    def unfollow(self, number: int) -> None:
        """End `follow`."""
        self.watcher.unfollow(number)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = {*self._tasks, *self._ending.values()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
