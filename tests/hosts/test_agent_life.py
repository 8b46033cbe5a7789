"""Who dies when: the agent killed, the controller killed, runs taken up again and given back."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nepi.errors import ConnectError, RunError
from nepi.execution.ledger import Ledger
from nepi.execution.ledger_kinds import collect
from nepi.execution.process_identity import ProcessIdentity
from nepi.hosts.agent_start import warm_up
from nepi.hosts.enter import ask_agent, enter_argv
from nepi.hosts.namespace import NamespaceSession, Shape, VethEnd
from tests.hosts.worlds import RIGHTS, SOURCE, as_nobody, python_for_anybody, rows, run, session_in, star, until

pytestmark = pytest.mark.netns

CONTROLLER = Path(__file__).with_name("controller.py")


@contextmanager
def killed_controller(run_dir: Path) -> Generator[dict[str, Any]]:
    """Start a controller, let it make its world, kill it; at the end nothing of it may be left."""
    os.mkfifo(run_dir / "fifo")
    fifo = os.open(run_dir / "fifo", os.O_RDWR)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    controller = subprocess.Popen([sys.executable, str(CONTROLLER), str(run_dir)], stdout=subprocess.PIPE, env=environment)
    try:
        assert controller.stdout is not None
        made = json.loads(controller.stdout.readline())
        controller.kill()
        controller.wait()
        controller.stdout.close()
        yield made
    finally:
        os.close(fifo)
        collect(run_dir / "ledger.sqlite")


def alive(pid: int) -> bool:
    try:
        ProcessIdentity.of(pid)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_agent_takes_everything_with_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path) as session:
            a, _ = await star(session, 2)
            process = await a.start(["sleep", "1000"], stdout=tmp_path / "out")
            waiting = asyncio.create_task(a.wait_listening(4000))
            await session.hosts([])
            os.kill(session.identity.pid, signal.SIGKILL)
            reason = await session.lost
            assert (await process.wait()).status is None
            assert (await process.stop()).status is None
            assert not process.identity.is_alive()
            with pytest.raises(ConnectError, match="is gone"):
                await waiting
            with pytest.raises(ConnectError, match="is gone"):
                await session.node("c")
            with pytest.raises(ConnectError, match="is gone"):
                await a.start(["true"], stdout=tmp_path / "out")
            assert "ended" in reason

    run(scenario())


def test_what_a_killed_controller_started_goes_on_until_it_is_collected(tmp_path: Path) -> None:
    with killed_controller(tmp_path) as made:
        before = (tmp_path / "ping").stat().st_size

        async def more_output() -> None:
            await until(lambda: (tmp_path / "ping").stat().st_size > before)

        run(more_output())
        assert all(alive(made[name]) for name in ("agent", "ping", "soon"))
        collected = collect(tmp_path / "ledger.sqlite")
        assert sorted(row.kind for row in collected.released) == ["agent", "link", "netns", "netns", "process", "process"]
        assert collected.left == ()
        assert not any(alive(made[name]) for name in ("agent", "ping", "soon"))
        again = collect(tmp_path / "ledger.sqlite")
        assert (again.released, again.left) == ((), ())


def test_a_run_is_taken_up_again(tmp_path: Path) -> None:
    with killed_controller(tmp_path) as made:
        fifo = os.open(tmp_path / "fifo", os.O_WRONLY)
        os.write(fifo, b"\n")
        os.close(fifo)

        async def scenario() -> None:
            exits = tmp_path / "exits.jsonl"
            await until(lambda: exits.read_text() != "")  # it ends while no controller is there
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                session = await NamespaceSession.attach(tmp_path, ledger)
                try:
                    known = {process.argv[0]: process for process in session.processes.values()}
                    assert {name: process.pid for name, process in known.items()} == {"ping": made["ping"], "sh": made["soon"]}
                    assert (await known["sh"].wait()).status == 9
                    assert session.nodes == ["a", "b"]
                    assert (await session.host("b").run(["ping", "-n", "-c", "1", "10.0.0.1"])).exit.status == 0
                    await known["ping"].signal(signal.SIGINT)
                    assert (await known["ping"].wait()).status == 0
                    await session.delete_link("a", "eth0")
                    assert [row.kind for row in ledger.rows()] == ["agent", "netns", "netns"]
                finally:
                    await session.close()
                assert ledger.rows() == []

        run(scenario())


def test_attaching_to_an_ended_run_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path):
            pass
        with Ledger(tmp_path / "ledger.sqlite") as ledger, pytest.raises(ConnectError, match="have ended with it"):
            await NamespaceSession.attach(tmp_path, ledger)

    run(scenario())


def test_a_detached_session_lives_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            session = await NamespaceSession.open(tmp_path, ledger)
            await session.node("a")
            session.detach()
            again = await NamespaceSession.attach(tmp_path, ledger)
            assert again.nodes == ["a"]
            await again.close()
            await again.close()

    run(scenario())


def test_two_controllers_see_the_same_run(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            process = await host.start(["sleep", "1000"], stdout=tmp_path / "out")
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                other = await NamespaceSession.attach(tmp_path, ledger)
                await other.processes[process.tag].stop()
                other.detach()
            assert (await process.wait()).status == -signal.SIGTERM

    run(scenario())


def test_a_command_whose_controller_dies_before_go_is_never_executed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            with Ledger(tmp_path / "ledger.sqlite") as ledger:
                other = await NamespaceSession.attach(tmp_path, ledger)
            command = {"tag": "t", "node": "a", "argv": ["touch", str(tmp_path / "done")], "cwd": str(tmp_path), "stdout": "/dev/null"}
            answer = await other.connection.request("spawn", commands=[command])
            (told,) = answer["results"]
            identity = ProcessIdentity(told["pid"], told["start_ticks"], session.identity.boot_id)
            assert identity.is_alive()
            other.detach()
            await until(lambda: not identity.is_alive())
            assert (await host.run(["true"])).exit.status == 0
            assert not (tmp_path / "done").exists()

    run(scenario())


def test_requests_that_are_nonsense_are_refused_and_end_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with session_in(tmp_path) as session:
            host = await session.node("a")
            for request in ({"op": "no-such-thing"}, {"op": "spawn", "commands": [{"tag": 1}]}, {"op": "batch"}, {"op": "stop"}):
                with pytest.raises(Exception, match="refused"):
                    await session.connection.request(**request)
            answer = await session.connection.request("batch", steps=[{"do": "nothing"}, {"do": "veth", "ends": 3}, {"do": "node"}])
            assert all(result["error"] for result in answer["results"])
            assert (await host.run(["true"])).exit.status == 0

    run(scenario())


@pytest.mark.parametrize("rights", RIGHTS)
def test_a_node_is_entered_from_outside(tmp_path: Path, rights: str) -> None:
    async def scenario() -> str:
        async with session_in(tmp_path, rights) as session:
            await star(session, 2)
            await session.hosts([("10.0.0.1", ["n1"])])
            argv = enter_argv(
                tmp_path, "n2", ["sh", "-c", "ip -o -4 addr show dev eth0; ip link set lo down; getent hosts n1; ping -c 1 n1 && exit 7"]
            )
            process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE, stdin=subprocess.DEVNULL)
            stdout, _ = await process.communicate()
            assert process.returncode == 7
            with pytest.raises(Exception, match=r"no node 'n3' in this run; it has n1, n2"):
                enter_argv(tmp_path, "n3", ["true"])
            return stdout.decode()

    text = run(scenario())
    assert "10.0.0.2/16" in text
    assert "1 received" in text
    with pytest.raises(ConnectError, match="cannot reach"):
        ask_agent(tmp_path, "hello")


@pytest.mark.root
def test_nobody_can_do_it_too() -> None:
    python = python_for_anybody()
    if python is None:
        pytest.skip("needs a Python 3.11 or later that the user nobody may execute (Debian package python3)")
    with tempfile.TemporaryDirectory(prefix="nepi-nobody-") as folder:
        os.chown(folder, 65534, 65534)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{SOURCE}:{SOURCE.parent}",
            "HOME": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        program = [python, str(Path(__file__).with_name("ordinary_user.py")), folder]
        done = subprocess.run([*as_nobody(), *program], env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("uid 65534: rootless [0, 0, 0, 0] collected\n", "", 0)


def test_shapes_and_links_are_in_the_inventory(tmp_path: Path) -> None:
    async def scenario() -> dict[str, Any]:
        async with session_in(tmp_path) as session:
            await asyncio.gather(session.node("a"), session.switch("s"))
            await session.veth(VethEnd("a", "eth0", mtu=1400), VethEnd("s", "port"))
            await session.shape("a", "eth0", Shape(rate_bps=1e6))
            places: dict[str, Any] = ask_agent(tmp_path, "inventory")["places"]
            return places

    places = run(scenario())
    eth0 = places["a"]["interfaces"]["eth0"]
    assert (eth0["mtu"], eth0["shape"]["rate_bps"], places["s"]["switch"]) == (1400, 1e6, True)


@pytest.mark.root
def test_a_run_works_where_a_second_proc_is_refused(tmp_path: Path) -> None:
    """Something mounted inside /proc, as container managers do, makes the kernel refuse a fresh one in a user namespace."""
    script = Path(__file__).with_name("masked_proc.py")
    shell = 'mount --bind /dev/null /proc/timer_list && exec "$@"'
    argv = ["unshare", "-m", "sh", "-c", shell, "sh", sys.executable, str(script), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("False -15 [True, False] []\n", "")


class FullLedger(Ledger):
    """Takes what is intended, and nothing after that."""

    full = False

    def _change(self, *arguments: Any) -> None:
        if self.full:
            raise RunError("the disk is full")
        super()._change(*arguments)


def test_a_full_disk_does_not_stop_the_release(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        with FullLedger(tmp_path / "ledger.sqlite") as ledger:
            session = await NamespaceSession.open(tmp_path, ledger)
            ledger.full = True
            a, _ = await star(session, 2)
            process = await a.start(["sleep", "1000"], stdout=tmp_path / "out")
            await process.stop()
            await session.delete_link("n1", "eth0")
            await session.close()
            return session.ledger_trouble

    assert set(run(scenario())) == {"the disk is full"}
    assert collect(tmp_path / "ledger.sqlite").left == ()


def test_a_failed_start_leaves_no_row(tmp_path: Path) -> None:
    (tmp_path / "agent.sock").mkdir()  # in the way of the agent's socket

    async def scenario() -> None:
        with Ledger(tmp_path / "ledger.sqlite") as ledger, pytest.raises(ConnectError, match="could not start"):
            await NamespaceSession.open(tmp_path, ledger)
        assert rows(tmp_path) == []

    run(scenario())


def children() -> list[str]:
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()


def test_a_process_that_was_started_ahead_becomes_the_agent(tmp_path: Path) -> None:
    started = []

    async def scenario() -> None:
        cool_down = warm_up()
        warm_up()  # one is enough
        started.extend(children())
        async with session_in(tmp_path):
            cool_down()  # it was taken: nothing to end

    run(scenario())
    assert len(started) == 1


def test_a_process_that_was_started_ahead_in_vain_is_ended() -> None:
    cool_down = warm_up()
    (pid,) = children()
    cool_down()
    assert not Path(f"/proc/{pid}").exists()
    cool_down()


def test_a_process_that_has_died_before_its_orders_is_an_error_and_no_row(tmp_path: Path) -> None:
    async def scenario() -> None:
        warm_up()
        (pid,) = children()
        os.kill(int(pid), signal.SIGKILL)
        await until(lambda: "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2])
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            with pytest.raises(ConnectError, match="could not be started|ended while starting"):
                await NamespaceSession.open(tmp_path, ledger)
            assert ledger.rows() == []

    run(scenario())
