"""A controller that dies leaves commands running on a host: a later one takes them up, or they are given back from the ledger alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path, PurePosixPath

import pytest

from nepi.execution.ledger import Ledger, Thing
from nepi.execution.ledger_kinds import collect
from nepi.execution.process_identity import start_ticks
from nepi.hosts.remote.local_transport import LocalTransport
from nepi.hosts.remote.quoting import call, script_with
from nepi.hosts.remote.reopening import way_of
from nepi.hosts.remote.session import RemoteSession
from nepi.hosts.remote.ssh_options import SshOptions
from tests.hosts.remote.shells import LIBRARY, SHELLS, said
from tests.hosts.worlds import SOURCE, run, until

pytestmark = pytest.mark.slow

CONTROLLER = """
    import asyncio, pathlib, sys
    from nepi.execution.ledger import Ledger
    from nepi.hosts.remote.local_transport import LocalTransport
    from nepi.hosts.remote.reopening import way_of
    from nepi.hosts.remote.session import RemoteSession

    async def main(folder):
        ledger = Ledger(folder / "ledger.sqlite")
        root = pathlib.PurePosixPath(folder / "there")
        session = await RemoteSession.open(LocalTransport("me"), folder, ledger, root=root, way=way_of(None))
        host = session.host("a", owner=1)
        wait = 'echo begun; until [ -e "$0" ]; do sleep 0.02; done; echo done; exit 6'
        await host.start(["sh", "-c", wait, str(folder / "first")], stdout=folder / "out1", owner=2)
        await host.start(["sh", "-c", wait, str(folder / "second")], stdout=folder / "out2", stderr=folder / "err2", owner=2)
        await host.start(["sh", "-c", "setsid -f sleep 300; exec cat"], stdout=folder / "out3", open_stdin=True, owner=3)
        for process in session.commands.processes.values():
            await process.follow()
        while not (folder / "out2").read_text():
            await asyncio.sleep(0.01)
        print(*[process.pid for process in session.commands.processes.values()], flush=True)
        await asyncio.sleep(300)

    asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def left_by_a_dead_controller(folder: Path) -> list[int]:
    """Have a controller start three commands and die; return their process ids."""
    argv = [sys.executable, "-c", textwrap.dedent(CONTROLLER), str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(SOURCE)}) as controller:
        assert controller.stdout is not None
        pids = [int(word) for word in controller.stdout.readline().split()]
        controller.send_signal(signal.SIGKILL)
    assert len(pids) == 3
    return pids


def test_a_later_controller_takes_running_and_ended_commands_up(tmp_path: Path) -> None:
    pids = left_by_a_dead_controller(tmp_path)
    (tmp_path / "first").touch()

    async def scenario() -> None:
        await until(lambda: start_ticks(pids[0]) is None)
        with Ledger(tmp_path / "ledger.sqlite") as ledger:
            root = PurePosixPath(tmp_path / "there")
            session = await RemoteSession.open(LocalTransport("me"), tmp_path, ledger, root=root, way=way_of(None), resume=True)
            host = session.host("a", owner=1)
            ended, running = host.processes_of(2)
            (reading,) = host.processes_of(3)
            assert [ended.pid, running.pid, reading.pid] == pids
            exit_ = await ended.wait()
            assert (exit_.status, (tmp_path / "out1").read_text()) == (6, "begun\ndone\n")
            assert 0 < exit_.started_at <= exit_.ended_at
            (tmp_path / "second").touch()
            assert (await running.wait()).status == 6
            assert ((tmp_path / "out2").read_text(), (tmp_path / "err2").read_text()) == ("begun\ndone\n", "")
            await reading.write_stdin(b"from a later one\n", eof=True)
            assert (await reading.wait()).status == 0
            assert (tmp_path / "out3").read_text() == "from a later one\n"
            # Of a command that has ended its row knows nothing, the host may; it must not be taken for a new one.
            (tmp_path / "there/.control/commands" / f"{session.token}.1004..exit").write_text("exit 3 1.0\n")
            assert (await host.run(["echo", "new"])).stdout == b"new\n"
            await session.close()
            assert ledger.rows() == []

    run(scenario())
    assert not (tmp_path / "there").exists()


def test_what_a_dead_controller_left_is_given_back_from_the_ledger_alone(tmp_path: Path) -> None:
    pids = left_by_a_dead_controller(tmp_path)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert [(row.kind, row.owner, row.state) for row in ledger.rows()] == [
            ("ssh-folder", 0, "made"),
            ("ssh-process", 2, "made"),
            ("ssh-process", 2, "made"),
            ("ssh-process", 3, "made"),
        ]
    collected = collect(tmp_path / "ledger.sqlite")
    assert collected.left == ()
    assert len(collected.released) == 4
    assert [pid for pid in pids if start_ticks(pid) is not None] == []
    assert not (tmp_path / "there").exists()
    assert collect(tmp_path / "ledger.sqlite").released == ()


def test_a_folder_that_is_no_runs_is_not_removed(tmp_path: Path) -> None:

    (tmp_path / "mine").mkdir()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        identity = {"path": str(tmp_path / "mine"), "token": "x", "way": way_of(None), "host": "me"}
        ledger.made(ledger.intend([Thing("ssh-folder", identity)]))
    (left,) = collect(tmp_path / "ledger.sqlite").left
    assert "could not be removed" in left.note
    assert (tmp_path / "mine").is_dir()


def a_run_in(folder: Path) -> Path:
    """Make what a run has on a host."""
    root = folder / "a run's"
    (root / ".control" / "commands").mkdir(parents=True)
    (root / ".hidden").touch()
    os.mkfifo(root / ".control" / "ends")
    return root


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
def test_a_folder_whose_removal_was_interrupted_is_removed_when_that_is_asked_for_again(tmp_path: Path, shell: list[str]) -> None:
    root = a_run_in(tmp_path)
    (root / "stuck").mkdir()
    refusing = """rm() { case $* in *stuck*) return 1 ;; esac; command rm "$@"; }"""
    assert said(shell, script_with(LIBRARY, [refusing, call("nepi_remove", str(root))])) == b""
    assert [one.name for one in root.iterdir() if one.name != ".control"] == ["stuck"]
    assert said(shell, script_with(LIBRARY, [call("nepi_remove", str(root))])) == b"removed\n"
    assert said(shell, script_with(LIBRARY, [call("nepi_remove", str(root))])) == b"removed\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
@pytest.mark.netns
@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: Path(shell[0]).name)
def test_what_is_mounted_in_a_runs_folder_is_not_emptied(tmp_path: Path, shell: list[str]) -> None:
    root = a_run_in(tmp_path)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (root / "a place").mkdir()
    text = script_with(LIBRARY, [call("mount --bind", str(tmp_path / "precious"), str(root / "a place")), call("nepi_remove", str(root))])
    done = subprocess.run(["unshare", "--mount", *shell], input=text, capture_output=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == (b"", f"{root}/a place is mounted: unmount it first, or it would be emptied\n".encode())
    assert (tmp_path / "precious" / "file").exists()
    assert (root / ".control" / "ends").exists()


def test_a_host_that_cannot_be_reached_keeps_its_rows_with_the_reason(tmp_path: Path) -> None:
    way = way_of(SshOptions("127.0.0.1", port=1, connect_deadline_s=2.0, jumps=()))
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        identity = {"path": "/nowhere/at/all", "token": "x", "way": way, "host": "far"}
        ledger.made(ledger.intend([Thing("ssh-folder", identity)]))
    (left,) = collect(tmp_path / "ledger.sqlite").left
    assert "nothing listens there" in left.note
