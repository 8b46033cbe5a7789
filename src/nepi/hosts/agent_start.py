"""Starting the namespace agent of a run: recorded in the ledger before it does anything."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from nepi.errors import ConnectError, DeadlineError
from nepi.execution.ledger import Ledger, Thing
from nepi.execution.process_identity import ProcessIdentity

AGENT = Path(__file__).parent / "agent" / "__main__.py"
START_DEADLINE_S = 20.0


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
    argv = [sys.executable, "-I", "-S", str(AGENT), str(run_dir)]
    if rootless:
        argv.append("--rootless")
    try:
        starter = _popen(argv, run_dir)
    except OSError as error:
        ledger.forget([row])
        raise ConnectError(f"the namespace agent could not be started: {error}", backend="netns") from error
    assert starter.stdin is not None
    assert starter.stdout is not None
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            lines = _Lines(starter.stdout.fileno())
            report = _checked(await lines.next(), run_dir)
            identity = ProcessIdentity.of(report["pid"])
            ledger.made([row], [identity.to_json()])
            starter.stdin.write(b"go\n")
            starter.stdin.flush()
            features = _checked(await lines.next(), run_dir)
    except BaseException as error:
        starter.stdin.close()  # Not yet let go: it ends by itself.
        starter.kill()
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
    finally:
        starter.stdin.close()
        starter.stdout.close()
        starter.wait()
    return row, identity, features


def _popen(argv: list[str], run_dir: Path) -> subprocess.Popen[bytes]:
    with (run_dir / "agent.log").open("ab") as log:
        return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)


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


def _checked(line: bytes, run_dir: Path) -> dict[str, Any]:
    if not line:
        raise ConnectError(f"the namespace agent ended while starting; see {run_dir}/agent.log", backend="netns")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        where = f"the namespace agent could not start ({answer['what']}): {answer['error']}"
        raise ConnectError(f"{where}; {_advice(answer['errno'])}", backend="netns")
    return answer


def _advice(code: int) -> str:
    if code in (errno.EPERM, errno.EACCES):
        return "this user may not make namespaces: run as root, or see `nepi doctor` for the setting that allows it"
    if code in (errno.ENOSPC, errno.EUSERS):
        return "the limit of namespaces is reached: raise user.max_user_namespaces and user.max_net_namespaces (sysctl)"
    return "see `nepi doctor`"
