"""Signals that come to a program which runs by itself, within its `with` block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nepi import ExperimentController
from tests.execution.dying import DEADLINE_S, has, lines_of, summary_of

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from nepi import ExperimentController
with ExperimentController("x", backend="dummy", run_id="r") as ec:
    node = ec.add("Node", name="node", releaseTime="{release}")
    app = ec.add("Application", node, duration="{duration}", name="app")
    ec.deploy()
    ec.wait_started([node, app])
    print("up", flush=True)
    ec.wait_finished([app])
    print("over", flush=True)
print("after", flush=True)
"""


def heed() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@contextmanager
def program(home: Path, release: str = "0s", duration: str = "1h") -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", textwrap.dedent(PROGRAM.format(release=release, duration=duration))]
    env = {**os.environ, "NEPI_HOME": str(home)}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=env, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed) as process:
        guard = threading.Timer(DEADLINE_S, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            guard.join()
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, -2)])
def test_the_first_signal_gives_everything_back_and_ends_the_program_by_convention(tmp_path: Path, number: int, status: int) -> None:
    with program(tmp_path) as process:
        assert line(process) == "up\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, out) == (status, "")
    assert "giving everything back. Once more to abandon it.\n" in err
    summary = summary_of(tmp_path / "runs" / "x" / "r")
    assert (summary["outcome"], summary["not_released"]) == ("aborted", [])
    assert summary["abort_reason"].startswith("interrupted by ")


def test_the_second_signal_abandons_and_says_how_to_give_back(tmp_path: Path) -> None:
    with program(tmp_path, release="1h") as process:
        assert line(process) == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert "giving everything back" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 143
    assert err == "Abandoned; what it made is still there. Give it back with: nepi gc x/r\n"


def test_a_signal_during_the_release_does_not_tear_it(tmp_path: Path) -> None:
    with program(tmp_path, release="500ms", duration="10ms") as process:
        assert [line(process), line(process)] == ["up\n", "over\n"]
        while not has('["perform","RELEASE",[1]]')(lines_of(tmp_path / "runs" / "x" / "r")):
            assert process.poll() is None
            time.sleep(0.001)  # a file tells nobody that it has grown
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, out) == (143, "")
    summary = summary_of(tmp_path / "runs" / "x" / "r")
    assert (summary["outcome"], summary["not_released"]) == ("finished", [])


def test_handlers_of_the_program_are_left_alone_and_defaults_come_back(tmp_path: Path) -> None:
    def own(number: int, frame: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGTERM, own)
    try:
        with ExperimentController("x", tmp_path, backend="dummy"):
            assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    with ExperimentController("x", tmp_path, backend="dummy"):
        with ExperimentController("y", tmp_path, backend="dummy"):
            assert callable(signal.getsignal(signal.SIGTERM))
        assert callable(signal.getsignal(signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
