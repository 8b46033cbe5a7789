"""Commands in nodes: their output, exits, trees, on the real kernel."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from nepi.errors import CommandError, DeadlineError
from nepi.hosts.namespace_host import NamespaceHost, NamespaceProcess
from nepi.hosts.port import Host, Process
from tests.hosts.worlds import RIGHTS, rows, run, session_in, until

pytestmark = pytest.mark.netns


def test_host_and_process_satisfy_the_port() -> None:
    hosts: type[Host] = NamespaceHost
    processes: type[Process] = NamespaceProcess
    assert (hosts, processes) == (NamespaceHost, NamespaceProcess)


@pytest.mark.parametrize("rights", RIGHTS)
def test_exit_statuses_and_outputs_are_kept(tmp_path: Path, rights: str) -> None:
    async def scenario() -> tuple[list[int | None], str, str]:
        async with session_in(tmp_path, rights) as session:
            host = await session.node("a")
            fine, three, killed = await asyncio.gather(
                host.start(["sh", "-c", "echo out; echo err >&2"], stdout=tmp_path / "out", stderr=tmp_path / "err"),
                host.start(["sh", "-c", "echo bad >&2; exit 3"], stdout=tmp_path / "three"),
                host.start(["sh", "-c", "kill -USR1 $$"], stdout=tmp_path / "killed"),
            )
            exits = [await process.wait() for process in (fine, three, killed)]
            assert all(exit_.started_at <= exit_.ended_at for exit_ in exits)
            assert [row.kind for row in rows(tmp_path)] == ["agent", "netns"]
            return [exit_.status for exit_ in exits], three.stderr_tail(), (tmp_path / "out").read_text() + (tmp_path / "err").read_text()

    assert run(scenario()) == ([0, 3, -signal.SIGUSR1], "bad\n", "out\nerr\n")
    kept = [json.loads(line) for line in (tmp_path / "exits.jsonl").read_text().splitlines()]
    assert sorted(one["status"] for one in kept) == [-signal.SIGUSR1, 0, 3]
    assert {one["node"] for one in kept} == {"a"}


def test_a_command_gets_its_environment_folder_and_input(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"given\n")

    async def scenario() -> tuple[str, NamespaceProcess]:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            script = "pwd; cat; echo $WORD $NEPI_NODE $NEPI_COMMAND; umask; ulimit -n"
            process = await host.start(
                ["sh", "-c", script],
                stdout=tmp_path / "new" / "out",
                stdin=tmp_path / "input",
                env={"WORD": "hello"},
                cwd=tmp_path / "made" / "here",
            )
            await process.wait()
            return (tmp_path / "new" / "out").read_text(), process

    text, process = run(scenario())
    umask = os.umask(0)
    os.umask(umask)
    limit = os.sysconf("SC_OPEN_MAX")
    expected = [str(tmp_path / "made" / "here"), "given", f"hello a {process.tag}", f"{umask:04o}", str(limit)]
    assert text.splitlines() == expected


def test_run_gives_input_and_returns_both_outputs(tmp_path: Path) -> None:
    async def scenario() -> tuple[bytes, bytes, int | None]:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            done = await host.run(["sh", "-c", "cat; echo problem >&2; exit 7"], stdin=b"\0binary\xff")
            assert list((tmp_path / "scratch" / "a").iterdir()) == []
            return done.stdout, done.stderr, done.exit.status

    assert run(scenario()) == (b"\0binary\xff", b"problem\n", 7)


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            with pytest.raises(DeadlineError, match=r"'sleep 1000' was still running after 0.05 s"):
                await host.run(["sleep", "1000"], deadline_s=0.05)
            assert all(process.exit is not None for process in session.processes.values())

    run(scenario())


def test_commands_that_cannot_be_executed_say_why(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")

    async def scenario() -> list[str]:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            answers = await asyncio.gather(
                host.start(["no-such-program"], stdout=tmp_path / "out"),
                host.start([str(script)], stdout=tmp_path / "out"),
                host.start(["true"], stdout=tmp_path / "out", stdin=tmp_path / "nothing"),
                host.start(["true"], stdout=tmp_path / "out", cwd=script),
                host.start(["true"], stdout=tmp_path / "out"),
                return_exceptions=True,
            )
            assert [row.kind for row in rows(tmp_path)].count("process") <= 1
            assert isinstance(answers[-1], NamespaceProcess)
            await answers[-1].wait()
            errors = [answer for answer in answers if isinstance(answer, CommandError)]
            assert {(error.status, error.resource) for error in errors} == {(None, "a")}
            return [error.stderr for error in errors]

    assert run(scenario()) == [
        "no-such-program: no such program; is it installed? `nepi doctor` says which package has it",
        f"{script}: Permission denied",
        "standard input: No such file or directory",
        f"working directory {script}: File exists",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("rights", RIGHTS)
def test_a_hundred_megabytes_arrive_whole(tmp_path: Path, rights: str) -> None:
    async def scenario() -> tuple[int, int]:
        async with session_in(tmp_path, rights) as session:
            host = await session.node("a")
            process = await host.start(["head", "-c", "100000000", "/dev/zero"], stdout=tmp_path / "big")
            await process.wait()
            return (tmp_path / "big").stat().st_size, (tmp_path / "big").read_bytes().count(0)

    assert run(scenario()) == (100_000_000, 100_000_000)


@pytest.mark.slow
def test_a_thousand_short_commands_in_one_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path) as session:
            hosts = await asyncio.gather(*(session.node(f"n{n}") for n in range(10)))
            processes = await asyncio.gather(
                *(hosts[n % 10].start(["sh", "-c", f"echo {n}; exit {n % 50}"], stdout=tmp_path / f"out{n}") for n in range(1000))
            )
            exits = await asyncio.gather(*(process.wait() for process in processes))
            assert [exit_.status for exit_ in exits] == [n % 50 for n in range(1000)]
            assert [(tmp_path / f"out{n}").read_text() for n in range(1000)] == [f"{n}\n" for n in range(1000)]
            assert len({process.pid for process in processes}) <= 1000
            assert [row.kind for row in rows(tmp_path)] == ["agent", *["netns"] * 10]

    run(scenario())
    assert len((tmp_path / "exits.jsonl").read_text().splitlines()) == 1000


TREE = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)          # this one ignores TERM
if os.fork() == 0:
    os.setsid()                                        # a grandchild in a session of its own,
    if os.fork() == 0:
        os.setsid()                                    # and one whose parent is gone
        print("orphan", flush=True)
        time.sleep(1000)
    os._exit(0)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    print("child", flush=True)
    time.sleep(1000)
os.wait()
print("root", flush=True)
while True:
    time.sleep(1000)
"""


@pytest.mark.parametrize("rights", RIGHTS)
def test_stop_ends_the_whole_tree(tmp_path: Path, rights: str) -> None:
    out = tmp_path / "out"

    async def scenario() -> tuple[int | None, bool, int]:
        async with session_in(tmp_path, rights) as session:
            host = await session.node("a")
            other = await host.start(["sleep", "1000"], stdout=tmp_path / "other")
            process = await host.start(["/usr/bin/python3", "-I", "-S", "-c", TREE], stdout=out)
            await until(lambda: out.read_text().count("\n") == 3)
            exit_ = await process.stop(grace_s=0.1)
            seen = (await host.run(["ps", "-e", "-o", "args"])).stdout.decode()
            assert (await process.stop(grace_s=0.1)) == exit_
            await process.signal(signal.SIGTERM)
            return exit_.status, other.exit is None, seen.count("setsid")

    assert run(scenario()) == (-signal.SIGKILL, True, 0)


def test_stop_lets_a_command_end_by_itself_within_the_grace_time(tmp_path: Path) -> None:
    async def scenario() -> int | None:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            process = await host.start(["sh", "-c", "trap 'exit 5' TERM; echo; while :; do sleep 0.01; done"], stdout=tmp_path / "out")
            await until(lambda: (tmp_path / "out").stat().st_size > 0)
            return (await process.stop(grace_s=30.0)).status

    assert run(scenario()) == 5


def test_stop_ends_what_an_ended_command_has_left_behind(tmp_path: Path) -> None:
    async def scenario() -> tuple[int | None, str]:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            process = await host.start(["sh", "-c", "setsid sleep 4321 & exit 0"], stdout=tmp_path / "out")
            await process.wait()
            await process.stop()
            assert process.exit is not None
            return process.exit.status, (await host.run(["ps", "-e", "-o", "args"])).stdout.decode()

    status, seen = run(scenario())
    assert status == 0
    assert "sleep 4321" not in seen


@pytest.mark.slow
def test_many_commands_are_stopped_together(tmp_path: Path) -> None:
    async def scenario() -> set[int | None]:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            processes = await asyncio.gather(*(host.start(["sleep", "1000"], stdout=tmp_path / "out") for _ in range(200)))
            return {exit_.status for exit_ in await asyncio.gather(*(process.stop() for process in processes))}

    assert run(scenario()) == {-signal.SIGTERM}


def test_closing_a_node_kills_its_commands_and_no_others(tmp_path: Path) -> None:
    async def scenario() -> tuple[int | None, object]:
        async with session_in(tmp_path) as session:
            a, b = await asyncio.gather(session.node("a"), session.node("b"))
            gone = await a.start(["sleep", "1000"], stdout=tmp_path / "a")
            stays = await b.start(["sleep", "1000"], stdout=tmp_path / "b")
            await session.close_node("a")
            return (await gone.wait()).status, stays.exit

    assert run(scenario()) == (-signal.SIGKILL, None)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_port_is_waited_for(tmp_path: Path, protocol: str) -> None:
    kind = "SOCK_STREAM" if protocol == "tcp" else "SOCK_DGRAM"
    script = f"""
import socket, sys
sys.stdin.readline()
server = socket.socket(socket.AF_INET6, socket.{kind})
server.bind(("::", 4000))
if {protocol == "tcp"}: server.listen()
sys.stdin.readline()
"""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    async def scenario() -> bool:
        async with session_in(tmp_path) as session:
            host, other = await asyncio.gather(session.node("a"), session.node("b"))
            control = os.open(fifo, os.O_RDWR)
            try:
                server = await host.start(["/usr/bin/python3", "-I", "-c", script], stdout=tmp_path / "out", stdin=fifo)
                wait = asyncio.create_task(host.wait_listening(4000, protocol=protocol, process=server))
                elsewhere = asyncio.create_task(other.wait_listening(4000, protocol=protocol))
                await session.hosts([])  # a whole round trip later it waits still
                early = wait.done()
                os.write(control, b"\n")
                await wait
                await host.wait_listening(4000, protocol=protocol)
                assert not elsewhere.done()
                elsewhere.cancel()
                await asyncio.gather(elsewhere, return_exceptions=True)
                await server.stop()
                return early
            finally:
                os.close(control)

    assert run(scenario()) is False


def test_waiting_for_a_port_ends_with_the_process(tmp_path: Path) -> None:
    async def scenario() -> list[CommandError]:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            errors: list[CommandError] = []
            process = await host.start(["sh", "-c", "echo no luck >&2; exit 4"], stdout=tmp_path / "out", stderr=tmp_path / "err")
            for _ in range(2):  # the second time it has ended long since
                with pytest.raises(CommandError) as caught:
                    await host.wait_listening(4000, process=process)
                errors.append(caught.value)
                await process.wait()
            return errors

    assert [(error.status, error.stderr) for error in run(scenario())] == [(4, "no luck\n")] * 2


def test_files_of_a_host(tmp_path: Path) -> None:
    async def scenario() -> tuple[bytes, int, list[str]]:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            path = tmp_path / "deep" / "down"
            await host.write_file(path, b"\0data", mode=0o600)
            return await host.read_file(path), path.stat().st_mode & 0o777, host.missing_tools(["sh", "no-such-tool"])

    assert run(scenario()) == (b"\0data", 0o600, ["no-such-tool"])
