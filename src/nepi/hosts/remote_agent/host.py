"""A node on another machine as a host: paths of the run's folder mean the same files there, and what commands write comes here."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from nepi.hosts.namespace_host import CommandRequest, NamespaceHost
from nepi.hosts.remote_agent.deploying import HOSTS, Machine

if TYPE_CHECKING:
    from nepi.hosts.remote_agent.session import RemoteNamespaceSession

PIECE_BYTES = 1 << 19
_REST = r"[^\s'\",;:]+"


class Paths:
    """What paths of this machine are on the other one.

    Args:
        run_dir: the run's folder here.
        remote_dir: the agent's folder there; it has a folder `files` for those of the run.
        machine: there.
    """

    def __init__(self, run_dir: Path, remote_dir: PurePosixPath, machine: Machine) -> None:
        self._here = f"{run_dir}/"
        self._there = f"{remote_dir}/files/"
        self._programs = (f"{HOSTS}/", f"{machine.agent}/")
        self._python = machine.python
        self._named = re.compile(re.escape(self._here) + _REST)
        self._named_there = re.compile(re.escape(self._there) + _REST)

    def there(self, text: str) -> str:
        """Return a text with the paths as they are there: of the run's files, of our programs, of Python."""
        if text == sys.executable:
            return self._python
        return text.replace(self._here, self._there).replace(*self._programs)

    def here(self, path: str) -> Path:
        """Return where a file of the run's is on this machine."""
        return Path(path.replace(self._there, self._here))

    def named_in(self, texts: Sequence[str]) -> list[Path]:
        """Return the files of the run's folder here that are named in texts."""
        return [Path(found) for text in texts for found in self._named.findall(text)]

    def written_there(self, texts: Sequence[str]) -> list[str]:
        """Return the paths there of files of the run's folder that are named in texts."""
        found = [path for text in texts for path in self._named_there.findall(text)]
        return [path for path in found if not self.here(path).is_dir()]

    def of_request(self, request: CommandRequest) -> CommandRequest:
        """Return a command as it is started there."""
        return replace(
            request,
            argv=tuple(self.there(one) for one in request.argv),
            cwd=self.there(request.cwd),
            stdout=self.there(request.stdout),
            stderr=self.there(request.stderr) if request.stderr else None,
            stdin=self.there(request.stdin) if request.stdin else None,
            env={name: self.there(value) for name, value in request.env.items()} if request.env else None,
        )


class RemoteNamespaceHost(NamespaceHost):
    """A node on another machine as a place where commands run."""

    _session: RemoteNamespaceSession

    def __init__(self, session: RemoteNamespaceSession, name: str, *, owner: int = 0) -> None:
        super().__init__(session, name, owner=owner)
        self._scratch = Path(session.remote_dir / "scratch" / name.replace("/", "_"))
        self._runs = session.run_dir / "runs"

    async def read_file(self, path: Path) -> bytes:
        """Return a file of the host, whole. See the port."""
        return await self._session.read_file(str(path))

    async def write_file(self, path: Path, data: bytes, *, mode: int = 0o644) -> None:
        """Write a file on the host, whole, making its folder."""
        await self._session.write_file(str(path), data, mode)


def pieces(data: bytes) -> list[tuple[int, str]]:
    """Return data cut into (offset, text) as the agent takes it; of nothing, one empty piece."""
    return [(at, base64.b64encode(data[at : at + PIECE_BYTES]).decode()) for at in range(0, len(data) or 1, PIECE_BYTES)]
