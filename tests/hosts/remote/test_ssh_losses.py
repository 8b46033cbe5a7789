"""Hosts that are not there, connections that are lost, and what happens to what was being done. Against a real sshd."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from nepi.errors import ConnectError
from nepi.hosts.remote.ssh_options import Jump, SshOptions
from nepi.hosts.remote.ssh_transport import SshPool, SshTransport
from tests.hosts.remote.sshd import Bell, Sshd, free_port, sshd

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


def said_when_connecting(options: SshOptions) -> str:
    errors = []

    async def work(host: SshTransport) -> None:
        with pytest.raises(ConnectError) as caught:
            await host.connected()
        errors.append(str(caught.value))

    over_ssh(options, work)
    return errors[0]


def test_where_nothing_listens_it_is_said_at_once() -> None:
    port = free_port("127.0.0.1")
    assert said_when_connecting(SshOptions("127.0.0.1", port=port)) == (
        f"host '127.0.0.1' (port {port}): nothing listens there; is sshd running, and on that port?"
    )


def test_where_there_is_no_way_it_is_said_at_once() -> None:
    error = said_when_connecting(SshOptions("192.0.2.1"))
    assert error == "host '192.0.2.1' (port 22): this machine has no route to it; is the network up, and is a gateway needed?"


def test_a_name_that_nobody_knows_is_said_to_be_one() -> None:
    assert "its name is not known" in said_when_connecting(SshOptions("no-such-host.invalid", connect_deadline_s=20))


@contextmanager
def silent(*, accepting: bool) -> Generator[int]:
    """Listen on a port and say nothing, or, with a full queue, do not even accept: as a host behind a firewall."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5 if accepting else 0)
        fillers = []
        for _ in range(0 if accepting else 3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        try:
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


@pytest.mark.parametrize(
    ("accepting", "missing"),
    [
        (False, "it does not answer; is it on, is the address right, and does a firewall let SSH through?"),
        (True, "something there accepts connections, but says nothing; is it sshd, and is it well?"),
    ],
)
def test_a_host_that_does_not_answer_is_given_up_at_the_deadline(accepting: bool, missing: str) -> None:
    with silent(accepting=accepting) as port:
        assert said_when_connecting(SshOptions("127.0.0.1", port=port, connect_deadline_s=1.5)) == (
            f"host '127.0.0.1' (port {port}) could not be connected to within 1.5 s: {missing}"
        )


def test_a_command_that_was_sent_is_not_sent_again_and_one_that_was_not_waits_for_the_new_connection(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        watcher = (await host.open("echo up; exec cat")).lines()  # one of the places
        assert await anext(watcher) == b"up"
        running = [asyncio.create_task(host.run(f"echo {number} >> begun; sleep 100 & echo $! > bell; wait")) for number in range(9)]
        waiting = [asyncio.create_task(host.run(f"echo {number} >> begun; echo done")) for number in range(9, 20)]
        sleepers = await bell.heard(9)
        assert await host.connected() == 1
        own_server.cut()
        errors = await asyncio.gather(*running, return_exceptions=True)
        assert {(type(error), str(error)[:49]) for error in errors} == {(ConnectError, "h: the connection was lost while a command ran: '")}
        assert {(await task).stdout for task in waiting} == {b"done\n"}
        assert [line async for line in watcher] == []
        assert await host.connected() == 2
        begun = (await host.run("cat begun")).stdout.decode()
        assert sorted(begun.split(), key=int) == [str(number) for number in range(20)]
        await host.run("kill " + " ".join(sleepers))

    with Bell(own_server) as bell:
        over_ssh(own_server.options(), work)


def test_a_command_that_may_be_repeated_is(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        line = "echo x >> times; echo x > bell; test $(wc -l < times) -gt 1 || exec sleep 1; echo second"
        task = asyncio.create_task(host.run(line, once=False))
        await bell.heard()
        lost = asyncio.create_task(host.lost())
        own_server.cut()
        await lost
        assert ((await task).stdout, await host.connected()) == (b"second\n", 2)

    with Bell(own_server) as bell:
        over_ssh(own_server.options(), work)


def test_a_server_that_is_restarted_is_waited_for(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        assert (await host.run("echo before")).stdout == b"before\n"
        own_server.stop()
        await host.lost()
        later = asyncio.create_task(host.run("echo after"))
        await asyncio.sleep(0)
        await asyncio.to_thread(own_server.start)
        assert ((await later).stdout, await host.connected()) == (b"after\n", 2)

    over_ssh(own_server.options(), work)


def test_a_server_that_does_not_come_back_is_given_up_at_the_deadline_and_may_come_back_later(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        await host.connected()
        own_server.stop()
        await host.lost()
        with pytest.raises(ConnectError, match=r"could not be connected to within 3 s: .*nothing listens there"):
            await host.run("true")
        await asyncio.to_thread(own_server.start)
        assert (await host.run("echo after")).stdout == b"after\n"

    over_ssh(own_server.options(connect_deadline_s=3), work)


def test_a_host_that_falls_silent_is_noticed_by_its_missing_signs_of_life(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        running = asyncio.create_task(host.run("echo x > bell; sleep 1"))
        await bell.heard()
        (connection,) = own_server.connections()
        os.kill(connection, signal.SIGSTOP)
        later = asyncio.create_task(host.run("echo over another"))
        with pytest.raises(ConnectError, match="the connection was lost while a command ran"):
            await running
        assert ((await later).stdout, await host.connected()) == (b"over another\n", 2)
        os.kill(connection, signal.SIGKILL)

    with Bell(own_server) as bell:
        over_ssh(own_server.options(keepalive_s=1), work)


def test_closing_does_not_wait_for_a_host_that_has_fallen_silent(own_server: Sshd) -> None:
    async def work(host: SshTransport) -> None:
        task = asyncio.create_task(host.run("echo x > bell; sleep 1"))
        await bell.heard()
        (connection,) = own_server.connections()
        os.kill(connection, signal.SIGSTOP)
        await host.close()
        with pytest.raises(ConnectError):
            await task
        os.kill(connection, signal.SIGKILL)

    with Bell(own_server) as bell:
        over_ssh(own_server.options(), work)


def test_any_number_of_hosts_on_the_way_is_passed_and_comes_back_after_a_loss(tmp_path: Path) -> None:
    places = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    with (
        sshd(tmp_path / "near", address=places[0]) as near,
        sshd(tmp_path / "middle", address=places[1]) as middle,
        sshd(tmp_path / "far", address=places[2]) as far,
    ):
        known = tmp_path / "known_hosts"
        known.write_text("".join(each.known_hosts.read_text() for each in (near, middle, far)))
        for each in (near, middle):
            (each.folder / "authorized_keys").write_text((far.folder / "id.pub").read_text())
        jumps = tuple(Jump(each.address, each.port, "root") for each in (near, middle))

        async def work(host: SshTransport) -> None:
            assert (await host.run("echo $SSH_CONNECTION")).stdout.split()[2] == far.address.encode()
            near.cut()
            await host.lost()
            assert (await host.run("echo again")).stdout == b"again\n"
            await host.files.write(PurePosixPath("there"), b"x")

        over_ssh(far.options(jumps=jumps, known_hosts=(known,)), work)
        assert (far.home / "there").read_bytes() == b"x"

        # The same by the user's ssh configuration.
        config = tmp_path / "config"
        entries = {"near": (near, ""), "middle": (middle, ""), "far": (far, "ProxyJump near,middle")}
        config.write_text(
            "".join(
                f"Host {name}\n  HostName {it.address}\n  Port {it.port}\n  User root\n  IdentityFile {far.identity}\n  {more}\n"
                for name, (it, more) in entries.items()
            )
        )

        async def by_configuration(host: SshTransport) -> None:
            assert (await host.run("echo $SSH_CONNECTION")).stdout.split()[2] == far.address.encode()

        over_ssh(SshOptions("far", config=config, known_hosts=(known,)), by_configuration)

        # Of each host on the way the key is checked.
        known.write_text(far.known_hosts.read_text())
        error = said_when_connecting(far.options(jumps=jumps, known_hosts=(known,)))
        assert error.startswith(f"host '{near.address}' (port {near.port}) shows a host key that is not known")
        known.write_text(near.known_hosts.read_text() + middle.known_hosts.read_text())
        error = said_when_connecting(far.options(jumps=jumps, known_hosts=(known,)))
        assert f"    ssh -J root@{near.address}:{near.port} -p {middle.port} root@{middle.address} 'ssh-keyscan -p {far.port} " in error

        # What the last one on the way cannot reach is said.
        nowhere = replace(far.options(jumps=jumps, known_hosts=(known,)), port=free_port(far.address))
        assert "cannot be reached from the host before it" in said_when_connecting(nowhere)


def test_a_host_on_the_way_that_does_not_forward_is_named(tmp_path: Path) -> None:
    with sshd(tmp_path / "gw", settings="AllowTcpForwarding no\n") as gateway:
        options = gateway.options(jumps=(Jump(gateway.address, gateway.port, "root"),), group="behind itself")
        assert "the host before it does not forward connections" in said_when_connecting(options)
