"""Sessions on this machine as a host, for the tests of this folder; closed whatever happens, and then nothing is left."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

from nepi.execution.ledger import Ledger
from nepi.hosts.remote.remote_host import RemoteHost
from nepi.hosts.remote.session import RemoteSession
from tests.hosts.remote.subprocess_transport import SubprocessTransport

WAY = {"kind": "test"}


@asynccontextmanager
async def session_in(
    folder: Path, transport: SubprocessTransport | None = None, *, give_up_s: float = 60.0
) -> AsyncGenerator[RemoteSession]:
    (folder / "run").mkdir(exist_ok=True)
    root = PurePosixPath(folder / "there" / "exp")
    with Ledger(folder / "run" / "ledger.sqlite") as ledger:
        session = await RemoteSession.open(
            transport or SubprocessTransport(), folder / "run", ledger, root=root, way=WAY, give_up_s=give_up_s
        )
        try:
            yield session
        finally:
            await session.close()
            left = ledger.rows()
        assert left == []
        assert not os.path.lexists(root)  # noqa: ASYNC240


@asynccontextmanager
async def host_in(folder: Path, transport: SubprocessTransport | None = None, *, give_up_s: float = 60.0) -> AsyncGenerator[RemoteHost]:
    async with session_in(folder, transport, give_up_s=give_up_s) as session:
        yield session.host("a", owner=7)
