"""Commands over SSH: many at once, cut off in the middle, through other hosts. Against a real sshd."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

import pytest

from nepi.errors import ConnectError, DeadlineError, ResourceError
from nepi.hosts.remote.ssh_options import SshOptions
from nepi.hosts.remote.ssh_transport import SshPool, SshTransport
from tests.hosts.remote.sshd import Sshd, sshd

pytestmark = [pytest.mark.root, pytest.mark.netns]


def over_ssh(options: SshOptions, work: Callable[[SshTransport], Awaitable[None]]) -> None:
    async def main() -> None:
        pool = SshPool()
        try:
            async with asyncio.timeout(100):
                await work(pool.transport("h", options))
        finally:
            await pool.close()

    asyncio.run(main())


def test_a_command_runs_by_sh_in_the_home_and_reads_its_input(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        done = await host.run("pwd; cat; echo no >&2; echo $0; exit 3", stdin=b"read\n")
        assert (done.stdout, done.stderr, done.exit.status) == (b"/root\nread\nsh\n", b"no\n", 3)
        assert done.argv == ("sh", "-c", "pwd; cat; echo no >&2; echo $0; exit 3")

    over_ssh(server.options(), work)


def test_a_signal_that_ended_a_command_is_its_status(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        assert (await host.run("kill -TERM $$")).exit.status == -15

    over_ssh(server.options(), work)


def test_text_of_any_kind_reaches_the_shell_as_it_is(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        done = await host.run("printf %s 'a'\\''b\n\\ $HOME `x` \"!\" \udcff é'")
        assert done.stdout == b'a\'b\n\\ $HOME `x` "!" \xff ' + "é".encode()

    over_ssh(server.options(), work)


def test_a_hundred_commands_at_once_use_ten_channels_of_one_connection(own_server: Sshd) -> None:
    count = "ls -d now.* | wc -l"

    async def work(host: SshTransport) -> None:
        line = f"touch now.$$; {count}; sleep 0.01; rm now.$$"
        done = await asyncio.gather(*(host.run(f"{line}; echo {number}") for number in range(100)))
        assert [each.stdout.split()[1] for each in done] == [str(number).encode() for number in range(100)]
        assert max(int(each.stdout.split()[0]) for each in done) <= 10
        assert len(own_server.connections()) == 1

    over_ssh(own_server.options(), work)


def test_a_server_that_permits_fewer_channels_gets_fewer(tmp_path: Path) -> None:
    async def work(host: SshTransport) -> None:
        done = await asyncio.gather(*(host.run(f"sleep 0.01; echo {number}") for number in range(40)))
        assert [each.stdout for each in done] == [f"{number}\n".encode() for number in range(40)]

    with sshd(tmp_path / "few", settings="MaxSessions 3\n") as few:
        over_ssh(few.options(), work)


def test_a_server_that_permits_no_sessions_is_an_error_that_says_so(tmp_path: Path) -> None:
    async def work(host: SshTransport) -> None:
        with pytest.raises(ConnectError, match="permits too few sessions"):
            await host.run("true")

    with sshd(tmp_path / "none", settings="MaxSessions 0\n") as none:
        over_ssh(none.options(), work)


def test_sixty_connections_at_once_get_through_where_ten_may_be_made(own_server: Sshd) -> None:
    async def main() -> list[bytes]:
        # Two experiments that know nothing of each other: together they are too many.
        pools = [SshPool(), SshPool()]
        hosts = [pool.transport(f"h{number}", own_server.options(group=str(number))) for number in range(30) for pool in pools]
        try:
            return [done.stdout for done in await asyncio.gather(*(host.run("echo $PPID") for host in hosts))]
        finally:
            for pool in pools:
                await pool.close()

    assert len(set(asyncio.run(main()))) == 60


def test_all_who_ask_for_the_same_host_share_a_connection_until_the_last_one_leaves(own_server: Sshd) -> None:
    async def main() -> None:
        pool = SshPool()
        hosts = [pool.transport(f"alias{number}", own_server.options()) for number in range(100)]
        done = await asyncio.gather(*(host.run("echo $PPID") for host in hosts))
        assert (len({each.stdout for each in done}), len(own_server.connections())) == (1, 1)
        for host in hosts[1:]:
            await host.close()
        assert (await hosts[0].run("echo still")).stdout == b"still\n"
        with pytest.raises(ConnectError, match="alias1: the connection has been closed"):
            await hosts[1].run("true")
        await hosts[0].close()
        await pool.close()

    asyncio.run(main())


def test_much_binary_output_and_a_huge_input_come_whole(server: Sshd) -> None:
    data = bytes(range(256)) * 40_000

    async def work(host: SshTransport) -> None:
        assert (await host.run("cat", stdin=data)).stdout == data
        assert (await host.run("wc -c", stdin=data)).stdout.split() == [b"10240000"]
        assert (await host.run("true", stdin=data)).exit.status == 0  # it does not read it

    over_ssh(server.options(), work)


@pytest.mark.slow
def test_a_hundred_megabytes_of_output_come_whole_while_others_have_their_turn(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        much = asyncio.create_task(host.run("head -c 100000000 /dev/zero"))
        assert (await host.run("echo meanwhile")).stdout == b"meanwhile\n"
        assert (await much).stdout == bytes(100_000_000)

    over_ssh(server.options(), work)


def test_a_command_that_takes_too_long_is_given_up(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        with pytest.raises(DeadlineError, match=r"^h: a command took longer than 0\.2 s: 'sleep 1'$"):
            await host.run("sleep 1", deadline_s=0.2)
        assert (await host.run("echo next")).stdout == b"next\n"

    over_ssh(server.options(), work)


def test_a_command_that_is_too_long_is_refused_before_anything_is_sent(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        with pytest.raises(ResourceError, match="longer than 120,000 bytes"):
            await host.run("true " + "x" * 120_000)
        assert (await host.run(f"printf %s {'x' * 100_000} | wc -c")).stdout.split() == [b"100000"]

    over_ssh(server.options(), work)


def test_a_stream_talks_line_by_line_and_tells_how_it_ended(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        stream = await host.open("while read word; do echo got $word; done; echo bye >&2; printf rest; exit 4")
        lines = stream.lines()
        await stream.write(b"one\n")
        assert await anext(lines) == b"got one"
        await stream.write(b"two\n")
        assert await anext(lines) == b"got two"
        exit_ = await stream.close()
        assert (exit_ and exit_.status, stream.last_words(), [line async for line in stream.lines()]) == (4, b"bye\n", [b"rest"])
        with pytest.raises(ConnectError, match="what was to read has ended"):
            await stream.write(b"three\n")

    over_ssh(server.options(), work)


def test_a_stream_that_nobody_reads_makes_its_command_wait_and_others_go_on(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        stream = await host.open("seq 2000000")
        assert (await host.run("echo meanwhile")).stdout == b"meanwhile\n"
        seen = [line async for line in stream.lines()]
        assert (len(seen), seen[0], seen[-1]) == (2_000_000, b"1", b"2000000")

    over_ssh(server.options(), work)


def test_streams_leave_channels_to_commands_and_files(server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        streams = [asyncio.create_task(host.open("echo up; cat")) for _ in range(10)]
        first = await asyncio.gather(*streams[:8])
        assert [await anext(stream.lines()) for stream in first] == [b"up"] * 8
        assert (await host.run("echo mine")).stdout == b"mine\n"
        await host.files.write(PurePosixPath("with_streams"), b"x")
        assert [task.done() for task in streams[8:]] == [False, False]
        for stream in first[:2]:
            await stream.close()
        assert [await anext(stream.lines()) for stream in await asyncio.gather(*streams[8:])] == [b"up"] * 2

    over_ssh(server.options(), work)


def test_what_runs_by_open_ends_with_the_transport_although_the_connection_stays(server: Sshd) -> None:
    async def main() -> None:
        pool = SshPool()
        one, other = pool.transport("one", server.options()), pool.transport("other", server.options())
        stream = await one.open("echo up; cat; echo over > ended")
        assert await anext(stream.lines()) == b"up"
        await one.close()
        assert (await other.run("until test -s ended; do :; done; cat ended", deadline_s=10)).stdout == b"over\n"
        await pool.close()

    asyncio.run(main())


def test_what_a_command_draws_appears_on_this_machines_display_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sshd(tmp_path / "it", settings="X11Forwarding yes\n") as it, socket.create_server(("127.0.0.1", 0)) as display:
        monkeypatch.setenv("DISPLAY", f"127.0.0.1:{display.getsockname()[1] - 6000}")
        monkeypatch.setenv("XAUTHORITY", str(tmp_path / "no_xauthority"))

        async def work(host: SshTransport) -> None:
            plain = await host.open("echo ${DISPLAY:-none}; cat")
            stream = await host.open("echo $DISPLAY; xauth list $DISPLAY; cat", forward_x11=True)
            assert await anext(plain.lines()) == b"none"
            lines = stream.lines()
            there = (await anext(lines)).decode()
            _, protocol, cookie = (await anext(lines)).split()
            hello = hello_of_x11(protocol, bytes.fromhex(cookie.decode()))
            assert await asyncio.to_thread(drawn, there, hello, display) == b"drawn"

        over_ssh(it.options(), work)


def hello_of_x11(protocol: bytes, cookie: bytes) -> bytes:
    """What a client of X11 says first: byte order, version 11, how it may."""
    padded = b"".join(word + bytes(-len(word) % 4) for word in (protocol, cookie))
    return b"l\0" + struct.pack("<HHHHH", 11, 0, len(protocol), len(cookie), 0) + padded


def drawn(there: str, hello: bytes, display: socket.socket) -> bytes:
    """Be a client there and the display here."""
    number = int(there.partition(":")[2].partition(".")[0])
    with socket.create_connection(("127.0.0.1", 6000 + number), timeout=20) as client:
        client.sendall(hello)
        display.settimeout(20)
        seen, _ = display.accept()
        with seen:
            assert seen.recv(4) == b"l\0\x0b\0"
            seen.sendall(b"drawn")
            return client.recv(5)
