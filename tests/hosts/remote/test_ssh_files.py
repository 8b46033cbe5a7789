"""Files over SFTP: by parts, whole or not at all, taken up where they were cut, checked. Against a real sshd."""

import asyncio
import hashlib
import stat
import subprocess
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pytest

from nepi.errors import ConnectError, ResourceError
from nepi.hosts.remote.sftp_digests import digests_in
from nepi.hosts.remote.ssh_copying import uploads_of
from nepi.hosts.remote.ssh_options import SshOptions
from nepi.hosts.remote.ssh_transport import SshPool, SshTransport
from nepi.hosts.remote.transport import FileFacts
from tests.hosts.remote.sshd import Sshd, sshd

pytestmark = [pytest.mark.root, pytest.mark.netns]

SOME = bytes(range(256)) * 20_000
"""5 MB."""


def over_ssh(options: SshOptions, work: Callable[[SshTransport], Awaitable[None]]) -> None:
    async def main() -> None:
        pool = SshPool()
        try:
            async with asyncio.timeout(100):
                await work(pool.transport("h", options))
        finally:
            await pool.close()

    asyncio.run(main())


def test_a_file_is_written_whole_with_its_folders_and_mode_and_read_in_part(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        path = PurePosixPath("a/b/c d'\n\udcffé")
        await host.files.write(path, SOME, mode=0o600)
        await host.files.write(path, SOME[::-1], mode=0o750)
        facts = await host.files.facts(path)
        assert facts is not None
        assert facts == FileFacts(len(SOME), 0o750, facts.modified_at, False)
        assert await host.files.read(path) == SOME[::-1]
        assert await host.files.read(path, 300_000, 1_000_000) == SOME[::-1][300_000:1_300_000]
        assert await host.files.read(path, len(SOME) - 5, 100) == SOME[::-1][-5:]
        assert await host.files.read(path, len(SOME) + 5) == b""
        assert await host.files.list(PurePosixPath("/root/a/b")) == [path.name]
        assert (await host.files.facts(PurePosixPath("a")), await host.files.facts(PurePosixPath("a/x"))) == (
            await host.files.facts(PurePosixPath("/root/a")),
            None,
        )

    over_ssh(own_server.options(), work)


def test_files_of_which_nobody_knows_the_size_are_read_to_their_end(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        assert (await host.files.read(PurePosixPath("/proc/sys/kernel/ostype"))) == b"Linux\n"

    over_ssh(server.options(), work)


def test_errors_of_files_name_the_host_the_path_and_the_reason(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        files = host.files
        with pytest.raises(ResourceError, match=r"^h: reading gone: there is no such file or folder$"):
            await files.read(PurePosixPath("gone"))
        with pytest.raises(ResourceError, match=r"^h: fetching /etc: that is a folder$"):
            await files.get(PurePosixPath("/etc"), Path("/nowhere"))
        with pytest.raises(ResourceError, match=r"^h: sending /no/such: /no/such: No such file or directory$"):
            await files.put(Path("/no/such"), PurePosixPath("x"))
        with pytest.raises(ResourceError, match=r"^h: writing /etc/passwd/x: "):
            await files.write(PurePosixPath("/etc/passwd/x"), b"")

    over_ssh(server.options(), work)


@pytest.mark.parametrize("path", [".", "/", "..", "a/../b", "/root", "//root/."])
def test_what_holds_the_home_is_not_removed(server: Sshd, path: str) -> None:
    async def work(host: SshTransport) -> None:
        with pytest.raises(ResourceError, match="will not be removed"):
            await host.files.remove(PurePosixPath(path))

    over_ssh(server.options(), work)


def test_folders_are_removed_with_all_that_is_in_them_and_of_links_only_the_link(own_server: Sshd) -> None:
    (own_server.home / "kept").mkdir()
    (own_server.home / "kept" / "file").touch()
    (own_server.home / "link").symlink_to("kept")
    (own_server.home / "-rf *" / "below").mkdir(parents=True)

    async def work(host: SshTransport) -> None:
        for path in ("link", "-rf *", "gone", "gone/too"):
            await host.files.remove(PurePosixPath(path))

    over_ssh(own_server.options(), work)
    assert [path.name for path in own_server.home.iterdir()] == ["kept"]


def test_a_folder_is_sent_once_and_then_only_what_has_changed(own_server: Sshd, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "below" / "empty").mkdir(parents=True)
    for number in range(40):
        (source / f"file\n{number}").write_bytes(b"x" * number)
    (source / "below" / "run").write_bytes(SOME)
    (source / "below" / "run").chmod(0o755)
    there = own_server.home / "copy"

    async def work(host: SshTransport) -> None:
        sent = [await host.files.put(source, PurePosixPath("copy")) for _ in range(2)]
        before = (there / "file\n7").stat().st_ino
        (source / "below" / "run").write_bytes(SOME[::-1])
        (source / "file\n8").chmod(0o600)
        sent.append(await host.files.put(source, PurePosixPath("copy")))
        assert (sent, (there / "file\n7").stat().st_ino) == ([True, False, True], before)
        assert await host.files.put(source / "file\n8", PurePosixPath("copy/one"), mode=0o640)

    over_ssh(own_server.options(), work)
    names = sorted(str(path.relative_to(there)) for path in there.rglob("*"))
    assert names == sorted([*(str(path.relative_to(source)) for path in source.rglob("*")), "one"])
    modes = [stat.S_IMODE((there / name).stat().st_mode) for name in ("below/run", "file\n8", "one")]
    assert ((there / "below" / "run").read_bytes(), modes) == (SOME[::-1], [0o755, 0o600, 0o640])


def test_where_there_is_no_sha256sum_files_are_checked_by_reading_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(SOME)

    async def work(host: SshTransport) -> None:
        assert (await host.run("sha256sum")).exit.status == 127
        assert [await host.files.put(source, PurePosixPath("it")) for _ in range(2)] == [True, False]
        assert await host.files.get(PurePosixPath("it"), tmp_path / "back") == len(SOME)

    with sshd(tmp_path / "sshd", settings="SetEnv PATH=/nowhere\n") as it:
        (it.home / ".profile").touch()
        # sh and cat are all that there is.
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "sh").symlink_to("/bin/sh")
        over_ssh(it.options(), work)
    assert (tmp_path / "back").read_bytes() == SOME


@contextmanager
def slowed() -> Generator[None]:
    """Let 20 Mbit/s through the loopback, so that a transfer takes long enough to be cut."""
    limit = ["tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "20mbit", "burst", "100k", "latency", "500ms"]
    subprocess.run(limit, check=True)
    try:
        yield
    finally:
        subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], check=True)


async def grown(path: Path, size: int) -> Path:
    """Wait until a file that something is written to has so many bytes."""

    def look() -> Path:
        while True:
            for found in path.parent.glob(path.name):
                if found.stat().st_size >= size:
                    return found
            time.sleep(0.002)  # nobody tells that a file has grown

    return await asyncio.to_thread(look)


def test_an_upload_that_was_cut_is_taken_up_where_it_stopped(own_server: Sshd, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(SOME)

    async def work(host: SshTransport) -> None:
        sending = asyncio.create_task(host.files.put(source, PurePosixPath("it")))
        part = await grown(own_server.home / ".it.*.part", 2_500_000)
        before = part.stat().st_ino
        own_server.cut()
        assert await sending
        assert (await host.connected(), (own_server.home / "it").stat().st_ino) == (2, before)

    with slowed():
        over_ssh(own_server.options(), work)
    assert ((own_server.home / "it").read_bytes(), [path.name for path in own_server.home.iterdir()]) == (SOME, ["it"])


def test_a_download_that_was_cut_is_taken_up_where_it_stopped(own_server: Sshd, tmp_path: Path) -> None:
    (own_server.home / "it").write_bytes(SOME)
    target = tmp_path / "target"

    async def work(host: SshTransport) -> None:
        fetching = asyncio.create_task(host.files.get(PurePosixPath("it"), target))
        await grown(target, 2_500_000)
        before = target.stat().st_ino
        own_server.cut()
        assert (await fetching, await host.connected(), target.stat().st_ino) == (len(SOME), 2, before)

    with slowed():
        over_ssh(own_server.options(), work)
    assert target.read_bytes() == SOME


def test_what_is_here_already_is_not_fetched_again_unless_it_is_something_else(own_server: Sshd, tmp_path: Path) -> None:
    (own_server.home / "it").write_bytes(SOME)
    begun, other, longer = tmp_path / "begun", tmp_path / "other", tmp_path / "longer"
    begun.write_bytes(SOME[:4_000_000])
    other.write_bytes(b"x" * 4_000_000)
    longer.write_bytes(SOME + b"x")

    async def work(host: SshTransport) -> None:
        sizes = [await host.files.get(PurePosixPath("it"), target) for target in (begun, other, longer)]
        sizes.append(await host.files.get(PurePosixPath("it"), tmp_path / "new" / "it", resume=False))
        assert sizes == [len(SOME)] * 4

    over_ssh(own_server.options(), work)
    found = [path.read_bytes() for path in (begun, other, longer, tmp_path / "new" / "it")]
    assert [hashlib.sha256(content).digest() for content in found] == [hashlib.sha256(SOME).digest()] * 4


def test_a_full_disk_is_said_to_be_full_and_nothing_half_is_left(own_server: Sshd, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(SOME)
    (own_server.home / "small").mkdir()

    async def work(host: SshTransport) -> None:
        mount = await host.run("mount -t tmpfs -o size=1m none small && echo old > small/it")
        assert mount.exit.status == 0, mount.stderr
        full = r"the disk is full \(0 bytes and [\d,]+ files are free there\)$"
        with pytest.raises(ResourceError, match=r"^h: writing small/it: " + full):
            await host.files.write(PurePosixPath("small/it"), SOME)
        assert (await host.files.list(PurePosixPath("small")), await host.files.read(PurePosixPath("small/it"))) == (["it"], b"old\n")
        with pytest.raises(ResourceError, match=r"^h: writing small/it: " + full):
            await host.files.put(source, PurePosixPath("small/it"))
        assert await host.files.list(PurePosixPath("small")) == ["it"]

    over_ssh(own_server.options(), work)


def test_a_server_of_files_that_ended_is_started_again(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        await host.files.write(PurePosixPath("it"), b"x")
        # It is a child of the process that serves the connection, as our shell is.
        killed = await host.run("kill $(grep -lx sftp-server $(printf '/proc/%s/comm ' $(cat /proc/$PPID/task/*/children)) | cut -d/ -f3)")
        assert killed.exit.status == 0, killed.stderr
        assert (await host.files.read(PurePosixPath("it")), await host.connected()) == (b"x", 1)

    over_ssh(own_server.options(), work)


@pytest.mark.parametrize("program", ["", "/bin/false"])
def test_a_host_without_sftp_is_an_error_that_says_so(tmp_path: Path, program: str) -> None:
    async def work(host: SshTransport) -> None:
        with pytest.raises(ConnectError, match=r"has no SFTP that works \(Subsystem sftp in its sshd_config\)"):
            await host.files.read(PurePosixPath("/etc/passwd"))

    with sshd(tmp_path / "sshd", sftp=program) as it:
        over_ssh(it.options(), work)


def test_uploads_are_all_files_of_a_folder_with_what_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").write_bytes(b"x")
    (tmp_path / "a" / "b" / "link").symlink_to("../file")
    files, folders = uploads_of(tmp_path / "a", PurePosixPath("to"), 0o600)
    assert ([(str(file.path), file.size, file.mode) for file in files], list(map(str, folders))) == (
        [("to/b/link", 1, 0o600), ("to/file", 1, 0o600)],
        ["to", "to/b"],
    )


def test_what_sha256sum_prints_is_read_whatever_names_files_have() -> None:
    digest = "a" * 64
    output = f"{digest}  plain name\n\\{digest}  two\\nlines and \\\\\n{digest} *binary\nsha256sum: gone: No such file\n".encode()
    assert digests_in(output) == {"plain name": digest, "two\nlines and \\": digest, "binary": digest}
