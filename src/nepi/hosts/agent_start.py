"""Starting the namespace agent of a run: recorded in the ledger before it does anything.

The process may be started ahead (`warm_up`), while it is not yet certain that there will be a run: it waits for its orders, has
done nothing, and ends with whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nepi.errors import ConnectError, DeadlineError
from nepi.execution.ledger import Ledger, Thing
from nepi.execution.process_identity import ProcessIdentity

AGENT = Path(__file__).parent / "agent" / "__main__.py"
START_DEADLINE_S = 20.0


class _Starter:
    """The process of an agent that waits for its orders. It moves to another process when it makes its namespaces."""

    def __init__(self) -> None:
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        argv = [sys.executable, "-I", "-S", str(AGENT)]
        try:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words, start_new_session=True
            )
        except OSError:
            self._words.close()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.lines = _Lines(self._stdout.fileno())

    def say(self, line: str) -> None:
        """Write a line to its standard input.

        Raises:
            ConnectError: it has ended.
        """
        try:
            self._stdin.write(line.encode() + b"\n")
            self._stdin.flush()
        except OSError as error:
            raise ConnectError(f"the namespace agent could not be started: {error}{self._last_words()}", backend="netns") from error

    async def hear(self, run_dir: Path) -> dict[str, Any]:
        """Return what it says next.

        Raises:
            ConnectError: it has ended, or says that it cannot.
        """
        line = await self.lines.next()
        if not line:
            where = f"; see {run_dir}/agent.log"
            raise ConnectError(f"the namespace agent ended while starting{self._last_words() or where}", backend="netns")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            where = f"the namespace agent could not start ({answer['what']}): {answer['error']}"
            raise ConnectError(f"{where}; {_advice(answer['errno'])}", backend="netns")
        return answer

    def _last_words(self) -> str:
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        return f" ({lines[-1]})" if lines else ""

    def close(self, *, kill: bool = False) -> None:
        """Let go of it; before it has made its namespaces that ends it."""
        with contextlib.suppress(OSError):
            self._stdin.close()
        if kill:
            self._process.kill()
        self._stdout.close()
        self._words.close()
        self._process.wait()


_waiting: list[_Starter] = []


def warm_up() -> Callable[[], None]:
    """Start an agent's process ahead, for the next run to take; return what ends it if none has."""
    if not _waiting:
        with contextlib.suppress(OSError):  # the run says so when it needs one
            _waiting.append(_Starter())
    return _cool_down


def _cool_down() -> None:
    while _waiting:
        _waiting.pop().close(kill=True)


def _starter_for(run_dir: Path) -> _Starter:
    run_dir.stat()  # or it is said what is missing
    try:
        return _waiting.pop()
    except IndexError:
        return _Starter()


async def start_agent(run_dir: Path, ledger: Ledger, *, rootless: bool | None) -> tuple[int, ProcessIdentity, dict[str, Any]]:
    """Start an agent and let it go.

    Args:
        rootless: None chooses by the rights that this process has.

    Returns:
        Its ledger row, its identity, and what it says of itself.

    Raises:
        ConnectError: namespaces cannot be made here; the message says what to do.
        DeadlineError: it did not answer.
    """
    (row,) = ledger.intend([Thing("agent", {"run_dir": str(run_dir)})])
    try:
        starter = _starter_for(run_dir)
    except OSError as error:
        ledger.forget([row])
        raise ConnectError(f"the namespace agent could not be started: {error}", backend="netns") from error
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            starter.say(json.dumps({"run_dir": str(run_dir), "rootless": bool(rootless)}))
            report = await starter.hear(run_dir)
            identity = ProcessIdentity.of(report["pid"])
            ledger.made([row], [identity.to_json()])
            starter.say("go")
            features = await starter.hear(run_dir)
    except BaseException as error:
        starter.close(kill=True)  # Not yet let go: it ends by itself.
        gone = True
        for left in ledger.rows():
            if left.id == row and (known := ProcessIdentity.from_json(left.identity)) is not None:
                gone = known.kill()
        if gone:
            ledger.forget([row])
        if isinstance(error, TimeoutError):
            raise DeadlineError(
                f"the namespace agent did not start within {START_DEADLINE_S:g} s; see {run_dir}/agent.log", backend="netns"
            ) from None
        raise
    starter.close()
    return row, identity, features


class _Lines:
    """Lines from a pipe, on the loop."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._data = b""

    async def next(self) -> bytes:
        loop = asyncio.get_running_loop()
        while b"\n" not in self._data:
            ready: asyncio.Future[None] = loop.create_future()
            loop.add_reader(self._fd, lambda ready=ready: ready.done() or ready.set_result(None))  # type: ignore[misc]
            try:
                await ready
            finally:
                loop.remove_reader(self._fd)
            more = os.read(self._fd, 65536)
            if not more:
                return b""
            self._data += more
        line, _, self._data = self._data.partition(b"\n")
        return line


def _advice(code: int) -> str:
    if code in (errno.EPERM, errno.EACCES):
        return "this user may not make namespaces: run as root, or see `nepi doctor` for the setting that allows it"
    if code in (errno.ENOSPC, errno.EUSERS):
        return "the limit of namespaces is reached: raise user.max_user_namespaces and user.max_net_namespaces (sysctl)"
    return "see `nepi doctor`"
