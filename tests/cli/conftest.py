"""A home of its own for each test, the command line in this process, and in a process of its own where signals come in."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nepi.cli.main import app

DEADLINE_S = 60.0
NEPI = (sys.executable, "-m", "nepi.cli")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the place for the runs of this test."""
    monkeypatch.setenv("NEPI_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "h" / "runs"


def nepi(*arguments: str | Path) -> Said:
    """Run a command in this process."""
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.stdout, result.stderr)


def nepi_process(*arguments: str | Path, stdin: str | None = None) -> Said:
    """Run a command in a process of its own, to its end."""
    argv = [*NEPI, *(str(one) for one in arguments)]
    done = subprocess.run(argv, input=stdin if stdin is not None else "", capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


@dataclass(slots=True)
class Running:
    """A command that runs in a process of its own."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def wait_for(self, text: str) -> str:
        """Read standard error up to the line that has this text."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if text in line:
                return line
        pytest.fail(f"{text!r} never came:\n{''.join(self.lines)}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> Said:
        """Wait until it has ended; return all that it said."""
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return Said(self.process.returncode, out, "".join(self.lines) + err)


def heed_signals() -> None:
    """Undo what a shell does to programs in the background: they ignore Ctrl-C, and so would all that they start."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def started(*arguments: str | Path) -> Iterator[Running]:
    """Start a command; whatever happens, it is not running afterwards."""
    argv = [*NEPI, *(str(one) for one in arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_signals) as process:
        guard = threading.Timer(DEADLINE_S, process.kill)
        guard.start()
        try:
            yield Running(process)
        finally:
            guard.cancel()
            guard.join()
            process.kill()


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a script and returns its path."""

    def write(text: str, name: str = "experiment.py") -> Path:
        path = tmp_path / name
        path.write_text("from nepi import ExperimentController\n" + textwrap.dedent(text))
        return path

    return write


SMALL = """
with ExperimentController("small", backend="dummy", run_id="r1") as ec:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    link = ec.add("Link", name="l")
    ec.add("Interface", a, link, name="ia"), ec.add("Interface", b, link, name="ib")
    server = ec.add("Application", b, name="server")
    client = ec.add("Application", a, name="client")
    client.start_when(server.started)
    ec.run()
"""

LONG = """
with ExperimentController("long", backend="dummy", run_id="r1") as ec:
    node = ec.add("Node", name="node")
    ec.add("Application", node, name="app", duration="1h")
    ec.run()
"""


@pytest.fixture
def small(script: Callable[[str], Path]) -> Path:
    """Return a script whose experiment is over at once."""
    return script(SMALL)


@pytest.fixture
def long(script: Callable[[str], Path]) -> Path:
    """Return a script whose experiment takes an hour, unless it is interrupted."""
    return script(LONG)


@pytest.fixture
def dead_run(long: Path, home: Path) -> Path:
    """Return the folder of a run whose controller was killed."""
    with started("run", long) as running:
        running.wait_for("STARTED")
        running.signal(signal.SIGKILL)
        running.end()
    return home / "long" / "r1"


@pytest.fixture
def sleeper() -> Generator[subprocess.Popen[bytes]]:
    """Return a process that does nothing, for a ledger to name."""
    with subprocess.Popen(["sleep", "3600"], start_new_session=True) as process:
        yield process
        process.kill()


def without_times(text: str) -> str:
    """Return what was said, with times and places of this run replaced."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "<clock>", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<date>", text)
    text = re.sub(r" *\d+\.\d{3} s", " <t> s", text)
    return text.replace(os.environ["NEPI_HOME"], "<home>")
