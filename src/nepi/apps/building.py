"""Carries out a plan of provisioning steps on a host."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, assert_never

from nepi.apps.provisioning import Command, Fetch, Put, Step
from nepi.errors import CommandError, ResourceError
from nepi.hosts.port import Host

FETCH_DEADLINE_S: Final = 60.0
LAST_LINES: Final = 10
DEPENDS_HINT: Final = "install what is missing: apt install"


async def carry_out(steps: Iterable[Step], host: Host, home: Path, env: Mapping[str, str], *, deadline_s: float | None) -> None:
    """Do the steps, one after the other; what commands print is appended to `deploy_stdout` and `deploy_stderr`.

    Args:
        steps: what to do.
        host: where.
        home: the folder that commands run in, and whose local counterpart has the outputs.
        env: the path tags and the user's variables.
        deadline_s: for each command.

    Raises:
        ResourceError: a file cannot be read, downloaded or written.
        CommandError: a command failed; with the last lines of what it complained of.
        DeadlineError: a command took too long.
    """
    for step in steps:
        match step:
            case Put():
                await _put(step, host)
            case Fetch():
                await host.write_file(step.target, await asyncio.to_thread(_fetched, step))
            case Command():
                await _run(step, host, home, env, deadline_s)
            case _ as never:
                assert_never(never)


async def _put(step: Put, host: Host) -> None:
    for target, data, mode in await asyncio.to_thread(_contents, step):
        await host.write_file(target, data, mode=mode)


def _contents(step: Put) -> list[tuple[Path, bytes, int]]:
    if step.source is None:
        return [(step.target, step.text.encode(), step.mode)]
    source = step.source.expanduser()
    try:
        if not source.is_dir():
            return [(step.target, source.read_bytes(), step.mode | (source.stat().st_mode & 0o111))]
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        return [(step.target / path.relative_to(source), path.read_bytes(), path.stat().st_mode & 0o777) for path in files]
    except OSError as error:
        raise ResourceError(f"attribute {step.attribute!r}: {source.absolute()} cannot be read: {error.strerror}") from None


def _fetched(step: Fetch) -> bytes:
    try:
        with urllib.request.urlopen(step.url, timeout=FETCH_DEADLINE_S) as answer:  # only http and https come here
            data: bytes = answer.read()
            return data
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise ResourceError(f"attribute {step.attribute!r}: {step.url} cannot be downloaded: {error}") from None


async def _run(step: Command, host: Host, home: Path, env: Mapping[str, str], deadline_s: float | None) -> None:
    done = await host.run(step.argv, env=env, cwd=home, deadline_s=deadline_s)
    for name, data in (("deploy_stdout", done.stdout), ("deploy_stderr", done.stderr)):
        await asyncio.to_thread(_append, home / name, data)
    if done.exit.status:
        words = "\n".join((done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-LAST_LINES:])
        hint = f"\n{DEPENDS_HINT} {' '.join(step.argv[4:])}" if step.attribute == "depends" else ""
        raise CommandError(step.argv, done.exit.status, words + hint, action=step.attribute)


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)
