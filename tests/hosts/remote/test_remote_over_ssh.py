"""A host over a real sshd: what is promised of it holds when the server, the connection or the controller goes away."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

import pytest

from nepi.execution.ledger import Ledger
from nepi.execution.ledger_kinds import collect
from nepi.execution.process_identity import start_ticks
from nepi.hosts.remote.remote_host import RemoteHost
from nepi.hosts.remote.reopening import transport_of, way_of
from nepi.hosts.remote.session import RemoteSession
from tests.hosts.remote.sshd import Sshd
from tests.hosts.worlds import run, until

pytestmark = [pytest.mark.root, pytest.mark.slow]
WAIT = 'echo begun; until [ -e "$0" ]; do sleep 0.02; done; echo ended; exit 3'


@asynccontextmanager
async def host_on(server: Sshd, folder: Path) -> AsyncGenerator[RemoteHost]:
    way = way_of(server.options())
    with Ledger(folder / "ledger.sqlite") as ledger:
        root = PurePosixPath(server.folder / "there" / folder.name)
        session = await RemoteSession.open(transport_of(way, "far"), folder, ledger, root=root, way=way)
        try:
            yield session.host("a", owner=1)
        finally:
            await session.close()
            left = ledger.rows()
        assert left == []


def test_many_commands_share_a_few_channels(server: Sshd, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_on(server, tmp_path) as host:
            facts = host.session.facts
            assert (facts.user, facts.uid, facts.home, facts.can_sudo) == ("root", 0, PurePosixPath("/root"), True)
            assert abs(host.session.clock_offset_s) < 0.1
            done = await asyncio.gather(*(host.run(["sh", "-c", f"sleep 0.2; echo {number}; exit {number}"]) for number in range(60)))
            assert [(one.stdout, one.exit.status) for one in done] == [(f"{n}\n".encode(), n) for n in range(60)]
            data = os.urandom(5 << 20)
            await host.write_file(host.scratch / "data", data)
            process = await host.start(["cat", str(host.scratch / "data")], stdout=tmp_path / "out")
            await process.wait()
            assert (tmp_path / "out").read_bytes() == data
            reader = await host.start(["sha256sum"], stdout=tmp_path / "digest", stdin=tmp_path / "out")
            assert (await reader.wait()).status == 0
            assert len(await host.gather(host.scratch, tmp_path / "here")) == 1

    run(scenario())


def test_an_end_is_told_at_once(server: Sshd, tmp_path: Path) -> None:
    """The command says when it ends, by the clock of the same machine; bench/ssh_reaction.py measures it."""

    async def scenario() -> list[float]:
        delays = []
        async with host_on(server, tmp_path) as host:
            for _ in range(10):
                done = await host.run(["sh", "-c", "sleep 0.05; date +%s.%N"])
                delays.append(time.time() - float(done.stdout))
        return delays

    assert min(run(scenario())) < 0.5


def test_commands_live_through_the_end_of_the_server_and_are_not_run_twice(own_server: Sshd, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_on(own_server, tmp_path) as host:
            process = await host.start(["sh", "-c", WAIT, str(tmp_path / "go")], stdout=tmp_path / "out")
            await process.follow()
            await until(lambda: (tmp_path / "out").read_text() == "begun\n")
            own_server.stop()
            await until(lambda: not host.session.commands.watcher.ready.is_set())
            (tmp_path / "go").touch()
            await until(lambda: start_ticks(process.pid) is None)
            own_server.start()
            assert (await process.wait()).status == 3
            assert (tmp_path / "out").read_text() == "begun\nended\n"
            own_server.cut()
            assert (await host.run(["echo", "again"])).stdout == b"again\n"

    run(scenario())


def test_what_is_left_over_ssh_is_given_back_from_the_ledger(server: Sshd, tmp_path: Path) -> None:
    async def left() -> tuple[int, PurePosixPath]:
        way = way_of(server.options())
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            root = PurePosixPath(server.folder / "there" / tmp_path.name)
            session = await RemoteSession.open(transport_of(way, "far"), tmp_path, ledger, root=root, way=way)
            process = await session.host("a").start(["sh", "-c", "setsid -f sleep 300; sleep 300"], stdout=tmp_path / "out")
            await session.detach()
            return process.pid, root

    pid, root = run(left())
    assert start_ticks(pid) is not None
    collected = collect(tmp_path / "ledger.sqlite")
    assert ([row.kind for row in collected.released], collected.left) == (["ssh-process", "ssh-folder"], ())
    assert start_ticks(pid) is None
    assert not Path(root).exists()
