"""This machine as a remote host, without sshd."""

import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

import pytest

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.hosts.remote.local_transport import LocalTransport
from nepi.hosts.remote.transport import FileFacts


def on_this_machine(home: Path, work: Callable[[LocalTransport], Awaitable[None]]) -> None:
    async def main() -> None:
        transport = LocalTransport("here", home)
        try:
            await work(transport)
        finally:
            await transport.close()

    asyncio.run(main())


def test_a_command_runs_in_the_home_in_a_session_of_its_own_and_reads_its_input(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        done = await here.run("pwd; cat; set -- $(cat /proc/$$/stat); echo $6; echo $$; echo no >&2; exit 3", stdin=b"read\n")
        place, read, session, own, *_ = done.stdout.decode().split()
        assert (place, read, session == own, done.stderr, done.exit.status) == (str(tmp_path), "read", True, b"no\n", 3)

    on_this_machine(tmp_path, work)


def test_a_signal_that_ended_a_command_is_its_status(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        assert (await here.run("kill -TERM $$")).exit.status == -15

    on_this_machine(tmp_path, work)


def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        with pytest.raises(DeadlineError, match=r"here: a command took longer than 0\.3 s: 'sleep 100 & wait'"):
            await here.run("sleep 100 & wait", deadline_s=0.3)

    on_this_machine(tmp_path, work)


def test_much_binary_output_and_a_huge_input_come_whole(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000

    async def work(here: LocalTransport) -> None:
        assert (await here.run("cat", stdin=data)).stdout == data
        assert (await here.run("true", stdin=data)).exit.status == 0  # it does not read it

    on_this_machine(tmp_path, work)


def test_a_stream_talks_line_by_line_and_tells_how_it_ended(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        stream = await here.open("while read word; do echo got $word; done; echo bye >&2; printf rest; exit 4")
        lines = stream.lines()
        await stream.write(b"one\n")
        assert await anext(lines) == b"got one"
        await stream.write(b"two\n")
        assert await anext(lines) == b"got two"
        exit_ = await stream.close()
        assert (exit_ and exit_.status, stream.last_words()) == (4, b"bye\n")

    on_this_machine(tmp_path, work)


def test_what_runs_by_open_ends_when_the_transport_is_closed(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        stream = await here.open("echo up; exec sleep 100")
        assert await anext(stream.lines()) == b"up"
        await here.close()
        with pytest.raises(ConnectError, match="here: the connection has been closed"):
            await here.run("true")

    on_this_machine(tmp_path, work)


def test_a_command_that_cannot_be_started_is_an_error_with_its_reason(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        with pytest.raises(ResourceError, match="here: a command could not be started: .*Argument list too long"):
            await here.run("true " + "x" * 200_000)

    on_this_machine(tmp_path, work)


def test_files_are_written_whole_read_in_part_listed_and_removed(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        files = here.files
        await files.write(PurePosixPath("a/b"), b"0123456789", mode=0o600)
        facts = await files.facts(PurePosixPath("a/b"))
        assert facts == FileFacts(10, 0o600, (tmp_path / "a" / "b").stat().st_mtime, False)
        assert await files.read(PurePosixPath("a/b"), 3, 4) == b"3456"
        assert await files.read(PurePosixPath(tmp_path / "a" / "b"), 8) == b"89"
        assert await files.list(PurePosixPath("a")) == ["b"]
        await files.remove(PurePosixPath("a"))
        await files.remove(PurePosixPath("a"))
        assert await files.facts(PurePosixPath("a")) is None

    on_this_machine(tmp_path, work)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_copied_once_and_then_only_what_has_changed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    (source / "below" / "run").write_bytes(b"x")
    (source / "below" / "run").chmod(0o755)

    async def work(here: LocalTransport) -> None:
        place = PurePosixPath("copy")
        sent = [await here.files.put(source, place), await here.files.put(source, place)]
        copied = here.home / "copy" / "below" / "run"
        first = copied.stat().st_ino
        (source / "new").write_bytes(b"y")
        sent.append(await here.files.put(source, place))
        assert (sent, copied.stat().st_ino == first, stat.S_IMODE(copied.stat().st_mode)) == ([True, False, True], True, 0o755)

    (tmp_path / "home").mkdir()
    on_this_machine(tmp_path / "home", work)


def test_a_copy_is_taken_up_where_it_stopped_unless_it_began_otherwise(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"0123456789")
    half, other = tmp_path / "half", tmp_path / "other"
    half.write_bytes(b"01234")
    other.write_bytes(b"xxxxx")

    async def work(here: LocalTransport) -> None:
        before = half.stat().st_ino
        assert [await here.files.get(PurePosixPath("it"), target) for target in (half, other)] == [10, 10]
        assert (half.read_bytes(), other.read_bytes(), half.stat().st_ino) == (b"0123456789", b"0123456789", before)

    on_this_machine(tmp_path, work)


@pytest.mark.parametrize("path", [".", "/", "..", "a/../b", "~home", "~parent"])
def test_what_holds_the_home_is_not_removed(tmp_path: Path, path: str) -> None:
    home = tmp_path / "all" / "home"
    home.mkdir(parents=True)
    wanted = {"~home": str(home), "~parent": str(home.parent)}.get(path, path)

    async def work(here: LocalTransport) -> None:
        with pytest.raises(ResourceError, match="will not be removed"):
            await here.files.remove(PurePosixPath(wanted))

    on_this_machine(home, work)
    assert home.is_dir()


def test_of_a_link_only_the_link_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to("kept")

    async def work(here: LocalTransport) -> None:
        await here.files.remove(PurePosixPath("link"))

    on_this_machine(tmp_path, work)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_errors_of_files_name_the_host_the_path_and_the_reason(tmp_path: Path) -> None:
    async def work(here: LocalTransport) -> None:
        with pytest.raises(ResourceError, match=r"^here: reading gone: No such file or directory$"):
            await here.files.read(PurePosixPath("gone"))

    on_this_machine(tmp_path, work)
