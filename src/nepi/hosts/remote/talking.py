"""A command on a host that talks with us for as long as it runs: in the ledger before it executes, and given back as all commands are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.execution.ledger import Thing
from nepi.hosts.port import Exit
from nepi.hosts.remote.asking import ask
from nepi.hosts.remote.commands import KIND
from nepi.hosts.remote.quoting import MARK, call, quote, script
from nepi.hosts.remote.transport import Stream

if TYPE_CHECKING:
    from nepi.hosts.remote.session import RemoteSession

KILL_DEADLINE_S: Final = 60.0


class Talk:
    """Such a command. It ends with the connection, unlike others: nobody would hear it any more.

    Its environment has the mark by which `host.sh` finds all that a command has started, so the row alone is enough to end it.

    Attributes:
        tag: its name in the run.
    """

    def __init__(self, session: RemoteSession, tag: str, row: int, stream: Stream) -> None:
        self._session = session
        self._row = row
        self._stream = stream
        self._is_closed = False
        self._exit: Exit | None = None
        self.tag = tag

    @classmethod
    async def begin(
        cls, session: RemoteSession, argv: Sequence[str], *, cwd: PurePosixPath, env: Mapping[str, str], node: str, owner: int
    ) -> Talk:
        """Start one.

        Raises:
            ConnectError: the host cannot be reached.
        """
        tag = session.commands.new_tag()
        identity = {
            "control": str(session.control),
            "way": session.way,
            "host": session.transport.name,
            "node": node,
            "program": argv[0],
            "sudo": False,
            "tag": tag,
        }
        (row,) = session.rows.intend([Thing(KIND, identity, owner)])
        session.rows.know(row, ("process", tag))
        # What fails or is cancelled here may have been executed all the same: its row goes with the session's end, which kills it.
        stream = await session.transport.open(talking(argv, cwd, {**env, MARK: tag}))
        return cls(session, tag, row, stream)

    def made(self, pid: int) -> None:
        """Note its process there, once it has said which that is."""
        self._session.rows.made([self._row], [{"pid": pid}])

    def lines(self) -> AsyncIterator[bytes]:
        """Yield what it prints; see `Stream`."""
        return self._stream.lines()

    async def write(self, data: bytes) -> None:
        """Write to its standard input; see `Stream`."""
        await self._stream.write(data)

    def last_words(self) -> bytes:
        """Return the end of its standard error; see `Stream`."""
        return self._stream.last_words()

    async def hang_up(self) -> Exit | None:
        """Close its input and the channel; return how it ended, or None when that is not known. Does not wait for the host."""
        if not self._is_closed:
            self._is_closed = True
            with contextlib.suppress(ConnectError):
                self._exit = await self._stream.close()
        return self._exit

    async def close(self) -> Exit | None:
        """End it and all that it has started; return how it ended, or None when that is not known.

        When the host cannot be reached its row stays, for the end of the session.
        """
        exit_ = await self.hang_up()
        try:
            if exit_ is None or exit_.status != 0:
                await self._kill()
        except (ConnectError, DeadlineError, ResourceError) as error:
            self._session.commands.trouble.append(str(error))
        else:
            self._session.rows.forget([self._row])
        return exit_

    async def _kill(self) -> None:
        control, transport = self._session.control, self._session.transport
        done = await ask(transport, script(control, [call("nepi_stop", control, 0, self.tag)]), deadline_s=KILL_DEADLINE_S)
        left = done.stdout.decode(errors="replace").strip()
        if left != "left":
            raise ResourceError(f"{transport.name}: a command could not be ended: {left or done.stderr.decode(errors='replace').strip()}")


def talking(argv: Sequence[str], cwd: PurePosixPath, env: Mapping[str, str]) -> str:
    """Return the line of shell that becomes a command in a folder of its own.

    Args:
        argv: program and arguments.
        cwd: made when it is missing.
        env: names that a shell can export.
    """
    exports = [f"export {name}={quote(value)}" for name, value in env.items()]
    return "; ".join([*exports, f"{call('mkdir -p --', cwd)} && {call('cd --', cwd)} && {call('exec', *argv)}"])
