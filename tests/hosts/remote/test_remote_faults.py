"""What goes wrong on the way to a host and on it: nothing is run twice, nothing is lost, and what is lost is said."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Generator
from pathlib import Path, PurePosixPath

import pytest

from nepi.errors import ConnectError, ResourceError
from nepi.execution.ledger import Ledger
from nepi.execution.process_identity import start_ticks
from nepi.hosts.remote.session import RemoteSession
from tests.hosts.remote.remote_worlds import host_in, session_in
from tests.hosts.remote.subprocess_transport import SubprocessTransport
from tests.hosts.worlds import run, until

pytestmark = pytest.mark.slow
UNTIL_GO = 'until [ -e "$0" ]; do sleep 0.02; done'


async def heard(session: RemoteSession) -> None:
    """Wait until the host is watched again."""
    await session.commands.watcher.ready.wait()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def fill(folder: Path) -> None:
    """Write until the disk is full, to the last page."""
    with (folder / "fill").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)


async def deaf(session: RemoteSession) -> None:
    """Wait until the loss of the connection has been noticed."""
    await until(lambda: not session.commands.watcher.ready.is_set())


def test_a_command_lives_through_a_lost_connection_and_its_end_is_told_after_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        transport = SubprocessTransport()
        async with host_in(tmp_path, transport) as host:
            text = 'echo one; until [ -e "$0" ]; do sleep 0.02; done; echo two; exit 5'
            process = await host.start(["sh", "-c", text, str(tmp_path / "go")], stdout=tmp_path / "out")
            staying = await host.start(["sh", "-c", f"{text}; echo three", str(tmp_path / "go on")], stdout=tmp_path / "other")
            await process.follow()
            await until(lambda: (tmp_path / "out").read_text() == "one\n")
            transport.cut()
            await deaf(host.session)
            (tmp_path / "go").touch()
            await until(lambda: start_ticks(process.pid) is None)
            assert process.exit is None
            with pytest.raises(ConnectError):
                await host.start(["true"], stdout=tmp_path / "none")
            transport.heal()
            exit_ = await process.wait()
            assert (exit_.status, (tmp_path / "out").read_text()) == (5, "one\ntwo\n")
            await heard(host.session)
            (tmp_path / "go on").touch()
            assert (await staying.wait()).status == 5
            assert (await host.run(["echo", "again"])).stdout == b"again\n"

    run(scenario())


def test_what_is_asked_for_again_after_a_lost_connection_is_started_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        transport = SubprocessTransport()
        async with host_in(tmp_path, transport) as host:
            transport.swallow_next_answer = True  # it has started, and the connection is lost before that is known
            process = await host.start(["sh", "-c", 'echo x >>"$0"; sleep 0.2', str(tmp_path / "count")], stdout=tmp_path / "out")
            assert process.pid != 0
            assert (await process.wait()).status == 0
            transport.swallow_next_answer = True
            short = await host.start(["sh", "-c", 'echo y >>"$0"; exit 3', str(tmp_path / "count")], stdout=tmp_path / "out")
            assert (await short.wait()).status == 3

    run(scenario())
    assert (tmp_path / "count").read_text() == "x\ny\n"


def test_an_answer_of_which_half_has_arrived_is_asked_for_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        transport = SubprocessTransport()
        async with host_in(tmp_path, transport) as host:
            transport.cut_off_next_outputs = True
            assert (await host.run(["echo", "whole"])).stdout == b"whole\n"
            assert not transport.cut_off_next_outputs

    run(scenario())


def test_what_is_being_started_while_the_connection_comes_back_is_not_taken_for_lost(tmp_path: Path) -> None:
    """Its host is asked what became of all commands, and has not heard of this one yet."""

    async def scenario() -> None:
        async with host_in(tmp_path) as host:
            commands = host.session.commands
            asked = asyncio.create_task(host.run(["echo", "there"]))
            await until(lambda: bool(commands.processes))
            (process,) = commands.processes.values()
            commands.take(["gone", process.tag])
            assert (await asked).stdout == b"there\n"

    run(scenario())


def test_outputs_go_on_being_brought_where_a_lost_connection_ended_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        transport = SubprocessTransport()
        async with host_in(tmp_path, transport) as host:
            text = 'head -c 1000000 "$0"; until [ -e "$1" ]; do sleep 0.02; done; tail -c +1000001 "$0"'
            (tmp_path / "data").write_bytes(os.urandom(3_000_000))
            process = await host.start(["sh", "-c", text, str(tmp_path / "data"), str(tmp_path / "go")], stdout=tmp_path / "out")
            await process.follow()
            await until(lambda: (tmp_path / "out").stat().st_size == 1_000_000)
            transport.cut()
            await deaf(host.session)
            (tmp_path / "go").touch()
            transport.heal()
            assert (await process.wait()).status == 0
            assert (tmp_path / "out").read_bytes() == (tmp_path / "data").read_bytes()

    run(scenario())


def test_a_host_that_was_rebooted_has_lost_its_commands_and_says_so(tmp_path: Path) -> None:
    boot = tmp_path / "boot_id"
    boot.write_text("one\n")

    async def scenario() -> None:
        transport = SubprocessTransport(replaced={"/proc/sys/kernel/random/boot_id": str(boot)})
        async with host_in(tmp_path, transport) as host:
            running = await host.start(["sleep", "300"], stdout=tmp_path / "out")
            ending = await host.start(
                ["sh", "-c", 'until [ -e "$0" ]; do sleep 0.02; done', str(tmp_path / "go")], stdout=tmp_path / "ending"
            )
            transport.cut()
            await deaf(host.session)
            (tmp_path / "go").touch()
            await until(lambda: start_ticks(ending.pid) is None)
            boot.write_text("two\n")
            transport.heal()
            lost = await running.wait()
            assert (lost.status, lost.reason) == (None, "here was rebooted while it ran there")
            assert (await ending.wait()).status == 0  # it had ended before, and that was written down
            assert (await host.run(["echo", "new"])).stdout == b"new\n"
            os.kill(running.pid, 9)  # in truth the machine still runs

    run(scenario())


def test_what_stood_by_a_command_may_be_killed_and_the_command_is_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path) as host:
            process = await host.start(["sleep", "300"], stdout=tmp_path / "out")
            os.kill(parent_of(process.pid), 9)
            exit_ = await process.stop()
            assert (exit_.status, start_ticks(process.pid)) == (None, None)
            assert exit_.reason == "nobody saw how it ended on here: what stood by it there was killed, too"

    run(scenario())


def test_a_host_that_stays_away_is_given_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        transport = SubprocessTransport()
        async with session_in(tmp_path, transport, give_up_s=0.3) as session:
            process = await session.host("a").start(["sleep", "300"], stdout=tmp_path / "out")
            transport.cut()
            assert "host here could not be reached for" in (await process.wait()).reason
            assert "host here could not be reached for" in await session.lost
            transport.heal()

    run(scenario())


def test_a_clock_that_is_an_hour_ahead_is_found_and_times_are_ours(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "date").write_text('#!/bin/sh\nexec /bin/date -d "now + 3600 seconds" "$@"\n')
    (programs / "date").chmod(0o755)

    async def scenario() -> None:
        async with host_in(tmp_path, SubprocessTransport(env={"PATH": f"{programs}:{os.environ['PATH']}"})) as host:
            assert host.session.clock_offset_s == pytest.approx(3600, abs=0.5)
            before = time.time()
            exit_ = (await host.run(["true"])).exit
            assert before - 0.05 <= exit_.started_at <= exit_.ended_at <= time.time() + 0.05

    run(scenario())


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    folder = tmp_path / "there"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.root
def test_a_host_whose_disk_is_full_from_the_beginning_is_left_as_it_was(tmp_path: Path, small_disk: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(OSError, match="No space"):
            fill(small_disk)
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            root = PurePosixPath(small_disk / "exp")
            with pytest.raises(ResourceError, match="cannot make .*No space left on device"):
                await RemoteSession.open(SubprocessTransport(), tmp_path, ledger, root=root, way={"kind": "test"})
            assert ledger.rows() == []

    run(scenario())
    assert [one.name for one in small_disk.iterdir()] == ["fill"]


@pytest.mark.root
def test_a_full_disk_on_the_host_is_said_and_ends_are_told_all_the_same(tmp_path: Path, small_disk: Path) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path) as host:
            started = await host.start(["sh", "-c", f"{UNTIL_GO}; exit 4", str(tmp_path / "go")], stdout=tmp_path / "out")
            writer = await host.run(["sh", "-c", "cat /dev/zero; echo status $? >&2; exit 9"])
            assert writer.exit.status == 9
            assert len(writer.stdout) > 50_000
            with pytest.raises(OSError, match="No space"):
                fill(small_disk)
            with pytest.raises(ResourceError, match="nothing can be written in .*: No space left on device"):
                await host.run(["true"])
            (tmp_path / "go").touch()
            assert (await started.wait()).status == 4
            text = await host.read_file(Path(host.session.control / "commands" / f"{started.tag}.exit"))
            assert text.split()[:2] == [b"exit", b"4"]  # for a controller that is not connected now
            (small_disk / "fill").unlink()
            assert (await host.run(["true"])).exit.status == 0

    run(scenario())
