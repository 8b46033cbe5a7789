"""Sessions for the tests of this folder: opened as root or rootless, closed whatever happens."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from nepi.execution.ledger import Ledger, Row
from nepi.hosts.namespace import NamespaceSession, VethEnd
from nepi.hosts.namespace_host import NamespaceHost

T = TypeVar("T")

# As root both kinds can be tried; an ordinary user has the second only.
RIGHTS = ("root", "rootless") if os.geteuid() == 0 else ("rootless",)
SOURCE = Path(__file__).parents[2] / "src"
DEADLINE_S = 60.0


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, within a bounded time."""

    async def bounded() -> T:
        async with asyncio.timeout(DEADLINE_S):
            return await coroutine

    return asyncio.run(bounded())


def rows(run_dir: Path) -> list[Row]:
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        return ledger.rows()


def _make(run_dir: Path) -> None:
    run_dir.mkdir(exist_ok=True)


@asynccontextmanager
async def session_in(run_dir: Path, rights: str = RIGHTS[0]) -> AsyncGenerator[NamespaceSession]:
    """A session that is closed at the end, and then has left no row."""
    _make(run_dir)
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        session = await NamespaceSession.open(run_dir, ledger, rootless=rights == "rootless")
        try:
            yield session
        finally:
            await session.close()
            left = ledger.rows()
            log = _log(run_dir)
        assert left == []
        assert log == ""


def _log(run_dir: Path) -> str:
    return (run_dir / "agent.log").read_text()


async def star(session: NamespaceSession, count: int) -> list[NamespaceHost]:
    """Hosts n1, n2, ... on a switch, 10.0.0.1/16 and fd00::1/64, ..."""
    made = await asyncio.gather(session.switch("s"), *(session.node(f"n{n}") for n in range(1, count + 1)))
    await asyncio.gather(
        *(
            session.veth(VethEnd(f"n{n}", "eth0", addresses=(f"10.0.{n >> 8}.{n & 255}/16", f"fd00::{n:x}/64")), VethEnd("s"))
            for n in range(1, count + 1)
        )
    )
    return [host for host in made if host is not None]


async def until(true: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that tells nobody; `run` bounds the time."""
    while True:
        answer = true()
        if answer if isinstance(answer, bool) else await answer:
            return
        await asyncio.sleep(0.005)


@cache
def python_for_anybody() -> str | None:
    """An interpreter that `nobody` may execute (pyenv and venvs often lie in a closed home), 3.11 or later."""
    for program in (sys.executable, "/usr/bin/python3", shutil.which("python3.11"), shutil.which("python3.12")):
        if program is None:
            continue
        check = "import sys; sys.exit(sys.version_info < (3, 11))"
        try:
            tried = subprocess.run([*as_nobody(), program, "-I", "-S", "-c", check], capture_output=True, check=False)
        except OSError:
            continue
        again = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-I', '-S', '-c', '']))"
        if (
            tried.returncode == 0
            and subprocess.run([*as_nobody(), program, "-I", "-S", "-c", again], capture_output=True, check=False).returncode == 0
        ):
            return program
    return None


def as_nobody() -> list[str]:
    """Start of a command line that runs as an ordinary user without any capability."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
