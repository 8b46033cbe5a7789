"""Scripts that do no harm when they are executed again, and so are until one has been executed to its end."""

from __future__ import annotations

from typing import Final

from nepi.errors import ConnectError
from nepi.hosts.remote.quoting import SHELL
from nepi.hosts.remote.transport import Transport
from nepi.model.commands import Completed

TRIES: Final = 5


async def ask(transport: Transport, text: bytes, *, deadline_s: float, command: str = SHELL) -> Completed:
    """Have a script executed to its end, however often the connection is lost meanwhile.

    When a connection ends, what a command has printed until then may look like all of it: only a command whose status is known
    has said everything.

    Raises:
        ConnectError: the host cannot be reached, or the script never came to its end.
        DeadlineError: it took longer than `deadline_s`.
    """
    words = ""
    for _ in range(TRIES):
        done = await transport.run(command, stdin=text, deadline_s=deadline_s, once=False)
        if done.exit.status is not None and done.exit.status >= 0:
            return done
        words = done.stderr.decode(errors="replace").strip()
    what = f"{transport.name}: what was asked was ended there {TRIES} times before it was done"
    raise ConnectError(f"{what}: {words}" if words else what, backend="linux")
