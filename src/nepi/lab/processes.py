"""The lab's processes: started behind a gate that opens once they are recorded, and entered by nsenter."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from nepi.errors import CommandError, DeadlineError, ResourceError
from nepi.execution.process_identity import ProcessIdentity

BACKEND: Final = "lab"
READY_DEADLINE_S: Final = 60.0
END_DEADLINE_S: Final = 10.0
CLEAN: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_GATE: Final = 'echo $$; read -r go || exit 1; exec "$@"'


class Started:
    """A process of the lab that is not a child of this one, and the pipes to it.

    It waits at its gate until `tell("go")`, and ends when this process ends before.
    """

    def __init__(self, name: str, argv: Sequence[str]) -> None:
        self.name = name
        self.argv = tuple(argv)
        # A child of this process would be seen by who started the lab and waits for children; so it is not one.
        forker = subprocess.Popen(
            ["setsid", "--fork", "sh", "-c", _GATE, "nepi-lab", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=CLEAN,
            cwd="/",
        )
        assert forker.stdin is not None
        assert forker.stdout is not None
        self._stdin: IO[bytes] = forker.stdin
        self._stdout: IO[bytes] = forker.stdout
        self._heard = b""
        forker.wait()
        self.identity = ProcessIdentity.of(int(self._line(time.monotonic() + READY_DEADLINE_S)))

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        try:
            self._stdin.write(line.encode() + b"\n")
            self._stdin.flush()
        except BrokenPipeError:
            raise self._failed([]) from None

    def await_line(self, wanted: str) -> None:
        """Wait until it says something.

        Raises:
            ResourceError: it ended before; the message has what it said instead.
            DeadlineError: it took too long.
        """
        deadline = time.monotonic() + READY_DEADLINE_S
        said: list[str] = []
        while (line := self._line(deadline)) != wanted:
            if not line:
                raise self._failed(said)
            said.append(line)

    def let_go(self) -> None:
        """Close the pipes; a tied process ends by that."""
        self._stdin.close()
        self._stdout.close()

    def _line(self, deadline: float) -> str:
        """Return the next line, or "" at the end."""
        poll = select.poll()
        poll.register(self._stdout, select.POLLIN)
        while b"\n" not in self._heard:
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise DeadlineError(f"{self.name} of the lab was not ready after {READY_DEADLINE_S:g} s", backend=BACKEND)
            data = os.read(self._stdout.fileno(), 65536)
            if not data:
                break
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode(errors="replace")

    def _failed(self, said: list[str]) -> ResourceError:
        text = "\n".join(said).strip() or "it said nothing"
        return ResourceError(f"{self.name} of the lab could not be made: {text}", resource=self.name, action="up", backend=BACKEND)


def command(argv: Sequence[str], *, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Raises:
        CommandError: it is missing, or failed and `check` is set.
    """
    try:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, errors="replace", env=CLEAN, check=False)
    except OSError as error:
        raise CommandError(argv, None, str(error), backend=BACKEND) from error
    if check and done.returncode != 0:
        raise CommandError(argv, done.returncode, done.stderr or done.stdout, backend=BACKEND)
    return done


def init_of(supervisor: ProcessIdentity) -> int | None:
    """Return the pid of the first process of a host, whose parent is on record."""
    try:
        children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return None
    return int(children[0]) if children and supervisor.is_alive() else None


def end_host(supervisor: ProcessIdentity) -> bool:
    """End a host's first process and wait until all of the host's are gone; false when that took too long."""
    init = init_of(supervisor)
    try:
        identity = ProcessIdentity.of(init) if init is not None else None
    except ProcessLookupError:
        identity = None
    # The supervisor first: its end ends the first process, too, and nothing is between the two.
    ended = supervisor.kill(END_DEADLINE_S)
    return ended and (identity is None or identity.kill(END_DEADLINE_S))


def inside(supervisor: ProcessIdentity, argv: Sequence[str], *, text: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command as root in a host, without SSH.

    Raises:
        ResourceError: the host is down.
        CommandError: it failed and `check` is set.
    """
    init = init_of(supervisor)
    if init is None:
        raise ResourceError("the host is down", backend=BACKEND)
    into = ["nsenter", f"--target={init}", "--mount", "--uts", "--net", "--pid", "--ipc", "--root"]
    return command([*into, "--", *argv], text=text, check=check)
