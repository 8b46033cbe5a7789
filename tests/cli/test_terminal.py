"""`nepi run` on a terminal: a real one, as far as the program can tell."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import DEADLINE_S, NEPI, heed_signals, nepi

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CTRL_C = b"\x03"
QUIET_S = 0.5
SHELL = """
import os, signal, subprocess, sys
signal.signal(signal.SIGINT, lambda *_: None)
ended = subprocess.Popen(sys.argv[2:]).wait()
os.write(int(sys.argv[1]), b"%d" % ended)
while True:
    signal.pause()
"""
"""What stands between a terminal and a program, as a shell does: without it the end of the program hangs the terminal up, and what was
written last may be lost."""


class Terminal:
    """What a user sees and types."""

    def __init__(self, fd: int, ended: int) -> None:
        self._fd = fd
        self._ended = ended
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Wait until something has been shown."""
        while text not in self.seen:
            if not self._read():
                pytest.fail(f"{text!r} was never shown:\n{self.seen}")

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._fd, keys)

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        while self._ended not in (ready := select.select([self._fd, self._ended], [], [])[0]):
            if ready and not self._read():
                break
        status = os.read(self._ended, 16)
        while select.select([self._fd], [], [], QUIET_S)[0] and self._read():
            pass
        assert status, f"it did not end in time:\n{self.seen}"
        return int(status)

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@contextmanager
def on_a_terminal(*arguments: str | Path) -> Iterator[Terminal]:
    """Run a command on a terminal of its own."""
    ours, theirs = pty.openpty()
    ended, end = os.pipe()
    argv = [sys.executable, "-c", SHELL, str(end), *NEPI, *(str(one) for one in arguments)]

    def begin() -> None:
        heed_signals()
        os.login_tty(theirs)

    with subprocess.Popen(argv, preexec_fn=begin, pass_fds=[end], env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        os.close(end)
        guard = threading.Timer(DEADLINE_S, process.kill)
        guard.start()
        try:
            yield Terminal(ours, ended)
        finally:
            guard.cancel()
            guard.join()
            process.kill()
            os.close(ours)
            os.close(ended)


def plain(text: str) -> str:
    """Return a text without the terminal's commands."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def test_progress_is_drawn_and_taken_away_again(small: Path) -> None:
    with on_a_terminal("run", small) as terminal:
        assert terminal.end() == 0
    assert terminal.seen.index(HIDE_CURSOR) < terminal.seen.index(SHOW_CURSOR)
    assert "small/r1: finished, 7 resources\n" in plain(terminal.seen)


def test_what_the_script_prints_stays_above_the_progress(small: Path) -> None:
    small.write_text(small.read_text() + "\nprint('the script was here')\n")
    with on_a_terminal("run", small) as terminal:
        assert terminal.end() == 0
    assert plain(terminal.seen).count("the script was here\n") == 1


def test_ctrl_c_is_answered_and_gives_everything_back(long: Path) -> None:
    with on_a_terminal("run", long) as terminal:
        terminal.wait_for("STARTED")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert "long/r1: aborted, 2 resources: interrupted by Ctrl-C\n" in plain(terminal.seen)
    assert terminal.seen.rindex(SHOW_CURSOR) > terminal.seen.rindex(HIDE_CURSOR)


def test_ctrl_c_twice_leaves_a_usable_terminal(long: Path) -> None:
    long.write_text(long.read_text().replace('name="node"', 'name="node", releaseTime="1h"'))
    with on_a_terminal("run", long) as terminal:
        terminal.wait_for("STARTED")
        terminal.type(CTRL_C)
        terminal.wait_for("Once more to abandon it.")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert plain(terminal.seen).endswith("Abandoned; what it made is still there. Give it back with: nepi gc long/r1\n")
    assert terminal.seen.rindex(SHOW_CURSOR) > terminal.seen.rindex(HIDE_CURSOR)
    assert nepi("gc").out == "long/r1: nothing was left\n"


def test_tables_are_drawn_and_names_of_runs_are_never_cut(small: Path) -> None:
    assert nepi("run", "-q", small).status == 0
    with on_a_terminal("ps", "--all") as terminal:
        assert terminal.end() == 0
    assert "small/r1" in plain(terminal.seen)
    assert "\x1b[" in terminal.seen
