"""The commands of the run: started behind a gate, watched, signalled, stopped; their exits kept."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

from .child import CommandSpec, Surroundings, run_child
from .loop import Loop
from .stdin import StandardInput
from .tree import Processes, TreeStopper

Reply = Callable[[dict[str, Any]], None]


class Command:
    """One command. `pid` is the agent's number for it, `outer_pid` the controller's.

    Attributes:
        channel: to the child, until it executes or fails.
        error: why it could not be executed, {"errno", "what"}.
        exit: what `exits.jsonl` says of it, once it has ended.
        stdin: where its standard input is written to, if it was asked for.
    """

    __slots__ = (
        "channel",
        "error",
        "executed",
        "exit",
        "heard",
        "identified",
        "outer_pid",
        "owner",
        "pid",
        "spec",
        "start_ticks",
        "started_at",
        "stdin",
    )

    def __init__(
        self, spec: CommandSpec, pid: int, channel: socket.socket | None, owner: object, error: dict[str, Any] | None = None
    ) -> None:
        self.spec = spec
        self.pid = pid
        self.channel = channel
        self.owner = owner
        self.error = error
        self.outer_pid = 0
        self.start_ticks = 0
        self.started_at = 0.0
        self.identified: Callable[[], None] | None = None
        self.executed: Callable[[], None] | None = None
        self.exit: dict[str, Any] | None = None
        self.heard = b""
        self.stdin: StandardInput | None = None

    @property
    def alive(self) -> bool:
        """Whether it was executed and has not ended."""
        return self.exit is None and self.error is None


class Commands:
    """All commands, by tag."""

    def __init__(self, loop: Loop, around: Surroundings, *, own_proc: bool, tell: Callable[[list[dict[str, Any]]], None]) -> None:
        self._loop = loop
        self._around = around
        self._tell = tell
        self._by_tag: dict[str, Command] = {}
        self._by_pid: dict[int, Command] = {}
        self._stopper = TreeStopper(loop, Processes(own_proc=own_proc))
        self._exits = os.open("exits.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._waiters: dict[str, list[Callable[[], None]]] = {}

    def get(self, tag: str) -> Command | None:
        """Return a command by its tag."""
        return self._by_tag.get(tag)

    def all(self) -> list[Command]:
        """Return every command that was executed."""
        return [command for command in self._by_tag.values() if command.error is None and command.started_at]

    def spawn(self, specs: list[tuple[CommandSpec, int, int | None]], owner: object, reply: Reply) -> Iterator[None]:
        """Fork all of `specs` up to their gates, then tell who they are.

        Args:
            specs: each with the descriptor of its node, and one that becomes its standard input, if that is no file.
        """
        results: list[dict[str, Any]] = [{} for _ in specs]
        waiting = len(specs)

        def identified(number: int, command: Command) -> None:
            nonlocal waiting
            waiting -= 1
            results[number] = command.error or {"pid": command.outer_pid, "start_ticks": command.start_ticks}
            if waiting == 0:
                reply({"results": results})

        for number, (spec, netns_fd, stdin_fd) in enumerate(specs):
            try:
                command = self._fork(spec, netns_fd, owner, stdin_fd)
            except OSError as error:
                command = Command(spec, 0, None, owner, error={"errno": error.errno, "what": "process"})
            if command.error is not None or command.outer_pid:
                identified(number, command)
            else:
                command.identified = functools.partial(identified, number, command)
            yield
        if not specs:
            reply({"results": []})

    def _fork(self, spec: CommandSpec, netns_fd: int, owner: object, stdin_fd: int | None) -> Command:
        if spec.tag in self._by_tag:
            return Command(spec, 0, None, owner, error={"errno": 0, "what": f"tag {spec.tag}: used before"})
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        reading, writing = os.pipe2(os.O_CLOEXEC) if spec.open_stdin else (None, None)
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            for fd in (reading, writing):
                if fd is not None:
                    os.close(fd)
            raise
        if pid == 0:
            run_child(spec, netns_fd, theirs, self._around, stdin_fd if reading is None else reading)
        theirs.close()
        ours.setblocking(False)
        command = self._by_tag[spec.tag] = self._by_pid[pid] = Command(spec, pid, ours, owner)
        if reading is not None and writing is not None:
            os.close(reading)
            command.stdin = StandardInput(self._loop, writing)
        self._loop.watch(ours.fileno(), lambda: self._listen(command))
        return command

    def _listen(self, command: Command, *, ended: bool = False) -> None:
        """Take what the child says on its channel; `ended` when it can say no more."""
        channel = command.channel
        if channel is None:
            return
        closed = ended
        try:
            while data := channel.recv(4096):
                command.heard += data
            closed = True
        except BlockingIOError:
            pass
        except OSError:
            closed = True
        *lines, command.heard = command.heard.split(b"\n")
        for line in lines:
            word, first, rest = line.decode(errors="replace").split(" ", 2)
            if word == "I":
                command.outer_pid, command.start_ticks = int(first), int(rest)
                self._call(command, "identified")
            else:
                command.error = {"errno": int(first), "what": rest}
        if closed:
            self._loop.unwatch(channel.fileno())
            channel.close()
            command.channel = None
            if not command.started_at and command.error is None:
                command.error = {"errno": 0, "what": "gate closed"}
            if command.error is not None:
                self._by_tag.pop(command.spec.tag, None)
            self._call(command, "identified")
            self._call(command, "executed")

    @staticmethod
    def _call(command: Command, which: str) -> None:
        told: Callable[[], None] | None = getattr(command, which)
        if told is not None:
            setattr(command, which, None)
            told()

    def go(self, tags: list[str], reply: Reply) -> None:
        """Open the gates; reply when each command executes or has failed to."""
        results: list[dict[str, Any]] = [{} for _ in tags]
        waiting = set(range(len(tags)))

        def executed(number: int, command: Command) -> None:
            waiting.discard(number)
            results[number] = command.error or {"started_at": command.started_at}
            if not waiting:
                reply({"results": results})

        for number, tag in enumerate(tags):
            command = self._by_tag.get(tag)
            if command is None or command.channel is None:
                nobody = Command(CommandSpec(tag, "", (), "", ""), 0, None, None, error={"errno": 0, "what": "gate closed"})
                executed(number, command or nobody)
                continue
            command.started_at = time.time()
            command.executed = functools.partial(executed, number, command)
            try:
                command.channel.send(b"g")
            except OSError:
                self._listen(command, ended=True)
        if not tags:
            reply({"results": []})

    def abandon(self, owner: object) -> None:
        """A client is gone: its commands that wait at their gates must never execute."""
        for command in list(self._by_pid.values()):
            if command.owner is owner and not command.started_at:
                self._signal(command, signal.SIGKILL)

    def reap(self) -> None:
        """Take every child that has ended: commands, and orphans, whose parent the first process is."""
        news: list[dict[str, Any]] = []
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            command = self._by_pid.pop(pid, None)
            if command is None:
                continue
            if command.stdin is not None:
                command.stdin.close()
            self._listen(command, ended=True)
            if command.error is not None:
                continue
            command.exit = {
                "tag": command.spec.tag,
                "node": command.spec.node,
                "pid": command.outer_pid,
                "start_ticks": command.start_ticks,
                "status": os.waitstatus_to_exitcode(status),
                "started_at": command.started_at,
                "ended_at": time.time(),
                "user_s": usage.ru_utime,
                "system_s": usage.ru_stime,
                "max_rss_kb": usage.ru_maxrss,
            }
            news.append(command.exit)
        if news:
            self._write("".join(json.dumps(one) + "\n" for one in news).encode())
            self._tell(news)
            for one in news:
                for waiter in self._waiters.pop(one["tag"], ()):
                    waiter()

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._exits, data) :]
        except OSError as error:
            print(f"exits.jsonl: {error}", flush=True)

    def when_ended(self, tag: str, work: Callable[[], None]) -> None:
        """Call `work` when a command that is alive now has ended."""
        self._waiters.setdefault(tag, []).append(work)

    def signal(self, tag: str, number: int) -> None:
        """Send one signal to a command's own process; harmless when it has ended."""
        command = self._by_tag.get(tag)
        if command is not None and command.alive:
            self._signal(command, number)

    def _signal(self, command: Command, number: int) -> None:
        # Not reaped yet, so the number is surely still its own.
        if command.pid in self._by_pid:
            os.kill(command.pid, number)

    def stop(self, tag: str, grace_s: float, reply: Reply) -> None:
        """End a command's whole tree; reply with its exit when nothing is left (or only what cannot be killed)."""
        command = self._by_tag.get(tag)
        if command is None:
            reply({"exit": None, "left": False})
            return

        def done(gone: bool) -> None:
            if command.alive and command.pid in self._by_pid:
                self.reap()
            if command.alive and gone:
                # A process that has ended is still counted by its parent for a moment.
                self.when_ended(tag, lambda: reply({"exit": command.exit, "left": False}))
            else:
                reply({"exit": command.exit, "left": not gone})

        self._stopper.stop(tag, command.pid, grace_s, done)

    def kill_on(self, node: str, then: Callable[[], None]) -> None:
        """Kill every command of a node, then call `then`."""
        tags = [command.spec.tag for command in self._by_pid.values() if command.spec.node == node]
        left = len(tags)

        def stopped(_: dict[str, Any]) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                then()

        for tag in tags:
            self.stop(tag, 0.0, stopped)
        if not tags:
            then()
