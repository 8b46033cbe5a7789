"""Carries out a plan of provisioning steps on a host."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from nepi.apps.provisioning import Command, Depend, Fetch, Put, Step
from nepi.errors import CommandError, ResourceError
from nepi.hosts.port import Completed, Host

FETCH_DEADLINE_S: Final = 60.0
LAST_LINES: Final = 10
DEPENDS_HINT: Final = "install what is missing: apt install"


@dataclass
class Provisioner:
    """Does the steps on a host that has the files of this machine; backends whose hosts have their own override `put`, `fetch`, `depend`.

    What commands print is appended to `deploy_stdout` and `deploy_stderr`.

    Attributes:
        host: where.
        cwd: the folder there that commands run in.
        outputs: the local folder that gets what they print.
        env: the path tags and the user's variables.
        deadline_s: for each command.
    """

    host: Host
    cwd: Path
    outputs: Path
    env: Mapping[str, str]
    deadline_s: float | None = None

    async def carry_out(self, steps: Iterable[Step]) -> None:
        """Do the steps, one after the other.

        Raises:
            ResourceError: a file cannot be read, downloaded or written.
            CommandError: a command failed; with the last lines of what it complained of.
            DeadlineError: a command took too long.
        """
        for step in steps:
            match step:
                case Put():
                    await self.put(step)
                case Fetch():
                    await self.fetch(step)
                case Depend():
                    await self.depend(step)
                case Command():
                    await self.run(step.attribute, step.argv)
                case _ as never:
                    assert_never(never)

    async def put(self, step: Put) -> None:
        """Bring a local file or folder there."""
        for target, data, mode in await asyncio.to_thread(_contents, step):
            await self.host.write_file(target, data, mode=mode)

    async def fetch(self, step: Fetch) -> None:
        """Download a file and bring it there."""
        await self.host.write_file(step.target, await asyncio.to_thread(_fetched, step))

    async def depend(self, step: Depend) -> None:
        """See to it that packages are there: this machine is the user's, and nothing is installed on it."""
        argv = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n", *step.packages]
        await self.run(step.attribute, argv, hint=f"{DEPENDS_HINT} {' '.join(step.packages)}")

    async def run(self, attribute: str, argv: Iterable[str], *, hint: str = "", cwd: Path | None = None) -> Completed:
        """Run a command; its failure is an error that names the attribute it comes from."""
        done = await self.host.run(list(argv), env=self.env, cwd=cwd or self.cwd, deadline_s=self.deadline_s)
        for name, data in (("deploy_stdout", done.stdout), ("deploy_stderr", done.stderr)):
            await asyncio.to_thread(_append, self.outputs / name, data)
        if done.exit.status != 0:
            words = "\n".join((done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-LAST_LINES:])
            raise CommandError(done.argv, done.exit.status, f"{words}\n{hint}" if hint else words, action=attribute)
        return done


def source_of(step: Put) -> Path:
    """Return the local file or folder that a step brings.

    Raises:
        ResourceError: there is none.
    """
    source = (step.source or Path()).expanduser().absolute()
    if not source.exists():
        raise ResourceError(f"attribute {step.attribute!r}: {source} cannot be read: No such file or directory")
    return source


def _contents(step: Put) -> list[tuple[Path, bytes, int]]:
    if step.source is None:
        return [(step.target, step.text.encode(), step.mode)]
    source = source_of(step)
    try:
        if not source.is_dir():
            return [(step.target, source.read_bytes(), step.mode | (source.stat().st_mode & 0o111))]
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        return [(step.target / path.relative_to(source), path.read_bytes(), path.stat().st_mode & 0o777) for path in files]
    except OSError as error:
        raise ResourceError(f"attribute {step.attribute!r}: {source} cannot be read: {error.strerror}") from None


def _fetched(step: Fetch) -> bytes:
    try:
        with urllib.request.urlopen(step.url, timeout=FETCH_DEADLINE_S) as answer:  # only http and https come here
            data: bytes = answer.read()
            return data
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise ResourceError(f"attribute {step.attribute!r}: {step.url} cannot be downloaded: {error}") from None


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)
