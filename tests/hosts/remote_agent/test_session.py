"""The agent on another machine, over real sshd: commands, files, lost connections, reboots, the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from nepi.errors import CommandError, ConnectError, ResourceError
from nepi.execution.ledger import Ledger
from nepi.hosts.namespace import VethEnd
from nepi.hosts.remote_agent import session as sessions
from nepi.hosts.remote_agent.connection import RemoteConnection
from nepi.hosts.remote_agent.ending import end_there
from nepi.hosts.remote_agent.session import RemoteNamespaceSession
from nepi.lab import Lab
from tests.hosts.remote_agent.openssh import OpenSsh, transport
from tests.hosts.worlds import run, until

pytestmark = [pytest.mark.root, pytest.mark.netns]


@asynccontextmanager
async def session_on(lab: Lab, name: str, folder: Path) -> AsyncGenerator[tuple[RemoteNamespaceSession, OpenSsh]]:
    """A session that is closed at the end, and then has left neither a row nor a folder."""
    ssh, way = transport(lab, name)
    with Ledger(folder / "ledger.sqlite") as ledger:
        session = await RemoteNamespaceSession.open_on(name, folder, ledger, way, {"kind": "test"})
        try:
            yield session, ssh
        finally:
            await session.close()
            await ssh.close()
        assert ledger.rows() == []
    assert lab.run(name, ["find", "/root/.cache/nepi/runs", "-mindepth", "1"]).stdout == ""


def test_commands_run_there_and_their_output_is_here_when_they_have_ended(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            node = await session.node("a")
            out, err = tmp_path / "traces" / "out", tmp_path / "traces" / "err"
            process = await node.start(["sh", "-c", "hostname; seq 100000; echo oh >&2; exit 3"], stdout=out, stderr=err)
            assert (await process.wait()).status == 3
            assert out.read_text() == "h1\n" + "".join(f"{number}\n" for number in range(1, 100001))
            assert (err.read_text(), process.stderr_tail()) == ("oh\n", "oh\n")

    run(main())


def test_output_is_here_as_it_grows(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            node = await session.node("a")
            out = tmp_path / "out"
            process = await node.start(["sh", "-c", "echo one; read line; echo $line"], stdout=out, open_stdin=True)
            await until(lambda: out.read_text() == "one\n")
            await process.write_stdin(b"two\n", eof=True)
            await process.wait()
            assert out.read_text() == "one\ntwo\n"

    run(main())


def test_a_command_is_given_what_stdin_says_and_a_large_answer_comes_back(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            data = bytes(range(256)) * 4096
            done = await (await session.node("a")).run(["cat"], stdin=data)
            assert (done.exit.status, done.stdout, done.stderr) == (0, data, b"")

    run(main())


def test_files_of_a_host_are_written_and_read_whole(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            node = await session.node("a")
            data = bytes(range(256)) * 8192
            await node.write_file(node.scratch / "deep" / "file", data, mode=0o600)
            assert await node.read_file(node.scratch / "deep" / "file") == data
            done = await node.run(["stat", "-c", "%a %s", str(node.scratch / "deep" / "file")])
            assert done.stdout == f"600 {len(data)}\n".encode()
            with pytest.raises(ResourceError, match="h1 has no file"):
                await node.read_file(node.scratch / "none")

    run(main())


def test_files_of_the_runs_folder_that_a_command_names_go_there_and_come_back(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            given, made = tmp_path / "given.txt", tmp_path / "traces" / "made.txt"
            given.write_text("from here\n")
            node = await session.node("a")
            process = await node.start(["cp", str(given), str(made)], stdout=tmp_path / "out")
            assert (await process.wait()).status == 0
            assert made.read_text() == "from here\n"

    run(main())


def test_a_program_that_is_not_there_is_said_as_on_this_machine(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            node = await session.node("a")
            assert node.missing_tools(["sh", "no-such-program"]) == ["no-such-program"]
            with pytest.raises(CommandError, match="no-such-program"):
                await node.start(["no-such-program"], stdout=tmp_path / "out")

    run(main())


def test_a_lost_connection_is_made_anew_and_nothing_is_run_twice(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, ssh):
            node = await session.node("a")
            log, started = tmp_path / "log", tmp_path / "started"
            lasting = await node.start(["sh", "-c", "echo here; sleep 0.3; echo there"], stdout=log)
            # The request is on its way, and the connection with it.
            asked = asyncio.ensure_future(node.start(["sh", "-c", "echo once"], stdout=started))
            await until(lambda: session.connection.last_id > 6)
            ssh.streams[-1].cut()
            process = await asked
            assert ((await lasting.wait()).status, (await process.wait()).status) == (0, 0)
            assert (log.read_text(), started.read_text()) == ("here\nthere\n", "once\n")
            assert isinstance(session.connection, RemoteConnection)
            assert session.connection.connections == 2
            assert not session.lost.done()

    run(main())


def test_an_end_that_came_while_the_connection_was_away_is_heard_of(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, ssh):
            node = await session.node("a")
            out, flag = tmp_path / "out", session.remote_dir / "flag"
            process = await node.start(["sh", "-c", f"until [ -e {flag} ]; do sleep 0.02; done; echo done; exit 5"], stdout=out)
            ssh.streams[-1].cut()
            lab.run("h1", ["touch", str(flag)])
            assert (await process.wait()).status == 5
            assert out.read_text() == "done\n"

    run(main())


def test_the_end_of_the_agent_is_told_with_the_reason(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            node = await session.node("a")
            process = await node.start(["sleep", "100"], stdout=tmp_path / "out")
            lab.run("h1", ["kill", "-9", str(session.identity.pid)])
            assert await session.lost == "the namespace agent on h1 is gone: it has ended"
            assert (await process.wait()).status is None

    run(main())


def test_a_machine_that_was_rebooted_is_told_as_such(tmp_path: Path) -> None:
    async def main(lab: Lab) -> None:
        async with session_on(lab, "h1", tmp_path) as (session, _):
            node = await session.node("a")
            await node.start(["sleep", "100"], stdout=tmp_path / "out")
            await asyncio.to_thread(lab.reboot, "h1")
            assert await session.lost == "the namespace agent on h1 is gone: h1 was rebooted"

    with Lab(1) as lab:
        run(main(lab))


def test_an_agent_whose_controller_has_gone_is_taken_up(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        ssh, way = transport(lab, "h1")
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            first = await RemoteNamespaceSession.open_on("h1", tmp_path, ledger, way, {"kind": "test"})
            node = await first.node("a")
            await first.veth(VethEnd("a", "eth0", addresses=("10.0.0.1/24",)), VethEnd("a", "eth1"))
            out = tmp_path / "stdout"
            flag = first.remote_dir / "flag"
            script = f"echo one; until [ -e {flag} ]; do sleep 0.02; done; echo two; exit 4"
            await node.start(["sh", "-c", script], stdout=out, owner=7)
            await until(lambda: out.read_text() == "one\n")
            await first.detach()
            await ssh.close()
            second = await RemoteNamespaceSession.resume_on("h1", tmp_path, ledger, way)
            assert second is not None
            assert second.has_place("a")
            assert second.interface("a", "eth0") is not None
            (process,) = second.host("a").processes_of(7)
            await second.write_file(str(flag), b"", 0o644)
            assert (await process.wait()).status == 4
            assert out.read_text() == "one\ntwo\n"
            await second.close()
            await ssh.close()
            assert ledger.rows() == []
            assert await RemoteNamespaceSession.resume_on("h1", tmp_path, ledger, way) is None

    run(main())


def test_an_agent_is_given_up_only_when_its_machine_says_that_it_is_gone(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        ssh, way = transport(lab, "h1")
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            first = await RemoteNamespaceSession.open_on("h1", tmp_path, ledger, way, {"kind": "test"})
            await first.detach()
            with monkeypatch.context() as away:

                async def no_way(command: str) -> None:
                    raise ConnectError("cut")

                away.setattr(way, "open", no_way)
                away.setattr(sessions, "RemoteConnection", partial(RemoteConnection, give_up_s=0.1))
                with pytest.raises(ConnectError, match="could not be reached"):
                    await RemoteNamespaceSession.resume_on("h1", tmp_path, ledger, way)
            (row,) = ledger.rows()
            lab.run("h1", ["kill", "-9", str(row.identity["pid"])])
            assert await RemoteNamespaceSession.resume_on("h1", tmp_path, ledger, way) is None
            assert ledger.rows() == []
        assert lab.run("h1", ["find", "/root/.cache/nepi/runs", "-mindepth", "1"]).stdout == ""
        await ssh.close()

    run(main())


def test_an_agent_is_ended_from_its_row_alone_and_nothing_of_it_is_left(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        ssh, way = transport(lab, "h1")
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            session = await RemoteNamespaceSession.open_on("h1", tmp_path, ledger, way, {"kind": "test"})
            node = await session.node("a")
            await node.start(["sleep", "4321"], stdout=tmp_path / "out")
            await session.detach()
            (row,) = ledger.rows()
            assert (row.kind, row.identity["way"]) == ("remote-agent", {"kind": "test"})
            assert await end_there(way, row.identity)
            assert lab.run("h1", ["find", "/root/.cache/nepi/runs", "-mindepth", "1"]).stdout == ""
            assert lab.run("h1", ["pgrep", "-f", "sleep 4321"], check=False).stdout == ""
            assert await end_there(way, row.identity)
            ledger.forget([row.id])
        await ssh.close()

    run(main())


def test_a_folder_that_is_no_agents_is_not_removed(lab: Lab) -> None:
    async def main() -> None:
        _, way = transport(lab, "h1")
        with pytest.raises(ConnectError, match="no folder of an agent"):
            await end_there(way, {"run_dir": "/root", "python": "python3", "boot_id": ""})

    run(main())


def test_a_machine_without_python_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async def main(lab: Lab) -> None:
        ssh, way = transport(lab, "h1")
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            with pytest.raises(ConnectError, match=r"h1 has no python3, .*sudo apt install python3"):
                await RemoteNamespaceSession.open_on("h1", tmp_path, ledger, way, {"kind": "test"})
            assert ledger.rows() == []
        await ssh.close()

    with Lab(1) as lab:
        lab.run("h1", ["sh", "-c", "for p in $(which -a python3); do rm -f $p; done"])  # the root of a host is an overlay of its own
        run(main(lab))


def test_the_agent_is_brought_once(lab: Lab, tmp_path: Path) -> None:
    async def main() -> None:
        commands = 0
        for folder in ("first", "second"):
            (tmp_path / folder).mkdir()
            async with session_on(lab, "h2", tmp_path / folder) as (_, ssh):
                commands = ssh.commands
        assert commands == 4  # what it is, what it can do, the start, the conversation

    run(main())
