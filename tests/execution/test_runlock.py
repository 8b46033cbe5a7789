from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nepi.errors import RunError
from nepi.execution.runlock import RunLock

TRY = """
import sys
from pathlib import Path
from nepi.errors import RunError
from nepi.execution.runlock import RunLock
lock = RunLock(Path(sys.argv[1]))
try:
    lock.acquire()
    print("got it")
except RunError as error:
    print(error)
"""


def in_another_process(folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", TRY, str(folder)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_one_process_at_a_time_has_it(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    assert in_another_process(tmp_path) == f"run {tmp_path} is being controlled by another process; one at a time may"
    lock.release()
    lock.release()
    assert in_another_process(tmp_path) == "got it"


def test_in_one_process_one_at_a_time_has_it_too(tmp_path: Path) -> None:
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    with pytest.raises(RunError, match="is being controlled"):
        second.acquire(0.05)
    assert "is being controlled" in in_another_process(tmp_path)
    waiting = threading.Thread(target=second.wait)
    waiting.start()
    first.release()
    waiting.join(10)
    assert not waiting.is_alive()
    second.release()


def test_a_fork_does_not_have_it_and_does_not_take_it_away(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    child = os.fork()
    if child == 0:
        lock.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert "is being controlled" in in_another_process(tmp_path)
    lock.release()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot lock .*missing/run.lock"):
        RunLock(tmp_path / "missing").acquire()
