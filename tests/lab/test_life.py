"""A lab from its making to its end, however that comes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from nepi.errors import NepiError, ResourceError, UsageError
from nepi.execution.process_identity import start_ticks
from nepi.lab import Lab, take_down_in
from nepi.lab.machine import check_possible
from tests.lab.ssh import said

pytestmark = [pytest.mark.root, pytest.mark.netns]
DEADLINE_S = 20.0
DYING = Path(__file__).with_name("dying.py")
STEPS = ("_hold", "_go", "_furnish", "_of_the_holder", "boot", "_describe")


def await_processes(wanted: set[int]) -> None:
    """Wait until no other processes are in this network namespace, or have been made from here."""
    deadline = time.monotonic() + DEADLINE_S
    while processes_here() - wanted:
        assert time.monotonic() < deadline, processes_here() - wanted
        threading.Event().wait(0.01)


def processes_here() -> set[int]:
    """Return the processes whose network namespace is this one; a process at its gate is one of them."""
    here = Path("/proc/self/ns/net").readlink()
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "ns" / "net").readlink() == here:
                found.add(int(entry.name))
        except OSError:  # ended meanwhile
            continue
    return found


def recorded(folder: Path) -> list[int]:
    return [one["pid"] for one in json.loads((folder / "lab.json").read_text())["processes"].values()]


def is_gone(pids: list[int]) -> bool:
    return all(start_ticks(pid) is None for pid in pids)


def test_taking_a_lab_down_leaves_nothing(tmp_path: Path) -> None:
    folder, before = tmp_path / "of the lab", processes_here()
    with Lab(2, jump=True, folder=folder) as lab:
        made = recorded(folder)
        assert sorted(path.name for path in folder.iterdir()) == ["identity", "identity.pub", "known_hosts", "lab.json", "ssh_config"]
        assert {oct(path.stat().st_mode & 0o777) for path in (folder, lab.identity)} == {"0o700", "0o600"}
        assert said(lab, "h2", "hostname") == "h2\n"
    assert len(made) == 3
    assert is_gone(made)
    assert not folder.exists()
    await_processes(before)
    lab.down()
    assert not take_down_in(folder)


def test_a_second_lab_in_the_same_folder_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    with Lab(1, folder=tmp_path) as first:
        with pytest.raises(UsageError, match=f"has a lab of 1 hosts; take it down first: nepi lab down --dir {tmp_path}"):
            Lab(2, folder=tmp_path).up()
        assert said(first, "h1", "hostname") == "h1\n"
    assert list(tmp_path.iterdir()) == []


def test_labs_in_different_folders_do_not_meet(tmp_path: Path) -> None:
    with Lab(1, folder=tmp_path / "one") as one, Lab(1, folder=tmp_path / "two") as two:
        said(one, "h1", "echo one >/etc/which")
        said(two, "h1", "echo two >/etc/which")
        assert said(one, "h1", "cat /etc/which") == "one\n"
        assert lab_cannot_reach(one, two)


def lab_cannot_reach(one: Lab, two: Lab) -> bool:
    return one.run("h1", ["ping", "-q", "-c", "1", "-W", "1", two.host("h1").address], check=False).returncode != 0


def test_files_of_somebody_else_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ssh_config").write_text("mine")
    with pytest.raises(UsageError, match="has files that are not of a lab"):
        Lab(1, folder=tmp_path).up()
    assert (tmp_path / "ssh_config").read_text() == "mine"


def test_a_lab_that_stays_is_found_by_its_folder(tmp_path: Path) -> None:
    Lab(1, folder=tmp_path, tied=False).up()
    lab = Lab.open(tmp_path)
    assert [host.name for host in lab.hosts] == ["h1"]
    lab.reboot("h1")
    assert said(lab, "h1", "hostname") == "h1\n"
    assert said(Lab.open(tmp_path), "h1", "hostname") == "h1\n"
    assert take_down_in(tmp_path)
    with pytest.raises(ResourceError, match="the lab has ended"):
        lab.cut("h1")
    with pytest.raises(UsageError, match="there is no lab in"):
        Lab.open(tmp_path)


@pytest.mark.parametrize("step", STEPS)
def test_what_one_who_was_killed_has_begun_to_make_is_given_back(step: str, tmp_path: Path) -> None:
    before = processes_here()
    killed = subprocess.run([sys.executable, str(DYING), step, str(tmp_path)], capture_output=True, check=False)
    assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, b"")
    made = recorded(tmp_path)
    with pytest.raises(NepiError, match="nepi lab down"):
        Lab(1, folder=tmp_path).up()
    assert take_down_in(tmp_path)
    assert is_gone(made)
    assert list(tmp_path.iterdir()) == []
    await_processes(before)


def test_a_tied_lab_ends_with_the_process_that_made_it(tmp_path: Path) -> None:
    program = "import sys; from nepi.lab import Lab; Lab(1, folder=sys.argv[1]).up(); print(flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "\n"
        ends = [os.pidfd_open(pid) for pid in recorded(tmp_path)]
        maker.kill()
    poll = select.poll()
    for end in ends:
        poll.register(end, select.POLLIN)
    while ends:
        for end, _ in poll.poll(DEADLINE_S * 1000) or pytest.fail("it lives on"):
            poll.unregister(end)
            ends.remove(end)
            os.close(end)
    assert take_down_in(tmp_path)


def test_of_a_lab_from_before_a_restart_only_the_files_are_removed(tmp_path: Path) -> None:
    with Lab(1, folder=tmp_path) as lab:
        path = tmp_path / "lab.json"
        real = path.read_text()
        path.write_text(json.dumps({**json.loads(real), "boot_id": "another"}))
        with pytest.raises(UsageError, match="from before this machine was restarted"):
            Lab(1, folder=tmp_path).up()
        kept = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
        assert take_down_in(tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert lab.is_running("h1")
        for name, data in kept.items():
            (tmp_path / name).write_bytes(data)
        path.write_text(real)


def test_something_that_cannot_be_made_undoes_the_rest(tmp_path: Path) -> None:
    before = processes_here()
    with pytest.raises(ResourceError, match="h1 of the lab could not be made: .*no-such-option"):
        Lab(2, folder=tmp_path, sshd={"no-such-option": "yes"}).up()
    assert list(tmp_path.iterdir()) == []
    await_processes(before)


def test_a_machine_whose_files_lie_on_several_file_systems_is_told_so() -> None:
    with pytest.raises(UsageError, match="in one file system, and here /var is mounted"):
        check_possible({"/var", "/home"}.__contains__)


def test_who_is_not_root_is_told_so_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nepi.cli", "lab", "up", "2"],
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("nepi: a lab needs root")
