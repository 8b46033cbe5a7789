"""What all applications share: a command on a host, from start to end, its output as traces, its exit as a state.

Which command it is, when it counts as started and what its exit means is said by subclasses (`Application`, `Ping`, ...).
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nepi.apps.command_line import command_argv, environment
from nepi.apps.expected_status import expected_statuses
from nepi.apps.output_text import last_lines
from nepi.apps.provisioning import Folders
from nepi.errors import BadValueError, CommandError, DeadlineError, NepiError, ResourceError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.resource import ResourceManager
from nepi.execution.trace import Trace
from nepi.hosts.port import Exit, Process
from nepi.hosts.roles import HostNode
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ENDED, ResourceAction, ResourceState, ResourceState2str
from nepi.model.typespec import Check, Role
from nepi.units import format_duration

if TYPE_CHECKING:
    from nepi.execution.ledger import Row

STARTED = ResourceState.STARTED
CLOCK_STEP_S = 0.5
"""By so much the wall clock may have been set back since a start was ordered."""
TEAR_DOWN_DEADLINE_S = 30.0


def check_command(one: ResourceDescription, _peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what is wrong with attributes that every application has."""
    readers = {"env": environment, "expectedStatus": expected_statuses, "tearDown": command_argv}
    for name, reader in readers.items():
        try:
            reader(str(one.attributes.get(name, "0" if name == "expectedStatus" else "")))
        except BadValueError as error:
            yield str(error)


class CommandApplication(ResourceManager):
    """A command on a host. STARTED when it executes, FINISHED when it ends as expected, FAILED when it ends otherwise.

    Attributes:
        process: the command as its host knows it; None before the start.
        exit: how it ended; None until then.
    """

    needs: ClassVar = {HostNode: ResourceState.READY}
    role: ClassVar[Role] = "application"
    check: ClassVar[Check | None] = staticmethod(check_command)
    # Longer than the longest grace, twice, and the tear-down.
    deadlines: ClassVar = {ResourceAction.STOP: 180.0, ResourceAction.RELEASE: 180.0}
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    """Sent first when it is stopped; TERM and KILL follow."""

    env = Attribute.string(help="Variables on top of the host's: A=1 B='x y'.", flags=Flags.Design)
    splitStderr = Attribute.boolean(True, help="Keep stderr apart from stdout; else both are in stdout.", flags=Flags.Design)
    expectedStatus = Attribute.string("0", help="Exit statuses that are no failure: 0, or 0,1 or any; -9 is signal 9.", flags=Flags.Design)
    startDeadline = Attribute.duration("30s", help="Time in which it must have started; a server, in which it must accept.")
    grace = Attribute.duration("5s", help="Time that it gets to end when it is stopped, before it is killed.", range=(0, 60))
    tearDown = Attribute.string(help="Command that is run on the same host when it is released.", flags=Flags.Design)
    stdout = Trace("stdout", "Standard output.", enabled=True)
    stderr = Trace("stderr", "Standard error.", enabled=True)

    process: Process | None = None
    exit: Exit | None = None
    _found: Process | None = None
    words_offset: int = 0
    output_offset: int = 0
    """Where, in the trace stdout, begins what was written since the last start."""
    _starting: asyncio.Task[Process] | None = None
    _watching: asyncio.Task[None] | None = None
    _stopping: bool = False

    # What subclasses say.

    def argv(self) -> list[str]:
        """Return the command; an empty list when there is nothing to do."""
        raise NotImplementedError

    def tear_down_argv(self) -> list[str]:
        """Return the command that is run when it is released."""
        return command_argv(self.get("tearDown") or "")

    def variables(self) -> dict[str, str]:
        """Return the variables that the command gets on top of the host's: the path tags, and those of `env`."""
        return {**self.folders().tags(), **environment(self.get("env") or "")}

    def folders(self) -> Folders:
        """Return the folders that the path tags stand for."""
        scratch = self.peer(HostNode).host.scratch
        return Folders(Path(self.ec.run_dir), scratch, scratch / "apps" / self.name.replace("/", "_"), self.run_home)

    def stdin_file(self) -> Path | None:
        """Return the file that the command reads as its standard input."""
        return None

    def opens_stdin(self) -> bool:
        """Return whether standard input is left open, for `write_stdin`; what `stdin_file` has is then written to it first."""
        return False

    async def wait_until_started(self, host: HostNode, process: Process) -> None:
        """Wait until the application does what it is for; `startDeadline` bounds it."""

    async def conclude(self) -> None:
        """Do what takes long once the command has ended, reading large outputs, say; before `note_end`."""

    def note_end(self) -> None:
        """Note what is known now that the command has ended and will not be later; called once, before the state changes."""

    def failure_of(self, exit_: Exit) -> str:
        """Say why this end, which came by itself, is a failure; "" when it is none."""
        if exit_.status is None:
            why = exit_.reason or f"its host {self.peer(HostNode).name} is gone, and nobody saw how it ended"
            return f"{self._command()} was lost: {why}"
        statuses = expected_statuses(self.get("expectedStatus"))
        if statuses is None or exit_.status in statuses:
            return ""
        return str(CommandError(self.argv(), exit_.status, self.last_words()))

    # Life cycle.

    async def deploy(self) -> None:
        """Do what must be done on the host before the command can start; subclasses say what."""
        self.set_ready()

    @property
    def run_home(self) -> Path:
        """The folder where the command runs; every file that it writes there is a trace."""
        return self.trace_path("stdout").parent

    @property
    def there(self) -> Path:
        """The same folder on its host: another one where the host has files of its own, which `gather` brings here."""
        return self.folders().run

    async def gather(self) -> None:
        """Bring here what the command has written in `there`; hosts with files of their own do it, once it has ended or been torn down."""

    async def look(self) -> None:
        """Bring here what the command has printed so far; hosts with files of their own do it."""

    async def start(self) -> None:
        """Start the command and wait until it does what it is for."""
        self._stopping = False
        if not self.argv():
            self.set_stopped()  # as it was in the original
            return
        node = self.peer(HostNode)
        self._starting = asyncio.get_running_loop().create_task(self._execute(node))
        process = self.process = await asyncio.shield(self._starting)
        deadline_s = self.get("startDeadline")
        try:
            async with asyncio.timeout(deadline_s):
                await self.wait_until_started(node, process)
        except TimeoutError:
            await process.stop(grace_s=self.get("grace"))
            what = f"{self._command()} runs but was not ready within {format_duration(deadline_s)} (attribute startDeadline)"
            raise DeadlineError(self._with_last_words(what)) from None
        except NepiError:
            await process.stop(grace_s=self.get("grace"))
            raise
        self.set_started()
        self._watching = asyncio.get_running_loop().create_task(self._watch(process))

    async def adopt(self, rows: Sequence[Row]) -> None:
        """Take hold of the command that an earlier controller started; a start that it died over goes on with it.

        Raises:
            ResourceError: it was started, and its host does not know of it.
        """
        node = self.peer(HostNode)
        commands = node.host.processes_of(self.guid) if getattr(node, "host", None) is not None else []
        process = commands[-1] if commands else None
        in_flight = self.ec.action_in_flight(self.guid)
        if in_flight == ResourceAction.START:
            ordered = self.ec.ordered_time(self.guid)
            is_new = process is not None and ordered is not None and process.started_at >= ordered.timestamp() - CLOCK_STEP_S
            self._found = process if is_new else None
            process = self._found
        elif self.state == STARTED and process is None and in_flight is None and self.argv():
            raise ResourceError(f"nothing is known of {self._command()} on {node.name}")
        if process is not None:
            self.process = process
            self._starting = asyncio.get_running_loop().create_task(_itself(process))
            if self.state == STARTED and in_flight is None:
                self._watching = asyncio.get_running_loop().create_task(self._watch(process))
        if self.state in ENDED and self.start_time is not None:
            self.note_end()

    async def _execute(self, node: HostNode) -> Process:
        found, self._found = self._found, None
        if found is not None:
            return found
        stderr = self.trace_path("stderr") if self.get("splitStderr") else None
        stdout = self.trace_path("stdout")
        stdout.parent.mkdir(parents=True, exist_ok=True)
        self.output_offset = stdout.stat().st_size if stdout.exists() else 0
        self.words_offset = self.words_path.stat().st_size if self.words_path.exists() else 0
        first, is_open = self.stdin_file(), self.opens_stdin()
        process = await node.host.start(
            self.argv(),
            stdout=stdout,
            stderr=stderr,
            stdin=None if is_open else first,
            open_stdin=is_open,
            env=self.variables(),
            cwd=self.there,
            owner=self.guid,
        )
        if is_open and first is not None:
            await process.write_stdin(await asyncio.to_thread(first.read_bytes))
        return process

    async def write_stdin(self, data: bytes, *, eof: bool = False) -> None:
        """Write to the standard input of the command while it runs.

        Raises:
            ResourceError: it does not run, does not read any more, or its standard input was not left open.
        """
        process = self.process
        if process is None or self.state != STARTED:
            state = ResourceState2str[ResourceState(self.state)]
            what = f"{len(data)} bytes cannot be written to {self.name}: it does not run (it is {state})"
            raise ResourceError(what, resource=self.name, action="write")
        await process.write_stdin(data, eof=eof)

    async def _watch(self, process: Process) -> None:
        exit_ = await process.wait()
        if self._stopping or self.process is not process:
            return
        self.exit = exit_
        if exit_.status is not None:
            self.ec.exited(self.guid, exit_.status)
        try:
            await self.gather()
            await self.conclude()
            self.note_end()
            reason = self.failure_of(exit_)
        except Exception as error:  # of a subclass; nobody awaits this task, and without a state the run would wait for ever
            reason = f"{self._command()} ended, and how cannot be told: {type(error).__name__}: {error}"
        if reason:
            self.explain_failure(reason)
            self.fail()
        else:
            self.finish()

    async def stop(self) -> None:
        """End the command and everything that it started."""
        await self._end()
        if self.state == STARTED:
            await self.gather()
            await self.conclude()
            self.note_end()
            self.set_stopped()

    async def release(self) -> None:
        """End the command if it runs, then run `tearDown`."""
        ran_until_now = self.state == STARTED
        await self._end()
        if self.get("tearDown") and self.start_time is not None and not self._released:
            await self._tear_down()
            ran_until_now = True
        if ran_until_now:
            await self.gather()
        self.set_released()

    async def abandon(self) -> None:
        """End the command if it runs; the host that it ran on is replaced."""
        await self._end()

    @property
    def _released(self) -> bool:
        return self.state == ResourceState.RELEASED

    async def _end(self) -> None:
        self._stopping = True
        starting, self._starting = self._starting, None
        if starting is not None:
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is None:
                await self._stop_process(starting.result())
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()

    async def _stop_process(self, process: Process) -> None:
        grace_s = self.get("grace")
        if self.stop_signal != signal.SIGTERM:
            with contextlib.suppress(TimeoutError, ResourceError):
                await process.signal(self.stop_signal)
                async with asyncio.timeout(grace_s):
                    await process.wait()
        self.exit = await process.stop(grace_s=grace_s)

    async def _tear_down(self) -> None:
        argv = self.tear_down_argv()
        done = await self.peer(HostNode).host.run(argv, env=self.variables(), deadline_s=TEAR_DOWN_DEADLINE_S)
        if done.exit.status:
            raise CommandError(argv, done.exit.status, done.stderr.decode(errors="replace"))

    # Words.

    def last_words(self) -> str:
        """Return the last lines that the command wrote to standard error (or to where that goes)."""
        return last_lines(self.words_path, self.words_offset)

    @property
    def words_path(self) -> Path:
        """The file that its standard error goes to; what this run wrote begins at `words_offset`."""
        return self.trace_path("stderr" if self.get("splitStderr") else "stdout")

    def _with_last_words(self, what: str) -> str:
        words = self.last_words()
        return f"{what}:\n{words}" if words else what

    def _command(self) -> str:
        return f"command {shlex.join(self.argv())!r}"


async def _itself(process: Process) -> Process:
    """What stands for the start of a command that runs already."""
    return process
