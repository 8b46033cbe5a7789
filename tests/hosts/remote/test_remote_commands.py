"""Commands on a host, through real shells: what they get, what comes back, how they end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pytest

from nepi.errors import CommandError, DeadlineError, ResourceError
from nepi.execution.process_identity import start_ticks
from nepi.hosts.remote.quoting import script_with
from nepi.hosts.remote.remote_host import RemoteHost
from tests.hosts.remote.remote_worlds import host_in
from tests.hosts.remote.shells import LIBRARY, said
from tests.hosts.remote.subprocess_transport import SubprocessTransport
from tests.hosts.worlds import run, until

pytestmark = pytest.mark.slow
SHELLS = [
    pytest.param(text, id=name)
    for name, text in (("dash", "/bin/dash"), ("bash", "/bin/bash"), ("busybox", "/bin/busybox sh"))
    if shutil.which(name) is not None
]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_gets_what_it_is_given_and_its_end_is_told(tmp_path: Path, shell: str) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path, SubprocessTransport(shell=shell)) as host:
            before = time.time()
            out, err = tmp_path / "out", tmp_path / "err"
            text = 'printf "%s|" "$@" "$A" "$PWD" "$NEPI_START"; echo oops >&2; exit 7'
            process = await host.start(
                ["sh", "-c", text, "sh", "a b", "~"], stdout=out, stderr=err, env={"A": "x'y\n"}, cwd=tmp_path / "cwd", owner=3
            )
            exit_ = await process.wait()
            assert (exit_.status, out.read_text(), err.read_text()) == (7, f"a b|~|x'y\n|{tmp_path / 'cwd'}||", "oops\n")
            assert before - 0.05 <= exit_.started_at <= exit_.ended_at <= time.time() + 0.05
            assert host.processes_of(3) == [process]

    run(scenario())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_signal_is_told_apart_from_a_status(tmp_path: Path, shell: str) -> None:
    async def scenario() -> list[int | None]:
        async with host_in(tmp_path, SubprocessTransport(shell=shell)) as host:
            texts = [f"kill -{name} $$; sleep 60" for name in ("KILL", "TERM", "HUP", "INT", "QUIT", "PIPE", "USR1")]
            # No core, for the place where this runs.
            argvs = [["sh", "-c", f"ulimit -c 0; {text}"] for text in (*texts, "exit 137", "exit 143", "exit 255", "true")]
            done = await asyncio.gather(*(host.run(argv) for argv in argvs))
            return [one.exit.status for one in done]

    assert run(scenario()) == [-9, -15, -1, -2, -3, -13, -10, 137, 143, 255, 0]


def test_standard_error_goes_where_standard_output_goes_unless_it_is_kept_apart(tmp_path: Path) -> None:
    async def scenario() -> str:
        async with host_in(tmp_path) as host:
            (tmp_path / "out").write_text("before\n")
            process = await host.start(["sh", "-c", "echo a; echo b >&2; echo c"], stdout=tmp_path / "out")
            await process.wait()
            again = await host.start(["echo", "again"], stdout=tmp_path / "out")
            await again.wait()
            return (tmp_path / "out").read_text()

    assert run(scenario()) == "before\na\nb\nc\nagain\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_what_cannot_be_executed_is_no_command_that_failed(tmp_path: Path, shell: str) -> None:
    async def scenario() -> None:
        (tmp_path / "plain").write_text("x")
        async with host_in(tmp_path, SubprocessTransport(shell=shell)) as host:
            for program, why in (
                ("no-such-program", "no such program"),
                (str(tmp_path / "plain"), "not executable"),
                (str(tmp_path), "no such"),
            ):
                with pytest.raises(CommandError, match=f"could not be run:\n.*{why}") as caught:
                    await host.start([program], stdout=tmp_path / "out")
                assert caught.value.status is None
            with pytest.raises(CommandError, match="cannot be entered|cannot be made"):
                await host.run(["true"], cwd=tmp_path / "plain")
            with pytest.raises(CommandError, match="put it into a file"):
                await host.run(["true", "x" * 200_000])
            assert host.missing_tools(["sh", "no-such-program"]) == ["no-such-program"]
            assert (await host.run(["echo", "x" * 100_000])).stdout == b"x" * 100_000 + b"\n"

    run(scenario())


def test_commands_asked_for_together_are_started_together(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[bytes], list[int]]:
        transport = SubprocessTransport()
        async with host_in(tmp_path, transport) as host:
            done = await asyncio.gather(*(host.run(["sh", "-c", f"echo {number}"]) for number in range(40)))
            starts = [text.count(b"nepi_start ") for text in transport.scripts if b"nepi_begin " in text]
            return [one.stdout for one in done], starts

    assert run(scenario()) == ([f"{number}\n".encode() for number in range(40)], [40])


def test_nothing_is_asked_for_when_a_command_that_has_ended_wrote_nothing(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        transport = SubprocessTransport()
        async with host_in(tmp_path, transport) as host:
            await host.run(["true"])
            return [text for text in transport.scripts if b"nepi_outputs" in text and b"nepi_outputs()" not in text]

    assert run(scenario()) == []


def test_large_and_binary_outputs_arrive_as_they_are(tmp_path: Path) -> None:
    size = 100 << 20

    async def scenario() -> None:
        async with host_in(tmp_path) as host:
            every = bytes(range(256)) * 4
            (tmp_path / "every").write_bytes(every)
            text = f'cat "$0"; head -c {size} /dev/urandom | tee "$1"'
            process = await host.start(["sh", "-c", text, str(tmp_path / "every"), str(tmp_path / "copy")], stdout=tmp_path / "out")
            assert (await process.wait()).status == 0
            assert (tmp_path / "out").stat().st_size == size + len(every)
            with (tmp_path / "out").open("rb") as ours, (tmp_path / "copy").open("rb") as theirs:
                assert ours.read(len(every)) == every
                while block := theirs.read(1 << 20):
                    assert ours.read(1 << 20) == block
            assert (await host.run(["cat", str(tmp_path / "every")])).stdout == every

    run(scenario())


@pytest.mark.parametrize("shell", SHELLS)
def test_stopping_ends_the_whole_tree_and_what_has_detached_itself(tmp_path: Path, shell: str) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path, SubprocessTransport(shell=shell)) as host:
            text = (
                'trap "" TERM; sleep 300 & echo $!; setsid -f sh -c "trap \'\' TERM; echo \\$\\$; while :; do sleep 300; done";'
                "env -i sleep 300 & echo $!; echo up; wait; while :; do sleep 300; done"
            )
            process = await host.start(["sh", "-c", text], stdout=tmp_path / "out", owner=1)
            await process.follow()
            await until(lambda: "up" in (tmp_path / "out").read_text() and len((tmp_path / "out").read_text().split()) == 4)
            pids = [int(word) for word in (tmp_path / "out").read_text().split() if word != "up"]
            other = await host.start(["sleep", "300"], stdout=tmp_path / "other", owner=2)
            assert (await process.stop(grace_s=0.1)).status == -signal.SIGKILL
            assert [pid for pid in pids if start_ticks(pid) is not None] == []
            assert (await process.stop()).status == -signal.SIGKILL  # harmless
            await process.signal(signal.SIGINT)
            assert other.exit is None
            await other.signal(signal.SIGINT)
            assert (await other.wait()).status == -signal.SIGINT

    run(scenario())


def test_a_detached_child_of_a_command_that_has_ended_is_stopped_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path) as host:
            process = await host.start(["sh", "-c", "setsid -f sleep 300; echo done"], stdout=tmp_path / "out")
            assert (await process.wait()).status == 0
            assert (tmp_path / "out").read_text() == "done\n"
            mark = f"NEPI_COMMAND={process.tag}".encode()
            assert len(_marked(mark)) == 1
            assert (await process.stop()).status == 0
            assert _marked(mark) == []

    run(scenario())


@pytest.mark.parametrize("shell", SHELLS)
def test_the_end_of_a_session_finds_commands_that_bear_no_mark_any_more(tmp_path: Path, shell: str) -> None:
    async def scenario() -> tuple[int, int]:
        async with host_in(tmp_path, SubprocessTransport(shell=shell)) as host:
            process = await host.start(["env", "-i", "/bin/sleep", "300"], stdout=tmp_path / "out")
            await until(lambda: Path("/proc", str(process.pid), "environ").read_bytes() == b"")
            return process.pid, process.start_ticks

    pid, ticks = run(scenario())
    assert start_ticks(pid) != ticks


def test_a_file_that_cannot_be_brought_is_told_of(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        transport = SubprocessTransport()
        async with host_in(tmp_path, transport) as host:
            await host.write_file(tmp_path / "there" / "written" / "file", b"data")
            transport.replaced = {
                "nepi_folder '": "echo 'find: ./root: Permission denied' >&2; echo './gone: No such file or directory' >&2; nepi_folder '"
            }
            assert await host.gather(tmp_path / "there" / "written", tmp_path / "here") == [tmp_path / "here" / "file"]
            return host.session.trouble

    (told,) = run(scenario())
    assert told == f"not all of {tmp_path}/there/written on here could be brought: find: ./root: Permission denied"


def _marked(mark: bytes) -> list[str]:
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208
        try:
            if name.isdigit() and mark in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.append(name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("shell", SHELLS)
def test_standard_input_stays_open_until_it_is_closed(tmp_path: Path, shell: str) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path, SubprocessTransport(shell=shell)) as host:
            process = await host.start(["sha256sum"], stdout=tmp_path / "out", open_stdin=True)
            await process.write_stdin(b"a" * 300_000)
            await process.write_stdin(b"")
            await process.write_stdin(b"b\0", eof=True)
            with pytest.raises(ResourceError, match="closed before|has ended"):
                await process.write_stdin(b"c")
            assert (await process.wait()).status == 0
            with pytest.raises(ResourceError, match="it has ended"):
                await process.write_stdin(b"c")
            deaf = await host.start(["sh", "-c", "exec <&-; echo deaf; sleep 300"], stdout=tmp_path / "deaf", open_stdin=True)
            await deaf.follow()
            await until(lambda: (tmp_path / "deaf").read_text() == "deaf\n")
            with pytest.raises(ResourceError, match="does not read any more"):
                await deaf.write_stdin(b"x")
            closed = await host.start(["sleep", "300"], stdout=tmp_path / "closed")
            with pytest.raises(ResourceError, match="not left open"):
                await closed.write_stdin(b"x")
            (tmp_path / "in").write_bytes(b"\0from a file")
            reader = await host.start(["cat"], stdout=tmp_path / "copy", stdin=tmp_path / "in")
            await reader.wait()
            assert (tmp_path / "copy").read_bytes() == b"\0from a file"
            assert (await host.run(["cat"], stdin=b"\0\n'")).stdout == b"\0\n'"
            assert [await _leaves(host, argv) for argv in (["true"], ["touch", ".hidden"])] == [False, True]
            for one in (deaf, closed):
                await one.stop(grace_s=0)

    run(scenario())
    assert (tmp_path / "out").read_text().split()[0] == hashlib.sha256(b"a" * 300_000 + b"b\0").hexdigest()


async def _leaves(host: RemoteHost, argv: list[str]) -> bool:
    process = await host.start(argv, stdout=Path(host.session.run_dir) / "left", cwd=host.scratch / argv[0])
    await process.wait()
    return not process.left_nothing


def test_a_command_that_takes_too_long_is_ended_there(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with host_in(tmp_path) as host:
            with pytest.raises(DeadlineError, match=r"still running after 0.3 s and has been ended"):
                await host.run(["sleep", "301.25"], deadline_s=0.3)
            return _marked(f"NEPI_COMMAND={host.session.token}.1001.".encode())

    assert run(scenario()) == []


def test_a_command_that_is_given_up_before_it_has_started_is_ended_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path) as host:
            for deadline_s in (0.0, 0.001, 0.01, 0.05):
                with pytest.raises(DeadlineError):
                    await host.run(["sleep", "300"], deadline_s=deadline_s)
            assert (await host.run(["echo", "fine"])).stdout == b"fine\n"

    run(scenario())


@pytest.mark.parametrize("shell", SHELLS)
def test_what_listens_is_noticed_on_both_protocols(tmp_path: Path, shell: str) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path, SubprocessTransport(shell=shell)) as host:
            with socket.socket() as tcp, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", 0))
                udp.bind(("::1", 0))
                waiting = asyncio.create_task(host.wait_listening(tcp.getsockname()[1]))
                await host.wait_listening(udp.getsockname()[1], protocol="udp")
                assert not waiting.done()
                given_up = asyncio.create_task(host.wait_listening(9))
                await asyncio.sleep(0)
                given_up.cancel()
                tcp.listen()
                await waiting
            process = await host.start(["sh", "-c", "echo cannot >&2; exit 3"], stdout=tmp_path / "out", stderr=tmp_path / "err")
            with pytest.raises(CommandError, match="exited with status 3:\ncannot"):
                await host.wait_listening(9, process=process)

    run(scenario())


def test_files_are_read_written_and_gathered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with host_in(tmp_path) as host:
            home = host.scratch / "home"
            await host.write_file(home / "sub" / "it's", b"\0one", mode=0o600)
            await host.write_file(home / "back\\slash", b"two")
            assert await host.read_file(home / "sub" / "it's") == b"\0one"
            brought = await host.gather(home, tmp_path / "here")
            assert sorted(path.relative_to(tmp_path / "here").as_posix() for path in brought) == ["back\\slash", "sub/it's"]
            assert (tmp_path / "here" / "sub" / "it's").read_bytes() == b"\0one"
            await host.write_file(home / "back\\slash", b"three")
            assert await host.gather(home, tmp_path / "here") == [tmp_path / "here" / "back\\slash"]
            assert await host.gather(home / "none", tmp_path / "here") == []

    run(scenario())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_process_that_has_got_the_number_of_an_ended_one_is_left_alone(shell: str) -> None:
    born = ["exec 2>/dev/null", "sleep 60 & pid=$!", "nepi_born $pid", "who=$nepi_who"]
    others = ['nepi_end "${who}1" "$pid:"', '[ -d "/proc/$pid" ] && echo there']
    assert said(shell.split(), script_with(LIBRARY, [*born, *others, 'nepi_end "$who"', "wait $pid", "echo $?"])) == b"there\n143\n"
