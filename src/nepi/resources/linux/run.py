"""What the hosts of one run share: the connections, the run's folder on each of them, and the end that they have in common."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import weakref
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from nepi.execution.rundir import RunDir
from nepi.hosts.remote.reopening import way_of
from nepi.resources.linux.reach import is_local, ssh_options
from nepi.resources.linux.site import Place, Site

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.hosts.remote.ssh_transport import SshPool
    from nepi.hosts.remote.transport import Transport

KEY: Final = "linux"
RECORD: Final = "linux.json"
PINS: Final = "known_hosts"
SETTLE_S: Final = 5.0


class LinuxRun:
    """The hosts of a run. Made by `LinuxRun.of`, closed by the controller.

    Attributes:
        token: what tells the run's folders on hosts from those of any other run, also of another machine.
        trouble: what went wrong on the way and changes nothing, for the summary.
    """

    def __init__(self, ec: ExperimentController, token: str) -> None:
        self.token = token
        self.trouble: list[str] = []
        self._ec = weakref.ref(ec)
        self._folder = Path(ec.run_dir)
        self._pool: SshPool | None = None
        self._sites: dict[Hashable, asyncio.Task[Site]] = {}

    @classmethod
    async def of(cls, ec: ExperimentController) -> Self:
        """Return what the run of a controller shares, opened by the first who asks."""

        async def open_() -> Self:
            return cls(ec, _token(Path(ec.run_dir)))

        return await ec.session(KEY, open_)

    @property
    def pins(self) -> Path:
        """Where keys of hosts are kept that were trusted on first use."""
        return self._folder / PINS

    async def site(self, values: Mapping[str, Any], name: str) -> Site:
        """Return the run's place on the host that a node's attributes speak of; nodes with the same host share it.

        Raises:
            ConnectError: it cannot be reached, or is not the host that it should be.
        """
        options = None if is_local(values) else ssh_options(values, self.pins)
        key = options, values.get("home")
        task = self._sites.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._sites[key] = asyncio.get_running_loop().create_task(self._open(options, values, name))
        return await asyncio.shield(task)

    async def _open(self, options: Any, values: Mapping[str, Any], name: str) -> Site:
        ec = self._ec()
        assert ec is not None
        transport = self._transport(options, name)
        way = way_of(options)
        try:
            place = Place(values.get("home"), f"{ec.run_id}-{self.token}", self._word_for(way, values.get("home")))
            return await Site.open(ec, name, transport, way, place, resume=ec.is_attached)
        except BaseException:
            await transport.close()
            raise

    def _word_for(self, way: dict[str, Any], home: str | None) -> str:
        """Return what tells the run's folder by this way from that by another: both may lead to the same folder of the same machine."""
        return hashlib.sha256(f"{self.token} {home or ''} {json.dumps(way, sort_keys=True)}".encode()).hexdigest()[:4]

    def _transport(self, options: Any, name: str) -> Transport:
        if options is None:
            from nepi.hosts.remote.local_transport import LocalTransport

            return LocalTransport(name)
        from nepi.hosts.remote.ssh_transport import SshPool

        if self._pool is None:
            self._pool = SshPool()
        return self._pool.transport(name, options)

    def _opened(self) -> list[Site]:
        done = [task for task in self._sites.values() if task.done() and not task.cancelled() and task.exception() is None]
        return [task.result() for task in done]

    async def close(self) -> None:
        """Take away what is left on the hosts, and close the connections.

        Raises:
            ResourceError: something could not be taken away; it stays in the ledger.
        """
        await self._settle()
        answers = await asyncio.gather(*(site.close() for site in self._opened()), return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def _settle(self) -> None:
        """Let what is being opened come to its end, so that it can be closed; a host that does not answer is given up."""
        opening = {task for task in self._sites.values() if not task.done()}
        if opening:
            _, slow = await asyncio.wait(opening, timeout=SETTLE_S)
            for task in slow:
                task.cancel()
            if slow:
                await asyncio.wait(slow)

    async def detach(self) -> None:
        """Leave everything on the hosts as it is, and disconnect."""
        await self._settle()
        await asyncio.gather(*(site.detach() for site in self._opened()))
        if self._pool is not None:
            await self._pool.close()


def _token(folder: Path) -> str:
    """Return the run's token; an earlier controller of the run may have chosen it."""
    path = folder / RECORD
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["token"])
    except FileNotFoundError:
        token = secrets.token_hex(4)
        RunDir(folder).write_json(path, {"token": token})
        return token
